"""What the parts of an engine work with, from the loop to the outbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from guardian.engine.tick_result import TickResult
from guardian.ports import Clock, Journal, Metrics, Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What an engine works with, and whom it tells."""

    journal: Journal
    clock: Clock
    rng: Random
    owner: str
    """Host, process and purpose, for people."""
    observer: Callable[[TickResult], None] = lambda _: None
    say: Callable[[str], None] = lambda _: None
    metrics: Metrics = field(default_factory=Metrics)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Services that go back together, in that order."""
