"""`guardian freeze` and `unfreeze`: no advances for a while, of one service or of all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guardian.cli.options import DURATION, config_option, form_option

if TYPE_CHECKING:
    from guardian.core.rollout.entries import Freeze
    from guardian.wiring import Wiring

SCHEMA = "guardian/freezes/v1"
ALL = "*"

FORM = form_option("json: one document with every freeze that is left.")


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@config_option
@click.option("--all", "everything", is_flag=True, help="Every service, also those added later.")
@click.option(
    "--until", "--for", "until", type=DURATION, metavar="DURATION", help="How long, e.g. 2h."
)
@click.option("--reason", default="", help="Why; recorded, and shown to whoever waits.")
@click.option(
    "--rollbacks-too",
    is_flag=True,
    help="Nothing is rolled back by guardian's own judgement either; an abort still is.",
)
@click.option("--list", "listed", is_flag=True, help="Only show the freezes there are.")
@FORM
def freeze(
    *,
    services: tuple[str, ...],
    config: Path | None,
    everything: bool,
    until: float | None,
    reason: str,
    rollbacks_too: bool,
    listed: bool,
    form: str,
) -> int:
    """Stop all advances of SERVICE for a time. Traffic stays, breaches still roll back."""
    from guardian.cli.guard import actor
    from guardian.cli.orders import opened
    from guardian.core.rollout.entries import Freeze
    from guardian.ports import UsageError

    if listed and (services or everything or until is not None):
        raise UsageError("--list only shows: leave the rest away")
    if not listed and (not until or not reason.strip()):
        raise UsageError("say how long and why: --until 2h --reason WHY")
    with opened(config) as wiring:
        now = wiring.clock.now()
        for scope in [] if listed else _scopes(wiring, services, everything):
            wiring.journal.freeze(
                Freeze(
                    scope=scope,
                    until=now + (until or 0.0),
                    actor=actor(),
                    reason=reason,
                    at=now,
                    rollbacks_too=rollbacks_too,
                )
            )
        _show(wiring, form)
    return 0


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE]...")
@config_option
@click.option("--all", "everything", is_flag=True, help="End the freeze of all services.")
@FORM
def unfreeze(*, services: tuple[str, ...], config: Path | None, everything: bool, form: str) -> int:
    """End a freeze. One of all services is ended by --all, and leaves those of single ones."""
    from guardian.cli.orders import opened

    with opened(config) as wiring:
        for scope in _scopes(wiring, services, everything):
            if not wiring.journal.unfreeze(scope):
                click.echo(f"{_named(scope)} was not frozen", err=True)
        _show(wiring, form)
    return 0


def _scopes(wiring: Wiring, services: Sequence[str], everything: bool) -> list[str]:
    """What is meant; ConfigError for a name that nothing knows, which would freeze nothing."""
    from guardian.ports import ConfigError, UsageError

    if bool(services) is everything:
        raise UsageError("either name the services, or say --all")
    configured = wiring.config.services if wiring.config is not None else {}
    known = {*configured, *(freeze.scope for freeze in _freezes(wiring))}
    for name in services:
        if name not in known and not wiring.journal.history(name, limit=1):
            there = f": there are {', '.join(sorted(configured))}" if configured else ""
            raise ConfigError(f"no service is called {name}{there}")
    return [ALL] if everything else list(dict.fromkeys(services))


def _freezes(wiring: Wiring) -> list[Freeze]:
    """What is frozen; nothing where the record is damaged, so that it can still be ended."""
    from guardian.ports import JournalError

    try:
        return wiring.journal.freezes()
    except JournalError:
        return []


def _named(scope: str) -> str:
    return "everything" if scope == ALL else scope


def _show(wiring: Wiring, form: str) -> None:
    from guardian.cli.output import show
    from guardian.cli.standing import freeze_record
    from guardian.core.codec import rfc3339
    from guardian.messages.entry_lines import moment

    now = wiring.clock.now()
    found = wiring.journal.freezes()
    if form == "json":
        records = [{**freeze_record(f), "in_force": f.until > now} for f in found]
        click.echo(json.dumps({"schema": SCHEMA, "time": rfc3339(now), "freezes": records}))
        return
    if not found:
        click.echo("nothing is frozen")
    for one in found:
        over = "" if one.until > now else " (over)"
        back = ", rollbacks too" if one.rollbacks_too else ""
        until = moment(one.until, date=True)
        show(f"{_named(one.scope)}: until {until}{over}{back}, by {one.actor}: {one.reason}")
