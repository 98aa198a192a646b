"""What a freeze stops, what it does not, and what people hear of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.model import OnFail
from guardian.core.plan import Blind, LowTraffic, Policy
from guardian.core.rollout.decide import decide
from guardian.core.rollout.entries import (
    Answer,
    Cancelled,
    Cause,
    Completed,
    Entry,
    Freeze,
    GateFailed,
    Held,
    HoldReason,
    OrderKind,
    Resumed,
    RollbackConfirmed,
    RollbackStarted,
    RollbackStuck,
    StepEntered,
    WeightConfirmed,
    freeze_in_force,
)
from guardian.core.rollout.invariants import check
from guardian.core.rollout.machine import Phase, Rollout, apply, step_traffic
from guardian.core.rollout.progress import Observation, freeze_detail
from guardian.core.verdict import Outcome
from tests.core.rollouts import (
    BACK,
    CANARY,
    FAIL,
    FEW,
    FROZEN,
    GATE,
    MAX_BAKE_S,
    PASS,
    PLAN,
    SPARING,
    STABLE,
    T0,
    WATCH,
    answered,
    at_last_step,
    blind,
    criterion,
    held,
    in_phase,
    order,
    rollout,
    saw,
    verdict,
)

HOUR_S = 3600.0


def entry(
    state: Rollout, seen: Observation, freeze: Freeze | None, *, at: float = 0.0
) -> Entry | None:
    """What is decided under a freeze; whatever it is, it is possible and breaks nothing."""
    decided = decide(state, replace(seen, freeze=freeze), T0 + at).entry
    if decided is not None:
        check(state, decided, apply(state, decided))
    return decided


def hold_for(decided: Entry | None, why: HoldReason) -> Held:
    """The hold that was decided, which must be for this reason."""
    assert isinstance(decided, Held), decided
    assert decided.why is why
    return decided


# --- advances ----------------------------------------------------------------------------------


def test_nothing_is_started_under_a_freeze() -> None:
    """The first shift waits; the hold says who froze, until when and why."""
    state = rollout()
    decided = hold_for(entry(state, saw(found=STABLE), FROZEN), HoldReason.FREEZE)
    assert decided.detail == "carol froze agents-api until 2026-09-21 16:14 UTC: launch day"
    frozen = apply(state, decided)
    assert entry(frozen, saw(found=STABLE), FROZEN, at=60) is None
    resumed = entry(frozen, saw(found=STABLE), None, at=120)
    assert resumed == Resumed(at=T0 + 120, detail="the freeze is over")
    assert isinstance(entry(apply(frozen, resumed), saw(found=STABLE), None, at=121), StepEntered)


def test_a_bake_is_not_disturbed_by_a_freeze_and_is_held_when_it_would_advance() -> None:
    """Evidence is collected meanwhile; the next step alone waits for the freeze's end."""
    state = in_phase(Phase.BAKING)
    assert entry(state, saw(PASS, minutes=9), FROZEN, at=600) is None
    decided = hold_for(entry(state, saw(PASS, minutes=10), FROZEN, at=900), HoldReason.FREEZE)
    assert decided.verdicts == (PASS,)
    frozen = apply(state, decided)
    assert entry(frozen, saw(PASS, minutes=60), FROZEN, at=5 * HOUR_S) is None
    resumed = entry(frozen, saw(PASS, minutes=60), None, at=6 * HOUR_S)
    assert isinstance(resumed, Resumed)
    going_on = apply(frozen, resumed)
    assert going_on.person_held_s == 6 * HOUR_S - 900
    assert isinstance(entry(going_on, saw(PASS, minutes=60), None, at=6 * HOUR_S), StepEntered)


def test_a_shift_that_was_begun_is_finished_under_a_freeze() -> None:
    """Half a shift helps nobody: the weight that was asked for is confirmed."""
    seen = saw(found=step_traffic(PLAN, 0))
    assert isinstance(entry(in_phase(Phase.SHIFTING), seen, FROZEN), WeightConfirmed)


