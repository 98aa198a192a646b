"""What a person's order does to a rollout: the first one that can be obeyed gives the entry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeAlias, assert_never

from guardian.core.model import Instant, OnFail
from guardian.core.plan import Drive
from guardian.core.rollout import entries
from guardian.core.rollout.entries import Answer, Cause, Entry, HoldReason, Order, OrderKind
from guardian.core.rollout.machine import Phase, Rollout, criteria_of
from guardian.core.rollout.preconditions import approval_of
from guardian.core.rollout.progress import (
    Observation,
    failing,
    freeze_detail,
    frozen_back,
    short_of_pass,
)
from guardian.core.rollout.state import ORDERED, Hold


class Instead(Enum):
    """What can be ordered where an order is refused."""

    ABORT = "abort"
    STOP_ROLLBACK = "stop_rollback"
    RESUME = "resume"
    APPROVE = "approve"
    WAIVE = "waive"
    UNFREEZE = "unfreeze"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an order is not obeyed, as a sentence without its end."""

    why: str
    instead: tuple[Instead, ...] = ()
    order: str = ""
    """The order's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """At most one entry, and what became of the orders that were looked at."""

    entry: Entry | None = None
    answers: tuple[Answer | Refusal, ...] = ()


_FIRST = (OrderKind.ABORT, OrderKind.INTERRUPT, OrderKind.GROUP)

_Result: TypeAlias = Entry | Refusal | str | None
"""The entry that obeys; or why not; "" when it is so already; None to wait."""


def obey(rollout: Rollout, seen: Observation, now: Instant) -> Decision:
    """The first order that can be obeyed; those that cannot are answered without an entry."""
    answers: list[Answer | Refusal] = []
    for order in sorted(seen.orders, key=lambda o: (o.kind not in _FIRST, o.at, o.id)):
        result = _too_late(rollout, order) or _obey(rollout, order, seen, now)
        if isinstance(result, Refusal):
            answers.append(replace(result, order=order.id))
        elif isinstance(result, str):
            answers.append(Answer(order=order.id, refused=result))
        elif result is not None:
            answers.append(Answer(order=order.id))
            return Decision(entry=result, answers=tuple(answers))
    return Decision(answers=tuple(answers))


def _obey(rollout: Rollout, order: Order, seen: Observation, now: Instant) -> _Result:
    match order.kind:
        case OrderKind.ABORT | OrderKind.INTERRUPT | OrderKind.GROUP:
            return _take_back(rollout, order, seen, now)
        case OrderKind.LEAVE:
            return _leave(rollout, order, now)
        case OrderKind.HOLD:
            return _hold(rollout, order, now)
        case OrderKind.RESUME:
            return _resume(rollout, order, seen, now)
        case OrderKind.RETRY:
            return _retry(rollout, order, seen, now)
        case OrderKind.PROMOTE:
            return _promote(rollout, order, seen, now)
        case OrderKind.APPROVE:
            return _approve(rollout, order, now)
        case OrderKind.WAIVE:
            return _waive(rollout, order, now)
        case OrderKind.START:
            return "an order to start is for a service, not for a rollout that has begun"
        case _:
            assert_never(order.kind)


def _too_late(rollout: Rollout, order: Order) -> str:
    """Why an order comes too late, whatever it asks; "" when it does not."""
    if rollout.phase is not Phase.COMPLETED and not rollout.live:
        return f"the rollout is over ({_phase(rollout)}): nothing can be asked of it any more"
    if order.expect_step is None or order.expect_step == rollout.step:
        return ""
    return (
        f"it is at {_step(rollout.step)} by now, and you expected {_step(order.expect_step)}:"
        " look at the status and order again"
    )


def _said(order: Order) -> str:
    return f"{order.kind.value} by {order.actor}" + (f": {order.reason}" if order.reason else "")


def _step(step: int) -> str:
    return f"step {step + 1}" if step >= 0 else "the beginning, before the first step"


def _phase(rollout: Rollout) -> str:
    return rollout.phase.value.replace("_", " ")


# --- the way back ------------------------------------------------------------------------------


_CAUSES = {
    OrderKind.ABORT: Cause.ABORTED,
    OrderKind.INTERRUPT: Cause.INTERRUPTED,
    OrderKind.GROUP: Cause.GROUP,
}


def _take_back(rollout: Rollout, order: Order, seen: Observation, now: Instant) -> _Result:
    plan, cause = rollout.plan, _CAUSES[order.kind]
    frozen = frozen_back(seen) is not None
    if rollout.kept_back and cause is Cause.INTERRUPTED:
        return _let_go(order, now)
    if rollout.phase is Phase.ROLLING_BACK:
        own = rollout.rollback is not None and rollout.rollback.cause not in ORDERED
        # A freeze is about to hold guardian's own rollback: the order then begins it anew.
        return None if own and frozen and cause in ORDERED else ""
    if rollout.phase is Phase.COMPLETED and cause is Cause.INTERRUPTED:
        return "it has completed: a signal is no judgement of a release that has passed"
    if cause is Cause.GROUP and frozen:
        return None  # A freeze ends, and the other member is still back then.
    begun = rollout.step >= 0 or plan.drive is not Drive.ROLLOUT
    own = cause is Cause.GROUP and not plan.restores
    if begun and not own and (rollout.moved or plan.restores):
        return entries.RollbackStarted(at=now, cause=cause, detail=_said(order), actor=order.actor)
    if rollout.live and not (rollout.moved or (own and begun)):
        return entries.Cancelled(at=now, detail=_said(order), actor=order.actor)
    if rollout.moved:
        return "it is only observed: guardian takes it back by a person's order alone"
    return "it has nothing to restore: guardian recorded no stable version to go back to"


def _let_go(order: Order, now: Instant) -> entries.RollbackConfirmed:
    """Traffic is back, and is not kept there until the watch's time is over."""
    return entries.RollbackConfirmed(
        at=now, by_guardian=True, detail=f"it is not kept there any longer: {_said(order)}"
    )


