"""What must always hold: each invariant catches its breach, and random journals keep them all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from guardian.core.plan import Plan
from guardian.core.rollout.entries import (
    Completed,
    Entry,
    GateFailed,
    Held,
    HoldReason,
    RolloutStarted,
    StepEntered,
    Superseded,
    Waived,
    WeightConfirmed,
)
from guardian.core.rollout.invariants import (
    InvariantBroken,
    check,
    wished_weight,
)
from guardian.core.rollout.machine import IllegalEntry, Phase, Rollout, apply, fold, start
from guardian.core.verdict import Outcome
from tests.core.rollouts import (
    DONE,
    FAIL,
    FEW,
    GATE,
    LEGAL,
    OBSERVE,
    PASS,
    PLAN,
    RESUMED,
    T0,
    TEN,
    WATCH,
    at_last_step,
    criterion,
    held,
    in_phase,
    rollout,
    verdict,
)


def step_of(before: Rollout, entry: Entry) -> None:
    """Apply an entry, and check it."""
    check(before, entry, apply(before, entry))


# --- each one catches its breach ---------------------------------------------------------------


def test_times_that_go_back_are_caught() -> None:
    """A state may not be older than the one before."""
    state = in_phase(Phase.BAKING)
    with pytest.raises(InvariantBroken, match="times never go back"):
        check(state, RESUMED, replace(state, last_at=T0 - 1))


def test_a_weight_that_rises_in_a_bake_is_caught() -> None:
    """More traffic is asked for by entering `shifting` alone."""
    baking = in_phase(Phase.BAKING)
    raised = replace(baking, plan=replace(PLAN, steps=(PLAN.steps[1], PLAN.steps[1])))
    with pytest.raises(InvariantBroken, match="rose from 10% to 100% in baking"):
        check(baking, RESUMED, raised)


def test_what_nothing_judges_never_completes() -> None:
    """Not by time, and not by a person's order either."""
    state = at_last_step(plan=replace(WATCH, criteria=()))
    for entry in (DONE, replace(DONE, unproven=("observed time",)), replace(DONE, actor="alice")):
        with pytest.raises(InvariantBroken, match="without a criterion"):
            step_of(state, entry)


def test_a_promotion_before_the_last_step_is_caught() -> None:
    """Completing raises the weight from the last step only."""
    baking = in_phase(Phase.BAKING)
    done = replace(baking, phase=Phase.COMPLETED)
    with pytest.raises(InvariantBroken, match="rose from 10% to 100% in completed"):
        check(baking, RESUMED, done)


def test_a_promotion_from_a_smaller_last_step_is_fine() -> None:
    """A plan may end below 100%."""
    plan = replace(PLAN, steps=PLAN.steps[:1])
    step_of(at_last_step(plan=plan), Completed(at=T0, verdicts=(PASS,)))


def test_a_hold_that_ends_asks_for_what_it_had() -> None:
    """In a hold nothing is wanted, so that resuming raises nothing."""
    step_of(in_phase(Phase.HELD), RESUMED)
    assert wished_weight(in_phase(Phase.HELD)) is None
    assert wished_weight(in_phase(Phase.BAKING)) == TEN


def test_completing_without_a_pass_is_caught() -> None:
    """Every gating criterion has passed, is named as unproven, or was overridden by a person."""
    state = at_last_step()
    with pytest.raises(InvariantBroken, match="completed without a pass of error-rate"):
        step_of(state, Completed(at=T0, verdicts=(FEW,)))
    with pytest.raises(InvariantBroken, match="completed without a pass of error-rate"):
        step_of(state, Completed(at=T0, overridden=("error-rate",)))
    step_of(state, Completed(at=T0, verdicts=(FEW,), unproven=("error-rate",)))
    step_of(state, Completed(at=T0, actor="bob", overridden=("error-rate",)))
    step_of(state, Completed(at=T0, verdicts=(PASS,)))


def test_completing_over_a_breach_is_caught() -> None:
    """A breach is not excused by being named; a person may still order it."""
    with pytest.raises(InvariantBroken, match="completed over a breach of error-rate"):
        step_of(at_last_step(), Completed(at=T0, verdicts=(FAIL,), unproven=("error-rate",)))
    over = Completed(at=T0, verdicts=(FAIL,), actor="bob", overridden=("error-rate",))
    step_of(at_last_step(), over)


