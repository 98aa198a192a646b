"""Which series a plan's criteria are to read: those that speak, in the statistics they have."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from guardian.core.binding import swapped
from guardian.core.judging.kinds.latency import Latency
from guardian.core.judging.kinds.percentile import Percentile
from guardian.core.model import Criterion, Judge, Query
from guardian.ports import Router

HasData: TypeAlias = Callable[[Sequence[Query]], frozenset[Query]]
"""Asks which of these series had datapoints lately; nothing where it cannot be learned."""

SAMPLES_ABOVE: Final = 10
"""A datapoint of a percentile rests on at least this many samples above it: CloudWatch's own rule
for alarms on percentiles with few samples (10 / (1 - p))."""
_LIMIT: Final = re.compile(r"TC\(:([0-9.]+)\)")


def choose_series(
    router: Router, criterion: Criterion, live: str, stable: str, has_data: HasData
) -> Criterion:
    """The criterion on series that speak, where a version alone has none of its own.

    Before the deploy stable was alone: if its series was silent then, while the whole target's
    was not, the live version's will be silent too, and the whole target's is read instead.
    """
    swaps = {
        q: w for q in criterion.queries() if (w := router.fallback_query(q, live=live)) is not None
    }
    if not swaps:
        return criterion
    before = [_of_version(query, live, stable) for query in swaps]
    found = has_data([*before, *swaps.values()])
    if found.intersection(before) or not found.intersection(swaps.values()):
        return criterion
    return replace(
        criterion,
        measure=swapped(criterion.measure, swaps),
        note=f"read from the whole target, since version {live} takes all of its traffic",
    )


def _of_version(query: Query, live: str, stable: str) -> Query:
    """The same series of the other version."""
    return replace(
        query,
        dimensions=tuple((k, stable if v == live else v) for k, v in query.dimensions),
    )


def percentile_fallback(
    router: Router, criteria: Sequence[Criterion], live: str, stable: str, has_data: HasData
) -> tuple[Criterion, ...]:
    """The criteria, with CloudWatch's own percentile where a metric's samples cannot be counted.

    A metric that is published as statistics, or holds negative values, has a SampleCount and no
    trimmed count. That is seen on stable's series and on the whole target's, which spoke before
    the deploy.
    """
    latencies = {c.name: c.measure for c in criteria if isinstance(c.measure, Latency)}
    asked: list[Query] = []
    for measure in latencies.values():
        asked += [*_elsewhere(router, measure.count, live, stable)]
        asked += [*_elsewhere(router, measure.within, live, stable)]
    if not asked:
        return tuple(criteria)
    found = has_data(tuple(dict.fromkeys(asked)))
    uncountable = {
        name
        for name, measure in latencies.items()
        if found.intersection(_elsewhere(router, measure.count, live, stable))
        and not found.intersection(_elsewhere(router, measure.within, live, stable))
    }
    return tuple(_as_percentile(c) if c.name in uncountable else c for c in criteria)


def _elsewhere(router: Router, query: Query, live: str, stable: str) -> list[Query]:
    """The series that shows what a metric has: stable's, the target's as a whole, and its own."""
    whole = router.fallback_query(query, live=live)
    return [_of_version(query, live, stable), query, *([whole] if whole is not None else [])]


def _as_percentile(criterion: Criterion) -> Criterion:
    """The same percentile, as CloudWatch computes it, judged M of N."""
    measure = criterion.measure
    limit = _LIMIT.fullmatch(measure.within.stat) if isinstance(measure, Latency) else None
    if not isinstance(measure, Latency) or limit is None:
        return criterion
    percentile = Percentile(
        percentile=measure.percentile,
        series=replace(measure.count, stat=f"p{measure.percentile:g}"),
        count=measure.count,
    )
    # A percentile such as 99.9 has no exact share: 10 / 0.001 must not become 10,001.
    share = round(1.0 - measure.percentile / 100.0, 9)
    note = percentile.note(criterion.datapoints)
    return replace(
        criterion,
        measure=percentile,
        fail_if=replace(criterion.fail_if, value=float(limit[1])),
        judge=Judge.THRESHOLD,
        min_samples=math.ceil(round(SAMPLES_ABOVE / share, 6)),
        compare=None,
        note=f"{criterion.note}; {note}" if criterion.note else note,
    )
