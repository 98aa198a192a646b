"""Ends completed rollouts that nobody can take back any more: the one place that retires them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from guardian.core.rollout.decide import retired
from guardian.core.rollout.machine import Phase, Rollout
from guardian.engine.host import Host
from guardian.ports import Head

LOOK_S = 10.0
"""Real seconds between two looks: nobody waits for it."""


class Retirement:
    """Looks through the rollouts of the services that are served here."""

    def __init__(self, host: Host, read: Callable[[Head], Rollout | None]) -> None:
        self._host = host
        self._journal, self._clock = host.journal, host.clock
        self._read = read
        """A rollout as its journal tells it; None for one that cannot be read."""
        self._due = 0.0
        self._closed: set[str] = set()
        """Rollouts that are at an end of which nothing follows."""

    def step(self, services: Iterable[str]) -> None:
        """Retire what is due; a target that somebody holds has to wait."""
        monotonic = self._clock.monotonic()
        if monotonic < self._due:
            return
        self._due = monotonic + LOOK_S
        for service in services:
            for newer, head in enumerate(self._journal.history(service)):
                if not head.live and head.rollout not in self._closed:
                    self._look(head, followed=newer > 0)

    def _look(self, head: Head, *, followed: bool) -> None:
        rollout = self._read(head)
        if rollout is None or rollout.phase is not Phase.COMPLETED:
            self._closed.add(head.rollout)
            return
        entry = retired(rollout, self._clock.now(), followed=followed)
        if entry is None or self._journal.holder(head.target) is not None:
            return
        claim = self._journal.claim(self._host.lease, head.target)
        if claim is None:
            return
        try:
            self._host.end(claim, rollout, entry)
        finally:
            self._journal.release(claim)