@pytest.mark.parametrize("judged", [PASS, FEW], ids=["proven", "unproven"])
def test_nothing_completes_under_a_freeze(judged: object) -> None:
    """The promotion to primary is an advance too, proven or for want of samples."""
    seen = saw(judged, minutes=10)  # type: ignore[arg-type] # one of the two verdicts above
    hold_for(entry(at_last_step(), seen, FROZEN, at=MAX_BAKE_S), HoldReason.FREEZE)


def test_low_traffic_does_not_advance_under_a_freeze() -> None:
    """`on_low_traffic: advance` is guardian's own accord."""
    plan = replace(PLAN, policy=Policy(on_low_traffic=LowTraffic.ADVANCE))
    state = in_phase(Phase.BAKING, plan=plan)
    hold_for(entry(state, saw(FEW), FROZEN, at=MAX_BAKE_S), HoldReason.FREEZE)


def test_a_watch_goes_on_under_a_freeze() -> None:
    """It shifts nothing: it begins, and it completes."""
    assert isinstance(entry(rollout(plan=WATCH), saw(found=CANARY), FROZEN), StepEntered)
    state = in_phase(Phase.BAKING, plan=WATCH)
    seen = saw(PASS, minutes=10, found=CANARY)
    assert isinstance(entry(state, seen, FROZEN, at=900), Completed)


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.BAKING, Phase.HELD])
def test_a_breach_is_rolled_back_under_an_ordinary_freeze(phase: Phase) -> None:
    """A freeze protects users, and so does a rollback."""
    assert isinstance(entry(in_phase(phase), saw(FAIL), FROZEN), RollbackStarted)
    frozen = in_phase(Phase.BAKING, held(HoldReason.FREEZE))
    assert isinstance(entry(frozen, saw(FAIL), FROZEN), RollbackStarted)


def test_a_freeze_outlasts_max_hold() -> None:
    """It has an end of its own."""
    state = in_phase(Phase.BAKING, held(HoldReason.FREEZE))
    assert entry(state, saw(PASS), FROZEN, at=100 * HOUR_S) is None


def test_a_freeze_is_put_into_words() -> None:
    """Of everything, with rollbacks, without a reason."""
    freeze = replace(SPARING, scope="*", reason="")
    assert freeze_detail(freeze) == (
        "carol froze everything, guardian's own rollbacks too, until 2026-09-21 16:14 UTC"
    )


# --- rollbacks too -----------------------------------------------------------------------------


@pytest.mark.parametrize("why", [None, HoldReason.PERSON, HoldReason.FREEZE, HoldReason.BREACH])
def test_a_breach_that_a_freeze_forbids_to_roll_back_is_told_once(why: HoldReason | None) -> None:
    """Held for the breach, in the name of who froze; rolled back when the freeze is over."""
    state = in_phase(Phase.BAKING, *((held(why),) if why else ()))
    decided = hold_for(entry(state, saw(FAIL), SPARING), HoldReason.BREACH)
    assert decided.actor == "carol"
    assert "it is not rolled back, because carol froze agents-api" in decided.detail
    after = apply(state, decided)
    assert after.hold is not None
    assert after.hold.rollback_withheld
    assert entry(after, saw(FAIL), SPARING, at=60) is None
    assert entry(after, saw(FAIL), SPARING, at=5 * HOUR_S) is None
    assert isinstance(entry(after, saw(FAIL), FROZEN, at=90), RollbackStarted)
    assert isinstance(entry(after, saw(FAIL), None, at=90), RollbackStarted)


def test_another_breach_under_such_a_freeze_is_told_as_well() -> None:
    """What people were told of was not all of it."""
    plan = replace(PLAN, criteria=(criterion(), criterion("crash-rate")))
    state = in_phase(Phase.BAKING, plan=plan)
    first = entry(state, saw(FAIL), SPARING)
    assert first is not None
    both = saw(FAIL, verdict(Outcome.FAIL, "crash-rate"))
    second = hold_for(entry(apply(state, first), both, SPARING), HoldReason.BREACH)
    assert "crash-rate" in second.detail


