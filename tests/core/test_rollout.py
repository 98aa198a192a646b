"""The state machine: every pair of phase and entry, the guards, the fold, and what is kept."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import get_args

import pytest

from guardian.core.rollout.entries import (
    Approved,
    Cancelled,
    Cause,
    Completed,
    Entry,
    GateFailed,
    HoldReason,
    PrimaryConfirmed,
    Resumed,
    RollbackStarted,
    RollbackStuck,
    RolloutStarted,
    Sighted,
    StepEntered,
    TrafficSeen,
    WeightConfirmed,
)
from guardian.core.rollout.machine import (
    LIVE,
    REMEMBERED,
    TRANSITIONS,
    IllegalEntry,
    Phase,
    Rollout,
    apply,
    fold,
    start,
    step_traffic,
)
from guardian.core.traffic import FULL, Traffic
from tests.core.rollouts import (
    BACK,
    DONE,
    GATE,
    LEGAL,
    OBSERVE,
    PLAN,
    RESUMED,
    T0,
    TEN,
    WATCH,
    asks,
    at_last_step,
    confirmed,
    entries_to,
    held,
    in_phase,
    journal,
    rollout,
)

ENTRY_TYPES: tuple[type[Entry], ...] = get_args(Entry)
EXAMPLES: dict[type[Entry], Entry] = {
    **LEGAL,
    RolloutStarted: RolloutStarted(at=T0, plan=PLAN),
    GateFailed: GateFailed(at=T0, detail="a breach"),
}
ILLEGAL = [pair for pair in itertools.product(Phase, ENTRY_TYPES) if pair not in TRANSITIONS]
ROWS = list(TRANSITIONS)


def _name(value: object) -> str:
    return value.name.lower() if isinstance(value, Phase) else getattr(value, "__name__", "")


# --- the table ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("phase", "kind"), ILLEGAL, ids=_name)
def test_a_pair_outside_the_table_is_refused(phase: Phase, kind: type[Entry]) -> None:
    """An entry that the phase has no row for raises, and the state is what it was."""
    state = in_phase(phase)
    before = replace(state)
    with pytest.raises(IllegalEntry, match=f"{kind.__name__} is not possible in {phase.value}"):
        apply(state, EXAMPLES[kind])
    assert state == before


@pytest.mark.parametrize(("phase", "kind"), ROWS, ids=_name)
def test_every_row_of_the_table_leads_where_it_says(phase: Phase, kind: type[Entry]) -> None:
    """A possible entry leads to the row's phase, is counted, and leaves the old state alone."""
    plan = (
        GATE if kind is GateFailed or (kind is Cancelled and phase is not Phase.PENDING) else PLAN
    )
    plan = WATCH if kind is TrafficSeen else plan
    state = at_last_step(plan=plan) if kind is Completed else in_phase(phase, plan=plan)
    if kind is Completed and phase is Phase.HELD:
        state = apply(state, held())
    if kind is Sighted:
        state = apply(state, held(HoldReason.BLIND))
    entry = EXAMPLES[kind]
    if kind is Approved:
        state = _asked(phase)
        entry = Approved(at=T0, step=state.step + 1, actor="bob")
    if kind is StepEntered:
        entry = StepEntered(at=T0, step=state.step + 1)
    if kind is WeightConfirmed:
        entry = confirmed(plan.steps[state.step].weight)
    before = replace(state)
    after = apply(state, entry)
    wanted = TRANSITIONS[phase, kind]
    assert after.phase is (Phase.BAKING if wanted is REMEMBERED else wanted)
    assert after.seq == state.seq + 1
    assert state == before


def _asked(phase: Phase) -> Rollout:
    """A rollout in a phase, whose steps all need an approval; held for want of one."""
    plan = asks(0, 1)
    if phase is Phase.HELD:
        return in_phase(Phase.BAKING, held(HoldReason.APPROVAL), plan=plan)
    return in_phase(phase, plan=plan)


def test_only_a_hold_goes_back_to_where_it_began() -> None:
    """The rows without a phase of their own are those of a hold that ends."""
    remembered = [_name(pair[1]) for pair, phase in TRANSITIONS.items() if phase is REMEMBERED]
    assert remembered == ["Resumed", "Approved"]


def test_ends_have_no_way_out() -> None:
    """Only live phases and a completed rollout appear on the left of the table."""
    assert {phase for phase, _ in TRANSITIONS} == LIVE | {Phase.COMPLETED}


def test_every_live_phase_can_start_a_rollback() -> None:
    """Whatever it waits for, there is a way back."""
    assert {(phase, RollbackStarted) for phase in LIVE - {Phase.ROLLING_BACK}} <= TRANSITIONS.keys()


def test_an_entry_needs_an_end_of_its_own() -> None:
    """Each quiet or loud end is remembered as the entry that ended it."""
    for phase in set(Phase) - LIVE - {Phase.COMPLETED}:
        state = in_phase(phase)
        assert state.end == entries_to(phase)[-1]
        assert not state.live


