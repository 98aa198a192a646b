"""From an entry to what people must hear: one table, so that no path can act in silence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from guardian.core.model import Instant, Verdict


class Event(Enum):
    """What a notice is about; the names that `notify: - on: [...]` takes."""

    STARTED = "started"
    BAKING = "baking"
    HELD = "held"
    BLIND = "blind"
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
    """The journal entry it tells of; with `rollout` it identifies the notice."""
    service: str
    environment: str
    stable: str
    canary: str
    phase: str
    weight: str
    """The canary's weight as last confirmed, e.g. "10%"."""
    step: str
    """"2 of 3", or "" before the first."""
    title: str
    """One line: what happened."""
    did: str
    """What guardian did about it."""
    todo: str = ""
    """What the reader can do; empty when there is nothing."""
    verdicts: tuple[Verdict, ...] = ()
    pages: tuple[Page, ...] = ()
    resolves: tuple[str, ...] = ()
    """Keys of pages that are over."""
    change: bool = False
    """A start or an end: worth a change event."""
    final: bool = False
    """The end of the rollout: the thread's last message, shown to the whole channel."""