def test_a_spared_breach_that_is_gone_when_the_freeze_ends_waits_for_a_person() -> None:
    """Who was told of a breach decides; nothing goes on behind their back."""
    state = in_phase(Phase.BAKING, held(HoldReason.BREACH, actor="carol"))
    assert entry(state, saw(PASS, minutes=60), None, at=60) is None


def test_a_person_takes_back_in_spite_of_the_freeze() -> None:
    """An abort is a person's order, and is neither refused nor stopped."""
    state = in_phase(Phase.BAKING)
    ordered = replace(saw(FAIL), orders=(order(OrderKind.ABORT),))
    decided = entry(state, ordered, SPARING)
    assert isinstance(decided, RollbackStarted)
    assert decided.cause is Cause.ABORTED
    assert entry(apply(state, decided), saw(FAIL), SPARING, at=1) is None


def test_a_rollback_under_way_is_stopped_and_goes_on_when_the_freeze_is_over() -> None:
    """Held in the name of who froze; an ordinary freeze that remains does not keep it."""
    state = in_phase(Phase.ROLLING_BACK)
    decided = hold_for(entry(state, saw(FAIL), SPARING, at=1), HoldReason.FREEZE)
    assert decided.actor == "carol"
    stopped = apply(state, decided)
    assert stopped.hold is not None
    assert stopped.hold.rollback_withheld
    assert entry(stopped, saw(FAIL), SPARING, at=5 * HOUR_S) is None
    resumed = entry(stopped, saw(FAIL), FROZEN, at=5 * HOUR_S)
    assert isinstance(resumed, Resumed)
    again = apply(stopped, resumed)
    assert again.phase is Phase.ROLLING_BACK
    assert entry(again, saw(), None, at=5 * HOUR_S + 59) is None
    assert isinstance(entry(again, saw(), None, at=5 * HOUR_S + 60), RollbackStuck)


def test_what_is_back_already_is_confirmed_under_such_a_freeze() -> None:
    """A freeze does not undo what has happened."""
    seen = replace(saw(found=STABLE), wrote=True)
    assert isinstance(entry(in_phase(Phase.ROLLING_BACK), seen, SPARING), RollbackConfirmed)


def test_an_abort_of_a_rollback_that_the_freeze_is_about_to_stop_is_not_lost() -> None:
    """It waits for that one tick, and then begins the rollback anew, in a person's name."""
    state = in_phase(Phase.ROLLING_BACK)
    ordered = replace(saw(), orders=(order(OrderKind.ABORT),), freeze=SPARING)
    first = decide(state, ordered, T0)
    assert isinstance(first.entry, Held)
    assert answered(first) == ()
    second = decide(apply(state, first.entry), ordered, T0 + 1)
    assert isinstance(second.entry, RollbackStarted)
    assert answered(second) == ("o-abort",)


def test_an_abort_of_an_ordered_rollback_is_obeyed_already() -> None:
    """No freeze stops what a person ordered."""
    state = in_phase(Phase.BAKING, replace(BACK, cause=Cause.ABORTED, actor="bob"))
    seen = replace(saw(), orders=(order(OrderKind.ABORT),), freeze=SPARING)
    decision = decide(state, seen, T0)
    assert decision.entry is None
    assert decision.answers == (Answer(order="o-abort"),)


def test_a_groups_order_waits_for_the_end_of_such_a_freeze() -> None:
    """Neither obeyed nor refused: it stays in the journal."""
    state = in_phase(Phase.BAKING)
    seen = replace(saw(), orders=(order(OrderKind.GROUP),), freeze=SPARING)
    decision = decide(state, seen, T0)
    assert (decision.entry, decision.answers) == (None, ())
    later = decide(state, replace(seen, freeze=None), T0 + 60)
    assert isinstance(later.entry, RollbackStarted)
    assert later.entry.cause is Cause.GROUP


