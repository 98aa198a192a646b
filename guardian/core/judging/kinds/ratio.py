"""Ratios: a share of events, counted as bad or good ones beside all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from guardian.core.figures import Figure, Unit
from guardian.core.judging.counts import Counts, Uncounted, shares, spoke
from guardian.core.judging.tally import Count
from guardian.core.measure import Measure
from guardian.core.model import Limit, Measurement, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio(Measure):
    """A share of events: `part` over `total`, both counts per period."""

    part: Query
    total: Query
    good: bool
    """Whether `part` counts the good events (else the bad ones)."""
    absent_zero: bool = False
    """The rule says that `part` is published only when there is something to count."""

    shares = True

    @property
    def sought(self) -> tuple[Query, ...]:
        """Not what the rule says is published seldom."""
        return tuple(q for q in self.queries if not self.absent_zero or q != self.part)

    def counted(self, rest: Uncounted) -> Counts:
        """Bad events of all; also of periods that are not settled, where bad ones are reported."""
        return shares(rest, self.part, self.total, inverted=self.good)

    def zero(self, measurements: Mapping[Query, Measurement]) -> bool:
        """Where the rule says so, or the series is known."""
        return self.absent_zero or spoke(self.part, measurements)

    def lenient(self) -> Self:
        """Errors that were never reported are none."""
        return self if self.good else replace(self, absent_zero=True)

    def allowed(self, limit: Limit) -> float:
        """What the limit leaves."""
        return 1.0 - limit.value if self.good else limit.value

    def observed(self, events: Count) -> float:
        """The share of what is counted."""
        return (events.total - events.bad if self.good else events.bad) / events.total

    def figure(self, value: float) -> Figure:
        """A share."""
        return Figure(value, Unit.RATIO)
