"""From measurements to counts: how many events were bad in each period, as far as one can know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf, isfinite
from typing import NamedTuple, TypeAlias, assert_never

from guardian.core.model import (
    MINUTE_S,
    Criterion,
    Datapoint,
    Direction,
    Gauge,
    Incidents,
    Instant,
    Latency,
    Measurement,
    Percentile,
    Query,
    Rate,
    Ratio,
    ceil_to,
    floor_to,
    queries_of,
)

Countable: TypeAlias = Ratio | Latency | Percentile | Gauge | Rate
"""What datapoints are read for."""


class Count(NamedTuple):
    """One period's events."""

    start: Instant
    bad: float
    total: float


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

    def starts(self, until: Instant) -> Iterator[Instant]:
        """The start of each period that counts and ends at or before `until`, in order."""
        for index in range(max(0, int((until - self.begin) // self.period_s))):
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
    measure: Countable,
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
    match measure:
        case Ratio() | Latency():
            return _shares(measure, measurements, span)
        case Rate():
            fewer = direction in {Direction.BELOW, Direction.AT_OR_BELOW}
            return _rates(measure, measurements, span, fewer=fewer)
        case Percentile():
            return _samples(measure, measurements, span)
        case Gauge():
            return _present(measure, measurements, span)
        case _:
            assert_never(measure)


def _shares(
    measure: Ratio | Latency, measurements: Mapping[Query, Measurement], span: Span
) -> Counts:
    """Bad events of all.

    The denominator decides: without its datapoint a period says nothing, and only with a settled
    one is a missing numerator zero, if the numerator's series is known at all.
    """
    part_query, total_query = _numerator(measure), heard_by(measure)
    parts, part_fault = _by_period(part_query, measurements, span)
    totals, total_fault = _by_period(total_query, measurements, span)
    if fault := part_fault or total_fault:
        return Counts(fault=fault)
    until = settled_until((part_query, total_query), measurements, span.period_s)
    inverted = isinstance(measure, Latency) or measure.good
    zero = _zero(measure, measurements)
    settled = []
    for start in span.starts(until):
        total = totals.get(start)
        if not total or not (zero or start in parts):
            settled.append(Count(start, 0.0, 0.0))
            continue
        part = min(parts.get(start, 0.0), total)
        settled.append(Count(start, total - part if inverted else part, total))
    later = [at for at in sorted(totals) if at + span.period_s > until and span.counts(at)]
    seen = () if inverted else (Count(at, parts.get(at, 0.0), totals[at]) for at in later)
    return Counts(
        settled=tuple(settled),
        partial=tuple(c for c in seen if c.bad > 0 and c.total > 0),
        busiest_partial=max((totals[at] for at in later), default=0.0),
        until=until,
        unknown=None if zero or not any(totals.values()) else part_query,
    )


def _zero(measure: Ratio | Latency, measurements: Mapping[Query, Measurement]) -> bool:
    """Whether a missing numerator is a zero."""
    if isinstance(measure, Ratio) and measure.absent_zero:
        return True
    found = measurements.get(_numerator(measure))
    return found is not None and (found.known or bool(found.points))


def sought(criterion: Criterion) -> Iterator[Query]:
    """The series that must be known before their silence says anything: zero, or no traffic."""
    compare, measure = criterion.compare, criterion.measure
    for each in (measure, None if compare is None else compare.stable):
        if each is None or isinstance(each, Incidents):
            continue
        seldom = each.part if isinstance(each, Ratio) and each.absent_zero else None
        yield from (query for query in queries_of(each) if query != seldom)


def heard_by(measure: Countable) -> Query:
    """The series that tells whether there was anything to judge."""
    match measure:
        case Ratio():
            return measure.total
        case Latency() | Percentile():
            return measure.count
        case Gauge():
            return measure.series
        case Rate():
            return measure.events
        case _:
            assert_never(measure)


def _rates(
    measure: Rate, measurements: Mapping[Query, Measurement], span: Span, *, fewer: bool
) -> Counts:
    """Events in so many minutes: of a period without a datapoint, none in no time.

    There is no denominator that could tell a silent period from one without events.
    """
    events, fault = _by_period(measure.events, measurements, span)
    if fault:
        return Counts(fault=fault)
    until = settled_until((measure.events,), measurements, span.period_s)
    minutes = span.period_s / MINUTE_S
    later = [at for at in sorted(events) if at + span.period_s > until and span.counts(at)]
    return Counts(
        settled=tuple(
            Count(at, events[at], minutes) if at in events else Count(at, 0.0, 0.0)
            for at in span.starts(until)
        ),
        partial=() if fewer else tuple(Count(at, events[at], minutes) for at in later),
        busiest_partial=minutes,
        until=until,
    )


def _samples(measure: Percentile, measurements: Mapping[Query, Measurement], span: Span) -> Counts:
    """How many samples each period of a percentile rests on."""
    sums, fault = _by_period(measure.count, measurements, span)
    fault = fault or _not_a_number(measure.series, measurements)
    return (
        Counts(fault=fault)
        if fault
        else _heard((measure.series, measure.count), sums, measurements, span)
    )


def _present(measure: Gauge, measurements: Mapping[Query, Measurement], span: Span) -> Counts:
    """1 for each period in which a gauge spoke."""
    if fault := _not_a_number(measure.series, measurements):
        return Counts(fault=fault)
    spoke = dict.fromkeys(values(measure.series, measurements, span), 1.0)
    return _heard((measure.series,), spoke, measurements, span)


def _heard(
    queries: Sequence[Query],
    sums: Mapping[Instant, float],
    measurements: Mapping[Query, Measurement],
    span: Span,
) -> Counts:
    until = settled_until(queries, measurements, span.period_s)
    settled = (Count(at, 0.0, sums.get(at, 0.0)) for at in span.starts(until))
    return Counts(settled=tuple(settled), until=until)


def values(
    query: Query, measurements: Mapping[Query, Measurement], span: Span
) -> dict[Instant, float]:
    """A query's values by the span's periods, the newest of each."""
    points = measurements[query].points if query in measurements else ()
    return {point.start // span.period_s * span.period_s: point.value for point in points}


def _not_a_number(query: Query, measurements: Mapping[Query, Measurement]) -> Fault | None:
    """A value that cannot be held against anything."""
    points = measurements[query].points if query in measurements else ()
    wrong = next((p for p in points if not isfinite(p.value)), None)
    return None if wrong is None else _fault(query, wrong, "which is not a number")


def settled_until(
    queries: Sequence[Query], measurements: Mapping[Query, Measurement], period_s: float
) -> Instant:
    """The end of the newest period that is settled for all the queries; 0 if there is none."""
    known = [measurements[q].settled_before if q in measurements else 0.0 for q in queries]
    return max(0.0, floor_to(min(known), period_s))


def queried(query: Query) -> str:
    """A query's name for people."""
    return f"{query.namespace} {query.metric}"


def _numerator(measure: Ratio | Latency) -> Query:
    """What is counted among all events."""
    return measure.part if isinstance(measure, Ratio) else measure.within


def _by_period(
    query: Query, measurements: Mapping[Query, Measurement], span: Span
) -> tuple[dict[Instant, float], Fault | None]:
    """The sums of a query's datapoints by the span's periods, from its beginning on."""
    points: Sequence[Datapoint] = measurements[query].points if query in measurements else ()
    period_s, begin = span.period_s, span.begin
    sums: dict[Instant, float] = {}
    for point in points:
        start = point.start // period_s * period_s
        if start < begin:
            continue
        if not 0.0 <= point.value < inf:
            return {}, _fault(query, point, "which cannot be a count")
        sums[start] = sums.get(start, 0.0) + point.value
    return sums, None


def _fault(query: Query, point: Datapoint, why: str) -> Fault:
    at = datetime.fromtimestamp(point.start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Fault(point.start, f"{queried(query)} reported {point.value:g} at {at}, {why}")
