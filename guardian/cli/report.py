"""`guardian report`: what happened in one rollout and why, as text, Markdown, JSON or HTML."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guardian.cli.options import config_option

if TYPE_CHECKING:
    from guardian.core.notices import Notice
    from guardian.report import Facts
    from guardian.wiring import Wiring

FORMS = ("text", "markdown", "json", "html")
_ENDINGS = {".html": "html", ".htm": "html", ".md": "markdown", ".json": "json"}


@click.command()
@click.argument("name", metavar="ROLLOUT|SERVICE")
@config_option
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(FORMS),
    default=None,
    help="What it is written as; by the ending of FILE, or text, when left out.",
)
@click.option(
    "--to",
    "to",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write it into this file instead of to the terminal.",
)
@click.option("--no-metrics", is_flag=True, help="From the journal alone: AWS is not asked.")
def report(
    *, name: str, config: Path | None, form: str | None, to: Path | None, no_metrics: bool
) -> int:
    """What happened in a rollout and why, for a post-mortem.

    Of the newest rollout where a SERVICE is named. Nothing is changed and nobody is told.
    """
    from guardian.cli.orders import opened
    from guardian.cli.output import show

    with opened(config) as wiring:
        facts = _facts(wiring, name, metrics=not no_metrics)
    missing = facts.readings.missing
    if missing:
        show(f"guardian: {missing}", err=True)
    chosen = form or (_ENDINGS.get(to.suffix.lower(), "text") if to is not None else "text")
    text = _written(facts, chosen)
    if to is None:
        show(text.removesuffix("\n"))
        return 0
    _write(to, text)
    show(f"guardian: the report on {facts.plan.rollout} is in {to}", err=True)
    return 0


def _facts(wiring: Wiring, name: str, *, metrics: bool) -> Facts:
    from guardian.cli.report_readings import ALONE, readings
    from guardian.core.rollout.machine import fold
    from guardian.report import Readings, gathered

    id_ = _found(wiring, name)
    records = wiring.journal.read(id_)
    now = wiring.clock.now()
    read = Readings(missing=ALONE)
    if metrics:
        read = readings(wiring, fold(r.entry for r in records), records, now=now)
    return gathered(records, listeners=_listeners(wiring), readings=read, now=now)


def _found(wiring: Wiring, name: str) -> str:
    """The rollout of that id, or the newest of that service; ConfigError names what there is."""
    from guardian.ports import ConfigError

    journal = wiring.journal
    newest = journal.history(name, limit=1)
    if newest:
        return newest[0].rollout
    if journal.read(name):
        return name
    configured = list(wiring.config.services) if wiring.config is not None else []
    if name in configured:
        raise ConfigError(f"{name} has no rollout in the journal so far")
    services = dict.fromkeys([*configured, *(head.service for head in journal.live())])
    known = [h.rollout for service in services for h in journal.history(service, limit=1)]
    there = ", ".join([*services, *known]) or "nothing yet"
    raise ConfigError(
        f"the journal knows no rollout and no service called {name}; there are {there}"
    )


def _listeners(wiring: Wiring) -> Callable[[Notice], tuple[str, ...]] | None:
    """Who listens to a notice by the config file; None without one."""
    from guardian.messages.table import routing_events

    if wiring.config is None:
        return None
    receivers, everything = wiring.config.receivers, frozenset(wiring.config.services)

    def listening(told: Notice) -> tuple[str, ...]:
        events = routing_events(told)
        return tuple(
            receiver.name
            for receiver in receivers
            if (receiver.on is None or events & receiver.on)
            and told.service in (everything if receiver.services is None else receiver.services)
        )

    return listening


def _written(facts: Facts, form: str) -> str:
    from guardian.report import as_html, as_json, as_markdown, as_text

    writers = {"text": as_text, "markdown": as_markdown, "json": as_json, "html": as_html}
    return writers[form](facts)


def _write(path: Path, text: str) -> None:
    """Put a whole report in the path's place; UsageError."""
    from guardian.cli import whole_file

    try:
        whole_file.put(path, text.encode())
    except OSError as error:
        raise whole_file.refusal(path, "--to", error) from None
