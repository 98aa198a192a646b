"""What one tick did, as a value for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass

from guardian.core.model import Instant
from guardian.core.notices import Notice
from guardian.core.rollout.entries import Entry
from guardian.core.status import RolloutStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An entry that is in the journal now, and what people are told of it."""

    rollout: str
    service: str
    entry: Entry
    notice: Notice | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TickResult:
    """What one tick did, for whoever shows it."""

    at: Instant
    polled: bool
    statuses: tuple[RolloutStatus, ...]
    recorded: tuple[Recorded, ...]
    trouble: str = ""
    """Why the journal could not be used, if so."""
