"""`guardian rollout history`: past rollouts, and what happened in one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from guardian.app.status import names_a_rollout, past, status
from guardian.cli.output import show
from guardian.cli.status_lines import ending, head, one_rollout, rollouts, where
from guardian.core.status import RolloutStatus
from guardian.messages.entry_lines import line, moment
from guardian.ports import UsageError
from guardian.wiring import Wiring, open_records


def history(
    *, name: str | None, config: Path | None, rollout: str | None, limit: int, form: str
) -> int:
    """`guardian rollout history`; the exit code."""
    if name is not None and rollout is not None:
        raise UsageError("name a SERVICE, or a rollout with --rollout, not both")
    with open_records(config) as wiring:
        given = rollout or name
        if given is not None and names_a_rollout(wiring, given, only=rollout is not None):
            _entries(wiring, given, form)
            return 0
        found = past(wiring, name, limit=limit)
        if form == "json":
            click.echo(rollouts(found.found, wiring.clock.now()))
        else:
            _print(found.found)
        found.check()
    return 0


def _entries(wiring: Wiring, id_: str, form: str) -> None:
    found = status(wiring, id_)
    plan = found.plan
    if form == "json":
        click.echo(one_rollout(found, whole=True))
        return
    show(f"{head(found)}  ({plan.rollout} on {plan.target}, started by {plan.actor})")
    for entry in found.entries:
        show(f"  {line(entry, plan, date=True)}")


def _print(found: Sequence[RolloutStatus]) -> None:
    if not found:
        click.echo("no rollouts so far")
    for one in found:
        when = moment(one.rollout.started_at, date=True)
        show(f"{one.id}  {when}  {where(one)}  {one.plan.actor}")
        show(f"    {ending(one)}")
