"""What a guarded rollout comes to, for whoever waits: the exit codes of docs/cli.md."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from guardian.core.entries import GateFailed, HoldReason
from guardian.core.model import Outcome
from guardian.core.rollout import Phase, Rollout


class Exit(Enum):
    """What a guarded rollout comes to, as the process's exit code (docs/cli.md)."""

    HEALTHY = 0
    ROLLED_BACK = 4
    UNPROVEN = 5
    STUCK = 6
    WAITING = 7
    BLIND = 8
    GATE_FAILED = 9
    TIMEOUT = 124
    INTERRUPTED = 130
    TERMINATED = 143


WORST_FIRST = (
    Exit.STUCK,
    Exit.ROLLED_BACK,
    Exit.GATE_FAILED,
    Exit.BLIND,
    Exit.WAITING,
    Exit.TIMEOUT,
    Exit.INTERRUPTED,
    Exit.TERMINATED,
    Exit.UNPROVEN,
    Exit.HEALTHY,
)


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
            return _HELD.get(rollout.hold.why, Exit.WAITING)
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
    return min(exits, key=WORST_FIRST.index, default=Exit.HEALTHY)
