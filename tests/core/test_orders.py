"""What people and pipelines can ask of a rollout, in which phase, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.plan import Plan
from guardian.core.rollout.entries import (
    Answer,
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
    for_service,
)
from guardian.core.rollout.machine import Phase, Rollout, apply
from guardian.core.rollout.orders import Decision, obey
from guardian.core.rollout.progress import Observation
from guardian.core.verdict import Outcome
from tests.core.rollouts import (
    FEW,
    GATE,
    OBSERVE,
    PASS,
    PLAN,
    T0,
    WATCH,
    answered,
    at_last_step,
    held,
    in_phase,
    order,
    refusal,
    rollout,
    saw,
    verdict,
)

TAKE_BACK = [OrderKind.ABORT, OrderKind.INTERRUPT]
CAUSES = {OrderKind.ABORT: Cause.ABORTED, OrderKind.INTERRUPT: Cause.INTERRUPTED}


def ordered(state: Rollout, *orders: Order, seen: Observation | None = None) -> Entry | None:
    """What the orders lead to; whatever it is, it is possible."""
    entry = obey(state, replace(seen or saw(), orders=orders), T0).entry
    if entry is not None:
        apply(state, entry)
    return entry


# --- which one first ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TAKE_BACK)
def test_taking_back_outranks_every_other_order(kind: OrderKind) -> None:
    """An abort that came last is obeyed first; the others stay for the next tick."""
    earlier = [order(k, at=T0 - 60) for k in (OrderKind.PROMOTE, OrderKind.HOLD, OrderKind.LEAVE)]
    decision = obey(in_phase(Phase.BAKING), replace(saw(), orders=(*earlier, order(kind))), T0)
    assert isinstance(decision.entry, RollbackStarted)
    assert answered(decision) == (f"o-{kind.value}",)


def test_orders_are_taken_by_their_time() -> None:
    """What was asked first is done first, in whatever order the journal lists them."""
    late, early = order(OrderKind.PROMOTE, at=T0 + 1), order(OrderKind.HOLD)
    decision = obey(in_phase(Phase.BAKING), replace(saw(), orders=(late, early)), T0)
    assert isinstance(decision.entry, Held)
    assert answered(decision) == ("o-hold",)


def test_an_order_that_cannot_be_obeyed_is_done_and_the_next_one_taken() -> None:
    """A refused order does not come back every tick."""
    orders = (order(OrderKind.RESUME, at=T0 - 1), order(OrderKind.HOLD))
    decision = obey(in_phase(Phase.BAKING), replace(saw(), orders=orders), T0)
    assert isinstance(decision.entry, Held)
    assert answered(decision) == ("o-resume", "o-hold")


@pytest.mark.parametrize("kind", [OrderKind.ABORT, OrderKind.PROMOTE])
def test_a_stale_order_is_refused_and_done(kind: OrderKind) -> None:
    """Who saw another step than the present one is not obeyed, and not asked again."""
    decision = obey(
        in_phase(Phase.BAKING), replace(saw(), orders=(order(kind, expect_step=1),)), T0
    )
    assert decision.entry is None
    assert answered(decision) == (f"o-{kind.value}",)
    assert "by now" in refusal(decision)
    assert ordered(in_phase(Phase.BAKING), order(kind, expect_step=0)) is not None


def test_without_orders_nothing_is_ordered() -> None:
    """Nobody asks, nothing happens."""
    decision = obey(in_phase(Phase.BAKING), saw(), T0)
    assert (decision.entry, answered(decision)) == (None, ())


def test_an_order_says_who_and_why() -> None:
    """The entry names its actor, and the reason if there is one."""
    entry = ordered(in_phase(Phase.BAKING), order(OrderKind.HOLD))
    assert entry == Held(
        at=T0, why=HoldReason.PERSON, detail="hold by bob: a test", actor="bob", verdicts=()
    )
    silent = ordered(in_phase(Phase.BAKING), replace(order(OrderKind.HOLD), reason=""))
    assert isinstance(silent, Held)
    assert silent.detail == "hold by bob"


# --- taking back -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TAKE_BACK)
@pytest.mark.parametrize("plan", [PLAN, WATCH, OBSERVE], ids=["rollout", "watch", "observe"])
@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.BAKING, Phase.HELD])
def test_what_is_live_is_taken_back(phase: Phase, plan: Plan, kind: OrderKind) -> None:
    """Also what guardian must not take back by itself, if it moved the traffic."""
    entry = ordered(in_phase(phase, plan=plan), order(kind))
    assert isinstance(entry, RollbackStarted)
    assert (entry.cause, entry.actor) == (CAUSES[kind], "bob")


@pytest.mark.parametrize("kind", TAKE_BACK)
@pytest.mark.parametrize("state", [rollout(), rollout(held())], ids=["pending", "held"])
def test_what_never_began_is_cancelled(state: Rollout, kind: OrderKind) -> None:
    """Before the first shift there is nothing to put back, held or not."""
    assert isinstance(ordered(state, order(kind)), Cancelled)


def test_a_watch_is_taken_back_before_its_first_look() -> None:
    """What a watch guards is live from the start."""
    assert isinstance(ordered(rollout(plan=WATCH), order(OrderKind.ABORT)), RollbackStarted)


@pytest.mark.parametrize("kind", TAKE_BACK)
def test_a_gate_is_cancelled(kind: OrderKind) -> None:
    """There is nothing to restore."""
    assert isinstance(ordered(in_phase(Phase.BAKING, plan=GATE), order(kind)), Cancelled)


def test_a_completed_rollout_can_be_taken_back() -> None:
    """Promoted or not yet, by order, until it is retired."""
    state = in_phase(Phase.COMPLETED)
    assert isinstance(ordered(state, order(OrderKind.ABORT)), RollbackStarted)
    promoted = apply(state, PrimaryConfirmed(at=T0))
    assert isinstance(ordered(promoted, order(OrderKind.ABORT)), RollbackStarted)


def test_a_signal_does_not_take_back_what_has_passed() -> None:
    """The process that drove it may end; the release was judged, and is healthy."""
    assert ordered(in_phase(Phase.COMPLETED), order(OrderKind.INTERRUPT)) is None


def test_a_completed_gate_cannot_be_taken_back() -> None:
    """It never had anything to restore."""
    assert ordered(in_phase(Phase.COMPLETED, plan=GATE), order(OrderKind.ABORT)) is None


def test_a_rollback_under_way_is_not_begun_again() -> None:
    """An abort of a rollback changes nothing; of a stopped one it goes on."""
    assert ordered(in_phase(Phase.ROLLING_BACK), order(OrderKind.ABORT)) is None
    stopped = in_phase(Phase.ROLLING_BACK, held())
    assert isinstance(ordered(stopped, order(OrderKind.ABORT)), RollbackStarted)


ENDED = [Phase.ROLLED_BACK, Phase.RETIRED, Phase.CANCELLED, Phase.SUPERSEDED]


@pytest.mark.parametrize("kind", OrderKind)
@pytest.mark.parametrize("phase", ENDED)
def test_an_ended_rollout_takes_no_order(phase: Phase, kind: OrderKind) -> None:
    """Nothing can be asked of what is over."""
    assert ordered(in_phase(phase), order(kind)) is None


# --- leave, hold, resume -----------------------------------------------------------------------


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.SHIFTING, Phase.BAKING, Phase.HELD])
def test_a_watch_can_be_left(phase: Phase) -> None:
    """It moved nothing, so that nothing has to be put back."""
    entry = ordered(in_phase(phase, plan=WATCH), order(OrderKind.LEAVE))
    assert isinstance(entry, Cancelled)
    assert entry.actor == "bob"


@pytest.mark.parametrize(
    "state",
    [in_phase(Phase.BAKING), in_phase(Phase.ROLLING_BACK, plan=WATCH), in_phase(Phase.COMPLETED)],
    ids=["moved", "rolling back", "completed"],
)
def test_moved_traffic_is_not_left(state: Rollout) -> None:
    """What was begun is finished by whoever comes next."""
    assert ordered(state, order(OrderKind.LEAVE)) is None


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.SHIFTING, Phase.BAKING, Phase.HELD])
def test_what_advances_can_be_held(phase: Phase) -> None:
    """A person stops it, also where guardian itself holds already."""
    entry = ordered(_held_by_guardian(phase), order(OrderKind.HOLD))
    assert isinstance(entry, Held)
    assert entry.why is HoldReason.PERSON


def _held_by_guardian(phase: Phase) -> Rollout:
    """A rollout in a phase; a hold is guardian's own."""
    if phase is Phase.HELD:
        return in_phase(Phase.BAKING, held(HoldReason.NO_EVIDENCE))
    return in_phase(phase)


