"""Which series a plan's criteria are to read: those that speak, in the statistics they have."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from guardian.core.binding import swapped
from guardian.core.model import Criterion, Instant, Judge, Query, floor_to, reworded
from guardian.ports import Ask, EdgeError, Router, Source

HEARD_S: Final = 3600.0
"""How far back a series' datapoints show that it speaks at all."""
HEARD_PERIOD_S: Final = 300
SAMPLES_ABOVE: Final = 10
"""A datapoint of a percentile rests on at least this many samples above it: CloudWatch's own rule
for alarms on percentiles with few samples (10 / (1 - p))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesProbe:
    """What a plan asks of the sources before anything is judged."""

    has_data: Callable[[Sequence[Query]], frozenset[Query]]
    """Which of these series had datapoints lately; nothing where it cannot be learned."""
    percentile: Callable[[Query, float], Query | None]
    """A counted series' percentile as its source computes it: `Source.percentile`."""

    @classmethod
    def of(cls, source_of: Callable[[str], Source], *, now: Instant) -> SeriesProbe:
        """What the last hour of these sources tells; nothing of one that cannot be read."""
        start, end = (floor_to(at, HEARD_PERIOD_S) for at in (now - HEARD_S, now + HEARD_PERIOD_S))

        def has_data(queries: Sequence[Query]) -> frozenset[Query]:
            found: set[Query] = set()
            for source in sorted({query.source for query in queries}):
                mine = [query for query in queries if query.source == source]
                wide = {replace(query, period_s=HEARD_PERIOD_S): query for query in mine}
                asks = [Ask(query=query, start=start, end=end, settle_s=0.0) for query in wide]
                with suppress(EdgeError):
                    answers = source_of(source).read(asks, now=now)
                    found |= {wide[query] for query, answer in answers.items() if answer.points}
            return frozenset(found)

        return cls(
            has_data=has_data,
            percentile=lambda query, p: source_of(query.source).percentile(query, p),
        )


def choose_series(
    router: Router, criterion: Criterion, live: str, stable: str, probe: SeriesProbe
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
    found = probe.has_data([*before, *swaps.values()])
    if found.intersection(before) or not found.intersection(swaps.values()):
        return criterion
    return replace(
        criterion,
        measure=swapped(criterion.measure, swaps),
        note=f"read from the whole target, since version {live} takes all of its traffic",
    )


def _of_version(query: Query, live: str, stable: str) -> Query:
    """The same series of the other version."""
    return reworded(query, lambda name, text: stable if name and text == live else text)


def countable(
    router: Router, criteria: Sequence[Criterion], live: str, stable: str, probe: SeriesProbe
) -> tuple[Criterion, ...]:
    """The criteria; those that would count samples of what has no such counts, by a percentile.

    A metric that is published as statistics, or holds negative values, has a SampleCount and no
    trimmed count. That is seen on stable's series and on the whole target's, which spoke before
    the deploy.
    """
    counting = {
        c.name: [
            _elsewhere(router, query, live, stable)
            for query in (c.measure.heard_by, c.measure.trimmed)
        ]
        for c in criteria
        if c.measure.trimmed is not None
    }
    if not counting:
        return tuple(criteria)
    asked = (query for pair in counting.values() for each in pair for query in each)
    found = probe.has_data(tuple(dict.fromkeys(asked)))
    uncounted = {
        name
        for name, (every, trimmed) in counting.items()
        if found.intersection(every) and not found.intersection(trimmed)
    }
    return tuple(_as_percentile(c, probe) if c.name in uncounted else c for c in criteria)


def _elsewhere(router: Router, query: Query, live: str, stable: str) -> list[Query]:
    """The series that shows what a metric has: stable's, the target's as a whole, and its own."""
    whole = router.fallback_query(query, live=live)
    return [_of_version(query, live, stable), query, *([whole] if whole is not None else [])]


def _as_percentile(criterion: Criterion, probe: SeriesProbe) -> Criterion:
    """The same percentile, as its source computes it, judged M of N."""
    measure = criterion.measure.as_computed(probe.percentile)
    if measure is None:
        return criterion
    # A percentile such as 99.9 has no exact share: 10 / 0.001 must not become 10,001.
    share = round(measure.allowed(criterion.fail_if), 9)
    note = measure.note(criterion.datapoints)
    return replace(
        criterion,
        measure=measure,
        judge=Judge.THRESHOLD,
        min_samples=math.ceil(round(SAMPLES_ABOVE / share, 6)),
        compare=None,
        note=f"{criterion.note}; {note}" if criterion.note else note,
    )
