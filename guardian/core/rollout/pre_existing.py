"""What was broken before a rollout: stable judged before the first shift, and what follows.

A criterion that stable itself breaks says nothing about the canary. Where both versions' events
are counted it becomes comparative for this rollout: the canary must not be proven worse than stable
is, nor than stable was (which is all there is at 100%). What cannot be compared only tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from guardian.core.binding import sibling, swapped
from guardian.core.judging.evaluation import Window
from guardian.core.judging.judge import judge
from guardian.core.measure import Measure
from guardian.core.model import (
    MINUTE_S,
    Compare,
    Criterion,
    Instant,
    Judge,
    Measurement,
    OnFail,
    Query,
    Scope,
)
from guardian.core.plan import Drive, Plan
from guardian.core.reasons import value
from guardian.core.traffic import FULL
from guardian.core.verdict import Outcome, Verdict

LOOK_BACK_S = 15 * MINUTE_S
"""Over how much time stable is judged, in seconds; longer where N datapoints take longer."""
_UNSEEN = (Outcome.ERROR, Outcome.NO_DATA)


# --- judging stable ----------------------------------------------------------------------------


def of_stable(measure: Measure, plan: Plan) -> Measure | None:
    """The same measure of stable; None where it does not name the canary in all its series."""
    swaps = {q: sibling(q, plan.canary, plan.stable) for q in measure.queries}
    if any(query == swap for query, swap in swaps.items()):
        return None
    return swapped(measure, swaps)


def for_stable(plan: Plan) -> tuple[Criterion, ...]:
    """The criteria that tell how stable stands before the first shift.

    In a watch the whole service has the live version's traffic in it already: only what stable
    has of its own is asked there. Errors that stable never reported are none: nobody is blamed.
    """
    found = []
    for criterion in plan.criteria:
        measure: Measure | None = criterion.measure
        if measure is not None and measure.any_of:
            continue
        if criterion.scope is Scope.CANARY:
            measure = of_stable(criterion.measure, plan)
        elif plan.drive is Drive.WATCH:
            measure = None
        if measure is not None:
            found.append(replace(criterion, measure=measure.lenient(), compare=None, warm_up_s=0.0))
    return tuple(found)


def since(criterion: Criterion, now: Instant) -> Instant:
    """From when on stable's datapoints are judged."""
    _, of = criterion.datapoints
    period_s = max(q.period_s for q in criterion.queries())
    return now - criterion.settle_s - max(LOOK_BACK_S, of * period_s)


def stands(
    plan: Plan, criterion: Criterion, measurements: Mapping[Query, Measurement], *, now: Instant
) -> Verdict:
    """How stable stands by one of `for_stable`, over the last minutes."""
    begin = since(criterion, now)
    window = Window(
        moving_since=begin,
        first_shift_at=begin,
        step_confirmed_at=begin,
        confirmed=((begin, FULL),),
        alpha=plan.alpha,
        horizon=round((now - begin) / MINUTE_S),
    )
    return judge(criterion, measurements, window, now=now)[0]


# --- what follows ------------------------------------------------------------------------------


def broken(stable: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """What stable is proven to break and breaks now: trouble that the release did not make."""
    return tuple(v for v in stable if v.outcome is Outcome.FAIL and v.evidence.over_limit)


def unseen(stable: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """What nobody could say of stable: nothing is taken as pre-existing there."""
    return tuple(v for v in stable if v.outcome in _UNSEEN)


def bearing(plan: Plan, stable: Sequence[Verdict]) -> Plan:
    """The plan, with its criteria as they count when stable stood like this before the shift."""
    found = {v.criterion: v for v in broken(stable)}
    if not found:
        return plan
    criteria = (_borne(c, found[c.name], plan) if c.name in found else c for c in plan.criteria)
    return replace(plan, criteria=tuple(criteria))


def _borne(criterion: Criterion, before: Verdict, plan: Plan) -> Criterion:
    """The criterion, comparative where both versions' events are counted, else one that tells."""
    seen = before.evidence
    had = f"pre-existing: stable had {value(seen)} before the first shift"
    measure, side = criterion.measure, of_stable(criterion.measure, plan)
    if measure.shares and side is not None and seen.samples:
        compare = criterion.compare or Compare(stable=side)
        return replace(
            criterion,
            judge=Judge.SEQUENTIAL,
            compare=compare,
            tolerated=seen.bad / seen.samples,
            note=_noted(criterion, f"{had}, and the canary must not be worse"),
        )
    told = f"{had}, and it cannot be compared: it is only told"
    return replace(criterion, on_fail=OnFail.NOTIFY, note=_noted(criterion, told))


def _noted(criterion: Criterion, said: str) -> str:
    return f"{criterion.note}; {said}" if criterion.note else said
