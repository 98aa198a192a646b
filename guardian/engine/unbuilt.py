"""In the place of a source that cannot be built: a rollout that is live is guarded all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

from guardian.core.model import Instant, Measurement, Query, Reason
from guardian.ports import Ask, SourceError


class UnbuiltSource:
    """Nothing can be read: its criteria are errors, orders are obeyed, and the way back is open."""

    has_history = True

    def __init__(self, why: str) -> None:
        self.why = why

    def read(self, asks: Sequence[Ask], *, now: Instant) -> Mapping[Query, Measurement]:
        """Raises SourceError with what is wrong."""
        del asks, now
        self._refuse()

    def unknown(self, queries: Sequence[Query], *, now: Instant) -> Mapping[Query, str]:
        """Raises SourceError with what is wrong."""
        del queries, now
        self._refuse()

    def corrected_s(self, query: Query) -> float:
        """Nothing is."""
        del query
        return 0.0

    def percentile(self, query: Query, percentile: float) -> Query | None:
        """None."""
        del query, percentile
        return None

    def _refuse(self) -> NoReturn:
        raise SourceError(Reason.INVALID, self.why)
