"""What sources with a history make of asks: one for each query, and what is settled of it."""

from __future__ import annotations

from collections.abc import Sequence

from guardian.core.model import Instant, Query, floor_to
from guardian.ports import Ask


def merged(asks: Sequence[Ask]) -> dict[Query, Ask]:
    """One ask a query, over all windows it was asked for, with the most careful settle time."""
    found: dict[Query, Ask] = {}
    for ask in asks:
        seen = found.setdefault(ask.query, ask)
        if seen is not ask:
            found[ask.query] = Ask(
                query=ask.query,
                start=min(seen.start, ask.start),
                end=max(seen.end, ask.end),
                settle_s=max(seen.settle_s, ask.settle_s),
            )
    return found


def settled(ask: Ask, now: Instant) -> Instant:
    """The beginning of the first period that is not settled yet."""
    return floor_to(now - ask.settle_s, ask.query.period_s)
