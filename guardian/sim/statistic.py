"""CloudWatch's statistics over raw values: Sum to Maximum, pNN, TC, TS, TM and PR."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d{1,10})?|100)")
_RANGE = re.compile(r"(TC|TS|TM|PR)\((-?\d+(?:\.\d+)?)?:(-?\d+(?:\.\d+)?)?\)")


@dataclass(slots=True, kw_only=True)
class Bag:
    """Samples of one period: how many of each value, and what is known without the values."""

    n: float = 0.0
    total: float = 0.0
    low: float = float("inf")
    high: float = float("-inf")
    values: dict[float, float] = field(default_factory=dict)
    opaque: bool = False
    """Some samples came as a statistic set, so that the single values are not known."""

    @classmethod
    def of(cls, values: Mapping[float, float]) -> Bag:
        """A bag of `{value: count}`."""
        bag = cls()
        for value, count in values.items():
            if count > 0:
                bag.values[float(value)] = float(count)
                bag.n += count
                bag.total += value * count
        if bag.values:
            bag.low, bag.high = min(bag.values), max(bag.values)
        return bag

    @classmethod
    def summary(cls, *, n: float, total: float, low: float, high: float) -> Bag:
        """A statistic set; its values are known only when all are the same."""
        known = {low: n} if low == high or n == 1 else {}
        return cls(n=n, total=total, low=low, high=high, values=known, opaque=not known)

    def add(self, other: Bag) -> None:
        """Put the other bag's samples into this one."""
        self.n += other.n
        self.total += other.total
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        self.opaque = self.opaque or other.opaque
        mine = self.values
        for value, count in other.values.items():
            mine[value] = mine.get(value, 0.0) + count


Statistic: TypeAlias = Callable[[Bag], float | None]
"""The statistic of a bag with at least one sample; None when CloudWatch shows no datapoint."""

_BASIC: dict[str, Statistic] = {
    "SampleCount": lambda bag: bag.n,
    "Sum": lambda bag: bag.total,
    "Average": lambda bag: bag.total / bag.n,
    "Minimum": lambda bag: bag.low,
    "Maximum": lambda bag: bag.high,
}


def statistic(text: str) -> Statistic | None:
    """The statistic that a `Stat` string names; None when it names none."""
    if text in _BASIC:
        return _BASIC[text]
    if match := _PERCENTILE.fullmatch(text):
        return _raw(lambda bag, share=float(match[1]) / 100: _percentile(bag, share))  # type: ignore[misc]
    if match := _RANGE.fullmatch(text):
        if match[2] is None and match[3] is None:
            return None
        low = float("-inf") if match[2] is None else float(match[2])
        high = float("inf") if match[3] is None else float(match[3])
        return _raw(_ranged(match[1], low, high))
    return None


def _raw(inner: Statistic) -> Statistic:
    """Extended statistics need every value, and none below zero (PutMetricData's reference)."""
    return lambda bag: None if bag.opaque or bag.low < 0 else inner(bag)


def _percentile(bag: Bag, share: float) -> float:
    """The smallest value that at least `share` of the samples do not exceed (nearest rank)."""
    wanted = share * bag.n
    seen = 0.0
    for value in sorted(bag.values):
        seen += bag.values[value]
        if seen >= wanted - 1e-9:
            return value
    return bag.high


def _ranged(name: str, low: float, high: float) -> Statistic:
    """Statistics of the samples in (low, high]: the lower bound is exclusive, the upper is not."""

    def compute(bag: Bag) -> float | None:
        inside = [(v, n) for v, n in bag.values.items() if low < v <= high]
        count = sum(n for _, n in inside)
        total = sum(v * n for v, n in inside)
        if name == "TM":
            return total / count if count else None
        return {"TC": count, "TS": total, "PR": 100.0 * count / bag.n}[name]

    return compute
