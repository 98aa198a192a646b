"""`guardian rollout`: drive a canary step by step, and give orders to one that is under way."""

from __future__ import annotations

import click

from guardian.cli.recover import recover
from guardian.cli.rollout_history import history
from guardian.cli.rollout_orders import abort, approve, hold, promote, resume, waive
from guardian.cli.rollout_start import retry, start
from guardian.cli.rollout_status import list_, status

ALIASES = {"pause": "hold"}


class Orders(click.Group):
    """A group whose commands keep their order, and may have a second name."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name or alias."""
        return super().get_command(ctx, ALIASES.get(cmd_name, cmd_name))

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The commands in the order of the documentation."""
        return list(self.commands)


@click.group(cls=Orders)
def rollout() -> None:
    """Drive a canary: shift its weight step by step, judge it, take it back on a breach."""


for _command in (start, list_, status, promote, hold, resume, approve, abort, retry, waive):
    rollout.add_command(_command)
rollout.add_command(recover)
rollout.add_command(history)
