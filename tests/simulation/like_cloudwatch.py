"""What every simulated source says of CloudWatch's queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guardian.cloudwatch import changed
from guardian.core.model import Instant, Query


class LikeCloudWatch:
    """What a source says of CloudWatch's queries, whatever it measures."""

    has_history = True

    def unknown(self, queries: Sequence[Query], *, now: Instant) -> Mapping[Query, str]:
        """None."""
        del queries, now
        return {}

    def corrected_s(self, query: Query) -> float:
        """A quarter of an hour, as for what an application publishes."""
        del query
        return 900.0

    def percentile(self, query: Query, percentile: float) -> Query | None:
        """The statistic."""
        return changed(query, stat=f"p{percentile:g}")
