"""The orders for a rollout that stands still, and why an order was refused, in whole sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.rollout.decide import decide
from guardian.core.rollout.entries import (
    Answer,
    Approved,
    Cancelled,
    Cause,
    Completed,
    Entry,
    Held,
    HoldReason,
    Order,
    OrderKind,
    PrimaryConfirmed,
    Resumed,
    RollbackStarted,
    StepEntered,
    Waived,
)
from guardian.core.rollout.machine import Phase, Rollout, apply
from guardian.core.rollout.orders import obey
from guardian.core.rollout.progress import Observation
from guardian.core.verdict import Outcome
from tests.core.rollouts import (
    BACK,
    FAIL,
    FEW,
    FROZEN,
    GATE,
    MAX_BAKE_S,
    OBSERVE,
    PASS,
    PLAN,
    SPARING,
    T0,
    WATCH,
    asks,
    at_last_step,
    blind,
    criterion,
    held,
    in_phase,
    order,
    refusal,
    rollout,
    saw,
    verdict,
)

THREE = replace(PLAN, steps=(*PLAN.steps, PLAN.steps[1]))
STOPPED = in_phase(Phase.ROLLING_BACK, held())
FROZEN_BACK = in_phase(Phase.ROLLING_BACK, held(HoldReason.FREEZE, actor="carol"))


def given(
    state: Rollout, what: Order, seen: Observation | None = None, *, at: float = 0.0
) -> Entry:
    """What an order leads to; it must be obeyed by an entry that is possible."""
    decision = obey(state, replace(seen or saw(), orders=(what,)), T0 + at)
    assert decision.entry is not None, decision
    assert decision.answers == (Answer(order=what.id),)
    apply(state, decision.entry)
    return decision.entry


def refused(state: Rollout, what: Order, seen: Observation | None = None) -> str:
    """Why it was refused."""
    return refusal(obey(state, replace(seen or saw(), orders=(what,)), T0))


def already(state: Rollout, what: Order, seen: Observation | None = None) -> bool:
    """Whether it is so already: obeyed without an entry."""
    decision = obey(state, replace(seen or saw(), orders=(what,)), T0)
    return decision.entry is None and decision.answers == (Answer(order=what.id),)


# --- every kind, when it comes too late ---------------------------------------------------------


@pytest.mark.parametrize("kind", OrderKind)
def test_what_is_over_refuses_every_order_by_a_sentence(kind: OrderKind) -> None:
    """The end is named."""
    assert "the rollout is over (rolled back)" in refused(in_phase(Phase.ROLLED_BACK), order(kind))


def test_a_stale_order_says_both_steps() -> None:
    """What was expected, and what is."""
    said = refused(in_phase(Phase.BAKING), order(OrderKind.ABORT, expect_step=1))
    assert said.startswith("it is at step 1 by now, and you expected step 2")
    said = refused(rollout(), order(OrderKind.ABORT, expect_step=0))
    assert "the beginning, before the first step" in said


def test_an_order_to_start_is_not_for_a_rollout() -> None:
    """A service's daemon takes those."""
    assert "is for a service" in refused(in_phase(Phase.BAKING), order(OrderKind.START))


# --- back --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [OrderKind.ABORT, OrderKind.INTERRUPT, OrderKind.GROUP])
def test_a_rollback_under_way_is_what_was_ordered(kind: OrderKind) -> None:
    """Twice is once."""
    assert already(in_phase(Phase.ROLLING_BACK), order(kind))


def test_a_member_of_a_group_follows_the_others_back() -> None:
    """Live, held, or completed already; the reason says who went first."""
    for state in (
        in_phase(Phase.BAKING),
        in_phase(Phase.HELD),
        in_phase(Phase.COMPLETED),
        apply(in_phase(Phase.COMPLETED), PrimaryConfirmed(at=T0)),
        in_phase(Phase.BAKING, plan=WATCH),
    ):
        entry = given(state, replace(order(OrderKind.GROUP), reason="worker was rolled back"))
        assert isinstance(entry, RollbackStarted)
        assert (entry.cause, entry.detail) == (
            Cause.GROUP,
            "group by bob: worker was rolled back",
        )


