"""Orders from any process: find what is meant, leave the order, wait for its answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from guardian.clock import SystemClock
from guardian.core.codec import rfc3339
from guardian.core.model import Instant
from guardian.core.plan import Drive
from guardian.core.rollout.entries import Answer, Order, OrderKind
from guardian.core.rollout.machine import Phase, Rollout, fold
from guardian.engine.leadership import post
from guardian.engine.outcome import Exit
from guardian.messages.entry_lines import sentence
from guardian.ports import ConfigError, EdgeError, GuardianError, Head, Journal

if TYPE_CHECKING:
    from guardian.wiring import Wiring

SCHEMA = "guardian/order/v1"
ANSWER_S = 15.0
"""Real seconds that a command waits for the answer to its order."""
LOOK_S = 0.2
TRIES = 1000


class Refused(ConfigError):
    """The order cannot be obeyed now; the sentence says why."""


class NobodyDrives(GuardianError):
    """No living process takes the order."""

    exit_code = EdgeError.exit_code


class Unanswered(GuardianError):
    """A living process is to take the order, and has not done so in time."""

    exit_code = Exit.TIMEOUT.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person asks."""

    kind: OrderKind
    actor: str
    reason: str = ""
    expect_step: int | None = None
    """Counted from 0."""
    full: bool = False
    subject: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    def order(self, to: str, now: Instant) -> Order:
        """The order, still without an id; `to` is a rollout, or `for_service`."""
        return Order(
            id="",
            rollout=to,
            kind=self.kind,
            actor=self.actor,
            reason=self.reason,
            at=now,
            expect_step=self.expect_step,
            full=self.full,
            subject=self.subject,
            options=dict(self.options),
        )


def opened(config: Path | None, *, in_need: bool = False) -> AbstractContextManager[Wiring]:
    """The wiring of a command that needs the journal alone: a config file may be missing.

    `in_need`: it may be wrong as well, which is only said.
    """
    from guardian.wiring import open_in_need, open_wiring
    from guardian.wiring.opening import DEFAULT_CONFIG

    without_file = not DEFAULT_CONFIG.is_file()
    if in_need:
        return open_in_need(config, without_file=without_file, say=_remark)
    return open_wiring(config, without_file=without_file)


def _remark(text: str) -> None:
    click.echo(f"guardian: {text}", err=True)


# --- find --------------------------------------------------------------------------------------


def state(journal: Journal, rollout: str) -> Rollout:
    """A rollout as its entries have it."""
    return fold(record.entry for record in journal.read(rollout))


def phase_of(rollout: Rollout) -> str:
    """A rollout's phase, for people."""
    return rollout.phase.value.replace("_", " ")


def live_rollout(journal: Journal, name: str, configured: Collection[str] = ()) -> Rollout:
    """The one live rollout of a service, or of that id; ConfigError names what there is.

    A `configured` service is known, also before its first rollout.
    """
    live = journal.live()
    found = [head for head in live if name in (head.rollout, head.service)]
    if len(found) == 1:
        return state(journal, found[0].rollout)
    if found:
        ids = ", ".join(head.rollout for head in found)
        raise ConfigError(f"{name} has {len(found)} live rollouts: name one of them: {ids}")
    raise ConfigError(f"{_not_live(journal, name, configured)}; {_what_is_live(live)}")


def addressed(
    journal: Journal, name: str, kind: OrderKind, configured: Collection[str] = ()
) -> Rollout:
    """The rollout that an order is for: a live one; to take it back also one that has completed.

    One that is back already is found as well, for a person to be told so.
    """
    if kind is OrderKind.ABORT and not any(name in (h.rollout, h.service) for h in journal.live()):
        ids = [name, *(head.rollout for head in journal.history(name, limit=1))]
        for id_ in ids:
            ended = state(journal, id_) if journal.read(id_) else None
            if ended is not None and (ended.phase is Phase.COMPLETED or is_back(ended)):
                return ended
    return live_rollout(journal, name, configured)


def is_back(rollout: Rollout) -> bool:
    """Whether its traffic is where it was before it: put back, or never moved."""
    unmoved = rollout.phase is Phase.CANCELLED and rollout.plan.drive is Drive.ROLLOUT
    return rollout.phase is Phase.ROLLED_BACK or unmoved


def _not_live(journal: Journal, name: str, configured: Collection[str]) -> str:
    if journal.read(name):
        return f"rollout {name} is over: {phase_of(state(journal, name))}"
    past = journal.history(name, limit=1)
    if not past and name in configured:
        start = f"`guardian rollout start {name} --to VERSION` begins one"
        return f"{name} has had no rollout so far ({start})"
    if not past:
        return f"the journal knows no rollout and no service called {name}"
    last = state(journal, past[0].rollout)
    return (
        f"{name} has no live rollout; its last one, {past[0].rollout}, is {phase_of(last)}"
        f" (`guardian rollout history {name}`)"
    )


def _what_is_live(live: Sequence[Head]) -> str:
    if not live:
        return "nothing is live"
    return "live now: " + ", ".join(f"{head.service} ({head.rollout})" for head in live)


def driver(journal: Journal, rollout: Rollout) -> str | None:
    """Who drives a rollout, or will in a moment: its target's holder, or its service's daemon."""
    plan = rollout.plan
    return journal.holder(plan.target) or journal.holder(post(plan.environment, plan.service))


# --- leave -------------------------------------------------------------------------------------


