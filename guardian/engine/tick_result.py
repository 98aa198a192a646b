"""What one tick did, as a value for whoever shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from guardian.core.model import Instant
from guardian.core.notices import Notice
from guardian.core.rollout.entries import Entry
from guardian.core.rollout.machine import Rollout
from guardian.core.status import RolloutStatus


class Recorded(NamedTuple):
    """An entry, the rollout after it, and what people are told of it."""

    entry: Entry
    after: Rollout
    notice: Notice | None

    @property
    def rollout(self) -> str:
        """The rollout's id."""
        return self.after.plan.rollout


@dataclass(frozen=True, slots=True, kw_only=True)
class TickResult:
    """What one tick did, for whoever shows it."""

    at: Instant
    polled: bool
    statuses: tuple[RolloutStatus, ...]
    recorded: tuple[Recorded, ...]
    trouble: str = ""
    """Why the journal could not be used, if so."""

    @property
    def news(self) -> Iterator[tuple[Recorded, RolloutStatus]]:
        """What was recorded, each with how its rollout stands."""
        statuses = {status.id: status for status in self.statuses}
        return ((item, statuses[item.rollout]) for item in self.recorded)
