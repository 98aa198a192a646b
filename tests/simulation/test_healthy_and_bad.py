"""Whole rollouts through the whole engine, in virtual time."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial

from guardian.core.notices import Event
from guardian.core.plan import Drive, Policy
from guardian.core.rollout.entries import Cause, HoldReason, OrderKind
from guardian.core.rollout.machine import Phase, fold
from guardian.core.traffic import FULL, Traffic, Weight
from tests.simulation.memory_journal import MemoryJournal
from tests.simulation.scheduler import World, plan, run
from tests.simulation.world import (
    Alias,
    Behaviour,
    Faults,
    Metrics,
    People,
    Tracker,
    VirtualClock,
)


def world(
    seed: int = 1,
    *,
    canary: Behaviour,
    stable: Behaviour | None = None,
    per_s: float = 50.0,
    drive: Drive = Drive.ROLLOUT,
    policy: Policy | None = None,
    bake_s: float = 300.0,
    **faults: float,
) -> World:
    """A world with one service, 41 live and 42 to come (or just come, for a watch)."""
    clock = VirtualClock()
    trouble = Faults(random=random.Random(f"faults {seed}"), **faults)  # type: ignore[arg-type]
    the_plan = plan(clock.now(), drive=drive, policy=policy, bake_s=bake_s)
    alias = Alias(clock=clock, faults=trouble, traffic=the_plan.found)
    behaviours = {"41": stable or Behaviour(rate=0.01), "42": canary}
    return World(
        seed=seed,
        clock=clock,
        faults=trouble,
        alias=alias,
        metrics=Metrics(
            clock=clock,
            faults=trouble,
            alias=alias,
            seed=str(seed),
            per_s=per_s,
            versions=behaviours,
        ),
        people=People(clock=clock, faults=trouble, alias=alias),
        tracker=Tracker(clock=clock, faults=trouble),
        journal=MemoryJournal(clock),
        plan=the_plan,
    )


def events(a_world: World) -> list[Event]:
    """What people heard, in order."""
    return [notice.event for _, notice in a_world.people.heard]


def test_a_healthy_release_goes_live_step_by_step() -> None:
    """10, 50, 100 %, then the canary is the primary version and the stamp is gone."""
    w = world(canary=Behaviour(rate=0.01))
    run(w)
    state = w.state()
    assert state.phase is Phase.COMPLETED
    assert state.completed is not None
    assert state.completed.unproven == ()
    assert w.alias.traffic == Traffic(primary="42")
    assert w.alias.stamp is None
    weights = [t.share("42").ratio for _, t, _ in w.alias.guardian_wrote]
    assert weights == [0.1, 0.5, 1.0, 1.0]
    assert events(w)[-1] is Event.COMPLETED


def test_a_bad_release_is_rolled_back_before_anybody_is_told() -> None:
    """30 % failures are seen at 10 % weight; traffic is back before the first word of it."""
    w = world(canary=Behaviour(rate=0.3))
    run(w)
    state = w.state()
    assert state.phase is Phase.ROLLED_BACK
    assert w.alias.traffic == Traffic(primary="41")
    assert w.alias.stamp is None
    back_at = next(at for at, t, _ in w.alias.guardian_wrote if t == Traffic(primary="41"))
    told_at = next(at for at, n in w.people.heard if n.event is Event.ROLLING_BACK)
    assert back_at <= told_at
    assert max(t.share("42") for _, t in w.alias.history) < FULL
    assert w.clock.at < 600


def test_a_release_that_goes_bad_late_is_rolled_back_from_full_traffic() -> None:
    """Good at 10 % and 50 %, bad at 100 %."""
    w = world(canary=Behaviour(rate=0.01, later=0.3, from_minute=18))
    run(w)
    assert w.state().phase is Phase.ROLLED_BACK
    assert w.alias.traffic == Traffic(primary="41")


def test_no_traffic_holds_and_goes_back_after_max_hold() -> None:
    """Zero evidence is never a pass: the first step is held, and ends after four hours."""
    w = world(canary=Behaviour(rate=0.0), per_s=0.0)
    run(w)
    state = w.state()
    assert state.phase is Phase.ROLLED_BACK
    assert state.rollback is not None
    assert state.rollback.cause is Cause.HELD_TOO_LONG
    assert max(t.share("42").ratio for _, t in w.alias.history) == 0.1
    assert Event.HELD in events(w)
    assert not any(n.pages for _, n in w.people.heard if n.event is Event.HELD)


def test_a_blind_hour_holds_pages_and_resumes() -> None:
    """Unreadable metrics neither pass nor fail; when they come back the rollout goes on."""
    w = world(canary=Behaviour(rate=0.01))
    w.metrics.blind = (400.0, 4000.0)
    run(w)
    assert w.state().phase is Phase.COMPLETED
    said = events(w)
    assert said.index(Event.BLIND) < said.index(Event.RESUMED) < said.index(Event.COMPLETED)


def test_a_breach_in_the_data_at_hand_is_not_excused_by_a_later_blindness() -> None:
    """Two bad minutes were read, then nothing: it goes back at once."""
    w = world(canary=Behaviour(rate=0.5))
    w.metrics.blind = (360.0, 40000.0)
    run(w, limit_s=3600)
    assert w.state().phase is Phase.ROLLED_BACK


def test_a_changed_weight_is_held_and_never_overwritten() -> None:
    """A person at the console wins: same versions, another weight."""
    w = world(canary=Behaviour(rate=0.01))
    theirs = Traffic(primary="41", secondary="42", weight=plan(0.0).steps[1].weight)
    w.events.append((200.0, lambda: w.alias.by_person(theirs)))
    run(w, limit_s=3600)
    state = w.state()
    assert state.phase is Phase.HELD
    assert state.hold is not None
    assert state.hold.why is HoldReason.CONFLICT
    assert w.alias.traffic == theirs


def test_a_third_version_supersedes_the_rollout_without_a_write() -> None:
    """Somebody else's deploy: guardian lets go."""
    w = world(canary=Behaviour(rate=0.01))
    w.events.append((200.0, lambda: w.alias.by_person(Traffic(primary="43"))))
    run(w)
    assert w.state().phase is Phase.SUPERSEDED
    assert w.alias.traffic == Traffic(primary="43")


