"""Criteria, readings and windows as the tests of judgements need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from guardian.cloudwatch import changed, metric_query
from guardian.core.figures import Bound, Figure, Unit
from guardian.core.judging.judge import Window, judge
from guardian.core.judging.kinds.latency import Latency
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.model import (
    Compare,
    Criterion,
    Datapoint,
    Direction,
    Limit,
    Measurement,
    Problem,
    Query,
    Reason,
)
from guardian.core.traffic import Weight
from guardian.core.verdict import Outcome, Verdict

T0 = 1_700_000_040.0
"""The first shift, on a whole minute: 2023-11-14T22:14:00Z."""

Row: TypeAlias = tuple[float | None, float | None]
"""(numerator, denominator) of one minute; None where there is no datapoint."""

BAD = metric_query(namespace="Shop/Api", metric="Failed", stat="Sum")
GOOD = metric_query(namespace="Shop/Api", metric="Succeeded", stat="Sum")
TOTAL = metric_query(namespace="Shop/Api", metric="Requests", stat="Sum")
COUNT = metric_query(
    namespace="AWS/Lambda", metric="Duration", stat="SampleCount", unit="Milliseconds"
)
WITHIN = changed(COUNT, stat="TC(:10000)")
STABLE_BAD = changed(BAD, dimensions=(("Version", "1"),))
STABLE_TOTAL = changed(TOTAL, dimensions=(("Version", "1"),))

ERRORS = Criterion(
    name="error-rate",
    measure=Ratio(part=BAD, total=TOTAL, good=False),
    fail_if=Limit(direction=Direction.ABOVE, value=0.05, text="5%"),
    min_samples=60,
)
SUCCESS = replace(
    ERRORS,
    measure=Ratio(part=GOOD, total=TOTAL, good=True),
    fail_if=Limit(direction=Direction.BELOW, value=0.8, text="80%"),
)
P95 = replace(
    ERRORS,
    measure=Latency(percentile=95, count=COUNT, within=WITHIN),
    fail_if=Limit(direction=Direction.ABOVE, value=10_000.0, text="10s"),
    min_samples=200,
)
COMPARED = replace(
    ERRORS, compare=Compare(stable=Ratio(part=STABLE_BAD, total=STABLE_TOTAL, good=False))
)
FIVE_PERCENT = Bound(direction=Direction.ABOVE, figure=Figure(0.05, Unit.RATIO))
"""What most observed shares are held against."""
PROBLEM = Problem(reason=Reason.TIMEOUT, detail="CloudWatch did not answer within 10 seconds")


def share(value: float) -> Figure:
    """An observed share."""
    return Figure(value, Unit.RATIO)


def series(values: Sequence[float | None], *, period_s: int = 60) -> tuple[Datapoint, ...]:
    """Datapoints from the first shift on; a None is a period without one."""
    return tuple(
        Datapoint(T0 + i * period_s, float(v)) for i, v in enumerate(values) if v is not None
    )


def read(
    rows: Sequence[Row],
    *,
    settled: float | None = None,
    part: Query = BAD,
    total: Query = TOTAL,
    known: bool = True,
) -> dict[Query, Measurement]:
    """What was read of a measure; `settled` of the minutes (all by default) no longer change."""
    until = T0 + 60 * (len(rows) if settled is None else settled)
    return {
        part: Measurement(points=series([r[0] for r in rows]), settled_before=until, known=known),
        total: Measurement(points=series([r[1] for r in rows]), settled_before=until),
    }


def window(*shifts: tuple[float, float], alpha: float = 0.05) -> Window:
    """Shifts as (minute, percent); by default one to 10 % at minute 0."""
    confirmed = tuple((T0 + 60 * m, Weight.percent(w)) for m, w in shifts or ((0.0, 10.0),))
    return Window(
        moving_since=confirmed[0][0],
        first_shift_at=confirmed[0][0],
        step_confirmed_at=confirmed[-1][0],
        confirmed=confirmed,
        alpha=alpha,
        horizon=60,
    )


def verdict(
    criterion: Criterion,
    measurements: Mapping[Query, Measurement],
    in_window: Window | None = None,
    *,
    late_s: float = 0.0,
) -> Verdict:
    """The judgement at the time when the newest settled minute has just settled, plus `late_s`."""
    newest = max((m.settled_before for m in measurements.values()), default=T0)
    now = newest + criterion.settle_s + late_s
    return judge(criterion, measurements, in_window or window(), now=now)[0]


def failing(verdict: Verdict) -> bool:
    """Whether it is `fail`; its evidence must then say so, and must not otherwise."""
    proven = verdict.evidence.log_e >= verdict.evidence.log_e_limit
    assert proven is (verdict.outcome is Outcome.FAIL)
    return proven


def compared(
    canary: Sequence[Row], stable: Sequence[Row], *, settled: float | None = None
) -> dict[Query, Measurement]:
    """Both sides' readings."""
    other = read(stable, settled=settled, part=STABLE_BAD, total=STABLE_TOTAL)
    return {**read(canary, settled=settled), **other}
