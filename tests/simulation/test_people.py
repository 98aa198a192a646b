"""People among the machines, through the whole engine: approvals, freezes, waivers, incidents."""

from __future__ import annotations

from dataclasses import replace

from guardian.core.notices import Event
from guardian.core.plan import Approval, Drive, Policy, Unapproved
from guardian.core.rollout.entries import (
    Cancelled,
    Cause,
    Entry,
    Held,
    HoldReason,
    OrderKind,
    RollbackStarted,
    StepEntered,
)
from guardian.core.rollout.machine import Phase
from guardian.core.traffic import Traffic
from tests.simulation.scheduler import World, run
from tests.simulation.test_faults import examine
from tests.simulation.test_healthy_and_bad import events, world
from tests.simulation.world import Behaviour

GOOD, BAD = Behaviour(rate=0.01), Behaviour(rate=0.5)
STABLE, CANARY = Traffic(primary="41"), Traffic(primary="42")
HOUR_S = 3600.0


def holds(w: World) -> list[HoldReason]:
    """Why it was held, in order."""
    return [e.why for e in entries(w) if isinstance(e, Held)]


def entries(w: World) -> list[Entry]:
    """Everything that was recorded."""
    return [r.entry for r in w.journal.read("r1")]


def entered(w: World, step: int) -> float:
    """The virtual second at which a step was entered."""
    at = next(e.at for e in entries(w) if isinstance(e, StepEntered) and e.step == step)
    return at - w.plan.snapshot.taken_at


def asking(w: World, step: int, **options: object) -> World:
    """With an approval before a step."""
    asked = Approval(before_step=step, **options)  # type: ignore[arg-type] # by name
    w.plan = replace(w.plan, approvals=(asked,))
    return w


# --- approvals ---------------------------------------------------------------------------------


def test_a_step_waits_for_its_approval() -> None:
    """Held until a person agrees, and then on to the end."""
    w = asking(world(canary=GOOD), 1)
    w.events.append((5000.0, lambda: w.order(OrderKind.APPROVE)))
    run(w)
    assert holds(w) == [HoldReason.APPROVAL]
    assert 5000 <= entered(w, 1) < 5100
    assert examine(w).phase is Phase.COMPLETED


def test_an_approval_before_the_start_keeps_traffic_where_it_is() -> None:
    """Nobody agrees, and nothing was moved: it is cancelled in the end."""
    w = asking(world(canary=GOOD), 0, timeout_s=HOUR_S)
    run(w)
    assert w.alias.guardian_wrote == []
    end = w.state().end
    assert isinstance(end, Cancelled)
    assert "nobody approved step 1 of 3 in time" in end.detail


def test_nobody_approves_a_later_step_in_time() -> None:
    """Stable is restored."""
    w = asking(world(canary=GOOD), 1, timeout_s=HOUR_S)
    run(w)
    state = examine(w)
    assert state.phase is Phase.ROLLED_BACK
    assert state.rollback is not None
    assert state.rollback.cause is Cause.UNAPPROVED
    patient = asking(world(canary=GOOD), 1, timeout_s=HOUR_S, on_timeout=Unapproved.HOLD)
    run(patient)
    assert patient.state().phase is Phase.HELD


def test_a_release_that_goes_bad_while_it_waits_for_an_approval_goes_back() -> None:
    """Criteria are judged in a hold."""
    w = asking(world(canary=Behaviour(rate=0.01, later=0.5, from_minute=30)), 1)
    run(w)
    assert w.state().phase is Phase.ROLLED_BACK
    assert w.alias.traffic == STABLE


def test_a_release_that_goes_bad_while_a_person_holds_it_goes_back() -> None:
    """A hold stops advances and nothing else."""
    w = world(canary=Behaviour(rate=0.01, later=0.5, from_minute=20))
    w.events.append((200.0, lambda: w.order(OrderKind.HOLD)))
    run(w)
    assert holds(w) == [HoldReason.PERSON]
    assert examine(w).phase is Phase.ROLLED_BACK
    back = next(e for e in entries(w) if isinstance(e, RollbackStarted))
    assert back.cause is Cause.BREACH
    assert back.at - w.plan.snapshot.taken_at < 26 * 60


# --- freezes -----------------------------------------------------------------------------------


