"""From measurements to counts: how many events were bad in each period, as far as one can know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import NamedTuple

from guardian.core.model import (
    Criterion,
    Datapoint,
    Instant,
    Latency,
    Measurement,
    Query,
    Ratio,
    ceil_to,
    floor_to,
)


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


def count(
    measure: Ratio | Latency, measurements: Mapping[Query, Measurement], span: Span
) -> Counts:
    """Count a measure's events, settled and partial ones.

    The denominator decides: without its datapoint a period says nothing, and only with a settled
    one is a missing numerator zero.
    """
    part_query, total_query = _numerator(measure), _denominator(measure)
    parts, part_fault = _by_period(part_query, measurements, span)
    totals, total_fault = _by_period(total_query, measurements, span)
    if fault := part_fault or total_fault:
        return Counts(fault=fault)
    until = settled_until((part_query, total_query), measurements, span.period_s)
    inverted = isinstance(measure, Latency) or measure.good
    settled = []
    for start in span.starts(until):
        total = totals.get(start)
        if not total:
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
    )


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


def _denominator(measure: Ratio | Latency) -> Query:
    """What counts all events."""
    return measure.total if isinstance(measure, Ratio) else measure.count


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
            at = datetime.fromtimestamp(point.start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            detail = f"{queried(query)} reported {point.value:g} at {at}, which cannot be a count"
            return {}, Fault(start, detail)
        sums[start] = sums.get(start, 0.0) + point.value
    return sums, None
