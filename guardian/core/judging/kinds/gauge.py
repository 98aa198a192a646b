"""Gauges: one metric's value against a limit, judged by threshold."""

from __future__ import annotations

from dataclasses import dataclass

from guardian.core.figures import Figure
from guardian.core.judging.counts import Counts, Uncounted, heard
from guardian.core.measure import Measure
from guardian.core.model import Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge(Measure):
    """One metric's value: CPU, memory, the age of a queue. Judged by threshold."""

    series: Query

    sampled = False

    @property
    def computed(self) -> Query:
        """The series itself."""
        return self.series

    def counted(self, rest: Uncounted) -> Counts:
        """1 for each period in which it spoke."""
        if fault := rest.not_a_number(self.series):
            return Counts(fault=fault)
        period_s = rest.span.period_s
        spoke = {p.start // period_s * period_s: 1.0 for p in rest.points(self.series)}
        return heard(spoke, rest)

    def figure(self, value: float) -> Figure:
        """In the metric's unit."""
        return Figure.held(value, self.series.unit)