def test_a_waiver_is_an_override_that_the_journal_names() -> None:
    """It excuses its criterion, and with nothing left that gates the end must say so."""
    plan = replace(PLAN, criteria=(criterion(), criterion("crash-rate")))
    waived = Waived(at=T0, criterion="crash-rate", actor="bob")
    crash = verdict(Outcome.FAIL, "crash-rate")
    state = at_last_step(waived, plan=plan)
    step_of(state, Completed(at=T0, verdicts=(PASS, crash)))
    with pytest.raises(InvariantBroken, match="completed over a breach of error-rate"):
        step_of(state, Completed(at=T0, verdicts=(FAIL, crash), unproven=("error-rate",)))
    nothing = at_last_step(waived, replace(waived, criterion="error-rate"), plan=plan)
    with pytest.raises(InvariantBroken, match="completed without a pass of any criterion"):
        step_of(nothing, Completed(at=T0, verdicts=(PASS, crash)))
    step_of(nothing, Completed(at=T0, verdicts=(PASS,), unproven=("every criterion",)))
    step_of(nothing, Completed(at=T0, verdicts=(PASS,), actor="bob"))


def test_completing_an_unread_weight_is_caught() -> None:
    """The last weight must have been read back."""
    state = replace(at_last_step(), confirmed=())
    with pytest.raises(InvariantBroken, match="without the last weight having been read back"):
        check(state, DONE, state)


def test_a_rollback_that_ends_by_itself_is_caught() -> None:
    """Only confirmation, a person, or somebody else's change ends it."""
    state = in_phase(Phase.ROLLING_BACK)
    with pytest.raises(InvariantBroken, match="ends rolling_back"):
        step_of(state, Held(at=T0, why=HoldReason.BLIND, detail="cannot see"))
    step_of(state, held())
    step_of(state, held(HoldReason.FREEZE, actor="carol"))
    step_of(state, LEGAL[Superseded])


# --- random journals keep them -----------------------------------------------------------------


class Journals(RuleBasedStateMachine):
    """Any entry at any time: either it is refused and nothing changes, or all invariants hold."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T0
        self.entries: list[Entry] = []
        self.state = rollout()

    @initialize(plan=st.sampled_from([PLAN, WATCH, GATE, OBSERVE]))
    def begin(self, plan: Plan) -> None:
        """A plan is accepted."""
        self.entries = [RolloutStarted(at=T0, plan=plan)]
        self.state = start(self.entries[0])

    @rule(seconds=st.floats(-3600, 3600))
    def time_passes(self, seconds: float) -> None:
        """Also backwards."""
        self.now += seconds

    @rule(kind=st.sampled_from(sorted(LEGAL, key=lambda t: t.__name__)))
    def anything(self, kind: type[Entry]) -> None:
        """Some entry, mostly not possible now."""
        self.write(LEGAL[kind])

    @rule()
    def forward(self) -> None:
        """The next step, or the confirmation of the present one."""
        self.write(StepEntered(at=self.now, step=self.state.step + 1))
        if self.state.phase is Phase.SHIFTING:
            weight = self.state.plan.steps[self.state.step].weight
            self.write(WeightConfirmed(at=self.now, weight=weight))

    @rule(why=st.sampled_from(HoldReason))
    def hold(self, why: HoldReason) -> None:
        """A hold of each kind; a rollback is stopped by a person only."""
        actor = "bob" if self.state.phase is Phase.ROLLING_BACK else None
        self.write(held(why, actor=actor))

    @rule()
    def resume(self) -> None:
        """Back to where the hold began."""
        self.write(RESUMED)

    @rule()
    def gate(self) -> None:
        """A breach without a way back."""
        self.write(GateFailed(at=self.now, detail="a breach"))

    def write(self, entry: Entry) -> None:
        """Through the one door."""
        entry = replace(entry, at=self.now)
        before = self.state
        try:
            after = apply(before, entry)
        except IllegalEntry:
            assert self.state == before
            return
        check(before, entry, after)
        self.entries.append(entry)
        self.state = after

    @invariant()
    def the_state_is_its_journal(self) -> None:
        """Folding what was written gives the state."""
        if self.entries:
            assert fold(self.entries) == self.state

    @invariant()
    def a_hold_belongs_to_the_held_phase(self) -> None:
        """There is a hold in `held`, and nowhere else."""
        assert (self.state.hold is not None) == (self.state.phase is Phase.HELD)

    @invariant()
    def held_time_is_within_the_rollout(self) -> None:
        """No more time is booked on a person than there was."""
        assert 0.0 <= self.state.person_held_s <= self.state.last_at - self.state.started_at

    @invariant()
    def an_end_has_its_entry(self) -> None:
        """What is over knows what ended it, and what is live has no end."""
        if self.state.phase is not Phase.COMPLETED:
            assert self.state.live == (self.state.end is None)


TestJournals = Journals.TestCase
TestJournals.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
