"""A clock that moves only when it is told to: for tests that walk through simulated time."""

from __future__ import annotations

import threading

from guardian.core.model import Instant


class HandClock:
    """Wall and monotonic time, moved together by `advance`; safe to read from any thread."""

    def __init__(self, now: Instant) -> None:
        self._now = now
        self._lock = threading.Lock()

    def now(self) -> Instant:
        """The wall clock."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """The same seconds as the wall clock's."""
        return self.now()

    def real_s(self, wall_s: float) -> float:
        """One to one: nobody should wait for this clock."""
        return wall_s

    def sleep(self, real_s: float) -> None:
        """Whoever waits moves it."""
        self.advance(real_s)

    def advance(self, seconds: float) -> Instant:
        """Move on; the new wall time."""
        with self._lock:
            self._now = round(self._now + seconds, 3)
            return self._now