def test_a_member_that_moved_nothing_is_cancelled() -> None:
    """It would be the only new one."""
    assert isinstance(given(rollout(), order(OrderKind.GROUP)), Cancelled)


def test_a_member_that_guardian_may_not_take_back_stays() -> None:
    """A gate, and a rollout that is only observed."""
    said = refused(in_phase(Phase.BAKING, plan=OBSERVE), order(OrderKind.GROUP))
    assert "only observed" in said
    said = refused(in_phase(Phase.BAKING, plan=GATE), order(OrderKind.GROUP))
    assert "nothing to restore" in said


def test_refused_ways_back_say_why() -> None:
    """A signal after the end; a gate that has completed."""
    done = in_phase(Phase.COMPLETED)
    assert "a signal is no judgement" in refused(done, order(OrderKind.INTERRUPT))
    gate = in_phase(Phase.COMPLETED, plan=GATE)
    assert "nothing to restore" in refused(gate, order(OrderKind.ABORT))


def test_what_was_begun_is_not_left() -> None:
    """Traffic that was moved, or is on its way back."""
    assert "finished first" in refused(in_phase(Phase.ROLLING_BACK), order(OrderKind.LEAVE))
    assert "has moved traffic" in refused(in_phase(Phase.BAKING), order(OrderKind.LEAVE))


# --- hold --------------------------------------------------------------------------------------


def test_a_rollback_is_stopped_only_by_the_brake() -> None:
    """The refusal says how; so it is for a rollback that a freeze stopped."""
    plain, full = order(OrderKind.HOLD), order(OrderKind.HOLD, full=True)
    for state in (in_phase(Phase.ROLLING_BACK), FROZEN_BACK):
        assert "`guardian rollout hold agents-api --stop-rollback`" in refused(state, plain)
        entry = given(state, full)
        assert isinstance(entry, Held)
        assert entry.why is HoldReason.PERSON
    assert already(STOPPED, plain)


def test_a_completed_rollout_is_not_held() -> None:
    """What would help is named."""
    said = refused(in_phase(Phase.COMPLETED), order(OrderKind.HOLD))
    assert "`guardian rollout abort agents-api` takes it back" in said


# --- resume and retry --------------------------------------------------------------------------


def test_only_a_hold_is_resumed() -> None:
    """The present state is named."""
    assert "it is not held: it is baking" in refused(
        in_phase(Phase.BAKING), order(OrderKind.RESUME)
    )


@pytest.mark.parametrize(
    ("why", "hint"),
    [
        (HoldReason.APPROVAL, "`guardian rollout approve agents-api`"),
        (HoldReason.FREEZE, "`guardian unfreeze`"),
        (HoldReason.INCIDENT, "`guardian rollout waive agents-api CRITERION --reason ...`"),
    ],
)
def test_a_hold_that_resume_cannot_end_names_what_does(why: HoldReason, hint: str) -> None:
    """Resuming would lead back into the same hold at once."""
    state = in_phase(Phase.BAKING, held(why))
    for kind in (OrderKind.RESUME, OrderKind.RETRY):
        said = refused(state, order(kind))
        assert (hint in said) is (kind is OrderKind.RESUME)


def test_the_refusal_of_a_resume_names_what_is_open() -> None:
    """In the words of the hold."""
    state = in_phase(Phase.BAKING, replace(held(HoldReason.INCIDENT), detail="alarms: it fires"))
    said = refused(state, order(OrderKind.RESUME))
    assert "alarms: it fires; it goes on when that is over" in said


def test_the_refusal_of_a_resume_names_the_freeze() -> None:
    """Who, until when; or that it is just over."""
    state = in_phase(Phase.BAKING, held(HoldReason.FREEZE))
    frozen = replace(saw(), freeze=FROZEN)
    assert "carol froze agents-api" in refused(state, order(OrderKind.RESUME), frozen)
    assert "the freeze is just over" in refused(state, order(OrderKind.RESUME))


