"""What the last hours of a service's metrics tell, before a plan is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from guardian.core.model import Instant, Query, floor_to
from guardian.ports import Ask, EdgeError, Router, Source

HEARD_S = 3600.0
"""How far back a series' datapoints show that it speaks at all."""
HEARD_PERIOD_S = 300


def longest_s(
    router: Router, source: Source, versions: Sequence[str], *, now: Instant
) -> float | None:
    """How long a service's Lambda may run before its datapoints appear, in seconds.

    The versions' own time-out: requests that hang show only when it ends them, however quick all
    others ever were. Where that cannot be read, the longest invocation of a day, else nothing.
    """
    function = router.variables().get("function")
    timeout_s: Any = getattr(router, "timeout_s", None)
    asked: Any = getattr(source, "longest_duration_s", None)
    if function is None or timeout_s is None or asked is None:
        return None
    try:
        limit_s: float = timeout_s(*versions)
    except EdgeError:
        return _seen_s(asked, function, now)
    return limit_s


def _seen_s(asked: Any, function: str, now: Instant) -> float | None:
    try:
        seen_s: float | None = asked(function, now=now)
    except EdgeError:
        return None
    return seen_s


def has_data(queries: Sequence[Query], source: Source, *, now: Instant) -> frozenset[Query]:
    """Which of these series had datapoints lately; none where AWS does not say."""
    start, end = (floor_to(at, HEARD_PERIOD_S) for at in (now - HEARD_S, now + HEARD_PERIOD_S))
    wide = {replace(query, period_s=HEARD_PERIOD_S): query for query in queries}
    asks = [Ask(query=query, start=start, end=end, settle_s=0.0) for query in wide]
    try:
        found = source.read(asks, now=now)
    except EdgeError:
        return frozenset()
    return frozenset(wide[query] for query, answer in found.items() if answer.points)
