"""`guardian rollout list` and `status`: what is under way, from the journal alone."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guardian.cli.options import colour, config_option, form_option

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from guardian.cli.standing import Standing
    from guardian.wiring import Wiring

SCHEMA = "guardian/status/v1"
LOOK_S = 0.5
"""Real seconds between two looks at the journal."""


@click.command("list")
@click.argument("service", required=False)
@config_option
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@form_option("json: one document with all of them.")
def list_(*, service: str | None, config: Path | None, everything: bool, form: str) -> int:
    """Rollouts that are live, of SERVICE or of all."""
    from guardian.cli.orders import opened

    with opened(config) as wiring:
        heads = [h for h in wiring.journal.live() if service in (None, h.service)]
        ids = [head.rollout for head in heads]
        if everything:
            ids += [i for name in _services(wiring, service) for i in _past(wiring, name, ids)]
        elif service is not None and not ids:
            _known(wiring, service)
        with _standings(wiring, ids) as found:
            _print(wiring, found, form)
    return 0


@click.command()
@click.argument("names", nargs=-1, metavar="[SERVICE]...")
@config_option
@click.option("-w", "--watch", "live", is_flag=True, help="Stay, and show each change, to the end.")
@form_option("json: one document; jsonl: one record a rollout, and with -w one a change.", "jsonl")
@click.option("--no-color", is_flag=True, help="No colour, also on a terminal.")
def status(
    *, names: tuple[str, ...], config: Path | None, live: bool, form: str, no_color: bool
) -> int:
    """How rollouts stand: those of each SERVICE (or of that id), else all that are live.

    What is shown is what the journal holds; the newest values are with the process that judges.
    """
    from guardian.cli.orders import opened
    from guardian.ports import UsageError

    colour(no_color)
    if live and form == "json":
        raise UsageError("-w shows changes as they come: use -o jsonl with it")
    with opened(config) as wiring:
        ids = [_meant(wiring, name) for name in dict.fromkeys(names)]
        chosen = [i for i in ids if i] if names else [h.rollout for h in wiring.journal.live()]
        if live and chosen:
            return _watch(wiring, chosen, form)
        blank = [name for name, id_ in zip(dict.fromkeys(names), ids, strict=False) if not id_]
        with _standings(wiring, chosen) as found:
            if form == "text":
                _blocks(found, blank)
            else:
                _print(wiring, found, form)
    return 0


# --- choose ------------------------------------------------------------------------------------


def _meant(wiring: Wiring, name: str) -> str | None:
    """The rollout that a name means: its id, the service's live one, else its last."""
    journal = wiring.journal
    live = [h.rollout for h in journal.live() if h.service == name]
    if live:
        return live[-1]
    if journal.read(name):
        return name
    past = journal.history(name, limit=1)
    if not past:
        _known(wiring, name)
    return past[0].rollout if past else None


def _known(wiring: Wiring, service: str) -> None:
    """Raise ConfigError for a service that neither the config file nor the journal knows."""
    from guardian.ports import ConfigError

    configured = wiring.config.services if wiring.config is not None else {}
    if service not in configured and not wiring.journal.history(service, limit=1):
        there = sorted({*configured, *(h.service for h in wiring.journal.live())})
        raise ConfigError(
            f"the journal knows no rollout and no service called {service}"
            + (f"; there are {', '.join(there)}" if there else "")
        )


def _services(wiring: Wiring, service: str | None) -> list[str]:
    if service is not None:
        _known(wiring, service)
        return [service]
    configured = list(wiring.config.services) if wiring.config is not None else []
    return list(dict.fromkeys([*configured, *(h.service for h in wiring.journal.live())]))


def _past(wiring: Wiring, service: str, shown: Sequence[str]) -> list[str]:
    return [h.rollout for h in wiring.journal.history(service) if h.rollout not in shown]


def _standings(wiring: Wiring, ids: Sequence[str]) -> AbstractContextManager[list[Standing]]:
    from guardian.cli.standing import standings

    return standings(wiring.journal, ids, wiring.clock.now())


# --- print -------------------------------------------------------------------------------------


def _print(wiring: Wiring, found: Sequence[Standing], form: str) -> None:
    from guardian.cli.lines import table
    from guardian.cli.standing import record
    from guardian.core.codec import rfc3339

    if form == "json":
        stamp = {"schema": SCHEMA, "time": rfc3339(wiring.clock.now())}
        click.echo(json.dumps({**stamp, "rollouts": [record(one) for one in found]}))
        return
    if form == "jsonl":
        for one in found:
            click.echo(_line(one))
        return
    if not found:
        click.echo("no rollouts")
        return
    head = ("ROLLOUT", "STARTED (UTC)", "SERVICE", "STANDS", "BY")
    for line in table(head, [_row(one) for one in found]):
        click.echo(line)


def _row(one: Standing) -> tuple[str, ...]:
    from guardian.messages.entry_lines import moment

    plan = one.rollout.plan
    started = moment(one.rollout.started_at, date=True)
    return (plan.rollout, started, plan.service, one.where, plan.actor)


def _line(one: Standing) -> str:
    from guardian.cli.standing import record
    from guardian.core.codec import rfc3339

    stamp: Mapping[str, Any] = {"schema": SCHEMA, "time": rfc3339(one.at)}
    return json.dumps({**stamp, **record(one)}, separators=(",", ":"))


def _blocks(found: Sequence[Standing], blank: Sequence[str]) -> None:
    from guardian.cli.output import show
    from guardian.cli.standing import block

    if not found and not blank:
        show("nothing is live")
    for name in blank:
        show(f"{name}: no rollout so far")
    for number, one in enumerate(found):
        show("\n".join([*([""] if number else []), *block(one)]))


# --- stay --------------------------------------------------------------------------------------


def _watch(wiring: Wiring, ids: Sequence[str], form: str) -> int:
    """Show every change until all are over; the exit code of the outcome."""
    from guardian.cli.live import Stopped, screen
    from guardian.cli.standing import block

    if form != "text" or sys.stdout is None or not sys.stdout.isatty():
        return _follow(wiring, ids, form)
    try:
        with screen(sys.stdout) as drawn:
            while True:
                with _standings(wiring, ids) as found:
                    text = "\n".join("\n".join([*block(one), ""]) for one in found)
                    drawn.draw(text.splitlines())
                if (code := _over(found)) is not None:
                    return code
                _pause()
    except KeyboardInterrupt:
        return 130
    except Stopped as stopped:
        return 143 if stopped.number == signal.SIGTERM else 128 + stopped.number


def _follow(wiring: Wiring, ids: Sequence[str], form: str) -> int:
    from guardian.cli.output import show
    from guardian.cli.standing import news

    before: dict[str, Standing] = {}
    while True:
        with _standings(wiring, ids) as found:
            for one in found:
                name = one.rollout.plan.rollout
                known = before.get(name)
                if known is not None and known.changes == one.changes:
                    continue
                for text in news(known, one) if form == "text" else [_line(one)]:
                    show(text)
                before[name] = one
        if (code := _over(found)) is not None:
            return code
        _pause()


def _over(found: Sequence[Standing]) -> int | None:
    from guardian.engine.outcome import worst

    if any(one.rollout.live for one in found):
        return None
    return worst([one.exit for one in found]).value


def _pause() -> None:
    from threading import Event

    Event().wait(timeout=LOOK_S)
