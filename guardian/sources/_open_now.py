"""What sources without a history have in common: they tell of what is open now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guardian.core.model import Instant, Query


class OpenNow:
    """What does not exist is a problem of the reading, and nothing settles or is counted."""

    has_history = False

    def unknown(self, queries: Sequence[Query], *, now: Instant) -> Mapping[Query, str]:
        """None."""
        del queries, now
        return {}

    def corrected_s(self, query: Query) -> float:
        """Nothing is settled that could be corrected."""
        del query
        return 0.0

    def percentile(self, query: Query, percentile: float) -> Query | None:
        """None: there are no samples."""
        del query, percentile
        return None
