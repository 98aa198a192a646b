"""What a guarded rollout comes to, for whoever waits: the exit codes of docs/cli.md."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from guardian.core.model import Instant
from guardian.core.plan import Drive
from guardian.core.rollout.entries import (
    Cancelled,
    Cause,
    Completed,
    Entry,
    GateFailed,
    HoldReason,
    RollbackConfirmed,
    Superseded,
)
from guardian.core.rollout.machine import Phase, Rollout
from guardian.core.verdict import Outcome
from guardian.ports import Metrics


class Exit(Enum):
    """What a guarded rollout comes to, as the process's exit code (docs/cli.md); worst first."""

    STUCK = 6
    ROLLED_BACK = 4
    GATE_FAILED = 9
    BLIND = 8
    WAITING = 7
    TIMEOUT = 124
    INTERRUPTED = 130
    TERMINATED = 143
    UNPROVEN = 5
    HEALTHY = 0


def outcome(rollout: Rollout) -> Exit:
    """What a rollout's state means to whoever waits for it."""
    match rollout.phase:
        case Phase.ROLLED_BACK:
            return Exit.ROLLED_BACK
        case Phase.ROLLING_BACK:
            return Exit.STUCK
        case Phase.COMPLETED | Phase.RETIRED:
            return _completed(rollout)
        case Phase.CANCELLED if isinstance(rollout.end, GateFailed):
            return Exit.GATE_FAILED
        case Phase.HELD if rollout.hold is not None:
            # A breach that a freeze keeps from going back: traffic is where it hurts.
            return (
                Exit.STUCK
                if rollout.hold.rollback_withheld
                else _HELD.get(rollout.hold.why, Exit.WAITING)
            )
        case _:
            return Exit.WAITING


_HELD = {HoldReason.BLIND: Exit.BLIND, HoldReason.BREACH: Exit.GATE_FAILED}


def _completed(rollout: Rollout) -> Exit:
    if rollout.live:
        return Exit.STUCK
    if rollout.completed is None or not rollout.completed.unproven:
        return Exit.HEALTHY
    unproven = [v for v in rollout.completed.verdicts if v.criterion in rollout.completed.unproven]
    blind = any(v.outcome is Outcome.ERROR or v.evidence.blind_since is not None for v in unproven)
    return Exit.BLIND if blind else Exit.UNPROVEN


def worst(exits: Sequence[Exit]) -> Exit:
    """The exit of several services together."""
    return min(exits, key=list(Exit).index, default=Exit.HEALTHY)


def waits_in_vain(rollout: Rollout, now: Instant) -> bool:
    """Whether a watch is held for what only a person can change, or never came to judge."""
    hold = rollout.hold
    if hold is None:
        return False
    plan = rollout.plan
    longest_s = plan.steps[0].max_bake_s + plan.policy.max_blind_s
    late = hold.resume_to is not Phase.BAKING and now - rollout.started_at >= longest_s
    return hold.why in (HoldReason.CONFLICT, HoldReason.BREACH) or late


def never_shifted(rollout: Rollout) -> bool:
    """Whether a driven rollout is held because not even its first weight was ever confirmed."""
    blind = rollout.hold is not None and rollout.hold.why is HoldReason.BLIND
    return blind and rollout.moved and not rollout.confirmed


def hopeless(
    rollout: Rollout, rollback_timeout_s: float, now: Instant, *, tried_since: Instant = 0.0
) -> bool:
    """Whether waiting longer is of no use: a person is needed.

    Who takes up what another process left has tried since then, however old that is.
    """
    if rollout.phase is Phase.ROLLING_BACK and rollout.rollback is not None:
        return now - max(rollout.unconfirmed_since, tried_since) >= rollback_timeout_s
    if rollout.phase is Phase.COMPLETED and rollout.completed is not None:
        return now - max(rollout.completed.at, tried_since) >= rollback_timeout_s
    return rollout.moved and overdue(rollout, now)


def overdue(rollout: Rollout, now: Instant) -> bool:
    """Whether a driven rollout was held for `max_hold`, and will not go back by itself.

    Until then a hold is lived through, whatever its reason: what moved traffic goes back in time.
    """
    hold, plan = rollout.hold, rollout.plan
    if hold is None or hold.has_own_timeout or plan.drive is not Drive.ROLLOUT:
        return False
    goes_back = rollout.moved and plan.restores
    return not goes_back and rollout.held_s + now - hold.since >= plan.policy.max_hold_s


def count(metrics: Metrics, entry: Entry, after: Rollout) -> None:
    """Count an end, once for each entry that is one."""
    match entry:
        case Completed():
            word = "unproven" if entry.unproven else "completed"
        case RollbackConfirmed():
            person = after.rollback is not None and after.rollback.cause is Cause.ABORTED
            word = "aborted" if person else "rolled_back"
            if after.rollback is not None:
                metrics.rolled_back(after.plan.service, max(0.0, entry.at - after.rollback.at))
        case Superseded():
            word = "superseded"
        case Cancelled() | GateFailed():
            word = "cancelled"
        case _:
            return
    metrics.ended(after.plan.service, word)
