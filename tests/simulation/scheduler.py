"""The deterministic scheduler: the daemon's own steppers, one thread, virtual time, crashes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from guardian.core.model import Instant
from guardian.core.plan import Drive, Plan, Policy
from guardian.core.rollout.entries import Freeze, Order, OrderKind, RolloutStarted
from guardian.core.rollout.machine import Phase, Rollout, fold, start
from guardian.core.traffic import Snapshot, Step, Traffic, Weight
from guardian.engine.dependencies import Dependencies
from guardian.engine.host import resumed
from guardian.engine.outbox import Outbox, Receiver
from guardian.engine.runner import RolloutRunner
from guardian.engine.supervisor import Beat
from guardian.engine.tick import Plane
from guardian.ports import Claim, Journal, Unavailable
from tests.simulation.serial import SerialCallPool
from tests.simulation.world import (
    Alias,
    Crash,
    Faults,
    Metrics,
    People,
    SeededRandom,
    Tracker,
    VirtualClock,
    error_rate,
    no_incidents,
)

RESTART_S = 45.0
"""Virtual seconds until a crashed process is back: longer than its lease lives."""


@dataclass(kw_only=True)
class World:
    """Everything outside the process, and what happens to it when."""

    seed: int
    clock: VirtualClock
    faults: Faults
    alias: Alias
    metrics: Metrics
    people: People
    journal: Journal
    plan: Plan
    tracker: Tracker
    events: list[tuple[float, Callable[[], object]]] = field(default_factory=list)
    """(virtual seconds, what happens then), ascending."""
    ordered: list[float] = field(default_factory=list)
    """When people gave orders."""
    frozen: list[Freeze] = field(default_factory=list)
    """Every freeze there was."""

    def state(self) -> Rollout:
        """The rollout, folded from the journal alone."""
        return fold(r.entry for r in self.journal.read(self.plan.rollout))

    def order(self, kind: OrderKind, *, full: bool = False, subject: str = "") -> None:
        """A person's order."""
        self.ordered.append(self.clock.at)
        self.journal.order(
            Order(
                id=f"o{self.clock.at}-{kind.value}",
                rollout=self.plan.rollout,
                kind=kind,
                actor="alice",
                reason="because",
                at=self.clock.now(),
                full=full,
                subject=subject,
            )
        )

    def refused(self, kind: OrderKind) -> list[str]:
        """Why orders of a kind were refused, in a sentence each."""
        ids = [f"o{at}-{kind.value}" for at in self.ordered]
        answers = [self.journal.answered(id_) for id_ in ids]
        return [a.refused for a in answers if a is not None and a.refused]

    def freeze(self, lasts_s: float, *, rollbacks_too: bool = False) -> None:
        """A person stops advances for a while."""
        now = self.clock.now()
        freeze = Freeze(
            scope="*",
            until=now + lasts_s,
            actor="carol",
            reason="launch day",
            at=now,
            rollbacks_too=rollbacks_too,
        )
        self.frozen.append(freeze)
        self.journal.freeze(freeze)

    def guard_incidents(self) -> None:
        """The plan has a criterion of incidents as well."""
        self.plan = replace(self.plan, criteria=(*self.plan.criteria, no_incidents()))


def plan(
    now: Instant,
    *,
    drive: Drive = Drive.ROLLOUT,
    bake_s: float = 300.0,
    weights: tuple[int, ...] = (10, 50, 100),
    policy: Policy | None = None,
    stable: str = "41",
    canary: str = "42",
) -> Plan:
    """A plan for the simulated service."""
    found = Traffic(primary=stable) if drive is Drive.ROLLOUT else Traffic(primary=canary)
    full = (Step(weight=Weight.percent(100), bake_s=bake_s, max_bake_s=bake_s + 400),)
    target = "lambda_alias:333333333333:us-east-1:agents-api:live"
    return Plan(
        rollout="r1",
        service="agents-api",
        environment="production",
        target=target,
        drive=drive,
        stable=stable,
        canary=canary,
        found=found,
        snapshot=Snapshot(
            service="agents-api",
            target=target,
            traffic=Traffic(primary=stable),
            taken_at=now,
            taken_by="alice",
        ),
        restores=True,
        steps=full
        if drive is Drive.WATCH
        else tuple(
            Step(weight=Weight.percent(w), bake_s=bake_s, max_bake_s=3 * bake_s) for w in weights
        ),
        criteria=(error_rate(canary),),
        policy=policy or Policy(),
        actor="alice",
    )