def test_what_a_person_holds_is_held_already() -> None:
    """The second order to hold is obeyed by what is so already: no entry, and no refusal."""
    decision = obey(in_phase(Phase.HELD), replace(saw(), orders=(order(OrderKind.HOLD),)), T0)
    assert decision == Decision(answers=(Answer(order="o-hold"),))


@pytest.mark.parametrize("phase", [Phase.ROLLING_BACK, Phase.COMPLETED])
def test_what_does_not_advance_cannot_be_held(phase: Phase) -> None:
    """A rollback is not held up by mistake, and a completed rollout has nothing to stop."""
    assert ordered(in_phase(phase), order(OrderKind.HOLD)) is None


RESUMABLE = [HoldReason.PERSON, HoldReason.NO_EVIDENCE, HoldReason.BLIND, HoldReason.CONFLICT,
             HoldReason.BREACH]  # fmt: skip


@pytest.mark.parametrize("why", RESUMABLE)
def test_a_hold_whose_cause_may_be_gone_can_be_resumed(why: HoldReason) -> None:
    """A person may say that it goes on."""
    entry = ordered(in_phase(Phase.BAKING, held(why)), order(OrderKind.RESUME))
    assert entry == Resumed(at=T0, detail="resume by bob: a test", actor="bob")


# --- promote -----------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [in_phase(Phase.BAKING), in_phase(Phase.HELD)], ids=["b", "h"])
def test_a_promotion_takes_the_next_step_over_what_had_not_passed(state: Rollout) -> None:
    """The entry names who ordered it and what was missing."""
    entry = ordered(state, order(OrderKind.PROMOTE), seen=saw(FEW))
    assert entry == StepEntered(
        at=T0, step=1, verdicts=(FEW,), actor="bob", overridden=("error-rate",)
    )


