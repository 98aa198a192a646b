"""Percentiles as CloudWatch computes them, where a metric's samples cannot be counted."""

from __future__ import annotations

from dataclasses import dataclass

from guardian.core.figures import Figure
from guardian.core.judging.counts import Counts, Uncounted, heard
from guardian.core.measure import Measure
from guardian.core.model import Limit, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentile(Measure):
    """A percentile as CloudWatch computes it, where a metric's samples cannot be counted.

    Judged by threshold: M of N datapoints, each resting on enough samples.
    """

    percentile: float
    """Between 0 and 100, exclusive."""
    series: Query
    """Stat `p95` or its like."""
    count: Query
    """Stat `SampleCount`."""

    @property
    def computed(self) -> Query:
        """The percentile."""
        return self.series

    def counted(self, rest: Uncounted) -> Counts:
        """The samples that each period rests on."""
        sums, fault = rest.sums(self.count)
        fault = fault or rest.not_a_number(self.series)
        return Counts(fault=fault) if fault else heard(sums, rest)

    def allowed(self, limit: Limit) -> float:
        """The share that may be slower."""
        return 1.0 - self.percentile / 100.0

    def figure(self, value: float) -> Figure:
        """In the metric's unit."""
        return Figure.held(value, self.series.unit)

    def note(self, datapoints: tuple[int, int]) -> str:
        """That nothing was counted."""
        needed, of = datapoints
        return (
            f"CloudWatch's own p{self.percentile:g}, judged by {needed} of {of} datapoints:"
            " its samples cannot be counted"
        )
