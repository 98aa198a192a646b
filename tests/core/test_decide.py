"""What is decided of a rollout that goes on: order of the questions, shifts, bakes, breaches."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.model import Criterion, OnFail, Scope
from guardian.core.plan import Plan
from guardian.core.rollout.decide import decide, opening
from guardian.core.rollout.desired import DesiredTraffic, Verb, desired_traffic
from guardian.core.rollout.entries import (
    Cancelled,
    Cause,
    Completed,
    Entry,
    GateFailed,
    Held,
    HoldReason,
    OrderKind,
    RollbackStarted,
    RolloutStarted,
    StepEntered,
    Superseded,
    Warned,
    WeightConfirmed,
)
from guardian.core.rollout.machine import LIVE, Phase, Rollout, apply, fold, step_traffic
from guardian.core.rollout.orders import Decision
from guardian.core.rollout.progress import Observation
from guardian.core.traffic import FULL, NONE, Traffic
from guardian.core.verdict import Outcome, Verdict
from tests.core.rollouts import (
    BY_HAND,
    CANARY,
    FAIL,
    FEW,
    GATE,
    HALF,
    OBSERVE,
    PASS,
    PLAN,
    STABLE,
    T0,
    TEN,
    WATCH,
    answered,
    as_wished,
    at_last_step,
    criterion,
    held,
    in_phase,
    order,
    rollout,
    saw,
    verdict,
)

STRANGE = Traffic(primary="41", secondary="43", weight=TEN)
OTHER_WEIGHT = Traffic(primary="41", secondary="42", weight=HALF)
HOLDS = replace(PLAN, criteria=(criterion(on_fail=OnFail.HOLD),))


def entry(state: Rollout, seen: Observation, *, at: float = 0.0) -> Entry | None:
    """What is decided `at` seconds after T0; whatever it is, it is possible."""
    decided = decide(state, seen, T0 + at).entry
    if decided is not None:
        apply(state, decided)
    return decided


# --- the order of the questions ----------------------------------------------------------------


def test_an_order_comes_before_everything_else() -> None:
    """A person's hold is taken although a breach was seen in the same tick."""
    state = in_phase(Phase.BAKING)
    seen = replace(saw(FAIL), orders=(order(OrderKind.HOLD),), gone_since=T0 - 600)
    decision = decide(state, seen, T0)
    assert isinstance(decision.entry, Held)
    assert answered(decision) == ("o-hold",)


def test_a_breach_is_not_lost_to_an_order() -> None:
    """The tick after the order sees the same breach, held or not."""
    state = in_phase(Phase.BAKING)
    first = entry(state, replace(saw(FAIL), orders=(order(OrderKind.HOLD),)))
    assert first is not None
    assert isinstance(entry(apply(state, first), saw(FAIL)), RollbackStarted)


def test_a_refused_order_does_not_stop_the_rest() -> None:
    """An order that cannot be obeyed is done, and the rollout goes on in the same tick."""
    state = in_phase(Phase.BAKING)
    seen = replace(saw(FAIL), orders=(order(OrderKind.RESUME),))
    decision = decide(state, seen, T0)
    assert isinstance(decision.entry, RollbackStarted)
    assert answered(decision) == ("o-resume",)


@pytest.mark.parametrize("phase", [Phase.CANCELLED, Phase.ROLLED_BACK, Phase.RETIRED])
def test_nothing_is_decided_of_an_ended_rollout(phase: Phase) -> None:
    """An end is an end, whatever is seen."""
    seen = replace(saw(FAIL, found=STRANGE), gone_since=T0 - 600)
    assert decide(in_phase(phase), seen, T0) == Decision()


@pytest.mark.parametrize("phase", [*sorted(LIVE, key=lambda p: p.value), Phase.COMPLETED])
def test_a_third_version_ends_every_live_rollout(phase: Phase) -> None:
    """Somebody else's version is never overwritten; guardian lets go and names it."""
    decided = entry(in_phase(phase), saw(FAIL, found=STRANGE))
    assert isinstance(decided, Superseded)
    assert "somebody else put version 43" in decided.detail


@pytest.mark.parametrize("phase", [*sorted(LIVE, key=lambda p: p.value), Phase.COMPLETED])
def test_a_target_that_is_gone_ends_every_live_rollout(phase: Phase) -> None:
    """There is nothing left to move."""
    seen = replace(saw(), gone_since=T0 - 599, unseen_since=T0 - 599, trouble="no such alias")
    assert not isinstance(entry(in_phase(phase), seen), Superseded)
    decided = entry(in_phase(phase), replace(seen, gone_since=T0 - 600))
    detail = "the target is gone: for 10 minutes every look found none (no such alias)"
    assert decided == Superseded(at=T0, detail=detail, gone=True)


