"""What a person's order does to a rollout: the first one that can be obeyed gives the entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from guardian.core.entries import (
    Cancelled,
    Cause,
    Completed,
    Entry,
    Held,
    HoldReason,
    Order,
    OrderKind,
    Resumed,
    RollbackStarted,
    StepEntered,
)
from guardian.core.model import Instant
from guardian.core.plan import Drive
from guardian.core.rollout import Phase, Rollout
from guardian.core.standing import Seen, breaches, short_of_pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """At most one entry, and the orders that are dealt with by it (or refused)."""

    entry: Entry | None = None
    orders_done: tuple[str, ...] = ()


_FIRST = (OrderKind.ABORT, OrderKind.INTERRUPT)


def obey(rollout: Rollout, seen: Seen, now: Instant) -> Decision:
    """The first order that can be obeyed; those that cannot are done without an entry."""
    done: list[str] = []
    for order in sorted(seen.orders, key=lambda o: (o.kind not in _FIRST, o.at, o.id)):
        done.append(order.id)
        if order.expect_step is not None and order.expect_step != rollout.step:
            continue
        entry = _obey(rollout, order, seen, now)
        if entry is not None:
            return Decision(entry=entry, orders_done=tuple(done))
    return Decision(orders_done=tuple(done))


def _obey(rollout: Rollout, order: Order, seen: Seen, now: Instant) -> Entry | None:
    match order.kind:
        case OrderKind.ABORT:
            return _take_back(rollout, order, Cause.ABORTED, now)
        case OrderKind.INTERRUPT:
            return _take_back(rollout, order, Cause.INTERRUPTED, now)
        case OrderKind.LEAVE:
            if rollout.phase is Phase.ROLLING_BACK or not rollout.live or rollout.moved:
                return None
            return Cancelled(at=now, detail=_said(order), actor=order.actor)
        case OrderKind.HOLD:
            if not rollout.live or rollout.phase in (Phase.ROLLING_BACK, Phase.COMPLETED):
                return None
            return Held(at=now, why=HoldReason.PERSON, detail=_said(order), actor=order.actor)
        case OrderKind.RESUME:
            if rollout.phase is not Phase.HELD:
                return None
            return Resumed(at=now, detail=_said(order), actor=order.actor)
        case OrderKind.PROMOTE:
            return _promote(rollout, order, seen, now)
        case _:
            assert_never(order.kind)


def _said(order: Order) -> str:
    return f"{order.kind.value} by {order.actor}" + (f": {order.reason}" if order.reason else "")


def _take_back(rollout: Rollout, order: Order, cause: Cause, now: Instant) -> Entry | None:
    if rollout.phase is Phase.ROLLING_BACK:
        return None
    if rollout.phase is Phase.COMPLETED and cause is Cause.INTERRUPTED:
        return None  # A signal is no judgement of a release that has passed.
    if rollout.phase is Phase.COMPLETED or rollout.live:
        begun = rollout.step >= 0 or rollout.plan.drive is Drive.WATCH
        if rollout.moved or (rollout.plan.restores and begun):
            return RollbackStarted(at=now, cause=cause, detail=_said(order), actor=order.actor)
        if rollout.live and not rollout.moved:
            return Cancelled(at=now, detail=_said(order), actor=order.actor)
    return None


def _promote(rollout: Rollout, order: Order, seen: Seen, now: Instant) -> Entry | None:
    """End this bake and take the next step, over whatever had not passed."""
    baking = rollout.phase is Phase.BAKING or (
        rollout.hold is not None and rollout.hold.resume_to is Phase.BAKING
    )
    if not baking or rollout.plan.drive is Drive.WATCH or breaches(rollout.plan, seen.verdicts):
        return None
    short = tuple(v.criterion for v in short_of_pass(rollout.plan, seen.verdicts))
    if rollout.last_step:
        return Completed(
            at=now, verdicts=seen.verdicts, unproven=short, actor=order.actor, overridden=short
        )
    return StepEntered(
        at=now,
        step=rollout.step + 1,
        verdicts=seen.verdicts,
        actor=order.actor,
        overridden=short,
    )
