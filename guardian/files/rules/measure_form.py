"""What a kind of criterion says of itself in rule files: the base of the forms in `kinds`.

A form is a module there, named by its key: what may be written under that key, the measure that
this makes, and what is told of it.
"""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar, Final, Generic, NamedTuple, TypeVar

from guardian.core.measure import Measure
from guardian.core.model import Criterion, Direction, Judge, Query
from guardian.core.wording import span
from guardian.files.findings import Finding, Node, Place
from guardian.files.rules.query import BuildContext
from guardian.files.units import plain

MIN_BAD: Final = 3
"""Samples are enough when this many bad ones were to be expected at the limit (rule of three)."""
CANARY_SHARE: Final = 0.10
"""The usual first step, for the arithmetic of pooled metrics."""
STABLE_RATE: Final = 0.005
"""What a healthy stable side is taken to fail at, in the same arithmetic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureSpec:
    """How the limits of one criterion are read, and the measure that a limit makes."""

    read: Callable[[object], Decimal]
    """A written limit in the measure's own unit. ValueError says how to write it."""
    refused: Callable[[Direction], str | None]
    """Why a direction makes no sense here, None when it does."""
    measure: Callable[[Decimal], Measure]
    """Given the limit."""
    floor: Callable[[Decimal], int]
    """The samples that are enough at a limit."""
    impossible: Callable[[Decimal], str | None] = lambda _: None
    """Why a limit can never be judged, None when it can."""
    text: Callable[[object], str] = str
    """A limit as people are told it."""


def listed(words: Sequence[str]) -> str:
    """For people: "P0", "P0, P1 or P2"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def either(_: Direction) -> str | None:
    """For what may hurt on either side."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A criterion and where it stands."""

    criterion: Criterion
    node: Node
    pooled_on_purpose: bool
    """The file says `scope:` itself."""

    def warn(self, key: str, message: str) -> Finding:
        """What is probably not meant, at one of its keys."""
        return self.node.finding((key,), message, severity="warning")


class MeasurePart(NamedTuple):
    """One of a measure's queries, and where it is written."""

    role: str
    """`bad`, `total` ..."""
    query: Query
    place: Place
    beside: Place
    """Where dimensions may stand beside the metric."""
    absent: str = ""
    """What its silence is, where the rule may say so."""


F = TypeVar("F")
M = TypeVar("M", bound=Measure)


class MeasureForm(ABC, Generic[F, M]):
    """One kind of criterion, as rule files know it; F is what is written, M what that makes."""

    written: ClassVar[Any]
    """The type of what stands under its key."""
    description: ClassVar[str]
    """What its key means, for the schema."""
    makes: ClassVar[tuple[type[Measure], ...]]
    """The measures that it can become."""
    never: ClassVar[str] = ""
    """Of a measure of which any one is enough: what never counts, in a sentence."""
    fills: ClassVar[bool] = False
    """Whether a missing datapoint may count as something."""
    suffer: ClassVar[str] = "fail"
    """What is done to requests that are bad: "fail"."""

    # --- from what is written ---

    def spec(self, of: F, judge: Judge, context: BuildContext) -> MeasureSpec | None:
        """How what is written is held to a limit; None when it has findings."""
        raise NotImplementedError

    def present(self, of: F, context: BuildContext) -> M:
        """What is written of a measure of which any one is enough."""
        raise NotImplementedError

    def unfit(self, judge: Judge) -> Iterator[tuple[str, str]]:
        """Keys of a criterion that mean nothing to this kind, and why."""
        del judge
        yield from ()

    # --- what is told ---

    def subject(self, measure: M, than: str) -> str:
        """When it fails, as the rest of a sentence: "5% of the events are bad"."""
        raise NotImplementedError

    def parts(self, measure: M) -> Sequence[MeasurePart]:
        """Its queries, in the order in which people think of them."""
        del measure
        return ()

    def own_keys(self, measure: M) -> Iterator[tuple[str, str]]:
        """What else is written under its key or has a default there: a key, and its value."""
        del measure
        yield from ()

    def silence(self, measure: M) -> Iterator[str]:
        """What its silence means, in sentences."""
        del measure
        yield from ()

    def unheard(self, criterion: Criterion) -> str:
        """What comes of hearing nothing of it, as the rest of a sentence."""
        return (
            f"after {span(criterion.no_data_after_s)} without a sample the verdict is no_data,"
            " which never passes and never fails"
        )

    def why_floor(self, criterion: Criterion) -> str:
        """What makes the default of `min_samples`."""
        if not criterion.measure.shares:
            return ""
        share = plain(Decimal(f"{100 * criterion.limit_rate:.6f}"))
        return f"{MIN_BAD} bad ones are to be expected among them at {share}%"

    # --- what is doubtful ---

    def doubts(self, placed: Placed, measure: M) -> Iterator[Finding]:
        """What is allowed and yet probably not meant."""
        del placed, measure
        yield from ()

    def doubts_of_all(self, placed: Sequence[Placed]) -> Iterator[Finding]:
        """The same of all criteria of this kind together."""
        del placed
        yield from ()

    def pooled(self, criterion: Criterion) -> str:
        """What a metric of both versions together hides, in numbers; empty where it hides none."""
        limit = criterion.limit_rate
        stable = min(STABLE_RATE, limit / 10)
        needed = (limit - (1 - CANARY_SHARE) * stable) / CANARY_SHARE
        at = f"at {CANARY_SHARE:.0%} weight a canary"
        if needed > 1:
            return f"{at} that should {self.suffer} every request does not show"
        share = math.floor(100 * needed)
        return f"{at} must {self.suffer} about {share}% of its requests before it shows"