# --- pending -----------------------------------------------------------------------------------


def test_the_first_step_begins_from_the_planned_traffic() -> None:
    """What the plan found must still be there."""
    assert entry(rollout(), saw(found=STABLE)) == StepEntered(at=T0, step=0)


def test_changed_traffic_before_the_first_shift_cancels() -> None:
    """A plan that was made for other traffic is not carried out."""
    decided = entry(rollout(), saw(found=OTHER_WEIGHT))
    assert isinstance(decided, Cancelled)
    assert "changed before the first shift: found 41 50%, 42 50%" in decided.detail


def test_what_nothing_can_judge_does_not_begin() -> None:
    """Without a criterion no watch could come to a sound end."""
    state = rollout(plan=replace(WATCH, criteria=()))
    cancelled = entry(state, saw(found=state.plan.found))
    assert isinstance(cancelled, Cancelled)
    assert "no criterion" in cancelled.detail


def test_a_persons_rollback_begins_with_its_start() -> None:
    """First entry and intent are one: nobody finds the one without the other."""
    state = fold(opening(BY_HAND, T0))
    assert (state.phase, state.returning) == (Phase.ROLLING_BACK, True)
    started = state.rollback
    assert started is not None
    assert (started.cause, started.actor) == (Cause.ABORTED, "alice")
    assert started.detail == "rollback by alice: users hurt"
    assert fold(opening(replace(BY_HAND, reason=""), T0)).rollback != started
    assert desired_traffic(state) == DesiredTraffic(verb=Verb.RESTORE, traffic=STABLE, stamped=True)
    assert opening(PLAN, T0) == (RolloutStarted(at=T0, plan=PLAN),)


def test_nothing_begins_unseen() -> None:
    """Without a reading nothing moves."""
    assert entry(rollout(), saw(), at=599) is None


def test_a_target_that_is_never_read_is_told_and_looked_at_again() -> None:
    """Blind before the first look holds after `max_blind`, and goes on when there is sight."""
    state = rollout()
    decided = entry(state, replace(saw(), trouble="AccessDenied"), at=600)
    assert isinstance(decided, Held)
    assert decided.why is HoldReason.BLIND
    assert "cannot be read (AccessDenied)" in decided.detail
    blind_state = apply(state, decided)
    assert entry(blind_state, saw(), at=5000) is None
    resumed = entry(blind_state, saw(found=STABLE), at=601)
    assert resumed is not None
    assert apply(blind_state, resumed).phase is Phase.PENDING


def test_without_an_answer_the_hold_says_so() -> None:
    """A router that gives no error gives no answer."""
    decided = entry(rollout(), saw(), at=600)
    assert isinstance(decided, Held)
    assert "cannot be read (no answer)" in decided.detail


# --- shifting ----------------------------------------------------------------------------------


def test_a_weight_is_confirmed_when_it_is_read_back() -> None:
    """The bake begins with the router's own word."""
    state = in_phase(Phase.SHIFTING)
    assert entry(state, saw(found=step_traffic(PLAN, 0))) == WeightConfirmed(at=T0, weight=TEN)


@pytest.mark.parametrize("found", [STABLE, None], ids=["before", "unread"])
def test_a_shift_waits_for_its_confirmation(found: Traffic | None) -> None:
    """The weights of before, or no reading, are no conflict."""
    assert entry(in_phase(Phase.SHIFTING), saw(found=found), at=599) is None


@pytest.mark.parametrize("found", [STABLE, None], ids=["before", "unread"])
def test_a_shift_that_is_not_confirmed_for_long_holds(found: Traffic | None) -> None:
    """After `max_blind` people hear of it."""
    state = in_phase(Phase.SHIFTING)
    decided = entry(state, saw(found=found), at=600)
    assert isinstance(decided, Held)
    assert decided.why is HoldReason.BLIND
    assert decided.detail == "the shift to 10% is not confirmed (the router does not show it)"
    told = entry(state, replace(saw(found=found), trouble="throttled"), at=600)
    assert isinstance(told, Held)
    assert "(throttled)" in told.detail


