"""What counted events amount to against a criterion, in numbers and in words for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from guardian.core.counts import Count
from guardian.core.model import (
    MINUTE_S,
    Criterion,
    Direction,
    Latency,
    Rate,
    Ratio,
    queries_of,
)
from guardian.core.sequential import Minute

MOST_USED = 1000.0
"""No value is shown as more times its limit than this."""
_SUFFIXES = {
    "Percent": "%",
    "Seconds": "s",
    "Milliseconds": "ms",
    "Microseconds": "us",
    "Count/Second": "/s",
}
_SIZES = (("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10))


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


def warned(criterion: Criterion, value: float) -> bool:
    """Whether the value has crossed `warn_if`.

    Never for a latency that is judged by counts: only its own limit's requests were counted.
    """
    warn_if = criterion.warn_if
    if warn_if is None or isinstance(criterion.measure, Latency):
        return False
    return warn_if.direction.breached(value, warn_if.value)


# --- sums --------------------------------------------------------------------------------------


def worst_stretch(minutes: Sequence[Minute], limit: float, *, fewer: bool = False) -> Count:
    """The events of the stretch of minutes that is furthest over the limit.

    The stretch with the largest sum of errors beyond the allowed ones (Kadane's algorithm): for
    people, the part of the rollout that a proof rests on. With `fewer`, beyond is below.
    """
    sign = -1.0 if fewer else 1.0
    worst, bad, total, most, excess = Count(0.0, 0.0, 0.0), 0.0, 0.0, 0.0, 0.0
    for errors, requests in minutes:
        if excess <= 0.0:
            bad, total, excess = 0.0, 0.0, 0.0
        bad, total = bad + errors, total + requests
        excess += sign * (errors - limit * requests)
        if excess > most:
            worst, most = Count(0.0, bad, total), excess
    return worst


def both_sides(minutes: Sequence[Minute]) -> tuple[Count, Count]:
    """Both sides' sums over the minutes in which both had traffic."""
    both = [m for m in minutes if m[1] > 0 and m[3] > 0]
    canary = Count(0.0, sum(m[0] for m in both), sum(m[1] for m in both))
    return canary, Count(0.0, sum(m[2] for m in both), sum(m[3] for m in both))


# --- in words ----------------------------------------------------------------------------------


def shown(criterion: Criterion, value: float) -> str:
    """An observed value with its unit."""
    match criterion.measure:
        case Latency():
            return f"{percent(value)} slower than {criterion.fail_if.text}"
        case Ratio():
            return percent(value)
        case Rate():
            return f"{value:.4g}/min"
        case _:
            return _in_units(value, queries_of(criterion.measure)[0].unit)


def _in_units(value: float, unit: str | None) -> str:
    """A metric's value in its own unit, without more digits than can be read."""
    if unit == "Bytes":
        for name, size in _SIZES:
            if abs(value) >= size:
                return f"{value / size:.4g}{name}"
        return f"{value:g}B"
    if unit == "Milliseconds" and abs(value) >= 1000.0:
        return f"{value / 1000.0:.4g}s"
    number = f"{value:.0f}" if abs(value) >= 1000.0 else f"{value:.4g}"
    return f"{number}{_SUFFIXES.get(unit or '', '')}"


def value_text(criterion: Criterion, events: Count) -> str:
    """The observed value with its unit; `events` has some."""
    return shown(criterion, observed(criterion, events))


def percent(share: float) -> str:
    """A share with one decimal, and close to 0% or 100% with two significant digits."""
    edge = 100 * min(share, 1 - share)
    decimals = 1 if edge <= 0 else min(4, max(1, 1 - math.floor(math.log10(edge))))
    return f"{100 * share:.{decimals}f}%"


def limit_text(criterion: Criterion) -> str:
    """The limit that values are held against."""
    latency = isinstance(criterion.measure, Latency)
    return f"{100 * criterion.limit_rate:g}%" if latency else criterion.fail_if.text


def side_text(criterion: Criterion, *, over: bool) -> str:
    """On which side of which limit: "over 5%", "not under 80%"."""
    sides = ("within", "over") if rising(criterion) else ("not under", "under")
    return f"{sides[over]} {limit_text(criterion)}"


def against_limit(criterion: Criterion, events: Count, *, over: bool) -> str:
    """The observed value, and on which side of the limit it is."""
    comma = "" if over and not isinstance(criterion.measure, Latency) else ","
    return f"{value_text(criterion, events)}{comma} {side_text(criterion, over=over)}"


def out_of(criterion: Criterion, events: Count) -> str:
    """How many of how many were bad; of a count, how many in what time."""
    if isinstance(criterion.measure, Rate):
        return f"{events.bad:.0f} in {duration(events.total * MINUTE_S)}"
    return f"{events.bad:.0f} bad of {events.total:.0f} samples"


def duration(seconds: float) -> str:
    """Whole minutes, or seconds below one."""
    if seconds < MINUTE_S:
        return f"{seconds:.0f} seconds"
    minutes = int(seconds // MINUTE_S)
    return f"{minutes} minute{'' if minutes == 1 else 's'}"
