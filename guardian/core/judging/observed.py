"""What counted events amount to against a criterion."""

from __future__ import annotations

from collections.abc import Sequence

from guardian.core.figures import Bound, Figure, Unit
from guardian.core.judging.counts import Counts
from guardian.core.judging.tally import Count
from guardian.core.model import Criterion, Direction, Incidents, Latency, Rate, Ratio, queries_of

MOST_USED = 1000.0
"""No value is shown as more times its limit than this."""


# --- against a limit ---------------------------------------------------------------------------


def rising(criterion: Criterion) -> bool:
    """Whether more is worse."""
    return criterion.fail_if.direction in {Direction.ABOVE, Direction.AT_OR_ABOVE}


def observed(criterion: Criterion, events: Count) -> float:
    """The observed value, as it is shown; `events` has some.

    A share between 0 and 1; events a minute for a count; of a latency, the share over its limit.
    """
    inverted = isinstance(criterion.measure, Ratio) and criterion.measure.good
    return (events.total - events.bad if inverted else events.bad) / events.total


def over_limit(criterion: Criterion, events: Count) -> bool:
    """Whether the observed value lies on the side of the limit that hurts."""
    limit = criterion.fail_if
    if isinstance(criterion.measure, Latency):
        # "p95 above L" is "fewer than 95% within L"; in percent, so that 95 of 100 is exact.
        within = 100.0 * (events.total - events.bad) / events.total
        wanted = criterion.measure.percentile
        return within < wanted if limit.direction is Direction.ABOVE else within <= wanted
    return limit.direction.breached(observed(criterion, events), limit.value)


def limit_used(criterion: Criterion, value: float) -> float | None:
    """The value as a share of the limit: 1 is at it, more is over it, at most 1000.

    None where a share says nothing: below zero.
    """
    latency = isinstance(criterion.measure, Latency)
    limit = criterion.limit_rate if latency else criterion.fail_if.value
    part, whole = (value, limit) if rising(criterion) else (limit, value)
    if part < 0 or whole < 0:
        return None
    if part == 0:
        return 0.0
    return min(MOST_USED, part / whole) if whole > 0 else MOST_USED


def warned(criterion: Criterion, value: float) -> Bound | None:
    """The nearer limit, if the value has crossed `warn_if`.

    Never for a latency that is judged by counts: only its own limit's requests were counted.
    """
    near = criterion.warn_if
    if near is None or isinstance(criterion.measure, Latency):
        return None
    if not near.direction.breached(value, near.value):
        return None
    return Bound(direction=near.direction, figure=figure(criterion, near.value))


# --- figures -----------------------------------------------------------------------------------


def figure(criterion: Criterion, value: float) -> Figure:
    """An observed value, or its limit, with its unit."""
    match criterion.measure:
        case Latency() | Ratio():
            return Figure(value, Unit.RATIO)
        case Rate():
            return Figure(value, Unit.PER_MINUTE)
        case Incidents():
            return Figure(value, Unit.INCIDENTS)
        case _:
            return Figure.held(value, queries_of(criterion.measure)[0].unit)


def bound(criterion: Criterion) -> Bound:
    """What observed values are held against: of a latency, the share that may be slower."""
    latency = isinstance(criterion.measure, Latency)
    limit = criterion.limit_rate if latency else criterion.fail_if.value
    return Bound(direction=criterion.fail_if.direction, figure=figure(criterion, limit))


def slower_than(criterion: Criterion) -> Figure | None:
    """The duration of which a latency's value tells how many took longer."""
    measure = criterion.measure
    if not isinstance(measure, Latency):
        return None
    return Figure.held(criterion.fail_if.value, measure.count.unit)


# --- sums --------------------------------------------------------------------------------------


def worst_stretch(counts: Sequence[Count], limit: float, *, fewer: bool = False) -> range:
    """Which stretch of periods is furthest over the limit.

    The one with the largest sum of errors beyond the allowed ones (Kadane's algorithm): for
    people, the part of the rollout that a proof rests on. With `fewer`, beyond is below.
    """
    sign = -1.0 if fewer else 1.0
    worst, begin, most, excess = range(0), 0, 0.0, 0.0
    for index, (_, bad, total) in enumerate(counts):
        if excess <= 0.0:
            begin, excess = index, 0.0
        excess += sign * (bad - limit * total)
        if excess > most:
            worst, most = range(begin, index + 1), excess
    return worst


def total(counts: Sequence[Count]) -> Count:
    """All events together."""
    return Count(0.0, sum(c.bad for c in counts), sum(c.total for c in counts))


def both_sides(canary: Counts, stable: Counts) -> tuple[list[Count], list[Count]]:
    """Both sides' settled periods in which both had traffic."""
    pairs = zip(canary.settled, stable.settled, strict=False)
    both = [(c, s) for c, s in pairs if c.total > 0 and s.total > 0]
    return [c for c, _ in both], [s for _, s in both]
