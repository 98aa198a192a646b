"""What a source says of its metrics in rule files: the base of the forms in `sources`.

A form is a module there, named as its source is: what may be written of a metric, and the queries
that this makes.
"""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Final, Generic, Literal, NamedTuple, TypeVar

from pydantic import Field

from guardian.core.model import Query
from guardian.files.findings import Place
from guardian.files.rules.model import Period
from guardian.files.rules.query import BuildContext
from guardian.files.validation import Strict

TIME_UNITS: Final[Mapping[str, Decimal]] = {
    "Seconds": Decimal(1),
    "Milliseconds": Decimal(1000),
    "Microseconds": Decimal(10**6),
}
"""How many of a unit make a second."""
PERCENT: Final = "Percent"
BYTES: Final = "Bytes"


class MetricBase(Strict):
    """One metric of some source."""

    period: Period | None = Field(default=None, description="Length of one datapoint.")
    unit: str | None = Field(
        default=None, description="What the values mean, in CloudWatch's word."
    )
    absent: Literal["zero"] | None = Field(
        default=None,
        description="zero: of a ratio's bad or good, published only when there is one to count.",
    )


_NO_PART: Final = (
    "absent is for the bad or good metric of a ratio, whose total shows that there was something to"
    " count: leave it out here"
)


def no_part(metric: MetricBase, place: Place, context: BuildContext) -> None:
    """What counts no part of what another metric counts may not say `absent`."""
    if metric.absent is not None:
        context.say((*place, "absent"), _NO_PART, key=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """A metric whose samples can be counted, and the percentile that its source computes."""

    per_second: Decimal
    """How many of its unit make a second."""
    count: Query
    within: Callable[[Decimal], Query]
    """Counts the samples up to a limit in its unit."""
    percentile: Query


class Key(NamedTuple):
    """A key of a metric and its value in force."""

    key: str
    text: str
    why: str = ""
    """What makes the default, where it depends on something."""
    beside: bool = False
    """Whether it may also stand beside the metric, for several."""


M = TypeVar("M", bound=MetricBase)


class SourceForm(ABC, Generic[M]):
    """One source, as rule files know it; M is what is written of a metric."""

    title: ClassVar[str]
    """What people call it."""
    written: ClassVar[type[MetricBase]]
    """The model of what is written."""

    def counts(
        self, metric: M, place: Place, beside: Mapping[str, str], context: BuildContext, who: str
    ) -> Query:
        """A series of counts of events; `who` counts them: "a ratio".

        `beside` are the dimensions that stand next to the metrics.
        """
        raise NotImplementedError

    def value(self, metric: M, place: Place, context: BuildContext) -> Query:
        """A series of values, with their unit."""
        raise NotImplementedError

    def samples(
        self,
        metric: M,
        percentile: Decimal,
        place: Place,
        beside: Mapping[str, str],
        context: BuildContext,
    ) -> Samples | None:
        """Durations that can be counted; None where they cannot be, which is a finding."""
        raise NotImplementedError

    def called(self, query: Query) -> str:
        """What sentences call a series."""
        return query.name

    def settle_s(self, query: Query) -> float:
        """Seconds after a period's end from which its datapoint is taken as final."""
        raise NotImplementedError

    def settles(self, query: Query) -> str:
        """What that depends on, for people."""
        del query
        return self.title

    def percentile_of(self, query: Query) -> str:
        """The percentile that a series is itself, like "95"; empty where it is none."""
        del query
        return ""

    def longest_s(self, query: Query) -> float:
        """Seconds that no sample of durations can exceed."""
        del query
        return math.inf

    def sparse(self, query: Query) -> str:
        """That a series is silent where it counts nothing, for people; empty where it is not."""
        del query
        return ""

    def blind_spot(self, query: Query) -> str:
        """What a series of failures does not count, for people; empty where nothing is known."""
        del query
        return ""

    def keys(self, query: Query) -> Iterator[Key]:
        """Every key that may be written of the metric, with what the query has of it."""
        raise NotImplementedError
