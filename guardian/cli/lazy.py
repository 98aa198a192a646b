"""Commands that are imported when they are used: neither a list of them nor the help of one costs.

What a command takes is declared in `guardian.cli.usage`; what it does is the function of the same
name in the module of the same name beside this one, which is imported when it is done.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping
from typing import Any

import click


class Declared(click.Command):
    """A command that is done by the function of its name in the module of its name."""

    def does(self) -> Callable[..., Any]:
        """What it is done by."""
        declared: Any = self.callback
        module = importlib.import_module(declared.__module__.replace(".usage.", "."))
        does: Callable[..., Any] = getattr(module, declared.__name__)
        return does

    def invoke(self, ctx: click.Context) -> Any:
        """Do it with what was given."""
        return ctx.invoke(self.does(), **ctx.params)


def command(name: str | None = None) -> Callable[[Callable[[], None]], Declared]:
    """Declares one: its options stand on an empty function, whose docstring is its help."""
    return click.command(name, cls=Declared)


class LazyGroup(click.Group):
    """A group that knows of each command what it does and where it is, and keeps their order.

    A command is the function of its name in the module of its name, unless `modules` says other.
    """

    def __init__(
        self,
        *,
        lazy: Mapping[str, str],
        modules: Mapping[str, str],
        also: Mapping[str, str] | None = None,
        **given: Any,
    ) -> None:
        super().__init__(**given)
        self._lazy = lazy
        self._modules = modules
        self._also = also or {}
        """Second names."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Every command's name, in the order of the documentation."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, or of that second name."""
        name = self._also.get(cmd_name, cmd_name)
        if name not in self._lazy:
            return None
        module = importlib.import_module(f"guardian.cli.usage.{self._modules.get(name, name)}")
        return next(
            command
            for command in vars(module).values()
            if isinstance(command, click.Command) and command.name == name
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant; a usage error names the one that may have been meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            meant = self.meant(args[0])
            if meant is None:
                raise
            raise click.UsageError(f"{error.message} Did you mean '{meant}'?", ctx) from error

    def meant(self, word: str) -> str | None:
        """The whole command that a word is close to."""
        near = difflib.get_close_matches(word, self._lazy, n=1)
        return f"guardian {self.name} {near[0]}" if near else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of commands, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lazy.items()))
