"""2,000 seeded rollouts in a hostile world: lost writes, crashes, blindness, people; invariants."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from guardian.core.model import Instant
from guardian.core.notices import Event
from guardian.core.plan import Approval, Drive, Policy, Unapproved
from guardian.core.rollout.entries import (
    Approved,
    Completed,
    Entry,
    OrderKind,
    RollbackConfirmed,
    RollbackStarted,
    StepEntered,
    Waived,
    WeightConfirmed,
)
from guardian.core.rollout.machine import Phase, Rollout, fold, step_traffic
from guardian.core.traffic import NONE, Traffic, Weight
from guardian.core.verdict import Outcome, Verdict
from tests.core.rollouts import check_traffic
from tests.simulation.memory_journal import MemoryJournal
from tests.simulation.scheduler import World, plan, run
from tests.simulation.world import (
    ORIGIN,
    Alias,
    Behaviour,
    Faults,
    Metrics,
    People,
    Tracker,
    VirtualClock,
)

SEEDS = 2000
BLOCKS = 8
HOLD_S = 7200.0
"""Whatever ends by itself in a world has ended before; the rest is waited for no longer."""
CANARIES = (
    Behaviour(rate=0.0),
    Behaviour(rate=0.01),
    Behaviour(rate=0.03),
    Behaviour(rate=0.2),
    Behaviour(rate=1.0),
    Behaviour(rate=0.01, later=0.5, from_minute=10),
)
MEANWHILE = (
    OrderKind.PROMOTE,
    OrderKind.RETRY,
    OrderKind.RESUME,
    OrderKind.HOLD,
    OrderKind.GROUP,
    OrderKind.ABORT,
)


def hostile(seed: int) -> World:
    """A world in which everything that can fail fails now and then, by its seed."""
    rng = random.Random(f"world {seed}")
    clock = VirtualClock()
    faults = Faults(
        random=rng,
        drop_write=0.3,
        lose_answer=0.1,
        fail_read=0.05,
        fail_source=0.05,
        fail_notify=0.2,
        crash=rng.choice((0.0, 0.01, 0.05)),
    )
    drive = Drive.WATCH if rng.random() < 0.2 else Drive.ROLLOUT
    bake_s = 180.0 if drive is Drive.ROLLOUT else 900.0
    the_plan = plan(clock.now(), drive=drive, bake_s=bake_s, policy=Policy(max_hold_s=HOLD_S))
    alias = Alias(clock=clock, faults=faults, traffic=the_plan.found)
    world = World(
        seed=seed,
        clock=clock,
        faults=faults,
        alias=alias,
        metrics=Metrics(
            clock=clock,
            faults=faults,
            alias=alias,
            seed=str(seed),
            per_s=rng.choice((50.0, 5.0, 0.5)),
            versions={"41": Behaviour(rate=0.01), "42": rng.choice(CANARIES)},
        ),
        people=People(clock=clock, faults=faults, alias=alias),
        tracker=Tracker(clock=clock, faults=faults),
        journal=MemoryJournal(clock),
        plan=the_plan,
    )
    drifts = _schedule(world, rng)
    if not drifts:
        _people(world, random.Random(f"people {seed}"))
    return world


def _people(world: World, rng: random.Random) -> None:
    """Freezes, approvals, waivers, incidents, and the orders that go with them."""
    if rng.random() < 0.5:
        return
    at = rng.uniform(0, 2000)
    if rng.random() < 0.4:
        lasts_s, too = rng.uniform(60, 3000), rng.random() < 0.5
        world.events.append((at, lambda: world.freeze(lasts_s, rollbacks_too=too)))
    if rng.random() < 0.3:
        asked = Approval(
            before_step=rng.choice((0, 1, 2)),
            timeout_s=1200.0,
            on_timeout=rng.choice(tuple(Unapproved)),
        )
        world.plan = replace(world.plan, approvals=(asked,))
        if rng.random() < 0.7:
            world.events += [(t, lambda: world.order(OrderKind.APPROVE)) for t in (at, at + 900)]
    if rng.random() < 0.3:
        world.guard_incidents()
        opened = rng.uniform(-500, 2000)
        world.tracker.incidents.append((opened, opened + rng.uniform(100, 2000)))
    if rng.random() < 0.2:
        subject = rng.choice([c.name for c in world.plan.criteria])
        world.events.append((at + 50, lambda: world.order(OrderKind.WAIVE, subject=subject)))
    kind, full = rng.choice(MEANWHILE), rng.random() < 0.5
    if rng.random() < 0.5:
        world.events.append((at + 300, lambda: world.order(kind, full=full)))
    world.events.sort(key=lambda event: event[0])


def _schedule(world: World, rng: random.Random) -> bool:
    """What people do to this world, and when it goes dark; whether they move traffic."""
    at = rng.uniform(60, 1500)
    theirs = Traffic(primary="41", secondary="42", weight=Weight.percent(rng.choice((1, 50, 100))))
    what = rng.random()
    if what < 0.15:
        world.events.append((at, lambda: world.alias.by_person(theirs)))
    elif what < 0.25:
        world.events.append((at, lambda: world.alias.by_person(Traffic(primary="43"))))
    elif what < 0.35:
        world.events.append((at, lambda: world.order(OrderKind.ABORT)))
    elif what < 0.45:
        world.events.append((at, lambda: world.order(OrderKind.HOLD)))
        world.events.append((at + 400, lambda: world.order(OrderKind.RESUME)))
    elif what < 0.5:
        world.events.append((at, lambda: world.order(OrderKind.PROMOTE)))
    if rng.random() < 0.2:
        start = rng.uniform(0, 1500)
        world.metrics.blind = (start, start + rng.uniform(60, 3000))
    return what < 0.25


def examine(world: World) -> Rollout:
    """Every invariant that the journal and the alias's own history can show."""
    entries = [r.entry for r in world.journal.read("r1")]
    state = world.state()
    assert fold(entries) == state
    for _, traffic, _ in world.alias.guardian_wrote:
        check_traffic(state, traffic)
    _weight_rose_only_by_steps(world, entries)
    _never_rose_after_a_rollback(world, entries)
    told = [n.event for _, n in world.people.heard]
    if isinstance(entries[-1], RollbackConfirmed):
        assert Event.ROLLED_BACK in told
    if any(isinstance(e, Completed) for e in entries):
        assert Event.COMPLETED in told or Event.UNPROVEN in told
    return state