class Life:
    """One life of the process: from its lease to its crash, or to the end."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        rng = SeededRandom(f"{world.seed}:{number}")
        pool = SerialCallPool()
        dependencies = Dependencies(
            journal=world.journal, clock=world.clock, rng=rng, owner=f"life {number}"
        )
        self.outbox = Outbox(
            dependencies, receivers=[Receiver(name="people", notifier=world.people)], pool=pool
        )
        self.plane = Plane(
            dependencies,
            sources={"cloudwatch": world.metrics, "pagerduty": world.tracker},
            pool=pool,
            outbox=self.outbox,
            poll_s=60.0,
        )
        lease = world.journal.open_lease(f"life {number}")
        claim = world.journal.claim(lease, world.plan.target)
        assert claim is not None, "the lease of the life before must be over"
        self.runner = self._take(claim, rng)
        self.plane.take(self.runner)
        beat = Beat(world.journal, lease, on_lost=lambda: None)
        self.steppers: dict[str, Callable[[], float]] = {
            "beat": beat.step,
            "outbox": self.outbox.step,
            "tick": self.plane.step,
        }

    def _take(self, claim: Claim, rng: SeededRandom) -> RolloutRunner:
        world = self._world
        if world.journal.read(world.plan.rollout):
            return resumed(world.journal, claim, world.alias, world.plan.rollout)
        entry = RolloutStarted(at=world.clock.now(), plan=world.plan)
        world.journal.append(
            claim, world.plan.rollout, expected=0, entries=[entry], live=True, txid=rng.token()
        )
        return RolloutRunner(rollout=start(entry), claim=claim, router=world.alias)

    @property
    def over(self) -> bool:
        """Nothing left to do and nothing left to tell."""
        return self.runner.over and self._world.journal.pending() == 0


def run(
    world: World, *, limit_s: float = 8 * 3600.0, each: Callable[[], None] | None = None
) -> int:
    """Run the world to the rollout's end; how many lives it took. Bounded by `limit_s`."""
    lives = 0
    while world.clock.at < limit_s:
        lives += 1
        try:
            _live(world, Life(world, lives), limit_s, each)
        except (Crash, Unavailable):
            world.clock.at += RESTART_S
        else:
            break
    return lives


def _live(world: World, life: Life, limit_s: float, each: Callable[[], None] | None) -> bool:
    """Step whatever is due next, for ever; True when all is over.

    With nothing to tell, the outbox is left alone until something else brings a notice.
    """
    due = dict.fromkeys(life.steppers, world.clock.at)
    while world.clock.at < limit_s:
        if life.over:
            return True
        name = min(due, key=lambda n: (due[n], n))
        while world.events and world.events[0][0] <= due[name]:
            at, event = world.events.pop(0)
            world.clock.at = max(world.clock.at, at)
            event()
        world.clock.at = max(world.clock.at, due[name])
        delay_s = life.steppers[name]()
        due[name] = world.clock.at + max(delay_s, 0.05)
        if world.journal.pending() == 0:
            due["outbox"] = math.inf
        elif name != "outbox":
            due["outbox"] = min(due["outbox"], world.clock.at)
        if each is not None:
            each()
    return False


def ended(rollout: Rollout) -> bool:
    """Whether a rollout has come to an end."""
    return not rollout.live and rollout.phase is not Phase.PENDING