# --- the fold ----------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", Phase, ids=_name)
def test_the_fold_is_apply_over_and_over(phase: Phase) -> None:
    """A journal folds to the state that its entries lead to one by one."""
    first, *rest = journal(*entries_to(phase))
    state = start(first)
    for entry in rest:
        state = apply(state, entry)
    assert fold([first, *rest]) == state
    assert state.phase is phase
    assert state.seq == 1 + len(rest)


def test_a_journal_begins_with_a_start() -> None:
    """Anything else at the beginning is a damaged journal."""
    with pytest.raises(IllegalEntry, match="begins with RolloutStarted, not Resumed"):
        fold([RESUMED])


def test_an_empty_journal_has_no_state() -> None:
    """Nothing folds to nothing: it is refused."""
    with pytest.raises(IllegalEntry, match="there are no entries"):
        fold([])


def test_a_second_start_is_refused() -> None:
    """A rollout starts once."""
    with pytest.raises(IllegalEntry, match="RolloutStarted is not possible in pending"):
        fold([*journal(), *journal()])


# --- the guards --------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [-1, 1, 2])
def test_steps_follow_one_another(wrong: int) -> None:
    """The first step is step 0, and none is left out."""
    with pytest.raises(IllegalEntry, match=f"step {wrong} does not follow step -1"):
        apply(rollout(), StepEntered(at=T0, step=wrong))


def test_there_is_no_step_after_the_last() -> None:
    """A plan's last step is followed by completion alone."""
    with pytest.raises(IllegalEntry, match="step 2 does not follow step 1"):
        apply(at_last_step(), StepEntered(at=T0, step=2))


def test_only_the_weight_of_the_step_can_be_confirmed() -> None:
    """Another weight than the step's was not asked for."""
    with pytest.raises(IllegalEntry, match="step 0 does not ask for 100%"):
        apply(in_phase(Phase.SHIFTING), confirmed(FULL))


def test_an_earlier_step_cannot_complete() -> None:
    """Completion needs the last step."""
    with pytest.raises(IllegalEntry, match="only the last step"):
        apply(in_phase(Phase.BAKING), DONE)


def test_an_unconfirmed_last_step_cannot_complete() -> None:
    """Completion needs the last weight to have been read back, also out of a hold."""
    state = in_phase(Phase.BAKING, StepEntered(at=T0, step=1), held())
    with pytest.raises(IllegalEntry, match="at its confirmed weight"):
        apply(state, DONE)


@pytest.mark.parametrize("entry", [EXAMPLES[Cancelled], EXAMPLES[GateFailed]], ids=["c", "g"])
def test_moved_traffic_is_not_simply_left(entry: Entry) -> None:
    """Once traffic was moved, a rollout is not cancelled and is no gate."""
    with pytest.raises(IllegalEntry, match="it can only be rolled back"):
        apply(in_phase(Phase.BAKING), entry)


def test_a_gate_has_nothing_to_restore() -> None:
    """A watch without a stable side cannot be rolled back, whoever asks."""
    state = in_phase(Phase.BAKING, plan=GATE)
    with pytest.raises(IllegalEntry, match="nothing to restore"):
        apply(state, BACK)
    with pytest.raises(IllegalEntry, match="nothing to restore"):
        apply(state, replace(BACK, cause=Cause.ABORTED, actor="bob"))


def test_an_observed_rollout_is_taken_back_by_a_person_alone() -> None:
    """`--observe` forbids guardian's own rollbacks, and never a person's."""
    state = in_phase(Phase.BAKING, plan=OBSERVE)
    with pytest.raises(IllegalEntry, match="nothing to restore"):
        apply(state, BACK)
    taken = apply(state, replace(BACK, cause=Cause.ABORTED, actor="bob"))
    assert taken.phase is Phase.ROLLING_BACK


# --- time --------------------------------------------------------------------------------------


def test_times_never_go_back() -> None:
    """An entry from a clock that was set back is booked at the last time seen."""
    state = rollout(StepEntered(at=T0 + 100, step=0), confirmed(at=T0 - 50))
    assert state.last_at == T0 + 100
    assert state.first_shift_at == T0 + 100
    back = apply(state, replace(BACK, at=T0))
    assert back.rollback is not None
    assert back.rollback.at == T0 + 100


def test_a_step_has_no_time_of_confirmation_before_it_is_confirmed() -> None:
    """The present step's confirmation is its own, not that of the step before."""
    state = rollout(StepEntered(at=T0, step=0))
    assert (state.first_shift_at, state.step_confirmed_at) == (None, None)
    state = apply(state, confirmed(at=T0 + 5))
    assert (state.first_shift_at, state.step_confirmed_at) == (T0 + 5, T0 + 5)
    state = apply(state, StepEntered(at=T0 + 700, step=1))
    assert (state.first_shift_at, state.step_confirmed_at) == (T0 + 5, None)