def _weight_rose_only_by_steps(world: World, entries: Sequence[Entry]) -> None:
    """No write gave the canary more than the newest entered step asks for."""
    if world.plan.drive is Drive.WATCH:
        return
    entered = [(e.at, e.step) for e in entries if isinstance(e, StepEntered)]
    for at, traffic, _ in world.alias.guardian_wrote:
        steps = [step for since, step in entered if since <= at]
        allowed = max((step_traffic(world.plan, s).share("42") for s in steps), default=NONE)
        assert traffic.share("42") <= allowed


def _never_rose_after_a_rollback(world: World, entries: Sequence[Entry]) -> None:
    started = [e.at for e in entries if isinstance(e, RollbackStarted)]
    for at, traffic, _ in world.alias.guardian_wrote:
        if started and at > started[0]:
            assert traffic == world.plan.snapshot.traffic


def verify(world: World) -> Rollout:
    """Everything that `examine` sees, and what only somebody outside of guardian can know."""
    state = examine(world)
    entries = [r.entry for r in world.journal.read("r1")]
    assert not state.live or state.phase is Phase.HELD, "it never came to an end"
    if state.phase is Phase.ROLLED_BACK:
        assert world.alias.traffic in (world.plan.snapshot.traffic, *_by_people(world))
    if state.phase is Phase.COMPLETED and state.moved:
        assert world.alias.traffic in (Traffic(primary="42"), *_by_people(world))
    _confirmed_is_real(world, entries)
    _advanced_on_evidence(world, entries)
    _breaches_go_back(entries)
    _drift_is_respected(world)
    _people_are_asked(world, entries)
    _freezes_hold(world, entries)
    return state


def _by_people(world: World) -> list[Traffic]:
    """Traffic that a person set, which guardian must not fight over."""
    wrote = [traffic for _, traffic, _ in world.alias.guardian_wrote]
    return [traffic for _, traffic in world.alias.history if traffic not in wrote]


