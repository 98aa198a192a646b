"""What an engine is given to carry out, and why it may have to refuse."""

from __future__ import annotations

from dataclasses import dataclass

from guardian.core.codec import rfc3339
from guardian.core.model import Instant
from guardian.core.plan import Plan
from guardian.core.rollout.entries import OrderKind
from guardian.core.rollout.machine import Rollout
from guardian.engine.outcome import Exit
from guardian.messages.entry_lines import spaced
from guardian.ports import GuardianError, Router


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A plan to carry out, and the adapters it needs."""

    plan: Plan
    router: Router
    plane: str
    """Which source reads its metrics."""
    resume: bool = False
    """Take over the live rollout of that id, instead of starting one."""
    instead_of: str | None = None
    """A live rollout on the same target that a person's order ends, in favour of this plan."""
    order: OrderKind | None = None
    """Given to a rollout that is taken over, before its first tick."""


PENDING_S = 300.0
"""How long a start waits for a version that the vendor is still making."""
ORDER_LIVES_S = 600.0
"""A start that nobody took for so long, in real seconds, is refused: it would be a surprise."""


def rollout_id(service: str, at: Instant, token: str) -> str:
    """The id of a rollout of a service: when it was asked for, and what tells it from others."""
    minute = rfc3339(at)[:16].replace("-", "").replace(":", "")
    return f"{service.replace(':', '-')}-{minute}-{token}"


class NothingToDo(GuardianError):
    """What is wanted is live already."""

    exit_code = Exit.HEALTHY.value


class TargetHeld(GuardianError):
    """Another living process holds the target."""

    exit_code = Exit.WAITING.value

    def __init__(self, target: str, holder: str) -> None:
        super().__init__(f"{target} is driven by {holder}")


class Busy(GuardianError):
    """The target has a live rollout of its own that nobody drives any more."""

    exit_code = Exit.WAITING.value

    def __init__(self, rollout: Rollout) -> None:
        plan = rollout.plan
        super().__init__(
            f"{plan.target} has a live rollout of version {plan.canary} ({plan.rollout}, in"
            f" {spaced(rollout.phase)}): finish it with `guardian rollout start"
            f" {plan.service} --to {plan.canary} --wait`, or take it back with `guardian rollback"
            f" {plan.service}`"
        )
