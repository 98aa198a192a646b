"""`guardian rollout list` and `status`: what is under way, from the journal alone."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from guardian.app.remembered import meant
from guardian.app.status import Statuses, following, listed, statuses
from guardian.cli.lines import table
from guardian.cli.live import Stopped, screen
from guardian.cli.output import show
from guardian.cli.status_lines import block, changes, news, one_rollout, rollouts, where
from guardian.core.model import Instant
from guardian.core.status import RolloutStatus
from guardian.messages.entry_lines import moment
from guardian.ports import UsageError
from guardian.wiring import Wiring, open_records


def list_(*, service: str | None, config: Path | None, everything: bool, form: str) -> int:
    """`guardian rollout list`; the exit code."""
    with open_records(config) as wiring:
        found = listed(wiring, service, everything=everything)
        _print(found.found, form, wiring.clock.now())
        found.check()
    return 0


def status(*, names: tuple[str, ...], config: Path | None, live: bool, form: str) -> int:
    """`guardian rollout status`; the exit code."""
    if live and form == "json":
        raise UsageError("-w shows changes as they come: use -o jsonl with it")
    with open_records(config) as wiring:
        ids = {name: meant(wiring, name) for name in names}
        chosen = [i for i in ids.values() if i]
        if not names:
            chosen = [head.rollout for head in wiring.journal.live()]
        if live and chosen:
            return _watch(wiring, chosen, form)
        found = statuses(wiring, chosen)
        if form == "text":
            _blocks(found.found, [name for name, id_ in ids.items() if not id_])
        else:
            _print(found.found, form, wiring.clock.now())
        found.check()
    return 0


# --- print -------------------------------------------------------------------------------------


def _print(found: Sequence[RolloutStatus], form: str, now: Instant) -> None:
    if form == "json":
        click.echo(rollouts(found, now))
        return
    if form == "jsonl":
        for one in found:
            click.echo(one_rollout(one))
        return
    if not found:
        click.echo("no rollouts")
        return
    head = ("ROLLOUT", "STARTED (UTC)", "SERVICE", "STANDS", "BY")
    for line in table(head, [_row(one) for one in found]):
        click.echo(line)


def _row(one: RolloutStatus) -> tuple[str, ...]:
    plan = one.plan
    started = moment(one.rollout.started_at, date=True)
    return (plan.rollout, started, plan.service, where(one), plan.actor)


def _blocks(found: Sequence[RolloutStatus], blank: Sequence[str]) -> None:
    if not found and not blank:
        show("nothing is live")
    for name in blank:
        show(f"{name}: no rollout so far")
    for number, one in enumerate(found):
        show("\n".join([*([""] if number else []), *block(one)]))


# --- stay --------------------------------------------------------------------------------------


def _watch(wiring: Wiring, ids: Sequence[str], form: str) -> int:
    """Show every change until all are over; the exit code of the outcome."""
    shown = following(wiring, ids)
    if form != "text" or sys.stdout is None or not sys.stdout.isatty():
        return _follow(shown, form)
    code = 0
    try:
        with screen(sys.stdout) as drawn:
            for now in shown:
                text = "\n".join("\n".join([*block(one), ""]) for one in now.found)
                drawn.draw(text.splitlines())
                now.check()
                code = now.exit.value if now.exit is not None else code
    except KeyboardInterrupt:
        return 130
    except Stopped as stopped:
        return 143 if stopped.number == signal.SIGTERM else 128 + stopped.number
    return code


def _follow(shown: Iterator[Statuses], form: str) -> int:
    before: dict[str, RolloutStatus] = {}
    code = 0
    for now in shown:
        for one in now.found:
            known = before.get(one.id)
            if known is None or changes(known) != changes(one):
                for text in news(known, one) if form == "text" else [one_rollout(one)]:
                    show(text)
            before[one.id] = one
        now.check()
        code = now.exit.value if now.exit is not None else code
    return code
