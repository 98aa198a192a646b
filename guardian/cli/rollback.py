"""`guardian rollback`: the emergency path. No metrics are asked, no daemon is needed."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from guardian.cli.options import DURATION, aliases, config_option

if TYPE_CHECKING:
    from guardian.engine.emergency import Emergency


@click.command()
@click.argument("service")
@config_option
@click.option("--to", metavar="VERSION", help="Restore this version, whatever the snapshot says.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can answer.")
@click.option("--reason", default="", help="Why; recorded.")
@click.option(
    "--rollback-timeout",
    type=DURATION,
    default="5m",
    show_default=True,
    help="How long to go on trying (exit code 6 after that).",
)
def rollback(
    *,
    service: str,
    config: Path | None,
    to: str | None,
    yes: bool,
    reason: str,
    rollback_timeout: float,
) -> int:
    """Put all traffic of SERVICE back on its stable version, now."""
    from guardian.cli.guard import actor, guard
    from guardian.cli.output import Output
    from guardian.core.entries import OrderKind
    from guardian.engine.outcome import Exit
    from guardian.engine.session import Limits, Task
    from guardian.wiring import open_wiring

    output = Output("text", quiet=True)
    with (
        open_wiring(config, without_file=aliases([service])) as wiring,
        TemporaryDirectory() as scratch,
    ):
        service = wiring.named(service)
        journal = wiring.journal_or_scratch(scratch, output.say)
        emergency = wiring.emergency(service, to=to, actor=actor(), reason=reason, journal=journal)
        output.line("\n".join(emergency.describe()))
        if emergency.done:
            return 0
        if not yes and not _agreed(emergency):
            click.echo("nothing was changed", err=True)
            return 2
        task = Task(
            plan=replace(emergency.plan, reason=reason),
            router=wiring.service(service).router,
            plane="none",
            resume=emergency.resumes,
            instead_of=emergency.instead_of.plan.rollout if emergency.instead_of else None,
            order=OrderKind.ABORT,
        )
        limits = Limits(rollback_timeout_s=rollback_timeout)
        code = guard(wiring, [task], output, limits=limits)
        return 0 if code == Exit.ROLLED_BACK.value else code


def _agreed(emergency: Emergency) -> bool:
    from guardian.ports import UsageError

    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here: add --yes to go on")
    return click.confirm(f"put all traffic on version {emergency.stable} now?")
