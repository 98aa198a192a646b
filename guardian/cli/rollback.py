"""`guardian rollback`: the emergency path. No metrics are asked, no daemon is needed."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from guardian.app.guarding import tell_what_is_left
from guardian.app.rollback import RollbackPlan, RollbackRequest, planned
from guardian.app.rollback import rollback as put_back
from guardian.cli.caller import caller, end
from guardian.cli.options import aliases
from guardian.cli.output import Output
from guardian.core.rollout.machine import IllegalEntry
from guardian.engine.in_process import Limits
from guardian.engine.outcome import Exit
from guardian.ports import OutcomeUnknown, Unavailable, UsageError
from guardian.wiring import Wiring, need, open_in_need


def rollback(
    *,
    service: str,
    config: Path | None,
    to: str | None,
    yes: bool,
    reason: str,
    rollback_timeout: float,
) -> int:
    """`guardian rollback`; the exit code."""
    output = Output("text", quiet=True)
    limits = Limits(rollback_timeout_s=rollback_timeout)
    asked = RollbackRequest(service=service, to=to, reason=reason, limits=limits)
    with open_in_need(config, say=output.say, without_file=aliases([service])) as wiring:
        need.journal_or_scratch(wiring, output.say)
        try:
            return _back(wiring, asked, output, yes=yes)
        except (Unavailable, OutcomeUnknown, IllegalEntry) as error:
            # Asked for once more, a write of the same traffic changes nothing.
            need.scratch(wiring, error, output.say)
            return _back(wiring, asked, output, yes=yes)


def _back(wiring: Wiring, asked: RollbackRequest, output: Output, *, yes: bool) -> int:
    """Put it back by what this journal and the target say; the exit code."""
    who = caller(output)
    plan = planned(wiring, asked, actor=who.actor)
    for remark in plan.remarks:
        output.say(f"going on in spite of this: {remark}")
    output.line("\n".join(plan.describe()))
    if plan.done:
        tell_what_is_left(wiring, who)
        return 0
    if not yes and not _agreed(plan):
        click.echo("nothing was changed", err=True)
        return 2
    code = end(output, put_back(wiring, plan, asked, who), wiring.clock.now())
    tell_what_is_left(wiring, who)
    return 0 if code == Exit.ROLLED_BACK.value else code


def _agreed(plan: RollbackPlan) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("nobody can be asked here: add --yes to go on")
    return click.confirm(f"put all traffic on version {plan.stable} now?")
