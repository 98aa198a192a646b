"""What the core asks of whatever a criterion measures: the one table of criterion kinds.

A kind is a module in `judging/kinds`: a frozen dataclass that answers these questions. The core
asks them, and never what kind it has before it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Self, get_type_hints

if TYPE_CHECKING:
    from guardian.core.figures import Figure
    from guardian.core.judging.counts import Counts, Uncounted
    from guardian.core.judging.tally import Count
    from guardian.core.model import Limit, Measurement, Query


@cache
def _series_of(kind: type[Measure]) -> tuple[str, ...]:
    """The names of a kind's fields that are queries."""
    from guardian.core.model import Query  # noqa: PLC0415 - which itself needs Measure

    hints = get_type_hints(kind)
    return tuple(field.name for field in fields(kind) if hints[field.name] is Query)


@dataclass(frozen=True, slots=True)
class Measure(ABC):
    """What a criterion measures."""

    any_of: ClassVar[str] = ""
    """What one of is enough to fail: "open incident"; empty where values are held to a limit."""
    stands: ClassVar[str] = ""
    """That there is such a one: "an incident is open"."""
    columns: ClassVar[tuple[str, ...]] = ()
    """How a table tells of such ones: what one is called by, its grade, its time, whose, why."""
    shares: ClassVar[bool] = False
    """Whether bad events are counted among all of them, so that two versions can be compared."""
    timed: ClassVar[bool] = False
    """Whether its counts are events in so many minutes, and not events of so many samples."""
    sampled: ClassVar[bool] = True
    """Whether a datapoint rests on samples that are counted."""

    # --- what is asked ---

    @property
    def queries(self) -> tuple[Query, ...]:
        """The series that it is made of, in the order of its fields."""
        return tuple([getattr(self, name) for name in _series_of(type(self))])

    @property
    def heard_by(self) -> Query:
        """The series that tells whether there was anything to judge: the last, if not told."""
        return self.queries[-1]

    @property
    def sought(self) -> tuple[Query, ...]:
        """The series that must be known before their silence says anything."""
        return self.queries

    @property
    def computed(self) -> Query | None:
        """The series whose values are held to the limit as they are; None where one counts."""
        return None

    @property
    def trimmed(self) -> Query | None:
        """The count of some of the samples, which a metric that counts them all may not have."""
        return None

    def as_computed(self, percentile: Callable[[Query, float], Query | None]) -> Measure | None:
        """The same as its source computes it, where it cannot count; None where it does not.

        `percentile` gives the series of a counted series' percentile, if there is one.
        """
        return None

    def filled(self, fill: Callable[[str], str]) -> Self:
        """The same with the variables replaced in what it holds beside its queries."""
        return self

    # --- what is counted ---

    @abstractmethod
    def counted(self, rest: Uncounted) -> Counts:
        """What was counted before, and the rest.

        `rest.kept` holds the settled periods that stand from the last time; the settled ones of
        the answer begin with them, and `rest.starts()` and `rest.points()` go on after them.
        """

    def zero(self, measurements: Mapping[Query, Measurement]) -> bool:
        """Whether a missing numerator is a zero."""
        return True

    def lenient(self) -> Self:
        """The same where bad events that were never reported are none: nobody is blamed."""
        return self

    # --- against a limit ---

    def allowed(self, limit: Limit) -> float:
        """The largest share of bad events within a limit; 1 for what is no share."""
        return 1.0

    def observed(self, events: Count) -> float:
        """The observed value of some events, as it is shown."""
        return events.bad / events.total

    def over(self, limit: Limit, events: Count) -> bool:
        """Whether the observed value of some events lies on the side of the limit that hurts."""
        return limit.direction.breached(self.observed(events), limit.value)

    def bound(self, limit: Limit) -> float:
        """What observed values are held against."""
        return limit.value

    @abstractmethod
    def figure(self, value: float) -> Figure:
        """An observed value, or what it is held against, with its unit."""

    def slower_than(self, limit: Limit) -> Figure | None:
        """The duration of which the value tells how many requests took longer."""
        return None

    def note(self, datapoints: tuple[int, int]) -> str:
        """What every verdict on it has to say beside its numbers."""
        return ""
