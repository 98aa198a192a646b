"""One command's session in this process: a journal in a file, a simulated target, a quick clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import cast

from guardian.aws import Sessions
from guardian.clock import ScaledClock
from guardian.core.plan import Plan
from guardian.core.rollout.entries import Entry, Order
from guardian.core.rollout.machine import Rollout
from guardian.engine.dependencies import Dependencies
from guardian.engine.in_process import InProcessRun, Limits
from guardian.engine.outbox import Receiver
from guardian.engine.outcome import Exit
from guardian.engine.task import Task
from guardian.engine.tick_result import TickResult
from guardian.journals import sqlite
from guardian.ports import Journal, Source
from tests.contracts.adapters import account_for, context_for
from tests.pace import bearable
from tests.simulation.scheduler import plan
from tests.simulation.world import (
    ORIGIN,
    Alias,
    Behaviour,
    Faults,
    Metrics,
    People,
    SeededRandom,
    Tracker,
    VirtualClock,
)

SERVICE = "agents-api"
SPEED = 300.0


class Quick(ScaledClock):
    """A clock that the simulated world can ask how long it runs."""

    @property
    def at(self) -> float:
        """Wall seconds since the start."""
        return self.now() - self.origin


class Command:
    """A session over one target, and what happens when the journal has a certain entry."""

    def __init__(self, folder: Path, *, canary: float = 0.0) -> None:
        """`canary` is the rate at which version 42 fails; 41 is well."""
        self.clock = Quick(origin=ORIGIN, speed=bearable(SPEED))
        clock = cast("VirtualClock", self.clock)
        self.faults = Faults(random=Random(1))
        self.plan: Plan = plan(self.clock.now(), bake_s=120.0)
        self.alias = Alias(clock=clock, faults=self.faults, traffic=self.plan.found)
        # What people hear fails by itself, not with the target.
        self.deaf = Faults(random=Random(1))
        self.people = People(clock=clock, faults=self.deaf, alias=self.alias)
        self.tracker = Tracker(clock=clock, faults=self.faults)
        self.metrics = Metrics(
            clock=clock,
            faults=self.faults,
            alias=self.alias,
            seed="command",
            per_s=20.0,
            versions={"41": Behaviour(rate=0.0), "42": Behaviour(rate=canary)},
        )
        context = context_for(account_for(Sessions()), clock=self.clock)
        self.journal: Journal = sqlite.build(sqlite.Options(path=folder / "guardian.db"), context)
        self.said: list[str] = []
        self._when: list[tuple[type[Entry], Callable[[], object]]] = []
        self.session = self.another()

    def another(self, owner: str = "a command") -> InProcessRun:
        """Another process's session on the same journal."""
        sources: dict[str, Source] = {"cloudwatch": self.metrics, "pagerduty": self.tracker}
        dependencies = Dependencies(
            journal=self.journal,
            clock=self.clock,
            rng=SeededRandom(owner),
            owner=owner,
            observer=self._observe,
            say=self.said.append,
        )
        return InProcessRun(
            dependencies,
            sources={"plane": sources},
            receivers=[Receiver(name="people", notifier=self.people)],
        )

    def _observe(self, report: TickResult) -> None:
        for recorded in report.recorded:
            due = [w for w in self._when if isinstance(recorded.entry, w[0])]
            for when in due:
                self._when.remove(when)
                when[1]()

    def when(self, kind: type[Entry], act: Callable[[], object]) -> None:
        """Do something as soon as an entry of that kind was recorded; once."""
        self._when.append((kind, act))

    def task(self, **changes: object) -> Task:
        """The plan, changed, as a task."""
        self.plan = replace(self.plan, **changes)  # type: ignore[arg-type] # names of its fields
        return Task(plan=self.plan, router=self.alias, plane="plane")

    def run(self, *tasks: Task, limits: Limits | None = None) -> tuple[Rollout, Exit]:
        """The session, run to its end; what it came to."""
        ended = self.session.run(tasks or [self.task()], limits or Limits())
        return ended[SERVICE]

    def entries(self) -> list[str]:
        """The kinds of the rollout's entries."""
        return [type(r.entry).__name__ for r in self.journal.read(self.plan.rollout)]

    def told(self) -> list[str]:
        """The events that people heard of."""
        return [notice.event.value for _, notice in self.people.heard]

    def orders(self) -> Sequence[Order]:
        """Orders that nobody took."""
        return self.journal.orders([self.plan.rollout])

    def close(self) -> None:
        """Let go of the journal."""
        with suppress(Exception):
            self.journal.close()
