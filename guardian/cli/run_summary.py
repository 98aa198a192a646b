"""What is known of a rollout when its command ends: for last words, summaries and reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guardian.core.notices import Notice
from guardian.core.rollout.entries import GateFailed
from guardian.core.rollout.machine import Rollout
from guardian.core.verdict import Verdict
from guardian.engine.outcome import Exit
from guardian.messages.v1 import EndedRecord

WORDS = {
    Exit.HEALTHY: ("green", "healthy"),
    Exit.ROLLED_BACK: ("red", "rolled back, and read back"),
    Exit.UNPROVEN: ("yellow", "the time is over without enough evidence"),
    Exit.STUCK: ("red", "NOT CONFIRMED: a person is needed"),
    Exit.WAITING: ("yellow", "waiting for a person"),
    Exit.BLIND: ("magenta", "guardian could not see"),
    Exit.GATE_FAILED: ("red", "breach, and on purpose not rolled back"),
    Exit.TIMEOUT: ("yellow", "--timeout is over"),
    Exit.INTERRUPTED: ("yellow", "interrupted"),
    Exit.TERMINATED: ("yellow", "interrupted"),
}
"""A colour and a few words for each end."""
ERRORS = {1: "internal_error", 2: "usage", 3: "config", 8: "blind"}
"""The names in docs/cli.md of the exit codes with which a command ends before it guards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One rollout as its command leaves it."""

    rollout: Rollout
    exit: Exit
    seen: tuple[Verdict, ...] = ()
    """The verdicts of the last look; empty where another process looked."""
    notices: tuple[Notice, ...] = ()
    """What was told while this command ran, in order."""

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One for each criterion that was judged, in the plan's order.

        Those on which the end rests come before those of the last look: after a rollback, the
        metrics of a healthy stable version must not hide why it happened.
        """
        last = {v.criterion: v for v in (*self.seen, *_decisive(self.rollout))}
        named = [c.name for c in self.rollout.plan.criteria]
        return tuple(last[name] for name in named if name in last)

    @property
    def record(self) -> EndedRecord:
        """For programs."""
        plan = self.rollout.plan
        return {
            "service": plan.service,
            "rollout": plan.rollout,
            "phase": self.rollout.phase.value,
            "stable": plan.stable,
            "canary": plan.canary,
            "outcome": self.exit.name.lower(),
            "exit_code": self.exit.value,
        }

    @property
    def next(self) -> str:
        """What the reader can do, as the newest notice says it; empty when there is nothing."""
        return self.notices[-1].todo if self.notices else ""


def _decisive(rollout: Rollout) -> Sequence[Verdict]:
    if rollout.rollback is not None:
        return rollout.rollback.verdicts
    if isinstance(rollout.end, GateFailed):
        return rollout.end.verdicts
    return rollout.completed.verdicts if rollout.completed is not None else ()
