"""What counted events amount to against a criterion, in numbers and in words for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from guardian.core.counts import Count
from guardian.core.model import MINUTE_S, Criterion, Direction, Latency
from guardian.core.sequential import Minute


def over_limit(criterion: Criterion, events: Count) -> bool:
    """Whether the observed value lies on the side of the limit that hurts."""
    limit, good = criterion.fail_if, events.total - events.bad
    if isinstance(criterion.measure, Latency):
        # "p95 above L" is "fewer than 95% within L"; in percent, so that 95 of 100 is exact.
        within, wanted = 100.0 * good / events.total, criterion.measure.percentile
        return within < wanted if limit.direction is Direction.ABOVE else within <= wanted
    shown = good if criterion.measure.good else events.bad
    return limit.direction.breached(shown / events.total, limit.value)


def worst_stretch(minutes: Sequence[Minute], limit: float) -> Count:
    """The events of the stretch of minutes that is furthest over the limit.

    The stretch with the largest sum of errors beyond the allowed ones (Kadane's algorithm): for
    people, the part of the rollout that a proof rests on.
    """
    worst, bad, total, most, excess = Count(0.0, 0.0, 0.0), 0.0, 0.0, 0.0, 0.0
    for errors, requests in minutes:
        if excess <= 0.0:
            bad, total, excess = 0.0, 0.0, 0.0
        bad, total = bad + errors, total + requests
        excess += errors - limit * requests
        if excess > most:
            worst, most = Count(0.0, bad, total), excess
    return worst


def both_sides(minutes: Sequence[Minute]) -> tuple[Count, Count]:
    """Both sides' sums over the minutes in which both had traffic."""
    both = [m for m in minutes if m[1] > 0 and m[3] > 0]
    canary = Count(0.0, sum(m[0] for m in both), sum(m[1] for m in both))
    return canary, Count(0.0, sum(m[2] for m in both), sum(m[3] for m in both))


def value_text(criterion: Criterion, events: Count) -> str:
    """The observed value with its unit; `events` has some."""
    bad, good = events.bad / events.total, (events.total - events.bad) / events.total
    if isinstance(criterion.measure, Latency):
        return f"{percent(bad)} slower than {criterion.fail_if.text}"
    return percent(good if criterion.measure.good else bad)


def percent(share: float) -> str:
    """A share with one decimal, and close to 0% or 100% with two significant digits."""
    edge = 100 * min(share, 1 - share)
    decimals = 1 if edge <= 0 else min(4, max(1, 1 - math.floor(math.log10(edge))))
    return f"{100 * share:.{decimals}f}%"


def limit_text(criterion: Criterion) -> str:
    """The limit that shares are held against."""
    latency = isinstance(criterion.measure, Latency)
    return f"{100 * criterion.limit_rate:g}%" if latency else criterion.fail_if.text


def against_limit(criterion: Criterion, events: Count, *, over: bool) -> str:
    """The observed value, and on which side of the limit it is."""
    rising = criterion.fail_if.direction in {Direction.ABOVE, Direction.AT_OR_ABOVE}
    sides = ("within", "over") if rising else ("not under", "under")
    comma = "" if over and not isinstance(criterion.measure, Latency) else ","
    return f"{value_text(criterion, events)}{comma} {sides[over]} {limit_text(criterion)}"


def out_of(events: Count) -> str:
    """How many of how many were bad."""
    return f"{events.bad:.0f} bad of {events.total:.0f} samples"


def duration(seconds: float) -> str:
    """Whole minutes, or seconds below one."""
    if seconds < MINUTE_S:
        return f"{seconds:.0f} seconds"
    minutes = int(seconds // MINUTE_S)
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
