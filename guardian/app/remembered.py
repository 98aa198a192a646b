"""What is remembered of rollouts, and whom it concerns: enough to look at them and to order."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from guardian.core.rollout.machine import Rollout, fold
from guardian.engine.leadership import post
from guardian.messages.entry_lines import spaced
from guardian.ports import Clock, Journal


class Records(Protocol):
    """The journal with its clock. No target is touched, and no file has to be right."""

    @property
    def clock(self) -> Clock:
        """The wall clock by which the journal is written."""
        ...

    @property
    def journal(self) -> Journal:
        """What is remembered."""
        ...

    @property
    def configured_names(self) -> Collection[str]:
        """The services of the config file; none where there is no file."""
        ...


def state(journal: Journal, rollout: str) -> Rollout:
    """A rollout as its entries have it."""
    return fold(record.entry for record in journal.read(rollout))


def phase_of(rollout: Rollout) -> str:
    """A rollout's phase, for people."""
    return spaced(rollout.phase)


def driver(journal: Journal, rollout: Rollout) -> str | None:
    """Who drives a rollout, or will in a moment: its target's holder, or its service's daemon."""
    plan = rollout.plan
    return journal.holder(plan.target) or journal.holder(post(plan.environment, plan.service))
