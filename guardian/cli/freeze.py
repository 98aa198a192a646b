"""`guardian freeze` and `unfreeze`: no advances for a while, of one service or of all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from guardian.app import freezes
from guardian.cli.caller import actor
from guardian.cli.output import show
from guardian.core.codec import rfc3339
from guardian.core.rollout.entries import EVERYTHING
from guardian.messages import records
from guardian.messages.entry_lines import moment
from guardian.messages.v1 import FreezesRecord
from guardian.ports import UsageError
from guardian.wiring import Wiring, open_records


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
    """`guardian freeze`; the exit code."""
    if listed and (services or everything or until is not None):
        raise UsageError("--list only shows: leave the rest away")
    if not listed and not until:
        raise UsageError("say how long and why: --until 2h --reason WHY")
    with open_records(config) as wiring:
        if not listed:
            freezes.freeze(
                wiring,
                _named(services, everything),
                for_s=until or 0.0,
                actor=actor(),
                reason=reason,
                rollbacks_too=rollbacks_too,
            )
        _show(wiring, form)
    return 0


def unfreeze(*, services: tuple[str, ...], config: Path | None, everything: bool, form: str) -> int:
    """`guardian unfreeze`; the exit code."""
    with open_records(config) as wiring:
        for scope in freezes.unfreeze(wiring, _named(services, everything)):
            click.echo(f"{_words(scope)} was not frozen", err=True)
        _show(wiring, form)
    return 0


def _named(services: Sequence[str], everything: bool) -> Sequence[str]:
    """What is meant: the services, or all of them."""
    if bool(services) is everything or EVERYTHING in services:
        raise UsageError("either name the services, or say --all")
    return [EVERYTHING] if everything else services


def _words(scope: str) -> str:
    return "everything" if scope == EVERYTHING else scope


def _show(wiring: Wiring, form: str) -> None:
    now = wiring.clock.now()
    found = wiring.journal.freezes()
    if form == "json":
        document: FreezesRecord = {
            "schema": "guardian/v1/freezes",
            "time": rfc3339(now),
            "freezes": [records.freeze(one, now) for one in found],
        }
        click.echo(records.text(document))
        return
    if not found:
        click.echo("nothing is frozen")
    for one in found:
        over = "" if one.until > now else " (over)"
        back = ", rollbacks too" if one.rollbacks_too else ""
        until = moment(one.until, date=True)
        show(f"{_words(one.scope)}: until {until}{over}{back}, by {one.actor}: {one.reason}")
