"""Where numbers come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from guardian.core.model import Instant, Measurement, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One query over one window; start and end are aligned to the period, end is exclusive."""

    query: Query
    start: Instant
    end: Instant
    settle_s: float


class Source(Protocol):
    """Where numbers come from."""

    @property
    def has_history(self) -> bool:
        """Whether it has datapoints of the past; else it tells of what is so now."""
        ...

    def read(self, asks: Sequence[Ask], *, now: Instant) -> Mapping[Query, Measurement]:
        """One measurement for every ask, in as few vendor's calls as possible.

        A series that could not be read carries a Problem; absence is an empty tuple, never 0.
        Raises SourceError when nothing could be read at all.
        """
        ...

    def unknown(self, queries: Sequence[Query], *, now: Instant) -> Mapping[Query, str]:
        """Those of the queries whose series never had a datapoint, and for people what there is.

        A series is known when it had one for any version (`Query.versioned`), as far back as the
        source can tell. Raises SourceError when that cannot be learned.
        """
        ...

    def corrected_s(self, query: Query) -> float:
        """For how long after they are settled the series' datapoints may still be corrected."""
        ...

    def percentile(self, query: Query, percentile: float) -> Query | None:
        """A percentile of a counted series' samples, as the source itself computes it, if it does.

        Between 0 and 100, exclusive.
        """
        ...
