"""Whose turn it is: whose traffic is read in a tick, and who is asked for the way back.

Reads take from the same quota as writes: many at once would stand in a rollback's way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from guardian.core.model import Instant
from guardian.core.rollout.state import Phase
from guardian.core.rollout.timeouts import seeks_way_back
from guardian.engine.runner import RolloutRunner

LOOKS = 10
"""So many targets that are as wished are looked at with each poll; of more, one after the other."""
LOOK_EVERY_S = 600.0
"""Each of them at least as often as this."""
ASKS = 5
"""So many rollouts are asked for with each poll; of more, one after the other."""
ASK_EVERY_S = 600.0
"""Each of them at least as often as this."""
AGAIN_S = 10.0
"""So often while a rollback does not succeed: that may be the reason."""


def looking(
    runners: Sequence[RolloutRunner], monotonic: float, poll_s: float, *, polling: bool
) -> list[RolloutRunner]:
    """Whose traffic is read: what is not as wished, and at a poll some of the others in turn."""
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


def asking(
    runners: Sequence[RolloutRunner], now: Instant, poll_s: float, *, polling: bool
) -> dict[str, Callable[[], object]]:
    """The calls that ask, beside the loop's work, whether stable could still take the traffic back.

    Nobody waits for them, and while a rollback is under way it is first. What they learn
    counts from the next tick on; what fails leaves it as it was known.
    """
    mine = [c for c in runners if not c.over and seeks_way_back(c.rollout)]
    moving = [c for c in mine if not c.rollout.kept_back]
    back = [c for c in moving if c.rollout.phase is Phase.ROLLING_BACK]
    due = [c for c in back if c.tries and not 0.0 <= now - c.way_back_at < AGAIN_S]
    if polling and not back:
        turn = max(ASKS, math.ceil(len(mine) * poll_s / ASK_EVERY_S))
        due = sorted(mine, key=lambda runner: runner.way_back_at)[:turn]
    for runner in due:
        runner.way_back_at = now
    return {f"way-back-{c.id}": partial(_ask, c) for c in due}


def _ask(runner: RolloutRunner) -> None:
    plan = runner.rollout.plan
    runner.way_back = runner.router.way_back(stable=plan.stable, canary=plan.canary)