def test_a_late_shift_ends_the_hold_that_waited_for_it() -> None:
    """A canary that came to receive traffic after all is judged, not left in the dark."""
    state = in_phase(Phase.SHIFTING, held(HoldReason.BLIND))
    assert entry(state, saw(found=STABLE), at=60) is None
    assert entry(state, saw(), at=60) is None
    resumed = entry(state, saw(found=step_traffic(PLAN, 0)), at=60)
    assert resumed is not None
    after = apply(state, resumed)
    assert isinstance(entry(after, saw(found=step_traffic(PLAN, 0)), at=61), WeightConfirmed)


def test_the_step_before_is_no_conflict_for_a_later_shift() -> None:
    """A second shift starts from the first one's weights."""
    state = in_phase(Phase.BAKING, StepEntered(at=T0, step=1))
    assert entry(state, saw(found=step_traffic(PLAN, 0))) is None


def test_a_third_weight_while_shifting_is_a_conflict() -> None:
    """Neither the old nor the new weight: somebody else's, and theirs it stays."""
    decided = entry(in_phase(Phase.SHIFTING), saw(found=OTHER_WEIGHT))
    assert isinstance(decided, Held)
    assert decided.why is HoldReason.CONFLICT


def test_a_watch_confirms_what_it_found() -> None:
    """A watch's only step is what is live."""
    decided = entry(in_phase(Phase.SHIFTING, plan=WATCH), saw(found=CANARY))
    assert decided == WeightConfirmed(at=T0, weight=FULL)


def test_a_full_promotion_is_no_conflict_with_the_step_it_left() -> None:
    """A jump starts from the weights that were confirmed last, not from the step before."""
    plan = replace(PLAN, steps=(PLAN.steps[0], replace(PLAN.steps[0], weight=HALF), PLAN.steps[1]))
    state = in_phase(Phase.BAKING, StepEntered(at=T0, step=2, actor="bob"), plan=plan)
    assert entry(state, saw(found=step_traffic(plan, 0)), at=60) is None
    assert isinstance(entry(state, saw(found=step_traffic(plan, 2)), at=60), WeightConfirmed)


# --- baking ------------------------------------------------------------------------------------


def test_a_changed_weight_while_baking_is_a_conflict() -> None:
    """A person at the console wins: hold, and tell both weights."""
    decided = entry(in_phase(Phase.BAKING), saw(PASS, minutes=60, found=OTHER_WEIGHT))
    assert isinstance(decided, Held)
    assert decided.why is HoldReason.CONFLICT
    assert "found 41 50%, 42 50%, expected 41 90%, 42 10%" in decided.detail
    assert decided.verdicts == (PASS,)


@pytest.mark.parametrize(
    ("minutes", "judged", "advances"),
    [(9, PASS, False), (10, PASS, True), (10, FEW, False), (10, None, False)],
    ids=["too early", "due", "unproven", "unjudged"],
)
def test_a_bake_ends_by_time_and_by_proof(
    minutes: float, judged: Verdict | None, advances: bool
) -> None:
    """Observed minutes must reach the bake, and every gating criterion must pass."""
    state = in_phase(Phase.BAKING)
    verdicts = (judged,) if judged is not None else ()
    seen = replace(saw(*verdicts, minutes=minutes), reading=as_wished(state))
    decided = entry(state, seen, at=900)
    wanted = StepEntered(at=T0 + 900, step=1, verdicts=verdicts)
    assert decided == (wanted if advances else None)


def test_one_criterion_without_a_pass_is_enough_to_wait() -> None:
    """All gating criteria must pass, not most of them."""
    plan = replace(PLAN, criteria=(criterion(), criterion("crash-rate")))
    state = in_phase(Phase.BAKING, plan=plan)
    assert entry(state, saw(PASS, minutes=10), at=900) is None
    crash = verdict(Outcome.PASS, "crash-rate")
    assert isinstance(entry(state, saw(PASS, crash, minutes=10), at=900), StepEntered)


@pytest.mark.parametrize(
    "ungated",
    [criterion(on_fail=OnFail.NOTIFY), criterion(scope=Scope.SERVICE)],
    ids=["notify", "service"],
)
def test_without_a_gating_criterion_nothing_passes(ungated: Criterion) -> None:
    """Criteria that gate nothing prove nothing, whatever they say."""
    state = in_phase(Phase.BAKING, plan=replace(PLAN, criteria=(ungated,)))
    assert entry(state, saw(PASS, minutes=1000), at=900) is None


