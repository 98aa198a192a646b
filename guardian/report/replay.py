"""One criterion over a rollout's time: its values, and its evidence judged again, minute by minute.

The evidence after a period is what the core makes of the datapoints up to it, as they stand now:
the tests are sequential, so judging again gives what was to be known when that period had settled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from guardian.core import figures
from guardian.core.figures import Figure
from guardian.core.judging.counts import Span, count, values
from guardian.core.judging.judge import JudgeState, judge
from guardian.core.judging.judge_state import sequential
from guardian.core.judging.observed import bound
from guardian.core.measure import Measure
from guardian.core.model import Criterion, Instant, Measurement, Query, floor_to
from guardian.core.rollout.machine import Rollout
from guardian.core.rollout.progress import window_of
from guardian.core.verdict import Outcome

MOST_LOOKS = 720
"""A longer rollout is judged again at fewer instants, evenly spread: each goes over all before."""
FEWEST_LOOKS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class PlottedPoint:
    """What one period showed."""

    start: Instant
    value: float | None
    """In the limit's base unit; None without samples."""
    bad: float = 0.0
    samples: float = 0.0
    over: bool = False
    """Whether the value lies on the side of the limit that hurts."""
    settled: bool = True
    """Whether it no longer changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The judgement after one period."""

    at: Instant
    """The end of the newest period that it rests on."""
    outcome: Outcome
    log_e: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One criterion over the time of a rollout."""

    criterion: Criterion
    period_s: float
    points: tuple[PlottedPoint, ...] = ()
    stable: tuple[PlottedPoint, ...] = ()
    """The same of the stable version, where both are compared."""
    looks: tuple[Judged, ...] = ()
    log_e_limit: float = 0.0
    """0 where no statistical test judges it."""
    problem: str = ""
    """Why it could not be read."""

    @property
    def limit(self) -> Figure:
        """What the values are held against."""
        return bound(self.criterion).figure

    def shown(self, value: float) -> str:
        """A value for people, short enough for an axis."""
        return figures.text(Figure(value, self.limit.unit), self.limit)


def curve(
    criterion: Criterion,
    measurements: Mapping[Query, Measurement],
    rollout: Rollout,
    *,
    until: Instant,
    judged_until: Instant,
) -> Curve:
    """The values up to `until`, and the evidence of what there was before `judged_until`."""
    period_s = float(max(q.period_s for q in criterion.queries()))
    blank = Curve(criterion=criterion, period_s=period_s)
    first = rollout.first_shift_at
    if first is None or criterion.measure.any_of:
        return blank
    problem = _problem(criterion, measurements)
    if problem:
        return replace(blank, problem=problem)
    span = Span.of(criterion, first, [at for at, _ in rollout.weights])
    compare = criterion.compare.stable if criterion.compare is not None else None
    tested = sequential(criterion) or compare is not None
    return replace(
        blank,
        points=tuple(_points(criterion, measurements, span, until)),
        stable=()
        if compare is None
        else tuple(_shares(criterion, compare, measurements, span, until)),
        looks=tuple(_looks(criterion, measurements, rollout, span, judged_until)) if tested else (),
        log_e_limit=-math.log(rollout.plan.alpha) if tested else 0.0,
    )


def _problem(criterion: Criterion, measurements: Mapping[Query, Measurement]) -> str:
    """Why one of its series could not be read; empty when all were."""
    for query in criterion.queries():
        found = measurements.get(query)
        if found is None:
            return f"{query.name} was not read"
        if found.problem is not None:
            return found.problem.detail
    return ""


# --- values ------------------------------------------------------------------------------------


def _points(
    criterion: Criterion,
    measurements: Mapping[Query, Measurement],
    span: Span,
    until: Instant,
) -> Iterator[PlottedPoint]:
    measure = criterion.measure
    if measure.computed is None:
        yield from _shares(criterion, measure, measurements, span, until)
        return
    found = values(measure.computed, measurements, span)
    settled = measurements[measure.computed].settled_before
    rests_on = values(measure.heard_by, measurements, span) if measure.sampled else {}
    for start in span.starts(until):
        value, limit = found.get(start), criterion.fail_if
        yield PlottedPoint(
            start=start,
            value=None if value is None else measure.figure(value).value,
            samples=rests_on.get(start, 0.0),
            over=value is not None and limit.direction.breached(value, limit.value),
            settled=start + span.period_s <= settled,
        )


def _shares(
    criterion: Criterion,
    measure: Measure,
    measurements: Mapping[Query, Measurement],
    span: Span,
    until: Instant,
) -> Iterator[PlottedPoint]:
    """What is counted, of the canary or of stable."""
    queries = [q for q in measure.queries if q in measurements]
    settled = min((measurements[q].settled_before for q in queries), default=0.0)
    # Everything up to `until` is counted here; what may still change is marked, not left out.
    whole = {q: replace(measurements[q], settled_before=until) for q in queries}
    counts = count(measure, whole, span, direction=criterion.fail_if.direction)
    for each in counts.settled:
        silent = each.total <= 0
        yield PlottedPoint(
            start=each.start,
            value=None if silent else criterion.measure.observed(each),
            bad=each.bad,
            samples=each.total if criterion.measure.shares else 0.0,
            over=not silent and criterion.measure.over(criterion.fail_if, each),
            settled=each.start + span.period_s <= settled,
        )


# --- evidence ----------------------------------------------------------------------------------


def _looks(
    criterion: Criterion,
    measurements: Mapping[Query, Measurement],
    rollout: Rollout,
    span: Span,
    judged_until: Instant,
) -> Iterator[Judged]:
    """The judgement after each period that is settled and ended before `judged_until`."""
    settled = min(measurements[q].settled_before for q in criterion.queries())
    last = min(floor_to(judged_until, span.period_s), floor_to(settled, span.period_s))
    ends = [start + span.period_s for start in span.starts(last)]
    looks = max(FEWEST_LOOKS, MOST_LOOKS * MOST_LOOKS // max(1, len(ends)))
    stride = max(1, math.ceil(len(ends) / looks))
    judge_state: JudgeState | None = None
    for end in ends[stride - 1 :: stride]:
        window = window_of(rollout, until=end)
        assert window is not None  # noqa: S101 - nothing is judged before the first shift
        known = {q: _until(measurements[q], end, q.period_s) for q in criterion.queries()}
        verdict, judge_state = judge(
            criterion,
            known,
            window,
            now=end + criterion.settle_s,
            judge_state=judge_state,
        )
        yield Judged(at=end, outcome=verdict.outcome, log_e=verdict.evidence.log_e)


def _until(found: Measurement, end: Instant, period_s: float) -> Measurement:
    """What had ended by then."""
    points = tuple(p for p in found.points if p.start + period_s <= end)
    return replace(found, points=points, settled_before=min(found.settled_before, end))
