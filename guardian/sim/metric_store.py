"""The metric store: samples with the instant at which CloudWatch shows them."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from guardian.core.model import MINUTE_S, Instant, floor_to
from guardian.sim.statistic import Bag

Dimensions: TypeAlias = frozenset[tuple[str, str]]
SeriesKey: TypeAlias = tuple[str, str, Dimensions]
"""Namespace, metric name, and the exact set of dimensions."""


def dimensions(pairs: Mapping[str, str]) -> Dimensions:
    """A dimension set from a map."""
    return frozenset(pairs.items())


@dataclass(slots=True)
class Cell:
    """What was published for one timestamp, in the order of becoming visible."""

    deposits: list[tuple[Instant, Bag]] = field(default_factory=list)
    _whole: Bag | None = None

    def put(self, visible_at: Instant, bag: Bag) -> None:
        """Add samples that are shown from `visible_at` on."""
        bisect.insort(self.deposits, (visible_at, bag), key=lambda deposit: deposit[0])
        self._whole = None

    def seen(self, as_of: Instant) -> Bag | None:
        """What a reader sees at `as_of`; None when nothing is visible yet."""
        if self.deposits[0][0] > as_of:
            return None
        if self.deposits[-1][0] > as_of:
            return _merged([bag for visible_at, bag in self.deposits if visible_at <= as_of])
        if self._whole is None:
            self._whole = _merged([bag for _, bag in self.deposits])
        return self._whole


def _merged(bags: list[Bag]) -> Bag:
    whole = Bag()
    for bag in bags:
        whole.add(bag)
    return whole


@dataclass(slots=True)
class Strand:
    """One series in one unit and one storage resolution."""

    times: list[Instant] = field(default_factory=list)
    cells: dict[Instant, Cell] = field(default_factory=dict)

    def put(self, at: Instant, visible_at: Instant, bag: Bag) -> None:
        """Add samples of one timestamp."""
        cell = self.cells.get(at)
        if cell is None:
            cell = self.cells[at] = Cell()
            bisect.insort(self.times, at)
        cell.put(visible_at, bag)

    def spoke(self, since: Instant, as_of: Instant) -> bool:
        """Whether a sample of `since` or later is visible at `as_of`."""
        first = bisect.bisect_left(self.times, since)
        return any(self.cells[at].seen(as_of) for at in self.times[first:])


class Metrics:
    """Every series. Not locked: callers hold the world's lock."""

    def __init__(self) -> None:
        self._series: dict[SeriesKey, dict[tuple[str, bool], Strand]] = {}

    def put(
        self,
        key: SeriesKey,
        *,
        at: Instant,
        visible_at: Instant,
        bag: Bag,
        unit: str = "None",
        fine: bool = False,
    ) -> None:
        """Add samples of the instant `at`, shown from `visible_at` on; `fine` is 1 s resolution."""
        strand = self._series.setdefault(key, {}).setdefault((unit, fine), Strand())
        strand.put(floor_to(at, 1.0 if fine else MINUTE_S), visible_at, bag)

    def listed(self, *, since: Instant, as_of: Instant) -> list[SeriesKey]:
        """The series with samples of `since` or later that are visible at `as_of`, in order."""
        found = (
            key
            for key, strands in self._series.items()
            if any(strand.spoke(since, as_of) for strand in strands.values())
        )
        return sorted(found, key=lambda key: (key[0], key[1], sorted(key[2])))

    def read(
        self,
        key: SeriesKey,
        *,
        start: Instant,
        end: Instant,
        period_s: int,
        unit: str | None,
        as_of: Instant,
    ) -> dict[Instant, Bag]:
        """The bags visible at `as_of` by the start of their period, ascending; none is empty.

        Periods are counted from `start`; samples stored before `end` belong to the last one.
        A period under a minute sees only what was stored at one-second resolution.
        """
        bins: dict[Instant, Bag] = {}
        for (stored_unit, fine), strand in self._series.get(key, {}).items():
            if unit not in (None, stored_unit) or (period_s < MINUTE_S and not fine):
                continue
            first = bisect.bisect_left(strand.times, start)
            last = bisect.bisect_left(strand.times, end)
            for at in strand.times[first:last]:
                seen = strand.cells[at].seen(as_of)
                if seen is not None:
                    label = start + (at - start) // period_s * period_s
                    bins.setdefault(label, Bag()).add(seen)
        return dict(sorted(bins.items()))
