"""What a notice is: something to tell, complete in itself, and the pages that it opens and ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from guardian.core.model import Instant
from guardian.core.traffic import Weight
from guardian.core.verdict import Verdict


class Event(Enum):
    """What a notice is about; the names that `notify: - on: [...]` takes."""

    STARTED = "started"
    BAKING = "baking"
    HELD = "held"
    BLIND = "blind"
    WARNING = "warning"
    RESUMED = "resumed"
    ROLLING_BACK = "rolling_back"
    STUCK = "stuck"
    ROLLED_BACK = "rolled_back"
    GATE_FAILED = "gate_failed"
    COMPLETED = "completed"
    UNPROVEN = "unproven"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


class Severity(Enum):
    """PagerDuty's severities."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Wake somebody: open an incident under `key`."""

    key: str
    """`guardian/<environment>/<service>/<rollout>/<cause>`, at most 255 characters."""
    severity: Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something to tell, complete in itself: a notifier needs nothing else to render it."""

    event: Event
    at: Instant
    rollout: str
    seq: int
    """The journal entry that it tells of, or after which it tells of something beside them."""
    service: str
    environment: str
    stable: str
    canary: str
    phase: str
    weight: Weight | None
    """The canary's weight as last confirmed; None where it is of no rollout."""
    step: int
    """Counted from 1; 0 before the first."""
    steps: int
    title: str
    """One line: what happened."""
    did: str
    """What guardian did about it."""
    todo: str = ""
    """What the reader can do; empty when there is nothing."""
    verdicts: tuple[Verdict, ...] = ()
    pages: tuple[Page, ...] = ()
    resolves: tuple[str, ...] = ()
    """Keys of pages that are over; see `routing_events` for who must hear of it."""
    change: bool = False
    """A start or an end: worth a change event."""
    final: bool = False
    """The end of the rollout: the thread's last message, shown to the whole channel."""
    beside: str = ""
    """What it tells of where no entry stands for it, e.g. "unguarded"."""

    @property
    def id(self) -> str:
        """The same for every delivery of it, and for no other notice."""
        return "/".join(part for part in (self.rollout, str(self.seq), self.beside) if part)

    @property
    def vital(self) -> bool:
        """Whether somebody has to be woken, or may sleep again: a page, or the end of one."""
        return bool(self.pages or self.resolves)

    @property
    def own(self) -> bool:
        """Whether it is about guardian itself, and about no service and no rollout."""
        return not self.canary
