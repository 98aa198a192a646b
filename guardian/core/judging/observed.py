"""What counted events amount to against a criterion."""

from __future__ import annotations

from collections.abc import Sequence

from guardian.core.figures import Bound
from guardian.core.judging.counts import Counts
from guardian.core.judging.tally import Count
from guardian.core.model import Criterion

MOST_USED = 1000.0
"""No value is shown as more times its limit than this."""


# --- against a limit ---------------------------------------------------------------------------


def limit_used(criterion: Criterion, value: float) -> float | None:
    """The value as a share of the limit: 1 is at it, more is over it, at most 1000.

    None where a share says nothing: below zero.
    """
    limit = criterion.measure.bound(criterion.fail_if)
    part, whole = (value, limit) if criterion.fail_if.direction.rising else (limit, value)
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
    if near is None or criterion.measure.slower_than(criterion.fail_if) is not None:
        return None
    if not near.direction.breached(value, near.value):
        return None
    return Bound(direction=near.direction, figure=criterion.measure.figure(near.value))


# --- figures -----------------------------------------------------------------------------------


def bound(criterion: Criterion) -> Bound:
    """What observed values are held against: of a latency, the share that may be slower."""
    measure, limit = criterion.measure, criterion.fail_if
    return Bound(direction=limit.direction, figure=measure.figure(measure.bound(limit)))


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
