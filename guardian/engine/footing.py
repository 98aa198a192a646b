"""Asks the routers, beside the loop's work, whether stable could still take the traffic back."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

from guardian.core.model import Instant
from guardian.core.rollout.state import Phase
from guardian.core.rollout.timeouts import seeks_way_back
from guardian.engine.runner import RolloutRunner

ASKS = 5
"""So many rollouts are asked for with each poll; of more, one after the other."""
ASK_EVERY_S = 600.0
"""Each of them at least as often as this."""
AGAIN_S = 10.0
"""So often while a rollback does not succeed: that may be the reason."""


def asking(
    runners: Sequence[RolloutRunner], now: Instant, poll_s: float, *, polling: bool
) -> dict[str, Callable[[], object]]:
    """The calls that are due; nobody waits for them, and while a rollback is under way it is first.

    What they learn counts from the next tick on; what fails leaves it as it was known.
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
