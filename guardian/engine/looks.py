"""Whose traffic is read in a tick."""

from __future__ import annotations

import math
from collections.abc import Sequence

from guardian.core.rollout.machine import Phase
from guardian.engine.runner import RolloutRunner

LOOKS = 10
"""So many targets that are as wished are looked at with each poll; of more, one after the other."""
LOOK_EVERY_S = 600.0
"""Each of them at least as often as this."""


def looking(
    runners: Sequence[RolloutRunner], monotonic: float, poll_s: float, *, polling: bool
) -> list[RolloutRunner]:
    """Whose traffic is read: what is not as wished, and at a poll some of the others in turn.

    Reads take from the same quota as writes: many at once would stand in a rollback's way.
    """
    urgent = [c for c in runners if c.wants_reading(monotonic, polling=False)]
    if not polling:
        return urgent
    calm = [c for c in runners if c not in urgent and c.wants_reading(monotonic, polling=True)]
    fewest = 0 if any(c.rollout.phase is Phase.ROLLING_BACK for c in urgent) else LOOKS
    turn = max(fewest, math.ceil(len(calm) * poll_s / LOOK_EVERY_S))
    calm = sorted(calm, key=lambda runner: runner.looked_at)[:turn]
    for runner in calm:
        runner.looked_at = monotonic
    return [*urgent, *calm]