def test_an_abort_puts_traffic_back() -> None:
    """A person's order outranks everything."""
    w = world(canary=Behaviour(rate=0.01))
    w.events.append((500.0, lambda: w.order(OrderKind.ABORT)))
    run(w)
    state = w.state()
    assert state.phase is Phase.ROLLED_BACK
    assert state.rollback is not None
    assert state.rollback.actor == "alice"


def test_a_watch_of_a_healthy_release_writes_nothing() -> None:
    """A watch judges what is live and leaves it alone."""
    w = world(canary=Behaviour(rate=0.01), drive=Drive.WATCH, bake_s=1800)
    run(w)
    assert w.state().phase is Phase.COMPLETED
    assert w.alias.guardian_wrote == []


def test_a_watch_of_a_bad_release_restores_the_snapshot() -> None:
    """A watch rolls back what somebody else deployed."""
    w = world(canary=Behaviour(rate=0.3), drive=Drive.WATCH, bake_s=1800)
    run(w)
    assert w.state().phase is Phase.ROLLED_BACK
    assert w.alias.traffic == Traffic(primary="41")


def test_a_watch_keeps_back_what_another_driver_shifts_again() -> None:
    """A linear deployment goes on a minute after each rollback; stable is what remains."""
    split = [Traffic(primary="41", secondary="42", weight=Weight.percent(n)) for n in range(10, 40)]
    w = world(canary=Behaviour(rate=0.3), drive=Drive.WATCH, bake_s=1800)
    w.alias.by_person(split[0])
    step = replace(w.plan.steps[0], weight=split[0].weight)
    w.plan = replace(w.plan, found=split[0], steps=(step,))
    for minute, traffic in enumerate(split):
        w.events.append((60.0 * minute + 30, partial(w.alias.by_person, traffic)))
    run(w)
    assert w.state().phase is Phase.ROLLED_BACK
    assert w.alias.traffic == Traffic(primary="41")
    assert len(w.alias.guardian_wrote) > 10
    notices = [n for _, n in w.people.heard if n.event is Event.ROLLED_BACK]
    assert {page.key.rpartition("/")[2] for n in notices for page in n.pages} == {"rolled_back"}
    assert not [n for _, n in w.people.heard if n.event is Event.STUCK]


def test_the_state_is_the_fold_of_the_journal() -> None:
    """What the process remembers is what the journal says."""
    w = world(canary=Behaviour(rate=0.01))
    run(w)
    entries = [r.entry for r in w.journal.read("r1")]
    assert fold(entries) == w.state()
