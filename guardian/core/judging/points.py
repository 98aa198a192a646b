"""Datapoints as an alarm looks at them: one for each settled period, and whether it is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from guardian.core.judging.counts import Ledger, values
from guardian.core.judging.tally import Count
from guardian.core.model import Criterion, Instant, Measurement, Query


class Point(NamedTuple):
    """One settled period: its value, None where it has none that suffices."""

    start: Instant
    value: float | None
    over: bool


def points(
    criterion: Criterion,
    measurements: Mapping[Query, Measurement],
    ledger: Ledger,
    before: tuple[Point, ...],
) -> tuple[Point, ...]:
    """Every settled period that counts, in order; `before` is what this gave the last time."""
    computed, new = criterion.measure.computed, ledger.counts.settled[ledger.kept :]
    found = None
    if computed is not None and new:
        found = values(computed, measurements, ledger.span, since=new[0].start)
    return (*before[: ledger.kept], *(_point(criterion, events, found) for events in new))


def _point(criterion: Criterion, events: Count, found: Mapping[Instant, float] | None) -> Point:
    """As its source has computed it (`found`), or as it is counted; of a rate, being is enough."""
    measure, limit, value = criterion.measure, criterion.fail_if, None
    if events.total >= (criterion.min_samples if measure.sampled else 0):
        if found is not None:
            value = found.get(events.start)
        elif events.total > 0:
            value = measure.observed(events)
    if value is None:
        return Point(events.start, None, over=False)
    if found is None:
        return Point(events.start, value, measure.over(limit, events))
    return Point(events.start, value, limit.direction.breached(value, limit.value))