def test_a_promotion_of_what_passed_overrides_nothing() -> None:
    """Ending a bake early is all it does."""
    entry = ordered(in_phase(Phase.BAKING), order(OrderKind.PROMOTE), seen=saw(PASS))
    assert isinstance(entry, StepEntered)
    assert entry.overridden == ()


def test_the_last_promotion_completes_and_says_what_is_unproven() -> None:
    """An override at the last step is an end without proof."""
    entry = ordered(at_last_step(), order(OrderKind.PROMOTE), seen=saw(FEW))
    assert isinstance(entry, Completed)
    assert (entry.actor, entry.overridden, entry.unproven) == (
        "bob",
        ("error-rate",),
        ("error-rate",),
    )


def test_a_proven_breach_is_not_promoted() -> None:
    """Nothing would judge it afterwards."""
    fail = verdict(Outcome.FAIL)
    assert ordered(in_phase(Phase.BAKING), order(OrderKind.PROMOTE), seen=saw(fail)) is None
    assert ordered(at_last_step(), order(OrderKind.PROMOTE), seen=saw(fail)) is None


@pytest.mark.parametrize(
    "state",
    [
        rollout(),
        in_phase(Phase.SHIFTING),
        in_phase(Phase.SHIFTING, held()),
        in_phase(Phase.ROLLING_BACK),
        in_phase(Phase.ROLLING_BACK, held()),
        in_phase(Phase.COMPLETED),
        in_phase(Phase.BAKING, plan=WATCH),
    ],
    ids=["pending", "shifting", "held shift", "rolling back", "stopped", "completed", "watch"],
)
def test_only_a_bake_can_be_promoted(state: Rollout) -> None:
    """There is no bake to end, or nothing to take the next step of."""
    assert ordered(state, order(OrderKind.PROMOTE)) is None


def test_an_order_to_a_service_cannot_be_taken_for_one_to_a_rollout() -> None:
    """No rollout's id begins with the sign."""
    assert for_service("agents-api") == "@agents-api"