def test_blindness_and_low_traffic_hold_until_the_freeze_is_over() -> None:
    """What would have gone back by itself is held, and goes back afterwards."""
    plan = replace(PLAN, policy=Policy(on_blind=Blind.ROLLBACK))
    state = in_phase(Phase.BAKING, plan=plan)
    decided = hold_for(entry(state, saw(blind()), SPARING, at=600), HoldReason.BLIND)
    after = apply(state, decided)
    assert entry(after, saw(blind()), SPARING, at=700) is None
    assert isinstance(entry(after, saw(blind()), None, at=800), RollbackStarted)

    plan = replace(PLAN, policy=Policy(on_low_traffic=LowTraffic.ROLLBACK))
    state = in_phase(Phase.BAKING, plan=plan)
    decided = hold_for(entry(state, saw(FEW), SPARING, at=MAX_BAKE_S), HoldReason.NO_EVIDENCE)
    after = apply(state, decided)
    assert entry(after, saw(FEW), SPARING, at=MAX_BAKE_S + 60) is None
    assert isinstance(entry(after, saw(FEW), None, at=MAX_BAKE_S + 60), RollbackStarted)


def test_a_long_hold_is_not_taken_back_under_such_a_freeze() -> None:
    """`max_hold` is guardian's own judgement too."""
    state = in_phase(Phase.HELD)
    assert entry(state, saw(), SPARING, at=5 * HOUR_S) is None
    assert isinstance(entry(state, saw(), None, at=5 * HOUR_S), RollbackStarted)


def test_a_gate_fails_under_any_freeze() -> None:
    """It moves nothing, and whoever asks must not be told that all is well."""
    assert isinstance(entry(in_phase(Phase.BAKING, plan=GATE), saw(FAIL), SPARING), GateFailed)


def test_a_frozen_watch_with_a_breach_does_not_end_unproven() -> None:
    """Its time is over, and still a breach is no missing evidence."""
    state = in_phase(Phase.BAKING, plan=WATCH)
    first = entry(state, saw(FAIL), SPARING)
    assert first is not None
    spared = apply(state, first)
    assert entry(spared, saw(FAIL), SPARING, at=MAX_BAKE_S) is None
    assert isinstance(entry(spared, saw(FAIL), None, at=MAX_BAKE_S), RollbackStarted)


def test_what_never_began_can_still_be_cancelled() -> None:
    """By a person, under any freeze."""
    state = rollout(held(HoldReason.FREEZE))
    ordered = replace(saw(), orders=(order(OrderKind.ABORT),))
    assert isinstance(entry(state, ordered, SPARING), Cancelled)


def test_a_breach_that_only_holds_is_held_under_any_freeze() -> None:
    """`on_fail: hold` never rolls back, so that there is nothing to spare."""
    plan = replace(PLAN, criteria=(criterion(on_fail=OnFail.HOLD),))
    decided = hold_for(entry(in_phase(Phase.BAKING, plan=plan), saw(FAIL), SPARING),
                       HoldReason.BREACH)  # fmt: skip
    assert decided.actor is None


def test_of_two_freezes_the_stricter_is_in_force_and_then_the_longer() -> None:
    """One rule for the engine that obeys and for the status that shows."""
    short = replace(FROZEN, scope="*", until=T0 + HOUR_S, rollbacks_too=True)
    long = replace(FROZEN, scope=PLAN.service, until=T0 + 2 * HOUR_S)
    longer = replace(long, until=T0 + 3 * HOUR_S)
    other = replace(FROZEN, scope="another", until=T0 + 9 * HOUR_S, rollbacks_too=True)
    everything = [long, other, short, longer]
    assert freeze_in_force(everything, PLAN.service, T0) == short
    assert freeze_in_force(everything, PLAN.service, T0 + HOUR_S) == longer
    assert freeze_in_force(everything, PLAN.service, T0 + 3 * HOUR_S) is None
