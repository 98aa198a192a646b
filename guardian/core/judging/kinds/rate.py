"""Rates: events a minute, with no count of all events beside them."""

from __future__ import annotations

from dataclasses import dataclass

from guardian.core.figures import Figure, Unit
from guardian.core.judging.counts import Counts, Uncounted
from guardian.core.judging.tally import Count
from guardian.core.measure import Measure
from guardian.core.model import MINUTE_S, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate(Measure):
    """`count` in a rule file: events a minute, with no count of all events to hold them against."""

    events: Query
    """A stat that counts: `Sum` or `SampleCount`."""

    timed = True
    sampled = False

    def counted(self, rest: Uncounted) -> Counts:
        """Events in so many minutes: of a period without a datapoint, none in no time.

        There is no denominator that could tell a silent period from one without events.
        """
        events, fault = rest.sums(self.events)
        if fault:
            return Counts(fault=fault)
        minutes = rest.span.period_s / MINUTE_S
        settled = (
            Count(at, events[at], minutes) if at in events else Count(at, 0.0, 0.0)
            for at in rest.starts()
        )
        later = () if rest.fewer else rest.later(events)
        return Counts(
            settled=(*rest.kept, *settled),
            partial=tuple(Count(at, events[at], minutes) for at in later),
            busiest_partial=minutes,
            until=rest.until,
        )

    def figure(self, value: float) -> Figure:
        """Events a minute."""
        return Figure(value, Unit.PER_MINUTE)
