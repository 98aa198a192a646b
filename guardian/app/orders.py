"""Orders from any process: find what is meant, leave the order, wait for its answer."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import Enum

from guardian.app.remembered import Records, driver, live_now, meant, phase_of, state
from guardian.core.plan import Drive
from guardian.core.rollout.entries import Answer, Entry, Order, OrderKind
from guardian.core.rollout.machine import Phase, Rollout
from guardian.engine.outcome import Exit
from guardian.ports import (
    ConfigError,
    EdgeError,
    GuardianError,
    Journal,
    JournalError,
    Unavailable,
    UsageError,
)

ANSWER_S = 15.0
"""Real seconds that the answer to an order is waited for."""
LOOK_S = 0.2
TRIES = 1000


class Refused(ConfigError):
    """The order cannot be obeyed now; the sentence says why."""


class NotLive(ConfigError):
    """No rollout of that name is live; the sentence says what became of the last one."""


class NobodyDrives(GuardianError):
    """No living process takes the order."""

    exit_code = EdgeError.exit_code


class Unanswered(GuardianError):
    """A living process is to take the order, and has not done so in time."""

    exit_code = Exit.TIMEOUT.value


class Became(Enum):
    """What became of an order that nobody refused."""

    OBEYED = "obeyed"
    LEFT = "left"
    """It waits for whoever drives the rollout."""
    MOOT = "moot"
    """What was wanted is so already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderResult:
    """An order as it was given, and what came of it."""

    order: Order
    became: Became
    rollout: Rollout
    """As it stood when it became so."""
    driver: str = ""
    """Who is to take it."""
    happened: tuple[Entry, ...] = ()
    """What was recorded since the rollout was looked at."""


def order_to(
    kind: OrderKind, name: str, *, actor: str, reason: str = "", subject: str = ""
) -> Order:
    """An order that is still to be given; `replace` says what else there is to say."""
    return Order(
        id="", rollout=name, kind=kind, actor=actor, reason=reason, at=0.0, subject=subject
    )


def give(
    records: Records, asked: Order, *, wait: bool = True, timeout_s: float = ANSWER_S
) -> OrderResult:
    """Give an order to a live rollout; `asked.rollout` is its id or its service's name.

    `timeout_s` is real seconds. Raises NotLive, ConfigError for a name that is not one, Refused,
    NobodyDrives, Unanswered and the journal's errors.
    """
    try:
        rollout = addressed(records, asked.rollout, asked.kind)
        return _given(records, rollout, asked, wait=wait, timeout_s=timeout_s)
    except JournalError as error:
        if asked.kind is not OrderKind.ABORT:
            raise
        raise Unavailable(
            f"the abort cannot be given: {error}\n`guardian rollback {asked.rollout}` needs no"
            " journal"
        ) from error


def _given(
    records: Records, rollout: Rollout, asked: Order, *, wait: bool, timeout_s: float
) -> OrderResult:
    journal, plan = records.journal, rollout.plan
    asked = replace(_completed(asked, rollout), rollout=plan.rollout, at=records.clock.now())
    if is_back(rollout):
        return OrderResult(order=asked, became=Became.MOOT, rollout=rollout)
    who = driver(journal, rollout)
    if who is None and not rollout.live:
        raise NobodyDrives(
            f"rollout {plan.rollout} is over ({phase_of(rollout)}), and no daemon could reopen it:"
            f" `guardian rollback {plan.service}` puts version"
            f" {plan.snapshot.traffic.primary} back"
        )
    order = leave(journal, asked, seq=rollout.seq)
    if who is None:
        raise NobodyDrives(_nobody(rollout, order.kind))
    if not wait:
        return OrderResult(order=order, became=Became.LEFT, rollout=rollout, driver=who)
    answer = answer_to(records, order, timeout_s=timeout_s)
    if answer is None and driver(journal, rollout) is None:
        raise NobodyDrives(_nobody(rollout, order.kind))
    if answer is None:
        raise Unanswered(
            f"{who} has not answered in {timeout_s:g} s; the order waits in the journal"
            f" (`guardian rollout status {plan.service}` shows it)"
        )
    later = tuple(record.entry for record in journal.read(plan.rollout))
    now = state(journal, plan.rollout)
    if answer.refused and order.kind is OrderKind.ABORT and is_back(now):
        return OrderResult(order=order, became=Became.MOOT, rollout=now)
    if answer.refused:
        raise Refused(f"{plan.service}: not done: {answer.refused}")
    return OrderResult(
        order=order, became=Became.OBEYED, rollout=now, driver=who, happened=later[rollout.seq :]
    )