def test_the_last_bake_completes() -> None:
    """After the last step comes the end."""
    decided = entry(at_last_step(), saw(PASS, minutes=10), at=900)
    assert decided == Completed(at=T0 + 900, verdicts=(PASS,))


# --- breaches ----------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.BAKING, Phase.HELD])
@pytest.mark.parametrize("plan", [PLAN, WATCH], ids=["rollout", "watch"])
def test_a_breach_takes_back_from_every_judged_phase(phase: Phase, plan: Plan) -> None:
    """Held or shifting, a proven breach is rolled back at once."""
    state = in_phase(phase, plan=plan)
    decided = entry(state, saw(FAIL))
    assert isinstance(decided, RollbackStarted)
    assert decided.cause is Cause.BREACH
    assert decided.detail == "error-rate: fail for a test"
    assert decided.verdicts == (FAIL,)


@pytest.mark.parametrize("why", HoldReason)
def test_a_breach_takes_back_from_every_hold(why: HoldReason) -> None:
    """Why a rollout is held does not matter to those it hurts."""
    state = in_phase(Phase.BAKING, held(why))
    assert isinstance(entry(state, saw(FAIL)), RollbackStarted)


def test_a_breach_does_not_start_a_stopped_rollback_again() -> None:
    """A person who stopped this very rollback is not overruled by the breach that began it."""
    state = in_phase(Phase.ROLLING_BACK, held())
    assert entry(state, saw(FAIL), at=60) is None


def test_a_service_wide_breach_takes_back_too() -> None:
    """A criterion that blocks nothing can still fail."""
    plan = replace(PLAN, criteria=(criterion(), criterion("queue-age", scope=Scope.SERVICE)))
    seen = saw(PASS, verdict(Outcome.FAIL, "queue-age"), minutes=60)
    assert isinstance(entry(in_phase(Phase.BAKING, plan=plan), seen), RollbackStarted)


def test_a_gate_reports_a_breach_and_moves_nothing() -> None:
    """Nothing to restore: the gate fails."""
    decided = entry(in_phase(Phase.BAKING, plan=GATE), saw(FAIL))
    assert decided == GateFailed(at=T0, detail="error-rate: fail for a test", verdicts=(FAIL,))


def test_an_observed_rollout_is_held_on_a_breach() -> None:
    """It has moved traffic and must not roll back by itself: it stops, and says so once."""
    state = in_phase(Phase.BAKING, plan=OBSERVE)
    decided = entry(state, saw(FAIL))
    assert isinstance(decided, Held)
    assert decided.why is HoldReason.BREACH
    assert entry(apply(state, decided), saw(FAIL), at=5000) is None


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.BAKING])
def test_a_breach_can_be_set_to_hold(phase: Phase) -> None:
    """`on_fail: hold` stops advancing, once."""
    state = in_phase(phase, plan=HOLDS)
    decided = entry(state, saw(FAIL))
    assert isinstance(decided, Held)
    assert (decided.why, decided.verdicts) == (HoldReason.BREACH, (FAIL,))
    assert entry(apply(state, decided), saw(FAIL), at=60) is None


@pytest.mark.parametrize("phase", [Phase.BAKING, Phase.HELD])
def test_a_watch_does_not_wait_on_a_breach_that_holds(phase: Phase) -> None:
    """A watch advances nothing, so a breach that would hold ends it as a failed gate."""
    state = in_phase(phase, plan=replace(HOLDS, drive=WATCH.drive, found=CANARY, steps=WATCH.steps))
    assert isinstance(entry(state, saw(FAIL), at=5000), GateFailed)


def test_a_breach_that_only_notifies_is_told_and_decides_nothing() -> None:
    """`on_fail: notify` neither holds nor takes back."""
    plan = replace(PLAN, criteria=(criterion(), criterion("slow", on_fail=OnFail.NOTIFY)))
    seen = saw(FEW, verdict(Outcome.FAIL, "slow"))
    state = in_phase(Phase.BAKING, plan=plan)
    told = entry(state, seen)
    assert isinstance(told, Warned)
    assert entry(apply(state, told), seen) is None


def test_a_weight_of_zero_is_not_the_same_as_none() -> None:
    """A canary that is named at weight 0 is not yet gone: the restore is asserted again."""
    named = Traffic(primary="41", secondary="42", weight=NONE)
    assert entry(in_phase(Phase.ROLLING_BACK), saw(found=named)) is None