def _confirmed_is_real(world: World, entries: list[Entry]) -> None:
    """Each confirmed weight was really there."""
    if world.plan.drive is Drive.ROLLOUT:
        for entry in entries:
            if isinstance(entry, WeightConfirmed):
                assert world.alias.at(entry.at).share("42") == entry.weight


def _advanced_on_evidence(world: World, entries: list[Entry]) -> None:
    """No step was left by passing before its bake, or on fewer samples than the criterion asks."""
    since: Instant | None = None
    for entry in entries:
        if isinstance(entry, WeightConfirmed):
            since = entry.at
        if not isinstance(entry, StepEntered | Completed) or since is None or entry.actor:
            continue
        if isinstance(entry, Completed) and entry.unproven:
            continue
        assert entry.at - since >= world.plan.steps[0].bake_s
        minutes = range(int(since - ORIGIN) // 60, int(entry.at - ORIGIN) // 60 + 1)
        served = sum(world.metrics.counts("42", minute)[1] for minute in minutes)
        assert served >= world.plan.criteria[0].min_samples


def _breaches_go_back(entries: list[Entry]) -> None:
    """A verdict that fails is never recorded with anything but a rollback, or by a person."""
    waived = {e.criterion for e in entries if isinstance(e, Waived)}
    for entry in entries:
        if isinstance(entry, RollbackStarted) or getattr(entry, "actor", None):
            continue
        verdicts: tuple[Verdict, ...] = getattr(entry, "verdicts", ())
        assert all(v.outcome is not Outcome.FAIL or v.criterion in waived for v in verdicts)


def _drift_is_respected(world: World) -> None:
    """A weight that no step asks for was set by a person: guardian only ever goes back from it."""
    odd = [at for at, t in world.alias.history if t.share("42") == Weight.percent(1)]
    for at, traffic, _ in world.alias.guardian_wrote:
        assert not odd or at <= odd[0] or traffic == world.plan.snapshot.traffic
    foreign = [at for at, t in world.alias.history if "43" in t.versions]
    assert not foreign or all(at <= foreign[0] for at, _, _ in world.alias.guardian_wrote)


def _people_are_asked(world: World, entries: list[Entry]) -> None:
    """No step that needs an approval was entered without one, or without a person's promotion."""
    needed = {a.before_step for a in world.plan.approvals if world.plan.drive is Drive.ROLLOUT}
    given = {e.step for e in entries if isinstance(e, Approved)}
    entered = {e.step for e in entries if isinstance(e, StepEntered) and e.actor is None}
    assert not needed & entered - given


def _freezes_hold(world: World, entries: list[Entry]) -> None:
    """Nothing advanced, and where rollbacks were frozen too none began, by guardian's accord.

    What is decided in the very tick in which a freeze begins may not have seen it yet.
    """
    for freeze in world.frozen:
        during = [e for e in entries if freeze.at + 1 < e.at < freeze.until]
        own = [e for e in during if getattr(e, "actor", None) is None]
        if world.plan.drive is Drive.ROLLOUT:
            assert not any(isinstance(e, StepEntered | Completed) for e in own)
        if freeze.rollbacks_too:
            assert not any(isinstance(e, RollbackStarted) for e in own)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("block", range(BLOCKS))
def test_a_hostile_world_never_breaks_an_invariant(block: int) -> None:
    """Router drops 30 % of writes, the process dies at random port calls, state is re-folded."""
    ends: dict[Phase, int] = {}
    for seed in range(block, SEEDS, BLOCKS):
        world = hostile(seed)
        run(world, limit_s=6 * 3600.0)
        state = verify(world)
        ends[state.phase] = ends.get(state.phase, 0) + 1
    assert ends[Phase.COMPLETED] > 20
    assert ends[Phase.ROLLED_BACK] > 20


def test_the_same_seed_tells_the_same_story() -> None:
    """A seed replays to the entry."""
    stories = []
    for _ in range(2):
        world = hostile(7)
        run(world)
        stories.append([r.entry for r in world.journal.read("r1")])
    assert stories[0] == stories[1]
