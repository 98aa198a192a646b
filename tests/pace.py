"""How fast a scaled clock may run here and now, and how long a test waits for what should come.

Whole-process tests run on a clock that is many times as fast as the machine's. A machine that is
slow, or busy with other work, would see time run away from guardian: polls come late and answers
are old before they are judged. So each clock is slowed as much as the machine is at that moment.
"""

from __future__ import annotations

from typing import Final

from guardian.clock import SystemClock

PATIENCE: Final = 4.0
"""Waits end as soon as what they wait for is so; only a failure takes this many times as long."""
_WORK: Final = 400_000
_USUAL_S: Final = 0.045
"""How long the work takes on the machines that the speeds were chosen on, tests beside it."""


def bearable(speed: float) -> float:
    """The speed, divided by how many times slower than usual this machine is now."""
    clock = SystemClock()
    began = clock.monotonic()
    sum(number % 7 for number in range(_WORK))
    return speed / max(1.0, (clock.monotonic() - began) / _USUAL_S)