def test_a_breach_that_is_still_there_is_not_resumed() -> None:
    """It is waived, or gone, or the rollout goes back."""
    state = in_phase(Phase.BAKING, held(HoldReason.BREACH), plan=OBSERVE)
    said = refused(state, order(OrderKind.RESUME), saw(FAIL))
    assert "the breach is still there (error-rate); `guardian rollout waive" in said
    assert "`guardian rollout abort agents-api`" in said
    assert isinstance(given(state, order(OrderKind.RESUME), saw(PASS)), Resumed)
    shifting = in_phase(Phase.SHIFTING, held(HoldReason.BREACH), plan=OBSERVE)
    assert "still there" in refused(shifting, order(OrderKind.RETRY), saw(FAIL))


def test_a_resume_gives_the_evidence_as_long_again() -> None:
    """`max_bake` begins anew where a person says that it goes on."""
    state = in_phase(Phase.BAKING, held(HoldReason.NO_EVIDENCE, at=T0 + MAX_BAKE_S))
    state = apply(state, given(state, order(OrderKind.RESUME), at=MAX_BAKE_S + 100))
    again = 2 * MAX_BAKE_S + 100
    assert decide(state, saw(FEW), T0 + again - 1).entry is None
    assert isinstance(decide(state, saw(FEW), T0 + again).entry, Held)


def test_a_resume_gives_the_sight_as_long_again() -> None:
    """`max_blind` begins anew, too; sight lost before does not hold at once."""
    state = in_phase(Phase.BAKING, held(HoldReason.BLIND, at=T0 + 600))
    state = apply(state, given(state, order(OrderKind.RESUME), at=1000))
    assert decide(state, saw(blind()), T0 + 1599).entry is None
    assert isinstance(decide(state, saw(blind()), T0 + 1600).entry, Held)


@pytest.mark.parametrize("kind", [OrderKind.RETRY, OrderKind.RESUME])
@pytest.mark.parametrize("why", [HoldReason.BLIND, HoldReason.CONFLICT])
def test_a_shift_is_asked_for_again(why: HoldReason, kind: OrderKind) -> None:
    """What the router did not show, and what somebody else changed."""
    state = in_phase(Phase.SHIFTING, held(why))
    after = apply(state, given(state, order(kind), at=700))
    assert after.phase is Phase.SHIFTING
    assert decide(after, saw(), T0 + 1299).entry is None
    assert isinstance(decide(after, saw(), T0 + 1300).entry, Held)


def test_there_is_something_to_retry_only_in_a_held_shift() -> None:
    """Elsewhere guardian tries by itself, or nothing waits for the router."""
    assert "guardian itself tries again" in refused(
        in_phase(Phase.SHIFTING), order(OrderKind.RETRY)
    )
    assert "`guardian rollout resume agents-api`" in refused(
        in_phase(Phase.HELD), order(OrderKind.RETRY)
    )


# --- promote -----------------------------------------------------------------------------------


def test_a_full_promotion_goes_straight_to_the_last_step() -> None:
    """The steps between are left out, and what was short is named."""
    state = in_phase(Phase.BAKING, plan=THREE)
    entry = given(state, order(OrderKind.PROMOTE, full=True), saw(FEW))
    assert entry == StepEntered(
        at=T0, step=2, verdicts=(FEW,), actor="bob", overridden=("error-rate",)
    )
    assert isinstance(given(at_last_step(), order(OrderKind.PROMOTE, full=True)), Completed)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("state", "seen", "why"),
    [
        (in_phase(Phase.BAKING, plan=WATCH), saw(), "a watch shifts nothing"),
        (in_phase(Phase.COMPLETED), saw(), "it has completed"),
        (in_phase(Phase.ROLLING_BACK), saw(), "on its way back"),
        (STOPPED, saw(), "on its way back"),
        (rollout(), saw(), "needs no promotion"),
        (rollout(held()), saw(), "needs no promotion"),
        (rollout(held(HoldReason.APPROVAL), plan=asks(0)), saw(), "`guardian rollout approve"),
        (in_phase(Phase.BAKING), replace(saw(), freeze=FROZEN), "carol froze agents-api"),
        (in_phase(Phase.BAKING, held(HoldReason.FREEZE)), replace(saw(), freeze=FROZEN), "unfree"),
        (in_phase(Phase.SHIFTING), saw(), "not confirmed yet"),
        (in_phase(Phase.SHIFTING, held()), saw(), "not confirmed yet"),
        (in_phase(Phase.BAKING), saw(FAIL), "a breach is proven (error-rate)"),
    ],
)
def test_a_refused_promotion_says_why(
    state: Rollout, seen: Observation, why: str, full: bool
) -> None:
    """Full or not."""
    assert why in refused(state, order(OrderKind.PROMOTE, full=full), seen)