def test_a_freeze_delays_the_next_step_and_no_more() -> None:
    """The bake goes on under it; the rollout goes on by itself when it is over."""
    w = world(canary=GOOD)
    w.events.append((200.0, lambda: w.freeze(3000.0)))
    run(w)
    assert holds(w) == [HoldReason.FREEZE]
    assert 3200 <= entered(w, 1) < 3300
    assert examine(w).phase is Phase.COMPLETED


def test_a_frozen_service_starts_nothing() -> None:
    """Not one request for the canary before the freeze is over."""
    w = world(canary=GOOD)
    w.freeze(HOUR_S)
    run(w)
    assert min(at for at, _, _ in w.alias.guardian_wrote) - w.plan.snapshot.taken_at >= HOUR_S
    assert w.state().phase is Phase.COMPLETED


def test_a_freeze_that_is_lifted_early_lets_it_go_on() -> None:
    """By a person, or by its own end, is the same."""
    w = world(canary=GOOD)
    w.freeze(5 * HOUR_S)
    w.events.append((1000.0, lambda: w.journal.unfreeze("*")))
    run(w)
    assert entered(w, 0) < 1100


def test_a_breach_goes_back_in_a_freeze() -> None:
    """Users come first."""
    w = world(canary=BAD)
    w.events.append((100.0, lambda: w.freeze(5 * HOUR_S)))
    run(w, limit_s=HOUR_S)
    assert w.state().phase is Phase.ROLLED_BACK


def test_a_breach_that_a_freeze_keeps_wakes_people_and_goes_back_afterwards() -> None:
    """`--rollbacks-too`: told at once, done when the freeze is over."""
    w = world(canary=BAD)
    w.events.append((100.0, lambda: w.freeze(HOUR_S, rollbacks_too=True)))
    run(w)
    said = [n for _, n in w.people.heard if n.event is Event.STUCK]
    assert [n.pages[0].key.rpartition("/")[2] for n in said] == ["frozen"]
    state = examine(w)
    assert state.phase is Phase.ROLLED_BACK
    back = next(e.at for e in entries(w) if isinstance(e, RollbackStarted))
    assert HOUR_S + 100 <= back - w.plan.snapshot.taken_at < HOUR_S + 200
    closed = [n for _, n in w.people.heard if any("frozen" in key for key in n.resolves)]
    assert len(closed) == 1


def test_a_person_goes_back_in_spite_of_a_freeze() -> None:
    """An abort is obeyed at once."""
    w = world(canary=BAD)
    w.events.append((100.0, lambda: w.freeze(5 * HOUR_S, rollbacks_too=True)))
    w.events.append((1000.0, lambda: w.order(OrderKind.ABORT)))
    run(w, limit_s=HOUR_S)
    assert w.state().phase is Phase.ROLLED_BACK
    assert w.alias.traffic == STABLE


def test_a_watch_ends_in_a_freeze() -> None:
    """It shifts nothing."""
    w = world(canary=GOOD, drive=Drive.WATCH, bake_s=900)
    w.freeze(5 * HOUR_S)
    run(w, limit_s=HOUR_S)
    assert w.state().phase is Phase.COMPLETED


# --- incidents ---------------------------------------------------------------------------------


def guarding(w: World, *incidents: tuple[float, float]) -> World:
    """With the service's incidents as a criterion."""
    w.guard_incidents()
    w.tracker.incidents += incidents
    return w


def test_an_open_incident_delays_the_start() -> None:
    """Until it is over; nothing is moved before."""
    w = guarding(world(canary=GOOD), (-100.0, 2000.0))
    run(w)
    assert holds(w) == [HoldReason.INCIDENT]
    assert entered(w, 0) >= 2000
    assert examine(w).phase is Phase.COMPLETED


def test_a_waived_incident_does_not() -> None:
    """A release that mends it goes out in a person's name."""
    w = guarding(world(canary=GOOD), (-100.0, 50_000.0))
    w.events.append((500.0, lambda: w.order(OrderKind.WAIVE, subject="p0-incident")))
    run(w)
    assert entered(w, 0) < 700
    assert w.state().phase is Phase.COMPLETED
    assert Event.WARNING in events(w)


