"""A plane over the simulated world, with a clock that only tests move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import cast

from guardian.core.model import Measurement, Query
from guardian.core.rollout.entries import RolloutStarted
from guardian.core.rollout.machine import start
from guardian.engine.dependencies import Dependencies
from guardian.engine.outbox import Outbox
from guardian.engine.runner import RolloutRunner
from guardian.engine.tick import Plane, TickResult
from guardian.ports import Ask, CallPool, Journal, Source
from tests.contracts.journal_values import ManualClock
from tests.simulation.like_cloudwatch import LikeCloudWatch
from tests.simulation.memory_journal import MemoryJournal
from tests.simulation.scheduler import plan
from tests.simulation.serial import SerialCallPool
from tests.simulation.world import Alias, Faults, SeededRandom, VirtualClock


class Quiet(LikeCloudWatch):
    """A source that answers each ask with nothing, and remembers when it was asked."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked: list[float] = []
        self.windows: list[tuple[float, float]] = []
        self.garbage: object = None

    def read(self, asks: Sequence[Ask], *, now: float) -> Mapping[Query, Measurement]:
        """No datapoints; or garbage."""
        self.asked.append(now)
        self.windows += [(a.start, a.end) for a in asks]
        if self.garbage is not None:
            return cast("Mapping[Query, Measurement]", self.garbage)
        settled = (now - 180) // 60 * 60
        return {a.query: Measurement(settled_before=settled) for a in asks}


class UndyingJournal(MemoryJournal):
    """Leases live without a beat."""

    def _alive(self, lease: str | None) -> bool:
        return lease is not None


def plane(
    clock: ManualClock,
    *,
    journal: Journal | None = None,
    source: Source | None = None,
    pool: CallPool | None = None,
    observer: Callable[[TickResult], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> Plane:
    """A plane without rollouts."""
    journal = journal or MemoryJournal(clock)
    dependencies = Dependencies(
        journal=journal,
        clock=clock,
        rng=SeededRandom("plane"),
        owner="tests",
        observer=observer,
        say=say,
    )
    return Plane(
        dependencies,
        sources={"cloudwatch": source or Quiet(clock)},
        pool=pool or SerialCallPool(),
        outbox=Outbox(dependencies, receivers=[], pool=SerialCallPool()),
    )


def alias_for(name: str, clock: ManualClock) -> Alias:
    """A target of its own."""
    faults = Faults(random=Random(1))
    alias = Alias(clock=cast("VirtualClock", clock), faults=faults, traffic=plan(clock.now()).found)
    alias.target = f"lambda_alias:333333333333:us-east-1:{name}:live"
    return alias


def runner(name: str, journal: Journal, clock: ManualClock, alias: Alias) -> RolloutRunner:
    """A rollout that has just been started."""
    lease = journal.open_lease("tests")
    claim = journal.claim(lease, alias.target)
    assert claim is not None
    the_plan = replace(plan(clock.now()), rollout=name, service=name, target=alias.target)
    entry = RolloutStarted(at=clock.now(), plan=the_plan)
    journal.append(claim, name, expected=0, entries=[entry], live=True, txid=name)
    return RolloutRunner(rollout=start(entry), claim=claim, router=alias)
