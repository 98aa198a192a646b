"""Whether the wall clock was set ahead between two looks: by hand, or because the machine slept."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from guardian.core.model import Instant
from guardian.core.reasons import duration
from guardian.core.rollout.timeouts import CLOCK_STEP_S
from guardian.engine.runner import RolloutRunner
from guardian.ports import Clock


class Leaps:
    """Holds the wall clock against the one that never jumps."""

    def __init__(self, clock: Clock, say: Callable[[str], None]) -> None:
        self._clock = clock
        self._say = say
        self._before = (clock.now(), clock.monotonic())

    def look(self, runners: Iterable[RolloutRunner], now: Instant) -> None:
        """Say once that the clock was set ahead: what it left out is no silence of these.

        It may go ahead by a minute without a word, as it may go back.
        """
        wall, monotonic = self._before
        self._before = (now, self._clock.monotonic())
        leapt_s = self._clock.real_s(now - wall) - (self._before[1] - monotonic)
        if leapt_s > CLOCK_STEP_S:
            self._say(f"this machine's clock was set ahead by {duration(leapt_s)}")
            for runner in runners:
                runner.set_ahead_at = now
