"""`guardian rollout history`: past rollouts, and what happened in one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guardian.cli.options import config_option, form_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guardian.core.status import RolloutStatus
    from guardian.wiring import Wiring

SCHEMA = "guardian/history/v1"


@click.command()
@click.argument("name", required=False, metavar="[SERVICE]")
@config_option
@click.option("--rollout", "rollout", metavar="ID", help="The entries of this rollout.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="How many rollouts of a service, newest first.",
)
@form_option("json: one document; entries come whole.")
def history(
    *, name: str | None, config: Path | None, rollout: str | None, limit: int, form: str
) -> int:
    """Past rollouts of SERVICE, or of all; of a rollout's id, its entries."""
    from guardian.app.status import names_a_rollout, past
    from guardian.cli.orders import opened
    from guardian.cli.status_lines import record
    from guardian.ports import UsageError

    if name is not None and rollout is not None:
        raise UsageError("name a SERVICE, or a rollout with --rollout, not both")
    with opened(config) as wiring:
        given = rollout or name
        if given is not None and names_a_rollout(wiring, given, only=rollout is not None):
            _entries(wiring, given, form)
            return 0
        found = past(wiring, name, limit=limit)
        if form == "json":
            rollouts = [record(one) for one in found.found]
            click.echo(json.dumps({**_stamp(wiring), "rollouts": rollouts}))
        else:
            _print(found.found)
        found.check()
    return 0


def _entries(wiring: Wiring, id_: str, form: str) -> None:
    from guardian.app.status import status
    from guardian.cli.output import show
    from guardian.cli.status_lines import head, record
    from guardian.messages.entry_lines import line, whole

    found = status(wiring, id_)
    plan = found.plan
    if form == "json":
        entries = [whole(seq, entry, plan) for seq, entry in enumerate(found.entries, start=1)]
        click.echo(json.dumps({**_stamp(wiring), **record(found), "entries": entries}))
        return
    show(f"{head(found)}  ({plan.rollout} on {plan.target}, started by {plan.actor})")
    for entry in found.entries:
        show(f"  {line(entry, plan, date=True)}")


def _print(found: Sequence[RolloutStatus]) -> None:
    from guardian.cli.output import show
    from guardian.cli.status_lines import ending, where
    from guardian.messages.entry_lines import moment

    if not found:
        click.echo("no rollouts so far")
    for one in found:
        when = moment(one.rollout.started_at, date=True)
        show(f"{one.id}  {when}  {where(one)}  {one.plan.actor}")
        show(f"    {ending(one)}")


def _stamp(wiring: Wiring) -> dict[str, str]:
    from guardian.core.codec import rfc3339

    return {"schema": SCHEMA, "time": rfc3339(wiring.clock.now())}
