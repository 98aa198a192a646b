"""Existing alarms, by name; one that fires after the first shift is a breach."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Self

from guardian.core.figures import Unit
from guardian.core.judging.presence import Present
from guardian.core.model import Incident, Measurement, Query


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms(Present):
    """Alarms of these names in one of these states; one that fired after the first shift fails."""

    firing: Query
    """Asks for those that are in one of the states; see `alarm_query`."""
    doubtful: Query
    """Asks for those that are in none of them, and yet show no health."""
    names: tuple[str, ...]
    """Whole names, or the beginning of some with a `*` behind it; may hold `${...}`."""
    states: tuple[str, ...]

    any_of = "firing alarm"
    stands = "an alarm fires"
    columns = ("alarm", "state", "fired", "type", "reason")
    unit = Unit.ALARMS
    began = "fired at"
    lasts = "fires since"

    def filled(self, fill: Callable[[str], str]) -> Self:
        """With its names."""
        return replace(self, names=tuple(fill(name) for name in self.names))

    def called(self, one: Incident) -> str:
        """With its state, where that is not the usual one."""
        return f"alarm {one.id}" + (f" ({one.priority})" if one.priority != "ALARM" else "")

    @property
    def nothing(self) -> str:
        """None of its names."""
        return f"no alarm of {', '.join(self.names)} fires"

    def doubt(self, measurements: Mapping[Query, Measurement], fixes: Collection[str]) -> str:
        """The first one without data, or that is muted, and how many more there are."""
        found = measurements.get(self.doubtful, Measurement()).incidents
        doubtful = [one for one in found if one.id not in fixes]
        if not doubtful:
            return ""
        first, more = doubtful[0], len(doubtful) - 1
        also = f" (and {more} more)" if more else ""
        return f"alarm {first.id} {first.title}, which shows no health{also}"


def alarm_query(source: str, asked: str, names: tuple[str, ...], states: tuple[str, ...]) -> Query:
    """How a source is asked for the `firing` or the `doubtful` ones of these alarms."""
    return Query(
        source=source,
        name=f"{asked} alarms",
        words=(
            ("alarms", tuple(("name", name) for name in names)),
            ("asked", asked),
            ("states", tuple(("state", state) for state in states)),
        ),
    )
