"""A watch beside somebody who shifts: any weights of its two versions are what it judges."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.notices import Event, Severity
from guardian.core.plan import Plan
from guardian.core.rollout.decide import decide
from guardian.core.rollout.desired import must_write
from guardian.core.rollout.entries import (
    Cause,
    Completed,
    Entry,
    Held,
    HoldReason,
    OrderKind,
    RollbackConfirmed,
    RollbackStarted,
    RollbackStuck,
    StepEntered,
    Superseded,
    TrafficSeen,
    WeightConfirmed,
)
from guardian.core.rollout.machine import IllegalEntry, Phase, Rollout, apply
from guardian.core.rollout.progress import Observation
from guardian.core.status import confirmed_weight, status_of
from guardian.core.traffic import FULL, Traffic, Weight
from guardian.messages.table import notice
from tests.core.rollouts import (
    BACK,
    BESIDE,
    BY_HAND,
    CANARY,
    FAIL,
    HALF,
    MAX_BAKE_S,
    PASS,
    PLAN,
    SPARING,
    SPLIT,
    STABLE,
    T0,
    TEN,
    WATCH,
    confirmed,
    held,
    in_phase,
    order,
    reading,
    refusal,
    rollout,
    saw,
)

AT_HALF = Traffic(primary="41", secondary="42", weight=HALF)
TURNED = Traffic(primary="42", secondary="41", weight=TEN)
"""How Lambda itself moves an alias with provisioned concurrency: the new version is primary."""


def entry(state: Rollout, seen: Observation, *, at: float = 0.0) -> Entry | None:
    """What is decided `at` seconds after T0; whatever it is, it is possible."""
    decided = decide(state, seen, T0 + at).entry
    if decided is not None:
        apply(state, decided)
    return decided


def seen_at(at: float, traffic: Traffic) -> TrafficSeen:
    """Somebody else's shift."""
    return TrafficSeen(at=T0 + at, traffic=traffic)


# --- forward -----------------------------------------------------------------------------------


@pytest.mark.parametrize("found", [AT_HALF, CANARY, STABLE, TURNED], ids=str)
@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.BAKING, Phase.HELD])
@pytest.mark.parametrize("plan", [BESIDE, WATCH], ids=["split", "alone"])
def test_any_weights_of_its_two_versions_are_judged(
    plan: Plan, phase: Phase, found: Traffic
) -> None:
    """No conflict and no end: the traffic is noted once, and the watch goes on where it was."""
    state = in_phase(phase, plan=plan)
    decided = entry(state, saw(PASS, found=found), at=300)
    if found == plan.found:
        assert not isinstance(decided, TrafficSeen | Held)
        return
    assert decided == seen_at(300, found)
    after = apply(state, seen_at(300, found))
    assert (after.phase, after.hold) == (state.phase, state.hold)
    assert confirmed_weight(after) == found.share("42")
    assert status_of(after, saw(), T0, traffic=None).wanted == found.share("42")
    assert not isinstance(entry(after, saw(PASS, found=found), at=301), TrafficSeen | Held)


def test_a_watch_begins_at_whatever_weights_it_finds() -> None:
    """Somebody shifted between the plan and the first look: that is no reason not to guard."""
    state = rollout(plan=BESIDE)
    assert entry(state, saw(found=AT_HALF)) == StepEntered(at=T0, step=0)
    state = apply(apply(state, StepEntered(at=T0, step=0)), seen_at(1, AT_HALF))
    assert entry(state, saw(found=AT_HALF), at=2) == WeightConfirmed(at=T0 + 2, weight=HALF)


def test_the_weights_that_were_judged_are_remembered_with_their_times() -> None:
    """Evidence is held against the share that the canary had at the time."""
    state = rollout(StepEntered(at=T0, step=0), plan=BESIDE)
    assert state.weights == ()
    state = apply(state, seen_at(1, AT_HALF))
    assert state.weights == ()
    state = apply(state, confirmed(HALF, at=T0 + 2))
    state = apply(state, seen_at(300, CANARY))
    assert state.weights == ((T0 + 2, HALF), (T0 + 300, FULL))
    assert (state.first_shift_at, state.step_confirmed_at) == (T0 + 2, T0 + 2)


