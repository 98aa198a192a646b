"""Lists that mostly grow at their end, and sums over them: what is kept costs nothing again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from guardian.core.model import Instant


class Count(NamedTuple):
    """One period's events."""

    start: Instant
    bad: float
    total: float


def common(before: tuple[object, ...], after: tuple[object, ...]) -> int:
    """With how many of the same both begin.

    Most lists were only added to, or differ in their last few: whole slices are compared first.
    """
    most = min(len(before), len(after))
    back = 0
    while before[: most - back] != after[: most - back]:
        back = min(most, 4 * back or 4)
    same = most - back
    while same < most and before[same] == after[same]:
        same += 1
    return same


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Sums over periods; of a list that grew only what is new is added, to the same bits."""

    counts: tuple[Count, ...] = ()
    bad: float = 0.0
    total: float = 0.0
    heard: int = 0
    """In how many of them something was counted."""

    @property
    def sum(self) -> Count:
        """All events together."""
        return Count(0.0, self.bad, self.total)

    def over(self, counts: tuple[Count, ...]) -> Tally:
        """The sums over these instead."""
        same = common(self.counts, counts)
        if same < len(self.counts):
            return Tally().over(counts)
        bad, total, heard = self.bad, self.total, self.heard
        for _, each_bad, each_total in counts[same:]:
            bad += each_bad
            total += each_total
            heard += each_total > 0
        return Tally(counts=counts, bad=bad, total=total, heard=heard)
