"""Judging by threshold: M of the last N sufficient datapoints over the limit, as an alarm does.

For what has no count of events to weigh: gauges, CloudWatch's own percentiles, and whatever a rule
file asks it for. Datapoints that rest on too few samples are passed over: they neither extend a run
of bad ones nor break it. A breach at any time since the first shift stays one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from guardian.core.case import Answer, Case, Ground
from guardian.core.counts import values
from guardian.core.model import Criterion, Gauge, Instant, Missing, Percentile, Rate
from guardian.core.observed import observed, over_limit, rising
from guardian.core.tally import Count
from guardian.core.verdict import Datapoints, Outcome

REACH = 3
"""A window of N datapoints reaches back over at most this many times N periods."""


class Point(NamedTuple):
    """One settled period: its value, None where it has none that suffices."""

    start: Instant
    value: float | None
    over: bool


def breach(case: Case) -> Answer | None:
    """Was the limit broken at any time since the first shift?"""
    needed, _ = case.criterion.datapoints
    broken = [w for w in _windows(case, points(case)) if sum(p.over for p in w) >= needed]
    if not broken:
        return None
    worst = max(broken, key=lambda window: sum(p.over for p in window))
    return Answer(Outcome.FAIL, ground=_ground(case, worst, worst=True))


def unproven(case: Case) -> Answer | None:
    """Are there too few datapoints in this step, or is the newest one over the limit?"""
    enough, last = wanted(case), recent(case)
    heard = sum(1 for p in in_step(case) if p.value is not None)
    few = f"{heard} of the {enough} datapoints needed{_floor(case.criterion)}"
    if last and last[-1].over:
        also = few if heard < enough else ""
        return Answer(Outcome.INCONCLUSIVE, also, ground=_ground(case, last))
    return Answer(Outcome.INCONCLUSIVE, few) if heard < enough else None


def passed(case: Case) -> Answer:
    """Nothing speaks against it, and enough was seen to say so."""
    return Answer(Outcome.PASS, ground=_ground(case, recent(case)))


def newest(case: Case) -> Point | None:
    """The newest sufficient datapoint of the step."""
    return next((p for p in reversed(in_step(case)) if p.value is not None), None)


def wanted(case: Case) -> int:
    """How many datapoints a pass rests on: N, or as many as the bake holds."""
    _, of = case.criterion.datapoints
    held = case.window.bake_s / case.span.period_s
    return of if held >= of else max(1, int(held))


def percentile_note(criterion: Criterion, measure: Percentile) -> str:
    """What a verdict on CloudWatch's own percentile has to say."""
    needed, of = criterion.datapoints
    return (
        f"CloudWatch's own p{measure.percentile:g}, judged by {needed} of {of} datapoints:"
        " its samples cannot be counted"
    )


# --- datapoints --------------------------------------------------------------------------------


def points(case: Case) -> Sequence[Point]:
    """Every settled period since the first shift that counts, in order."""
    measure = case.criterion.measure
    found: Mapping[Instant, float] = {}
    if isinstance(measure, Gauge | Percentile):
        found = values(measure.series, case.measurements, case.span)
        return [_of_value(case.criterion, found, c) for c in case.counts.settled]
    return [_of_count(case.criterion, c) for c in case.counts.settled]


def _of_value(criterion: Criterion, found: Mapping[Instant, float], samples: Count) -> Point:
    """A datapoint that CloudWatch has computed."""
    value = found.get(samples.start)
    floor = criterion.min_samples if isinstance(criterion.measure, Percentile) else 0
    if value is None or samples.total < floor:
        return Point(samples.start, None, over=False)
    limit = criterion.fail_if
    return Point(samples.start, value, limit.direction.breached(value, limit.value))


def _of_count(criterion: Criterion, events: Count) -> Point:
    """A datapoint that is counted here; of a rate, being there is enough."""
    floor = 0 if isinstance(criterion.measure, Rate) else criterion.min_samples
    if events.total <= 0 or events.total < floor:
        return Point(events.start, None, over=False)
    return Point(events.start, observed(criterion, events), over_limit(criterion, events))


def in_step(case: Case) -> Sequence[Point]:
    """The present step's."""
    return [p for p in points(case) if p.start >= case.step_begin]


def recent(case: Case) -> Sequence[Point]:
    """The newest window of the step alone."""
    windows = list(_windows(case, in_step(case)))
    return windows[-1] if windows else ()


# --- windows -----------------------------------------------------------------------------------


def _windows(case: Case, among: Sequence[Point]) -> Iterator[Sequence[Point]]:
    """Each window of up to N datapoints, in order; none that holds no datapoint."""
    fill = isinstance(case.criterion.measure, Gauge)
    if fill and case.criterion.treat_missing is not Missing.MISSING:
        return _filled(case.criterion, among)
    return _sufficient(case, among)


def _sufficient(case: Case, among: Sequence[Point]) -> Iterator[Sequence[Point]]:
    """What is missing or too small is passed over."""
    _, of = case.criterion.datapoints
    reach_s = REACH * of * case.span.period_s
    there = [p for p in among if p.value is not None]
    for index, last in enumerate(there):
        window = there[max(0, index + 1 - of) : index + 1]
        yield [p for p in window if p.start > last.start - reach_s]


def _filled(criterion: Criterion, among: Sequence[Point]) -> Iterator[Sequence[Point]]:
    """What is missing counts as the rule says, in windows that hold a datapoint."""
    _, of = criterion.datapoints
    before: Point | None = None
    full: list[Point] = []
    for point in among:
        before = point if point.value is not None else before
        full.append(point if point.value is not None else _stand_in(criterion, point, before))
    for index in range(len(among)):
        begin = max(0, index + 1 - of)
        if any(p.value is not None for p in among[begin : index + 1]):
            yield full[begin : index + 1]


def _stand_in(criterion: Criterion, missing: Point, before: Point | None) -> Point:
    """What a missing datapoint counts as."""
    match criterion.treat_missing:
        case Missing.BREACHING:
            return missing._replace(over=True)
        case Missing.IGNORE if before is not None:
            return missing._replace(over=before.over)
    return missing


# --- figures -----------------------------------------------------------------------------------


def _ground(case: Case, window: Sequence[Point], *, worst: bool = False) -> Ground:
    """A window's periods, how many are over, and its newest value, or the one that hurts most."""
    values = [p.value for p in window if p.value is not None]
    hurts = max if rising(case.criterion) else min
    starts = {p.start for p in window}
    return Ground(
        settled=[c for c in case.counts.settled if c.start in starts],
        datapoints=Datapoints(
            over=sum(p.over for p in window), of=len(window), needed=case.criterion.datapoints
        ),
        value=hurts(values) if worst else values[-1],
    )


def _floor(criterion: Criterion) -> str:
    """What makes a datapoint sufficient."""
    if isinstance(criterion.measure, Gauge | Rate) or criterion.min_samples <= 1:
        return ""
    return f" with at least {criterion.min_samples} samples"