def _leave(rollout: Rollout, order: Order, now: Instant) -> _Result:
    if rollout.kept_back:
        return _let_go(order, now)
    if rollout.phase is Phase.ROLLING_BACK:
        return "a rollback is under way: it is finished first"
    if rollout.phase is Phase.COMPLETED or rollout.moved:
        return "guardian has moved traffic: whoever comes next finishes what was begun"
    return entries.Cancelled(at=now, detail=_said(order), actor=order.actor)


# --- hold and resume ---------------------------------------------------------------------------


def _hold(rollout: Rollout, order: Order, now: Instant) -> _Result:
    hold = rollout.hold
    if rollout.phase is Phase.COMPLETED:
        return Refusal("it has completed: there is nothing left to hold", (Instead.ABORT,))
    if hold is not None and hold.why is HoldReason.PERSON:
        return ""
    if rollout.returning and not order.full:
        return Refusal("a rollback is under way", (Instead.STOP_ROLLBACK,))
    return entries.Held(at=now, why=HoldReason.PERSON, detail=_said(order), actor=order.actor)


def _resume(rollout: Rollout, order: Order, seen: Observation, now: Instant) -> _Result:
    if rollout.hold is None:
        return f"it is not held: it is {_phase(rollout)}"
    why_not = _no_resume(rollout, rollout.hold, seen)
    return why_not or entries.Resumed(at=now, detail=_said(order), actor=order.actor)


def _no_resume(rollout: Rollout, hold: Hold, seen: Observation) -> Refusal | None:
    """Why a person's resume alone would not end the hold; None when it would."""
    match hold.why:
        case HoldReason.APPROVAL:
            return Refusal("it waits for an approval", (Instead.APPROVE,))
        case HoldReason.FREEZE:
            freeze = freeze_detail(seen.freeze) if seen.freeze else "the freeze is just over"
            return Refusal(freeze, (Instead.UNFREEZE,))
        case HoldReason.INCIDENT:
            return Refusal(f"{hold.detail}; it goes on when that is over", (Instead.WAIVE,))
        case HoldReason.BREACH if failed := failing(rollout, seen, OnFail.ROLLBACK, OnFail.HOLD):
            names = ", ".join(v.criterion for v in failed)
            why = f"the breach is still there ({names})"
            return Refusal(why, (Instead.WAIVE, Instead.ABORT))
        case (
            HoldReason.BREACH
            | HoldReason.PERSON
            | HoldReason.PRE_EXISTING
            | HoldReason.NO_EVIDENCE
            | HoldReason.BLIND
            | HoldReason.CONFLICT
        ):
            return None
    assert_never(hold.why)