def test_a_third_version_still_ends_a_watch() -> None:
    """That is somebody's deploy, and none of this watch's business."""
    strange = Traffic(primary="41", secondary="43", weight=TEN)
    assert isinstance(entry(in_phase(Phase.BAKING, plan=BESIDE), saw(found=strange)), Superseded)


def test_a_watch_completes_at_the_weights_it_ended_with() -> None:
    """And says which they are."""
    state = in_phase(Phase.BAKING, seen_at(60, CANARY), plan=BESIDE)
    done = entry(state, saw(PASS, minutes=60, found=CANARY), at=3600)
    assert isinstance(done, Completed)
    told = notice(state, done, apply(state, done))
    assert told is not None
    assert "left the traffic as it is: 42 100%" in told.did


def test_a_rollout_of_its_own_is_no_watch() -> None:
    """There another weight is a person's hand, and holds."""
    decided = entry(in_phase(Phase.BAKING), saw(found=AT_HALF))
    assert isinstance(decided, Held)
    assert decided.why is HoldReason.CONFLICT
    assert entry(in_phase(Phase.BAKING, held()), saw(found=AT_HALF)) is None
    with pytest.raises(IllegalEntry, match="only a watch"):
        apply(in_phase(Phase.BAKING), seen_at(1, AT_HALF))


# --- back --------------------------------------------------------------------------------------

BROKEN = RollbackStarted(at=T0 + 600, cause=Cause.BREACH, detail="too many", verdicts=(FAIL,))
BACK_AGAIN = seen_at(610, STABLE)


def going_back(*then: Entry, plan: Plan = BESIDE) -> Rollout:
    """A watch beside another driver, ten minutes in and on its way back."""
    return in_phase(Phase.BAKING, BROKEN, *then, plan=plan)


def wrote(found: Traffic) -> Observation:
    """What is read back after a write of guardian's."""
    return replace(saw(found=found), wrote=True, tried=True)


def test_a_rollback_beside_another_driver_is_kept_until_the_watch_is_over() -> None:
    """Read back once is not back: the other driver's next shift would undo it, unguarded."""
    state = going_back()
    assert entry(state, wrote(STABLE), at=610) == BACK_AGAIN
    state = apply(state, BACK_AGAIN)
    assert state.kept_back
    assert entry(state, wrote(STABLE), at=MAX_BAKE_S - 1) is None
    assert entry(state, saw(), at=MAX_BAKE_S - 1) is None
    assert isinstance(entry(state, wrote(STABLE), at=MAX_BAKE_S), RollbackConfirmed)
    assert entry(state, saw(), at=MAX_BAKE_S + 59) is None
    assert isinstance(entry(state, saw(), at=MAX_BAKE_S + 60), RollbackStuck)
    assert "the end of the watch" in status_of(state, saw(), T0, traffic=None).waiting_for


def test_what_the_other_driver_shifts_again_is_put_back_again() -> None:
    """At each of its steps, by a write."""
    state = going_back(BACK_AGAIN)
    found = reading(AT_HALF)
    assert entry(state, wrote(AT_HALF), at=660) == seen_at(660, AT_HALF)
    state = apply(state, seen_at(660, AT_HALF))
    assert not state.kept_back
    wanted = must_write(state, found, fenced=True, wrote=True)
    assert wanted is not None
    assert wanted.traffic == STABLE
    assert entry(state, wrote(STABLE), at=661) == seen_at(661, STABLE)


def test_a_rollback_that_another_driver_undoes_is_stuck_after_its_own_minute() -> None:
    """Counted from its last shift: what was back in between was no failure."""
    state = going_back(BACK_AGAIN, seen_at(900, AT_HALF))
    assert entry(state, saw(found=AT_HALF), at=959) is None
    stuck = entry(state, saw(found=AT_HALF), at=960)
    assert isinstance(stuck, RollbackStuck)
    state = apply(state, stuck)
    back = seen_at(970, STABLE)
    told = notice(state, back, apply(state, back))
    assert told is not None
    assert [key.rpartition("/")[2] for key in told.resolves] == ["stuck"]
    assert apply(state, back).stuck_level == 0


