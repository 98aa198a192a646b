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
    if computed is not None and new:
        found = values(computed, measurements, ledger.span, since=new[0].start)
        return (*before[: ledger.kept], *(_of_value(criterion, found, c) for c in new))
    return (*before[: ledger.kept], *(_of_count(criterion, c) for c in new))


def _of_value(criterion: Criterion, found: Mapping[Instant, float], samples: Count) -> Point:
    """A datapoint that CloudWatch has computed."""
    value = found.get(samples.start)
    if value is None or samples.total < _floor(criterion):
        return Point(samples.start, None, over=False)
    limit = criterion.fail_if
    return Point(samples.start, value, limit.direction.breached(value, limit.value))


def _of_count(criterion: Criterion, events: Count) -> Point:
    """A datapoint that is counted here; of a rate, being there is enough."""
    if events.total <= 0 or events.total < _floor(criterion):
        return Point(events.start, None, over=False)
    measure = criterion.measure
    return Point(events.start, measure.observed(events), measure.over(criterion.fail_if, events))


def _floor(criterion: Criterion) -> int:
    """How many samples make a datapoint sufficient."""
    return criterion.min_samples if criterion.measure.sampled else 0