# --- holds -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "phase", [Phase.PENDING, Phase.SHIFTING, Phase.BAKING, Phase.ROLLING_BACK], ids=_name
)
def test_a_hold_remembers_where_to_resume(phase: Phase) -> None:
    """Resuming leads back to the phase in which the first of several holds began."""
    state = in_phase(phase, held(HoldReason.BLIND), held(HoldReason.PERSON, at=T0 + 60))
    assert state.hold is not None
    assert (state.hold.why, state.hold.since) == (HoldReason.PERSON, T0 + 60)
    assert state.hold.resume_to is phase
    after = apply(state, RESUMED)
    assert (after.phase, after.hold) == (phase, None)


def test_a_person_s_hold_is_booked() -> None:
    """The seconds that a person held do not count towards the longest bake."""
    state = in_phase(Phase.BAKING, held(at=T0 + 60), replace(RESUMED, at=T0 + 360))
    assert state.person_held_s == 300.0


def test_holding_again_loses_no_time() -> None:
    """Two orders to hold, one after the other, book the whole time."""
    state = in_phase(
        Phase.BAKING, held(at=T0 + 60), held(at=T0 + 360), replace(RESUMED, at=T0 + 400)
    )
    assert state.person_held_s == 340.0


def test_guardian_s_own_hold_is_not_booked() -> None:
    """Waiting for evidence is part of the longest bake."""
    state = in_phase(
        Phase.BAKING, held(HoldReason.BLIND, at=T0 + 60), replace(RESUMED, at=T0 + 360)
    )
    assert state.person_held_s == 0.0


def test_held_time_before_the_confirmation_is_no_part_of_the_bake() -> None:
    """The longest bake counts from the confirmed shift, and so does what a person held of it."""
    state = in_phase(
        Phase.SHIFTING,
        held(at=T0 + 60),
        replace(RESUMED, at=T0 + 3660),
        confirmed(at=T0 + 3670),
    )
    assert state.person_held_s == 0.0


def test_a_new_step_counts_held_time_afresh() -> None:
    """What was held in an earlier step says nothing of the present one."""
    state = in_phase(Phase.HELD, StepEntered(at=T0 + 60, step=1))
    assert (state.hold, state.person_held_s) == (None, 0.0)


# --- the way back and the end ------------------------------------------------------------------


def test_a_rollback_that_begins_anew_counts_its_pages_anew() -> None:
    """A rollback that was stopped and is ordered again pages again when it is stuck."""
    stuck = RollbackStuck(at=T0 + 60, level=1, detail="throttled")
    state = in_phase(Phase.ROLLING_BACK, stuck)
    assert state.stuck_level == 1
    assert apply(state, held()).stuck_level == 1
    assert apply(apply(state, held()), BACK).stuck_level == 0


def test_a_completed_rollout_is_live_until_its_promotion_is_read_back() -> None:
    """Guardian looks after a promotion until the router shows it."""
    state = in_phase(Phase.COMPLETED)
    assert state.completed == DONE
    assert state.live
    assert not apply(state, PrimaryConfirmed(at=T0)).live


def test_a_completed_watch_is_over() -> None:
    """A watch promotes nothing, so there is nothing left to read."""
    assert not in_phase(Phase.COMPLETED, plan=WATCH).live


def test_what_moves_traffic_is_known() -> None:
    """A rollout has moved traffic from its first step on, a watch never."""
    assert not rollout().moved
    assert in_phase(Phase.SHIFTING).moved
    assert not in_phase(Phase.BAKING, plan=WATCH).moved


def test_a_step_s_traffic_is_stable_plus_canary() -> None:
    """The router shall show the step's weight; for a watch, what was found."""
    assert step_traffic(PLAN, 0) == Traffic(primary="41", secondary="42", weight=TEN)
    assert step_traffic(WATCH, 0) == WATCH.found


def test_the_present_step_is_known() -> None:
    """There is none before the first, and the last one is known as such."""
    assert rollout().current_step is None
    assert in_phase(Phase.BAKING).current_step == PLAN.steps[0]
    assert not in_phase(Phase.BAKING).last_step
    assert at_last_step().last_step


def test_a_conflict_is_resumed_by_confirming_the_weight_anew() -> None:
    """Minutes at somebody else's weight are no bake: the shift begins again."""
    state = in_phase(Phase.BAKING, held(HoldReason.CONFLICT))
    going_on = apply(state, Resumed(at=T0 + 900, detail="go on", actor="bob"))
    assert going_on.phase is Phase.SHIFTING
    again = apply(going_on, confirmed(at=T0 + 960))
    assert again.step_confirmed_at == T0 + 960


def test_only_a_hold_for_blindness_gets_its_sight_back() -> None:
    """Of any other hold sight is no end."""
    with pytest.raises(IllegalEntry, match="only a hold for blindness"):
        apply(in_phase(Phase.BAKING, held()), Sighted(at=T0))