@pytest.mark.parametrize("plan", [WATCH, PLAN], ids=["watch", "rollout"])
def test_a_rollback_that_nobody_else_shifts_is_over_when_it_is_read_back(plan: Plan) -> None:
    """Nothing to wait for."""
    state = in_phase(Phase.BAKING, BACK, plan=plan)
    assert isinstance(entry(state, wrote(STABLE), at=1), RollbackConfirmed)


def test_a_shift_seen_once_tells_of_another_driver() -> None:
    """Also where the watch began with all traffic on one version."""
    state = in_phase(Phase.BAKING, seen_at(60, AT_HALF), BROKEN, plan=WATCH)
    assert entry(state, wrote(STABLE), at=610) == BACK_AGAIN


@pytest.mark.parametrize("cause", [Cause.ABORTED, Cause.INTERRUPTED])
def test_what_a_person_orders_back_is_not_waited_for(cause: Cause) -> None:
    """Who ordered it stands there, and is told of the other driver."""
    back = RollbackStarted(at=T0 + 600, cause=cause, detail="back", actor="bob")
    state = in_phase(Phase.BAKING, seen_at(60, AT_HALF), back, plan=BESIDE)
    done = entry(state, wrote(STABLE), at=610)
    assert isinstance(done, RollbackConfirmed)
    told = notice(state, done, apply(state, done))
    assert told is not None
    assert "aws deploy stop-deployment" in told.todo


@pytest.mark.parametrize("kind", [OrderKind.INTERRUPT, OrderKind.LEAVE])
def test_a_process_that_must_leave_does_not_keep_it_back(kind: OrderKind) -> None:
    """Traffic is back: that is the end, and it says that nobody guards it any longer."""
    seen = replace(wrote(STABLE), orders=(order(kind),))
    done = entry(going_back(BACK_AGAIN), seen, at=700)
    assert isinstance(done, RollbackConfirmed)
    assert "not kept there any longer" in done.detail
    under_way = decide(going_back(), replace(saw(), orders=(order(OrderKind.LEAVE),)), T0 + 601)
    assert "finished first" in refusal(under_way)


def test_a_freeze_of_rollbacks_stops_this_one_too() -> None:
    """Guardian's own judgement stands behind it."""
    seen = replace(wrote(STABLE), freeze=SPARING)
    assert isinstance(entry(going_back(BACK_AGAIN), seen, at=700), Held)


def test_people_are_told_who_else_shifts_and_how_to_stop_it() -> None:
    """The page opens when traffic is back, and stays the same one to the end."""
    state = going_back()
    told = notice(in_phase(Phase.BAKING, plan=BESIDE), BROKEN, state)
    assert told is not None
    assert "aws deploy list-deployments" in told.todo
    back = apply(state, BACK_AGAIN)
    told = notice(state, BACK_AGAIN, back)
    assert told is not None
    assert told.event is Event.ROLLED_BACK
    (page,) = told.pages
    assert page.severity is Severity.WARNING
    assert "guardian keeps it there until" in told.title
    again = seen_at(660, AT_HALF)
    told = notice(back, again, apply(back, again))
    assert told is not None
    assert (told.event, told.pages) == (Event.ROLLING_BACK, ())
    assert "version 42 has 50%" in told.title
    done = RollbackConfirmed(at=T0 + MAX_BAKE_S, by_guardian=True, detail="read back")
    told = notice(back, done, apply(back, done))
    assert told is not None
    assert told.pages == (page,)


def test_a_share_of_nothing_is_no_split() -> None:
    """The additional version at weight 0 tells of nobody who shifts."""
    none = replace(BESIDE, found=Traffic(primary="41", secondary="42", weight=Weight(0)))
    assert not rollout(plan=none).beside
    assert rollout(plan=BESIDE).beside


def test_a_rollback_by_hand_has_no_steps_and_is_not_kept() -> None:
    """It ends when it is read back, also where two versions shared the traffic."""
    back = RollbackStarted(at=T0, cause=Cause.ABORTED, detail="rollback by bob", actor="bob")
    state = rollout(back, plan=replace(BY_HAND, found=SPLIT))
    assert (state.traffic, state.kept_back, state.unconfirmed_since) == (SPLIT, False, T0)
    assert "the router to show 41 100%" in status_of(state, saw(), T0, traffic=None).waiting_for
    assert isinstance(entry(state, wrote(STABLE), at=1), RollbackConfirmed)
