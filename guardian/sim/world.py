"""What all simulated services share: the clock, the seed, one lock and one ordered story."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guardian.core.model import Instant
from guardian.ports import Clock

DEFAULT_ACCOUNT = "333333333333"
DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in the simulated world; `seq` orders events of all services.

    Kinds: `alias`, `slack.post`, `slack.update`, `pagerduty.trigger`, `pagerduty.acknowledge`,
    `pagerduty.resolve`, `pagerduty.change`, `pagerduty.open`.
    """

    seq: int
    at: Instant
    kind: str
    data: Mapping[str, Any]


def seeded(*parts: object) -> random.Random:
    """Randomness that depends on nothing but its name, so that every run tells the same story."""
    name = ":".join(str(part) for part in parts)
    return random.Random(name)  # noqa: S311 - a simulation wants repeatable numbers, not secret ones


class World:
    """The state that services share. Whoever reads or changes a service's state holds `lock`."""

    def __init__(self, *, clock: Clock, seed: int, account_id: str, region: str) -> None:
        self.clock = clock
        self.seed = seed
        self.account_id = account_id
        self.region = region
        self.lock = threading.RLock()
        self.requests: Counter[tuple[str, str]] = Counter()
        """How often each (service, operation) was called, refused calls included."""
        self.expired: set[str] = set()
        """Access keys that AWS's services no longer take."""
        self._events: list[Event] = []

    @property
    def events(self) -> list[Event]:
        """Everything that happened, in order; a copy."""
        with self.lock:
            return list(self._events)

    def log(self, kind: str, data: Mapping[str, Any]) -> Event:
        """Add to the story at the present instant."""
        with self.lock:
            event = Event(seq=len(self._events) + 1, at=self.clock.now(), kind=kind, data=data)
            self._events.append(event)
            return event
