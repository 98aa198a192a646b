"""Periods of seconds: a bake of a minute is observed from the first of them on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.binding import swapped
from guardian.core.judging.judge import judge
from guardian.core.model import Criterion, Datapoint, Measurement, Scope
from guardian.core.plan import Plan
from guardian.core.rollout.entries import StepEntered, WeightConfirmed
from guardian.core.rollout.progress import Observation, baked, baked_at, observed_s
from guardian.core.verdict import Outcome
from tests.core.builders import ERRORS, window
from tests.core.builders import T0 as SHIFTED
from tests.core.rollouts import PAGED, PLAN, T0, TEN, criterion, rollout

GATE = replace(PAGED, scope=Scope.CANARY)


def every(seconds: int, of: Criterion) -> Criterion:
    """The criterion with periods of so many seconds."""
    swaps = {query: replace(query, period_s=seconds) for query in of.queries()}
    return replace(of, measure=swapped(of.measure, swaps), settle_s=30.0)


def plan_of(*criteria: Criterion) -> Plan:
    """A minute's bake, judged by these."""
    steps = tuple(replace(step, bake_s=60.0) for step in PLAN.steps)
    return replace(PLAN, criteria=criteria, steps=steps)


@pytest.mark.parametrize(
    ("criteria", "begins"),
    [
        ((every(10, criterion()),), 10.0),
        ((every(10, criterion()), GATE), 10.0),
        ((every(10, criterion()), every(30, criterion("other"))), 30.0),
        ((criterion(),), 60.0),
        ((every(300, criterion()),), 60.0),
        ((GATE,), 60.0),
    ],
)
def test_a_bake_begins_with_the_first_whole_period(
    criteria: tuple[Criterion, ...], begins: float
) -> None:
    """Of those that are counted, and never later than with the minute."""
    shifted = WeightConfirmed(at=T0 + 1.0, weight=TEN)
    state = rollout(StepEntered(at=T0, step=0), shifted, plan=plan_of(*criteria))
    seen = Observation(observed_until=T0 + begins + 50.0)
    assert observed_s(state, seen) == 50.0
    assert not baked(state, seen)
    assert baked(state, replace(seen, observed_until=T0 + begins + 60.0))
    settle_s = max(c.settle_s for c in criteria)
    assert baked_at(state) == T0 + begins + 60.0 + settle_s


@pytest.mark.parametrize(("bad", "outcome"), [(0.0, Outcome.PASS), (40.0, Outcome.FAIL)])
def test_a_minute_of_six_periods_is_enough_to_judge(bad: float, outcome: Outcome) -> None:
    """Each of ten seconds; they are final half a minute later."""
    fine = every(10, ERRORS)
    now = SHIFTED + 60.0 + fine.settle_s
    part, total = fine.measure.queries
    found = {
        query: Measurement(
            points=tuple(Datapoint(SHIFTED + 10.0 * n, value) for n in range(6)),
            settled_before=SHIFTED + 60.0,
        )
        for query, value in ((part, bad), (total, 100.0))
    }
    verdict, _ = judge(fine, found, window(), now=now)
    assert verdict.outcome is outcome
    assert verdict.evidence.observed_until == SHIFTED + 60.0
