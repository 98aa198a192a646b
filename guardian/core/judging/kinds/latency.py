"""Latencies: a percentile of durations, judged by counts of the requests that took longer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from guardian.core.figures import Figure, Unit
from guardian.core.judging.counts import Counts, Uncounted, shares, spoke
from guardian.core.judging.kinds.percentile import Percentile
from guardian.core.judging.tally import Count
from guardian.core.measure import Measure
from guardian.core.model import Direction, Limit, Measurement, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency(Measure):
    """A percentile, judged by counts: how many requests took longer than the limit.

    "p95 above L" is the claim that more than 5 % of requests are slower than L, and CloudWatch
    counts those exactly: `SampleCount` minus `TC(:L)`.
    """

    percentile: float
    """Between 0 and 100, exclusive."""
    count: Query
    """Stat `SampleCount`."""
    within: Query
    """Stat `TC(:L)`: the samples at or below the limit."""

    shares = True

    @property
    def heard_by(self) -> Query:
        """All requests."""
        return self.count

    @property
    def trimmed(self) -> Query:
        """Those within the limit."""
        return self.within

    def as_computed(self, percentile: Callable[[Query, float], Query | None]) -> Percentile | None:
        """The percentile as its source computes it."""
        series = percentile(self.count, self.percentile)
        if series is None:
            return None
        return Percentile(percentile=self.percentile, series=series, count=self.count)

    def counted(self, rest: Uncounted) -> Counts:
        """Slow requests of all."""
        return shares(rest, self.within, self.count, inverted=True)

    def zero(self, measurements: Mapping[Query, Measurement]) -> bool:
        """Where the series is known."""
        return spoke(self.within, measurements)

    def allowed(self, limit: Limit) -> float:
        """The share that may be slower."""
        return 1.0 - self.percentile / 100.0

    def over(self, limit: Limit, events: Count) -> bool:
        """Whether fewer are within the limit than the percentile says."""
        # "p95 above L" is "fewer than 95% within L"; in percent, so that 95 of 100 is exact.
        within = 100.0 * (events.total - events.bad) / events.total
        above = limit.direction is Direction.ABOVE
        return within < self.percentile if above else within <= self.percentile

    def bound(self, limit: Limit) -> float:
        """The share that may be slower."""
        return self.allowed(limit)

    def figure(self, value: float) -> Figure:
        """The share of requests that are slower."""
        return Figure(value, Unit.RATIO)

    def slower_than(self, limit: Limit) -> Figure | None:
        """The limit as it was written."""
        return Figure.held(limit.value, self.count.unit)
