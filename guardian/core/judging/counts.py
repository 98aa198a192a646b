"""From measurements to counts: how many events were bad in each period, as far as one can know."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf, isfinite
from operator import attrgetter
from typing import NamedTuple

from guardian.core.judging.tally import Count, common
from guardian.core.measure import Measure
from guardian.core.model import (
    MINUTE_S,
    Criterion,
    Datapoint,
    Direction,
    Instant,
    Measurement,
    Query,
    ceil_to,
    floor_to,
)

_start = attrgetter("start")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which periods count: whole ones from the first shift on, without each shift's warm-up."""

    period_s: float
    begin: Instant
    left_out: tuple[tuple[Instant, Instant], ...] = ()
    """Half-open stretches of time; a period that touches one does not count."""

    @classmethod
    def of(cls, criterion: Criterion, first_shift_at: Instant, shifts: Sequence[Instant]) -> Span:
        """The span of a criterion's own period and warm-up, over every confirmed shift."""
        period_s = float(max(q.period_s for q in criterion.queries()))
        warm_up_s = criterion.warm_up_s
        return cls(
            period_s=period_s,
            begin=ceil_to(first_shift_at + warm_up_s, period_s),
            left_out=tuple((at, at + warm_up_s) for at in shifts) if warm_up_s > 0 else (),
        )

    def read_since(self, since: Instant) -> Span:
        """Of these only what was read: what is still being read is neither silent nor missing."""
        return replace(self, begin=max(self.begin, ceil_to(since, self.period_s)))

    def starts(self, until: Instant, *, after: Instant = -inf) -> Iterator[Instant]:
        """The start of each period that counts, ends at or before `until` and begins `after`."""
        first = max(0, int((after - self.begin) // self.period_s) + 1) if after > -inf else 0
        for index in range(first, max(0, int((until - self.begin) // self.period_s))):
            start = self.begin + index * self.period_s
            if not self.left_out or self.counts(start):
                yield start

    def counts(self, start: Instant) -> bool:
        """Whether the period that begins at `start` counts."""
        end = start + self.period_s
        return start >= self.begin and not any(a < end and start < b for a, b in self.left_out)


class Fault(NamedTuple):
    """A datapoint that cannot be a count."""

    at: Instant
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """One measure's counts over a rollout."""

    settled: tuple[Count, ...] = ()
    """Every period that counts and is settled for both queries, in order, also those at (0, 0)."""
    partial: tuple[Count, ...] = ()
    """Later periods that already report bad events; both numbers may still grow. Only for
    measures whose bad events are reported as such: a difference of two sums can also shrink."""
    busiest_partial: float = 0.0
    """The largest total of a later period."""
    until: Instant = 0.0
    """The end of the newest period that is settled for both queries; 0 if there is none."""
    fault: Fault | None = None
    """Why nothing is counted although there are datapoints."""
    unknown: Query | None = None
    """What nobody has ever seen a datapoint of, so that its silence is no zero; its periods are at
    (0, 0). None where nothing was there to be counted."""


def count(
    measure: Measure,
    measurements: Mapping[Query, Measurement],
    span: Span,
    *,
    direction: Direction = Direction.ABOVE,
) -> Counts:
    """Count a measure's events, settled and partial ones; `direction` tells what hurts.

    What a count is of depends on the measure: of a ratio and a latency, bad events of all; of a
    rate, events in so many minutes; of a percentile, the samples it rests on; of a gauge, its
    datapoints.
    """
    return Ledger().over(measure, measurements, span, direction=direction).counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What was counted of what, so that the next time only what has changed is counted."""

    span: Span = Span(period_s=MINUTE_S, begin=0.0)
    points: tuple[tuple[Datapoint, ...], ...] = ()
    """Of each of the measure's queries."""
    zero: bool = False
    """Whether a missing numerator was a zero."""
    counts: Counts = Counts()
    kept: int = field(default=0, compare=False)
    """So many of the settled periods are as they were the last time."""

    def over(
        self,
        measure: Measure,
        measurements: Mapping[Query, Measurement],
        span: Span,
        *,
        direction: Direction = Direction.ABOVE,
    ) -> Ledger:
        """The same measure counted in these measurements; see `count`."""
        points = tuple(_points(query, measurements) for query in measure.queries)
        zero = measure.zero(measurements)
        until = settled_until(measure.queries, measurements, span.period_s)
        kept: tuple[Count, ...] = ()
        if self.zero and zero and span == self.span:
            kept = self._kept(points, until)
        rest = Uncounted(
            measurements=measurements,
            span=span,
            until=until,
            kept=kept,
            zero=zero,
            fewer=not direction.rising,
        )
        counts = measure.counted(rest)
        return Ledger(span=span, points=points, zero=zero, counts=counts, kept=len(kept))

    def _kept(self, points: Sequence[tuple[Datapoint, ...]], until: Instant) -> tuple[Count, ...]:
        """The settled periods that end by then, and before the first datapoint that changed."""
        for before, after in zip(self.points, points, strict=True):
            same = common(before, after)
            until = min(until, *(p[same].start for p in (before, after) if same < len(p)), inf)
        settled = self.counts.settled
        return settled[: bisect_right(settled, until - self.span.period_s, key=_start)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncounted:
    """What is left to be counted of one measure."""

    measurements: Mapping[Query, Measurement]
    span: Span
    until: Instant
    kept: tuple[Count, ...]
    """What was counted before, and stands."""
    zero: bool
    """Whether a missing numerator is a zero."""
    fewer: bool
    """Whether less is worse."""

    @property
    def after(self) -> Instant:
        """The start of the last period that is counted already."""
        return self.kept[-1].start if self.kept else -inf

    def starts(self) -> Iterator[Instant]:
        """The settled periods that are not counted yet."""
        return self.span.starts(self.until, after=self.after)

    def points(self, query: Query) -> Sequence[Datapoint]:
        """The datapoints of them, and of what comes later."""
        points = _points(query, self.measurements)
        if not self.kept:
            return points
        return points[bisect_left(points, self.after + self.span.period_s, key=_start) :]

    def sums(self, query: Query) -> tuple[dict[Instant, float], Fault | None]:
        """Their sums by the span's periods, from its beginning on."""
        period_s, begin = self.span.period_s, self.span.begin
        sums: dict[Instant, float] = {}
        for point in self.points(query):
            start = point.start // period_s * period_s
            if start < begin:
                continue
            if not 0.0 <= point.value < inf:
                return {}, _fault(query, point, "which cannot be a count")
            sums[start] = sums.get(start, 0.0) + point.value
        return sums, None

    def later(self, sums: Mapping[Instant, float]) -> list[Instant]:
        """The periods with a datapoint that are not settled."""
        period_s = self.span.period_s
        return [at for at in sorted(sums) if at + period_s > self.until and self.span.counts(at)]

    def not_a_number(self, query: Query) -> Fault | None:
        """A value that cannot be held against anything."""
        wrong = next((p for p in self.points(query) if not isfinite(p.value)), None)
        return None if wrong is None else _fault(query, wrong, "which is not a number")


def shares(rest: Uncounted, part_query: Query, total_query: Query, *, inverted: bool) -> Counts:
    """Bad events of all; `inverted` where the good ones are counted.

    The denominator decides: without its datapoint a period says nothing, and only with a settled
    one is a missing numerator zero, if the numerator's series is known at all.
    """
    parts, part_fault = rest.sums(part_query)
    totals, total_fault = rest.sums(total_query)
    if fault := part_fault or total_fault:
        return Counts(fault=fault)
    settled = []
    for start in rest.starts():
        total = totals.get(start)
        if not total or not (rest.zero or start in parts):
            settled.append(Count(start, 0.0, 0.0))
            continue
        part = min(parts.get(start, 0.0), total)
        settled.append(Count(start, total - part if inverted else part, total))
    later = rest.later(totals)
    seen = () if inverted else (Count(at, parts.get(at, 0.0), totals[at]) for at in later)
    return Counts(
        settled=(*rest.kept, *settled),
        partial=tuple(c for c in seen if c.bad > 0 and c.total > 0),
        busiest_partial=max((totals[at] for at in later), default=0.0),
        until=rest.until,
        unknown=None if rest.zero or not any(totals.values()) else part_query,
    )


def heard(sums: Mapping[Instant, float], rest: Uncounted) -> Counts:
    """How many samples each period rests on, or 1 for each in which a gauge spoke."""
    settled = (Count(at, 0.0, sums.get(at, 0.0)) for at in rest.starts())
    return Counts(settled=(*rest.kept, *settled), until=rest.until)


def spoke(query: Query, measurements: Mapping[Query, Measurement]) -> bool:
    """Whether a series ever had a datapoint, as far as is known."""
    found = measurements.get(query)
    return found is not None and (found.known or bool(found.points))


def sought(criterion: Criterion) -> Iterator[Query]:
    """The series that must be known before their silence says anything: zero, or no traffic."""
    yield from criterion.measure.sought
    if criterion.compare is not None and criterion.compare.stable is not None:
        yield from criterion.compare.stable.sought


def values(
    query: Query,
    measurements: Mapping[Query, Measurement],
    span: Span,
    *,
    since: Instant = -inf,
) -> dict[Instant, float]:
    """A query's values by the span's periods, the newest of each."""
    points = _points(query, measurements)
    points = points[bisect_left(points, since, key=_start) :]
    return {point.start // span.period_s * span.period_s: point.value for point in points}


def _points(query: Query, measurements: Mapping[Query, Measurement]) -> tuple[Datapoint, ...]:
    """A query's datapoints; none of what was not read."""
    return measurements[query].points if query in measurements else ()


def settled_until(
    queries: Sequence[Query], measurements: Mapping[Query, Measurement], period_s: float
) -> Instant:
    """The end of the newest period that is settled for all the queries; 0 if there is none."""
    known = [measurements[q].settled_before if q in measurements else 0.0 for q in queries]
    return max(0.0, floor_to(min(known), period_s))


def _fault(query: Query, point: Datapoint, why: str) -> Fault:
    at = datetime.fromtimestamp(point.start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Fault(point.start, f"{query.name} reported {point.value:g} at {at}, {why}")