def _retry(rollout: Rollout, order: Order, seen: Observation, now: Instant) -> _Result:
    hold = rollout.hold
    if hold is None:
        return f"it is not held: while it is {_phase(rollout)}, guardian itself tries again"
    if hold.resume_to is not Phase.SHIFTING:
        return Refusal("no shift waits for the router in this hold", (Instead.RESUME,))
    why_not = _no_resume(rollout, hold, seen)
    return why_not or entries.Resumed(at=now, detail=_said(order), actor=order.actor)


# --- the way forward ---------------------------------------------------------------------------


def _promote(rollout: Rollout, order: Order, seen: Observation, now: Instant) -> _Result:
    """End this bake and take the next step, or the last, over whatever had not passed."""
    why_not = _no_promotion(rollout, seen)
    if why_not:
        return why_not
    short = tuple(v.criterion for v in short_of_pass(rollout, seen.verdicts))
    if rollout.last_step:
        return entries.Completed(
            at=now, verdicts=seen.verdicts, unproven=short, actor=order.actor, overridden=short
        )
    return entries.StepEntered(
        at=now,
        step=len(rollout.plan.steps) - 1 if order.full else rollout.step + 1,
        verdicts=seen.verdicts,
        actor=order.actor,
        overridden=short,
    )


def _no_promotion(rollout: Rollout, seen: Observation) -> Refusal | str:
    """Why there is no bake to end; "" when there is one."""
    hold, phase = rollout.hold, rollout.leads_to
    if rollout.plan.drive is Drive.WATCH:
        return "a watch shifts nothing: there is no step to take"
    if phase is Phase.COMPLETED:
        return "it has completed: there is no step left"
    if phase is Phase.ROLLING_BACK:
        return "it is on its way back: a rollback is not promoted"
    if phase is Phase.PENDING:
        if hold is not None and hold.why is HoldReason.APPROVAL:
            return Refusal("it has not begun and waits for an approval", (Instead.APPROVE,))
        return "it has not begun: the first step needs no promotion"
    if seen.freeze is not None:
        return Refusal(freeze_detail(seen.freeze), (Instead.UNFREEZE,))
    if phase is Phase.SHIFTING:
        return "its weight is not confirmed yet: only a bake can be ended"
    if failed := failing(rollout, seen, OnFail.ROLLBACK):
        names = ", ".join(v.criterion for v in failed)
        why = f"a breach is proven ({names}), and nothing would judge it afterwards"
        return Refusal(why, (Instead.WAIVE,))
    return ""


def _approve(rollout: Rollout, order: Order, now: Instant) -> _Result:
    hold, step, plan = rollout.hold, rollout.step + 1, rollout.plan
    if step in rollout.approved:
        return f"{_step(step)} was approved already"
    over = rollout.returning or rollout.phase is Phase.COMPLETED
    if over or approval_of(plan, step) is None:
        asked = sorted(a.before_step for a in plan.approvals if a.before_step > step)
        later = f"; {_step(asked[0])} will, when it is next" if asked else ""
        return f"nothing waits for an approval now{later}"
    if hold is not None and hold.why is not HoldReason.APPROVAL:
        return (
            f"it is held for another reason ({hold.detail}): {_step(step)} asks for its approval"
            " when that is over"
        )
    return entries.Approved(at=now, step=step, actor=order.actor, detail=_said(order))


def _waive(rollout: Rollout, order: Order, now: Instant) -> _Result:
    name, known = order.subject, criteria_of(rollout)
    if rollout.phase in (Phase.ROLLING_BACK, Phase.COMPLETED):
        return f"it is {_phase(rollout)}: no criterion decides anything any more"
    if name in rollout.waived:
        return f"{name} was waived already"
    if name not in known:
        left = ", ".join(c for c in known if c not in rollout.waived) or "none"
        return f"there is no criterion {name or 'without a name'}; the ones that count are: {left}"
    if not order.reason.strip():
        return Refusal(f"say why {name} shall not count", (Instead.WAIVE,))
    return entries.Waived(at=now, criterion=name, actor=order.actor, detail=_said(order))
