"""What a daemon is doing, as one immutable value: metrics, health and pages are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from guardian.core.model import Instant
from guardian.core.status import RolloutStatus

METRICS_LISTEN: Final = "127.0.0.1:9464"
"""Where a daemon's status is served, and asked for, when nothing says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStatus:
    """A daemon at one instant."""

    at: Instant
    statuses: tuple[RolloutStatus, ...] = ()
    """One for each rollout that this process runs."""
    claims: Mapping[str, bool] = field(default_factory=dict)
    """Each configured service: whether this daemon serves it (else it stands by)."""
    planes: Mapping[str, tuple[Instant, float]] = field(default_factory=dict)
    """Each plane (`account:region:role`): when its last tick ended on the wall clock (0 for none
    yet), and by how many real seconds the next one is late."""
    unread: Mapping[str, int] = field(default_factory=dict)
    """By plane, how many series could not be read at the last poll."""
    pending: int | None = None
    """Notices that wait in the journal; None while it cannot be read."""
    notifiers: Mapping[str, str] = field(default_factory=dict)
    """Each of them: why it refused what it was given last; empty where it did not."""
    reload_ok: bool = True
    """Whether the files, as last read, were valid."""
    unseen: Mapping[str, str] = field(default_factory=dict)
    """Each service whose target was looked at, and why it could not be seen; empty where it was."""
    ready: str = ""
    """Why it is not ready to work, in a sentence; empty when it is."""
    alive: str = ""
    """Why its loop is taken for dead, in a sentence; empty while it moves."""