def leave(journal: Journal, order: Order, *, seq: int) -> Order:
    """Leave an order, or find the same one waiting; its id is made of what it says.

    The same command twice, also at the same time, is one order until that one is answered.
    """
    for waiting in journal.orders([order.rollout]):
        if _said(waiting) == _said(order):
            return waiting
    digest = hashlib.sha256(repr((seq, _said(order))).encode()).hexdigest()[:12]
    stem = f"{order.rollout}-{order.kind.value}-{digest}"
    for number in range(TRIES):
        named = replace(order, id=f"{stem}-{number}" if number else stem)
        if journal.answered(named.id) is None:
            journal.order(named)
            return named
    raise ConfigError(f"the same order was answered {TRIES} times while nothing happened: {stem}")


def _said(order: Order) -> tuple[object, ...]:
    """What makes two orders the same one."""
    options = tuple(sorted(order.options.items()))
    return (order.kind, order.expect_step, order.full, order.subject, options)


# --- wait --------------------------------------------------------------------------------------


def answer_to(journal: Journal, order: Order, *, timeout_s: float) -> Answer | None:
    """What became of an order within so many real seconds; the rollout's end refuses it."""
    clock = SystemClock()
    ends_at = clock.monotonic() + timeout_s
    while True:
        over = not order.rollout.startswith("@") and _unheard(journal, order.rollout)
        answer = journal.answered(order.id)
        if answer is not None:
            return answer
        if over:
            ended = state(journal, order.rollout)
            return Answer(order=order.id, refused=f"the rollout ended before: {phase_of(ended)}")
        if clock.monotonic() >= ends_at:
            return None
        Event().wait(timeout=LOOK_S)


def _unheard(journal: Journal, name: str) -> bool:
    """Whether a rollout is over, and nobody is left who could answer."""
    rollout = state(journal, name)
    return not rollout.live and driver(journal, rollout) is None


# --- a whole command ---------------------------------------------------------------------------


def give(
    wiring: Wiring, rollout: Rollout, wanted: Wanted, *, wait: bool, timeout_s: float, form: str
) -> int:
    """Give an order to a live rollout and tell what became of it; the exit code."""
    journal, plan = wiring.journal, rollout.plan
    who = driver(journal, rollout)
    if is_back(rollout):
        given = wanted.order(plan.rollout, wiring.clock.now())
        told(form, wiring, given, "moot", _nothing_to_undo(rollout), service=plan.service)
        return 0
    if who is None and not rollout.live:
        raise NobodyDrives(
            f"rollout {plan.rollout} is over ({phase_of(rollout)}), and no daemon could reopen it:"
            f" `guardian rollback {plan.service}` puts version"
            f" {plan.snapshot.traffic.primary} back"
        )
    order = leave(journal, wanted.order(plan.rollout, wiring.clock.now()), seq=rollout.seq)
    if who is None:
        raise NobodyDrives(_nobody(rollout, wanted.kind))
    if not wait:
        told(form, wiring, order, "left", f"left for {who}", service=plan.service)
        return 0
    answer = answer_to(journal, order, timeout_s=timeout_s)
    if answer is None and driver(journal, rollout) is None:
        raise NobodyDrives(_nobody(rollout, wanted.kind))
    if answer is None:
        raise Unanswered(
            f"{who} has not answered in {timeout_s:g} s; the order waits in the journal"
            f" (`guardian rollout status {plan.service}` shows it)"
        )
    if answer.refused and wanted.kind is OrderKind.ABORT and is_back(state(journal, plan.rollout)):
        ended = _nothing_to_undo(state(journal, plan.rollout))
        told(form, wiring, order, "moot", ended, service=plan.service)
        return 0
    if answer.refused:
        raise Refused(f"{plan.service}: not done: {answer.refused}")
    told(form, wiring, order, "obeyed", done(journal, rollout), service=plan.service)
    return 0


def _nothing_to_undo(rollout: Rollout) -> str:
    return f"nothing to undo: {rollout.plan.rollout} is {phase_of(rollout)} already"


def done(journal: Journal, before: Rollout) -> str:
    """What happened to a rollout since it was looked at."""
    later = journal.read(before.plan.rollout)[before.seq :]
    return "; ".join(sentence(r.entry, before.plan) for r in later) or "done"


def _nobody(rollout: Rollout, kind: OrderKind) -> str:
    plan = rollout.plan
    head = (
        f"nobody drives rollout {plan.rollout} ({phase_of(rollout)}): the {kind.value} is left in"
        " the journal for whoever takes it up."
    )
    if kind is OrderKind.ABORT:
        return (
            f"{head} To put version {plan.snapshot.traffic.primary} back now:"
            f" `guardian rollback {plan.service}`"
        )
    return (
        f"{head} `guardian run` drives it on; `guardian rollout recover {plan.service}` puts"
        " traffic back, or with --how continue drives it to its end"
    )


def told(
    form: str, wiring: Wiring, order: Order, outcome: str, detail: str, **extra: object
) -> None:
    """Print what became of an order."""
    if form in ("json", "jsonl"):
        record: dict[str, Any] = {
            "schema": SCHEMA,
            "time": rfc3339(wiring.clock.now()),
            "order": order.id,
            "kind": order.kind.value,
            "actor": order.actor,
            "rollout": order.rollout,
            "outcome": outcome,
            "detail": detail,
            **extra,
        }
        click.echo(json.dumps(record))
        return
    name = extra.get("service", order.rollout)
    click.echo(f"{name}: {order.kind.value}: {detail}")
