"""What the last hours of a service's metrics tell, before a plan is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from guardian.core.model import Instant, Query, floor_to
from guardian.ports import Ask, EdgeError, Source

HEARD_S = 3600.0
"""How far back a series' datapoints show that it speaks at all."""
HEARD_PERIOD_S = 300


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