def test_nothing_starts_while_the_tracker_does_not_answer() -> None:
    """Never on an unknown: people are woken, and it starts when the tracker answers."""
    w = guarding(world(canary=GOOD))
    w.tracker.away = (0.0, 3000.0)
    run(w)
    assert holds(w) == [HoldReason.BLIND]
    assert entered(w, 0) >= 3000
    assert w.state().phase is Phase.COMPLETED


def test_an_incident_after_the_first_shift_takes_it_back() -> None:
    """A breach like any other."""
    w = guarding(world(canary=GOOD), (400.0, 500.0))
    run(w)
    state = examine(w)
    assert state.phase is Phase.ROLLED_BACK
    assert state.rollback is not None
    assert state.rollback.detail.startswith("p0-incident: ")


# --- orders ------------------------------------------------------------------------------------


def test_a_full_promotion_leaves_the_steps_between_out() -> None:
    """10, then 100 %; what is refused says why."""
    w = world(canary=GOOD)
    w.events.append((5.0, lambda: w.order(OrderKind.PROMOTE, full=True)))
    w.events.append((300.0, lambda: w.order(OrderKind.PROMOTE, full=True)))
    run(w)
    weights = [t.share("42").ratio for _, t, _ in w.alias.guardian_wrote]
    assert weights == [0.1, 1.0, 1.0]
    assert examine(w).phase is Phase.COMPLETED


def test_the_brake_stops_a_rollback_and_nothing_less_does() -> None:
    """A plain hold is refused, with the sentence that says how."""
    w = world(canary=BAD)
    w.events.append((200.0, lambda: setattr(w.faults, "drop_write", 1.0)))
    w.events.append((900.0, lambda: w.order(OrderKind.HOLD)))
    w.events.append((950.0, lambda: w.order(OrderKind.HOLD, full=True)))
    run(w, limit_s=1200)
    assert any("--stop-rollback" in why for why in w.refused(OrderKind.HOLD))
    state = w.state()
    assert state.hold is not None
    assert (state.hold.why, state.hold.resume_to) == (HoldReason.PERSON, Phase.ROLLING_BACK)


def test_a_shift_that_hangs_is_asked_for_again_by_a_person() -> None:
    """After `max_blind` it is held; `retry` asks the router once more."""
    w = world(canary=GOOD, policy=Policy(max_blind_s=300.0))
    w.faults.drop_write = 1.0
    w.events.append((1000.0, lambda: setattr(w.faults, "drop_write", 0.0)))
    w.events.append((2000.0, lambda: w.order(OrderKind.RETRY)))
    run(w)
    assert holds(w)[0] is HoldReason.BLIND
    assert w.alias.guardian_wrote[0][0] - w.plan.snapshot.taken_at >= 2000
    assert examine(w).phase is Phase.COMPLETED


def test_a_member_goes_back_with_its_group() -> None:
    """Also when it had completed, as far as guardian still looks after it."""
    w = world(canary=GOOD)
    w.events.append((500.0, lambda: w.order(OrderKind.GROUP)))
    run(w)
    state = examine(w)
    assert state.rollback is not None
    assert state.rollback.cause is Cause.GROUP
    assert w.alias.traffic == STABLE


def test_a_waived_criterion_stops_nothing_any_more() -> None:
    """A breach that a person takes the blame for does not come back."""
    w = world(canary=Behaviour(rate=0.08))
    w.events.append((60.0, lambda: w.order(OrderKind.WAIVE, subject="error-rate")))
    run(w, limit_s=2 * HOUR_S)
    state = w.state()
    assert state.rollback is None
    assert state.phase is Phase.HELD
    assert holds(w) == [HoldReason.NO_EVIDENCE]
    assert state.waived == ("error-rate",)


def test_the_promotion_that_does_not_come_pages_and_is_told_when_it_comes() -> None:
    """Between the end and the primary version lies a write, too."""
    w = world(canary=GOOD)
    run(w)
    done = next(e.at for e in entries(w) if type(e).__name__ == "Completed")
    at = done - w.plan.snapshot.taken_at
    w = world(canary=GOOD)
    w.events.append((at - 1, lambda: setattr(w.faults, "drop_write", 1.0)))
    w.events.append((at + 300, lambda: setattr(w.faults, "drop_write", 0.0)))
    run(w)
    assert w.alias.traffic == CANARY
    said = events(w)
    assert said.count(Event.STUCK) == 1
    assert said[-2:] == [Event.STUCK, Event.COMPLETED]