def _completed(asked: Order, found: Rollout) -> Order:
    """The order with the step that whoever gives it sees; raises for one that makes no sense."""
    match asked.kind:
        case OrderKind.PROMOTE | OrderKind.APPROVE if asked.expect_step is None:
            return replace(asked, expect_step=found.step)
        case OrderKind.HOLD if asked.full and not asked.reason:
            raise UsageError("to stop a rollback, say why traffic may stay as it is (--reason)")
        case OrderKind.WAIVE:
            known = [criterion.name for criterion in found.plan.criteria]
            if asked.subject not in known:
                raise ConfigError(
                    f"rollout {found.plan.rollout} has no criterion {asked.subject}: it has"
                    f" {', '.join(known)}"
                )
            return asked
        case _:
            return asked


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


# --- find --------------------------------------------------------------------------------------


def addressed(records: Records, name: str, kind: OrderKind) -> Rollout:
    """The one rollout of that name that is live; to take it back also one that has completed.

    One that is back already is found as well, for a person to be told so. NotLive names what
    there is.
    """
    journal = records.journal
    found = [head for head in journal.live() if name in (head.rollout, head.service)]
    if len(found) == 1:
        return state(journal, found[0].rollout)
    if found:
        ids = ", ".join(head.rollout for head in found)
        raise ConfigError(f"{name} has {len(found)} live rollouts: name one of them: {ids}")
    last_id = meant(records, name)
    if last_id is None:
        start = f"`guardian rollout start {name} --to VERSION` begins one"
        raise NotLive(f"{name} has had no rollout so far ({start}); {live_now(records)}")
    last = state(journal, last_id)
    if kind is OrderKind.ABORT and (last.phase is Phase.COMPLETED or is_back(last)):
        return last
    why = f"rollout {name} is over: {phase_of(last)}"
    if last_id != name:
        why = (
            f"{name} has no live rollout; its last one, {last_id}, is {phase_of(last)}"
            f" (`guardian rollout history {name}`)"
        )
    raise NotLive(f"{why}; {live_now(records)}")


def is_back(rollout: Rollout) -> bool:
    """Whether its traffic is where it was before it: put back, or never moved."""
    unmoved = rollout.phase is Phase.CANCELLED and rollout.plan.drive is Drive.ROLLOUT
    return rollout.phase is Phase.ROLLED_BACK or unmoved


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


def _said(order: Order) -> Order:
    """What makes two orders the same one: all but who gives it, why and when."""
    return replace(order, id="", actor="", reason="", at=0.0)


# --- wait --------------------------------------------------------------------------------------


def answer_to(records: Records, order: Order, *, timeout_s: float) -> Answer | None:
    """What became of an order within so many real seconds; the rollout's end refuses it."""
    journal, clock = records.journal, records.clock
    ends_at = clock.monotonic() + timeout_s
    while True:
        # Looked at before the answer: what ends it may have given that.
        rollout = None if order.kind is OrderKind.START else state(journal, order.rollout)
        over = rollout is not None and not rollout.live and driver(journal, rollout) is None
        answer = journal.answered(order.id)
        if answer is not None:
            return answer
        if rollout is not None and over:
            return Answer(order=order.id, refused=f"the rollout ended before: {phase_of(rollout)}")
        if clock.monotonic() >= ends_at:
            return None
        clock.sleep(LOOK_S)