def test_a_waived_breach_can_be_promoted() -> None:
    """What counts no longer is in nobody's way."""
    plan = replace(PLAN, criteria=(criterion(), criterion("crash-rate")))
    state = in_phase(Phase.BAKING, Waived(at=T0, criterion="crash-rate", actor="bob"), plan=plan)
    seen = saw(PASS, verdict(Outcome.FAIL, "crash-rate"))
    entry = given(state, order(OrderKind.PROMOTE), seen)
    assert isinstance(entry, StepEntered)
    assert entry.overridden == ()


# --- approve -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [
        in_phase(Phase.BAKING, held(HoldReason.APPROVAL), plan=asks(1)),
        in_phase(Phase.BAKING, plan=asks(1)),
        in_phase(Phase.SHIFTING, plan=asks(1)),
    ],
    ids=["asked", "baking", "shifting"],
)
def test_an_approval_is_for_the_next_step(state: Rollout) -> None:
    """Asked for, or early."""
    entry = given(state, order(OrderKind.APPROVE))
    assert entry == Approved(at=T0, step=1, actor="bob", detail="approve by bob: a test")


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (in_phase(Phase.BAKING), "nothing waits for an approval now"),
        (rollout(plan=asks(1)), "step 2 will, when it is next"),
        (in_phase(Phase.ROLLING_BACK, plan=asks(1)), "nothing waits for an approval now"),
        (in_phase(Phase.ROLLING_BACK, held(), plan=asks(1)), "nothing waits for an approval now"),
        (in_phase(Phase.COMPLETED, plan=asks(2)), "nothing waits for an approval now"),
        (in_phase(Phase.HELD, plan=asks(1)), "held for another reason (because of person)"),
        (
            in_phase(Phase.BAKING, Approved(at=T0, step=1, actor="al"), plan=asks(1)),
            "step 2 was approved already",
        ),
    ],
)
def test_a_refused_approval_says_why(state: Rollout, why: str) -> None:
    """Nothing waits, something else does, or it was given."""
    assert why in refused(state, order(OrderKind.APPROVE))


# --- waive -------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.SHIFTING, Phase.BAKING, Phase.HELD])
def test_a_criterion_is_waived_where_it_decides_something(phase: Phase) -> None:
    """The phase stays what it is; the entry names who and why."""
    state = in_phase(phase)
    entry = given(state, order(OrderKind.WAIVE, subject="error-rate"))
    assert entry == Waived(
        at=T0, criterion="error-rate", actor="bob", detail="waive by bob: a test"
    )
    after = apply(state, entry)
    assert (after.phase, after.hold, after.waived) == (state.phase, state.hold, ("error-rate",))


def test_a_refused_waiver_says_why() -> None:
    """Where nothing is decided any more, twice, of what is not there, or for no reason."""
    what = order(OrderKind.WAIVE, subject="error-rate")
    assert "no criterion decides anything" in refused(in_phase(Phase.ROLLING_BACK), what)
    assert "no criterion decides anything" in refused(in_phase(Phase.COMPLETED), what)
    waived = in_phase(Phase.BAKING, Waived(at=T0, criterion="error-rate", actor="bob"))
    assert "error-rate was waived already" in refused(waived, what)
    unknown = replace(what, subject="errors")
    assert "no criterion errors; the ones that count are: error-rate" in refused(
        in_phase(Phase.BAKING), unknown
    )
    nameless = replace(what, subject="")
    assert "no criterion without a name; the ones that count are: none" in refused(waived, nameless)
    assert "say why error-rate shall not count; `guardian rollout waive" in refused(
        in_phase(Phase.BAKING), replace(what, reason=" ")
    )


def test_an_ordered_rollback_needs_no_way_out_of_a_freeze() -> None:
    """An interrupt under way is obeyed already, frozen or not."""
    state = in_phase(Phase.BAKING, replace(BACK, cause=Cause.INTERRUPTED, actor="ci"))
    assert already(state, order(OrderKind.INTERRUPT), replace(saw(), freeze=SPARING))
