"""`guardian rollback`: the emergency path. No metrics are asked, no daemon is needed."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guardian.cli.options import DURATION, aliases, config_option

if TYPE_CHECKING:
    from guardian.app.rollback_plan import RollbackPlan
    from guardian.cli.output import Output
    from guardian.engine.in_process import Limits
    from guardian.wiring import Wiring


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
    from guardian.cli.output import Output
    from guardian.core.rollout.machine import IllegalEntry
    from guardian.engine.in_process import Limits
    from guardian.ports import OutcomeUnknown, Unavailable
    from guardian.wiring import need, open_in_need

    output = Output("text", quiet=True)
    wanted = Wanted(
        service=service,
        to=to,
        yes=yes,
        reason=reason,
        limits=Limits(rollback_timeout_s=rollback_timeout),
    )
    with open_in_need(config, say=output.say, without_file=aliases([service])) as wiring:
        need.journal_or_scratch(wiring, output.say)
        try:
            return _back(wiring, wanted, output)
        except (Unavailable, OutcomeUnknown, IllegalEntry) as error:
            # Asked for once more, a write of the same traffic changes nothing.
            need.scratch(wiring, error, output.say)
            return _back(wiring, wanted, output)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person asks."""

    service: str
    to: str | None
    yes: bool
    reason: str
    limits: Limits


def _back(wiring: Wiring, wanted: Wanted, output: Output) -> int:
    """Put it back by what this journal and the target say; the exit code."""
    from guardian.cli.guard import actor, guard, tell_what_is_left
    from guardian.core.rollout.entries import OrderKind
    from guardian.engine.outcome import Exit
    from guardian.engine.task import Task
    from guardian.wiring import need

    service = need.reachable(wiring, wanted.service)
    emergency = need.emergency(wiring, service, to=wanted.to, actor=actor(), reason=wanted.reason)
    for remark in emergency.remarks:
        output.say(f"going on in spite of this: {remark}")
    output.line("\n".join(emergency.describe()))
    if emergency.done:
        tell_what_is_left(wiring, output)
        return 0
    if not wanted.yes and not _agreed(emergency):
        click.echo("nothing was changed", err=True)
        return 2
    task = Task(
        plan=replace(emergency.plan, reason=wanted.reason),
        router=service.router,
        plane="none",
        resume=emergency.resumes,
        instead_of=emergency.instead_of.plan.rollout if emergency.instead_of else None,
        order=OrderKind.ABORT,
    )
    code = guard(wiring, [task], output, limits=wanted.limits)
    tell_what_is_left(wiring, output)
    return 0 if code == Exit.ROLLED_BACK.value else code


def _agreed(emergency: RollbackPlan) -> bool:
    from guardian.ports import UsageError

    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("nobody can be asked here: add --yes to go on")
    return click.confirm(f"put all traffic on version {emergency.stable} now?")
