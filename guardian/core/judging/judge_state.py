"""What one judgement of a criterion leaves for the next: its counts, and where its tests stand."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from guardian.core.judging.counts import Ledger
from guardian.core.judging.points import Point
from guardian.core.judging.sequential import CompareTest, LimitTest, RateTest, Run
from guardian.core.judging.tally import Tally
from guardian.core.model import MINUTE_S, Criterion, Incident, Judge


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeState:
    """What one judgement leaves for the next: it saves work and never changes a verdict.

    Incidents and alarms are the exception: only open ones are told of, and what was seen to open
    after the first shift counts for as long as it is remembered.
    """

    criterion: Criterion
    alpha: float
    horizon: int
    ledger: Ledger = field(default_factory=Ledger)
    stable: Ledger = field(default_factory=Ledger)
    """What is counted of the canary, and of stable beside it."""
    whole: Tally = field(default_factory=Tally)
    step: Tally = field(default_factory=Tally)
    """Over the settled periods, all and the present step's."""
    points: tuple[Point, ...] = ()
    """The settled periods, where they are judged one by one."""
    limit: Run | None = None
    compare: Run | None = None
    incidents: tuple[Incident, ...] = ()


def sequential(criterion: Criterion) -> bool:
    """Whether the evidence of all periods together decides, and not M of N datapoints."""
    counted = criterion.measure.computed is None and not criterion.measure.any_of
    return criterion.judge is Judge.SEQUENTIAL and counted


def blank(criterion: Criterion, *, alpha: float, minutes: int, period_s: float) -> JudgeState:
    """The tests before the first period. The horizon is counted in periods, as evidence is."""
    horizon = math.ceil(minutes * MINUTE_S / period_s)
    limit = compare = None
    if sequential(criterion):
        limit = Run(test=_limit_test(criterion, alpha=alpha, horizon=horizon))
    if criterion.compare is not None and criterion.compare.stable is not None:
        compare = Run(test=compare_test(criterion, alpha=alpha, horizon=horizon))
    return JudgeState(
        criterion=criterion, alpha=alpha, horizon=minutes, limit=limit, compare=compare
    )


def compare_test(criterion: Criterion, *, alpha: float, horizon: int) -> CompareTest:
    """The test of the canary against stable."""
    return CompareTest(
        margin_ratio=criterion.compare.max_ratio if criterion.compare is not None else 1.0,
        horizon=horizon,
        alpha=alpha,
        sustain=criterion.sustain,
        cluster_size=criterion.cluster_size,
    )


def _limit_test(criterion: Criterion, *, alpha: float, horizon: int) -> LimitTest | RateTest:
    """The test of the criterion's own limit."""
    test: LimitTest | RateTest = LimitTest(limit=criterion.borne_rate, horizon=horizon, alpha=alpha)
    if criterion.measure.timed:
        fewer = not criterion.fail_if.direction.rising
        limit = criterion.fail_if.value
        test = RateTest(limit=limit, fewer=fewer, horizon=horizon, alpha=alpha)
    return replace(test, sustain=criterion.sustain, cluster_size=criterion.cluster_size)
