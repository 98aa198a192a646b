"""`guardian rollout history`: past rollouts, and what happened in one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guardian.cli.options import config_option, form_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guardian.cli.standing import Standing
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
    from guardian.cli.orders import opened
    from guardian.ports import UsageError

    if name is not None and rollout is not None:
        raise UsageError("name a SERVICE, or a rollout with --rollout, not both")
    with opened(config) as wiring:
        id_ = rollout or name
        if id_ is not None and (rollout is not None or not wiring.journal.history(id_, limit=1)):
            if wiring.journal.read(id_):
                _entries(wiring, id_, form)
                return 0
            _refuse(wiring, id_, only=rollout is not None)
        _rollouts(wiring, name, limit, form)
    return 0


def _refuse(wiring: Wiring, name: str, *, only: bool) -> None:
    """Raise ConfigError for what neither the journal nor the config file knows."""
    from guardian.ports import ConfigError

    configured = wiring.config.services if wiring.config is not None else {}
    if only or name not in configured:
        raise ConfigError(f"the journal knows no rollout and no service called {name}")


def _entries(wiring: Wiring, id_: str, form: str) -> None:
    from guardian.cli.output import show
    from guardian.cli.standing import head, record, standing
    from guardian.messages.entry_lines import line, whole

    found = standing(wiring.journal, id_, wiring.clock.now())
    plan = found.rollout.plan
    if form == "json":
        entries = [whole(one, plan) for one in found.records]
        click.echo(json.dumps({**_stamp(wiring), **record(found), "entries": entries}))
        return
    show(f"{head(found)}  ({plan.rollout} on {plan.target}, started by {plan.actor})")
    for one in found.records:
        show(f"  {line(one, plan, date=True)}")


def _rollouts(wiring: Wiring, service: str | None, limit: int, form: str) -> None:
    from guardian.cli.standing import standings

    live = [head.service for head in wiring.journal.live()]
    configured = list(wiring.config.services) if wiring.config is not None else []
    services = [service] if service is not None else list(dict.fromkeys([*configured, *live]))
    heads = [head for name in services for head in wiring.journal.history(name, limit=limit)]
    heads = sorted(heads, key=lambda h: h.started_at, reverse=True)[:limit]
    ids = [head.rollout for head in heads]
    with standings(wiring.journal, ids, wiring.clock.now()) as found:
        _print(wiring, found, form)


def _print(wiring: Wiring, found: Sequence[Standing], form: str) -> None:
    from guardian.cli.output import show
    from guardian.cli.standing import record
    from guardian.messages.entry_lines import moment

    if form == "json":
        click.echo(json.dumps({**_stamp(wiring), "rollouts": [record(one) for one in found]}))
        return
    if not found:
        click.echo("no rollouts so far")
    for one in found:
        plan = one.rollout.plan
        when = moment(one.rollout.started_at, date=True)
        show(f"{plan.rollout}  {when}  {one.where}  {plan.actor}")
        show(f"    {one.ending}")


def _stamp(wiring: Wiring) -> dict[str, str]:
    from guardian.core.codec import rfc3339

    return {"schema": SCHEMA, "time": rfc3339(wiring.clock.now())}
