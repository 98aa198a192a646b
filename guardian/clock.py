"""The only module that reads the time, sleeps, or draws random numbers."""

from __future__ import annotations

import secrets
import time

from guardian.core.model import Instant

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Instant:
        """The wall clock, to the millisecond."""
        return round(time.time(), 3)

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        return time.monotonic()

    def real_s(self, wall_s: float) -> float:
        """One wall second is one real second."""
        return wall_s

    def sleep(self, real_s: float) -> None:
        """Sleep so many real seconds."""
        time.sleep(real_s)


class ScaledClock:
    """A wall clock that starts at `origin` and runs `speed` times as fast as the machine's.

    `started` is the machine's monotonic time at which the wall clock showed `origin`, so that
    several processes on one machine can share the same scaled time. `monotonic` is not scaled.
    """

    def __init__(self, *, origin: Instant, speed: float, started: float | None = None) -> None:
        self.origin = origin
        self.speed = speed
        self.started = time.monotonic() if started is None else started

    def now(self) -> Instant:
        """The scaled wall clock, to the millisecond."""
        return round(self.origin + (time.monotonic() - self.started) * self.speed, 3)

    def monotonic(self) -> float:
        """The machine's monotonic clock, unscaled."""
        return time.monotonic()

    def real_s(self, wall_s: float) -> float:
        """How long `wall_s` scaled seconds take on the machine's clock."""
        return wall_s / self.speed

    def sleep(self, real_s: float) -> None:
        """Sleep so many real seconds, unscaled."""
        time.sleep(real_s)


class SystemRandom:
    """The operating system's randomness."""

    def uniform(self) -> float:
        """A number in [0, 1)."""
        return secrets.randbelow(1 << 53) / (1 << 53)

    def token(self) -> str:
        """Eight random lower-case letters and digits."""
        return "".join(secrets.choice(_ALPHABET) for _ in range(8))
