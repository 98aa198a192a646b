"""What is remembered of rollouts, and whom it concerns: enough to look at them and to order."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from guardian.core.rollout.machine import Rollout, fold
from guardian.engine.leadership import post
from guardian.messages.entry_lines import spaced
from guardian.ports import Clock, ConfigError, Journal


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


# --- by name -----------------------------------------------------------------------------------


def meant(records: Records, name: str) -> str | None:
    """The rollout that a name means: a service's live one, else its last; else that of this id.

    None for a service that has had none so far; ConfigError for what nothing knows.
    """
    journal = records.journal
    live = [head.rollout for head in journal.live() if head.service == name]
    past = live[-1:] or [head.rollout for head in journal.history(name, limit=1)]
    if past or name in records.configured_names:
        return past[0] if past else None
    if not journal.read(name):
        raise unknown(records, name)
    return name


def unknown(records: Records, name: str) -> ConfigError:
    """What is wrong with a name that is neither a service's nor a rollout's, and what there is."""
    there = sorted(services(records))
    newest = [head.rollout for one in there for head in records.journal.history(one, limit=1)]
    return ConfigError(
        f"the journal knows no rollout and no service called {name}; there are"
        f" {', '.join([*there, *newest]) or 'none yet'}; {live_now(records)}"
    )


def services(records: Records) -> list[str]:
    """Those of the config file, and those with something live."""
    live = (head.service for head in records.journal.live())
    return list(dict.fromkeys([*records.configured_names, *live]))


def live_now(records: Records) -> str:
    """What is live, for people."""
    live = ", ".join(f"{head.service} ({head.rollout})" for head in records.journal.live())
    return f"live now: {live}" if live else "nothing is live"
