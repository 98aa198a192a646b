"""Approvals before a step, incidents before the first shift, and waived criteria."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.model import OnFail
from guardian.core.plan import Plan, Unapproved
from guardian.core.rollout.decide import decide
from guardian.core.rollout.entries import (
    Approved,
    Cancelled,
    Cause,
    Completed,
    Entry,
    Held,
    HoldReason,
    Resumed,
    RollbackStarted,
    Sighted,
    StepEntered,
    Waived,
)
from guardian.core.rollout.invariants import check
from guardian.core.rollout.machine import IllegalEntry, Phase, Rollout, apply
from guardian.core.rollout.preconditions import approval_due
from guardian.core.rollout.progress import Observation
from guardian.core.verdict import Outcome
from tests.core.rollouts import (
    ALARMS,
    CANARY,
    CAREFUL,
    FAIL,
    FEW,
    FROZEN,
    MAX_BAKE_S,
    OBSERVE,
    PASS,
    PLAN,
    SPARING,
    STABLE,
    T0,
    WATCH,
    asks,
    at_last_step,
    blind,
    criterion,
    held,
    in_phase,
    rollout,
    saw,
    verdict,
)

DAY_S = 86400.0
QUIET = verdict(Outcome.PASS, "p0-incident")
OPEN = verdict(Outcome.INCONCLUSIVE, "p0-incident")


def entry(state: Rollout, seen: Observation, *, at: float = 0.0) -> Entry | None:
    """What is decided `at` seconds after T0; whatever it is, it is possible and breaks nothing."""
    decided = decide(state, seen, T0 + at).entry
    if decided is not None:
        check(state, decided, apply(state, decided))
    return decided


def then(state: Rollout, seen: Observation, *, at: float = 0.0) -> Rollout:
    """The state after what is decided."""
    decided = entry(state, seen, at=at)
    assert decided is not None
    return apply(state, decided)


def approved(step: int, *, at: float = 0.0) -> Approved:
    """Bob agrees."""
    return Approved(at=T0 + at, step=step, actor="bob")


def waived(name: str = "error-rate") -> Waived:
    """Bob takes the blame."""
    return Waived(at=T0, criterion=name, actor="bob")


# --- approvals ---------------------------------------------------------------------------------


def test_the_first_step_can_wait_for_an_approval() -> None:
    """At the beginning, until a person agrees; then everything is looked at afresh."""
    state = then(rollout(plan=asks(0)), saw(found=STABLE))
    assert state.hold is not None
    assert state.hold.why is HoldReason.APPROVAL
    assert state.hold.detail == (
        "step 1 of 2 (10%) waits for an approval until 2026-09-22 14:14 UTC"
    )
    assert entry(state, saw(found=STABLE), at=DAY_S - 1) is None
    agreed = apply(state, approved(0, at=60))
    assert (agreed.phase, agreed.hold, agreed.approved) == (Phase.PENDING, None, (0,))
    assert isinstance(entry(agreed, saw(found=STABLE), at=61), StepEntered)
    assert isinstance(entry(agreed, saw(found=CANARY), at=61), Cancelled)


def test_a_later_step_asks_when_everything_else_is_satisfied() -> None:
    """Nobody is asked about a step that the evidence may yet forbid."""
    state = in_phase(Phase.BAKING, plan=asks(1))
    assert entry(state, saw(FEW, minutes=10), at=900) is None
    asked = then(state, saw(PASS, minutes=10), at=900)
    assert asked.hold is not None
    assert asked.hold.why is HoldReason.APPROVAL
    assert approval_due(asked) == T0 + 900 + DAY_S
    agreed = apply(asked, approved(1, at=2000))
    assert agreed.phase is Phase.BAKING
    assert agreed.person_held_s == 1100
    assert isinstance(entry(agreed, saw(PASS, minutes=30), at=2000), StepEntered)


@pytest.mark.parametrize(
    "state",
    [
        rollout(approved(0), plan=asks(0)),
        in_phase(Phase.SHIFTING, approved(1), plan=asks(1)),
        in_phase(Phase.BAKING, approved(1), plan=asks(1)),
    ],
    ids=["pending", "shifting", "baking"],
)
def test_an_early_approval_is_remembered(state: Rollout) -> None:
    """Who agrees before being asked is not asked."""
    assert state.hold is None
    if state.phase is Phase.BAKING:
        assert isinstance(entry(state, saw(PASS, minutes=10), at=900), StepEntered)


@pytest.mark.parametrize(
    "state",
    [
        in_phase(Phase.BAKING, plan=PLAN),
        in_phase(Phase.BAKING, approved(1), plan=asks(1)),
        in_phase(Phase.HELD, plan=asks(1)),
        rollout(plan=asks(1)),
    ],
    ids=["not asked for", "given already", "held by a person", "not the next"],
)
def test_an_approval_that_nothing_waits_for_is_impossible(state: Rollout) -> None:
    """The table's guard says so, whoever writes it."""
    with pytest.raises(IllegalEntry, match="nothing waits for an approval of step 1"):
        apply(state, approved(1))


def test_a_person_who_promotes_has_agreed_to_what_is_passed_over() -> None:
    """A promotion counts as the approval of its step, a full one of all of them."""
    promoted = StepEntered(at=T0, step=1, actor="bob")
    assert in_phase(Phase.BAKING, promoted, plan=asks(1)).approved == (1,)
    plan = replace(asks(1, 2), steps=(*PLAN.steps, PLAN.steps[1]))
    full = replace(promoted, step=2)
    assert in_phase(Phase.BAKING, approved(1), full, plan=plan).approved == (1, 2)


@pytest.mark.parametrize("step", [0, 2])
def test_only_a_person_leaves_steps_out(step: int) -> None:
    """And only to the last one, of a rollout that has begun."""
    plan = replace(PLAN, steps=(*PLAN.steps, PLAN.steps[1]))
    with pytest.raises(IllegalEntry, match="does not follow"):
        apply(in_phase(Phase.BAKING, plan=plan), StepEntered(at=T0, step=step))
    with pytest.raises(IllegalEntry, match="does not follow"):
        apply(rollout(plan=plan), StepEntered(at=T0, step=2, actor="bob"))


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (rollout(held(HoldReason.APPROVAL), plan=asks(0)), Cancelled),
        (in_phase(Phase.BAKING, held(HoldReason.APPROVAL), plan=asks(1)), RollbackStarted),
    ],
    ids=["not moved", "moved"],
)
def test_nobody_approves_in_time(state: Rollout, wanted: type[Entry]) -> None:
    """What was moved goes back, what was not is cancelled; `max_hold` has no say in it."""
    found = state.traffic
    assert entry(state, saw(found=found), at=DAY_S - 1) is None
    decided = entry(state, saw(found=found), at=DAY_S)
    assert isinstance(decided, wanted)
    assert "nobody approved step" in getattr(decided, "detail", "")
    if isinstance(decided, RollbackStarted):
        assert decided.cause is Cause.UNAPPROVED


@pytest.mark.parametrize(
    "plan",
    [asks(1, on_timeout=Unapproved.HOLD), asks(1, plan=OBSERVE)],
    ids=["as configured", "observed"],
)
def test_an_approval_can_be_waited_for_without_end(plan: Plan) -> None:
    """`on_timeout: hold`, and what guardian may not take back."""
    state = in_phase(Phase.BAKING, held(HoldReason.APPROVAL), plan=plan)
    assert entry(state, saw(), at=100 * DAY_S) is None


def test_a_freeze_of_rollbacks_spares_the_unapproved_too() -> None:
    """It goes back when the freeze is over."""
    state = in_phase(Phase.BAKING, held(HoldReason.APPROVAL), plan=asks(1))
    assert entry(state, replace(saw(), freeze=SPARING), at=2 * DAY_S) is None
    assert isinstance(entry(state, saw(), at=2 * DAY_S), RollbackStarted)


def test_a_freeze_comes_before_a_later_steps_approval() -> None:
    """The time to approve begins when the step could be taken."""
    state = in_phase(Phase.BAKING, plan=asks(1))
    frozen = then(state, replace(saw(PASS, minutes=10), freeze=FROZEN), at=900)
    assert frozen.hold is not None
    assert frozen.hold.why is HoldReason.FREEZE
    going_on = then(frozen, saw(PASS, minutes=60), at=7200)
    asked = then(going_on, saw(PASS, minutes=60), at=7200)
    assert asked.hold is not None
    assert asked.hold.why is HoldReason.APPROVAL
    assert asked.hold.since == T0 + 7200


def test_a_watch_needs_no_approval() -> None:
    """It shifts nothing."""
    assert isinstance(entry(rollout(plan=asks(0, plan=WATCH)), saw(found=CANARY)), StepEntered)


def test_a_hold_for_an_approval_that_no_plan_asks_for_waits() -> None:
    """A state that no journal of guardian's has is left to people."""
    state = in_phase(Phase.BAKING, held(HoldReason.APPROVAL))
    assert entry(state, saw(), at=100 * DAY_S) is None
    assert approval_due(state) is None


# --- incidents before the first shift ----------------------------------------------------------


def test_an_open_incident_holds_the_start_until_it_is_over() -> None:
    """No release into an incident."""
    state = then(rollout(plan=CAREFUL), saw(OPEN, found=STABLE))
    assert state.hold is not None
    assert (state.hold.why, state.hold.detail) == (
        HoldReason.INCIDENT,
        "p0-incident: inconclusive for a test",
    )
    assert entry(state, saw(OPEN, found=STABLE), at=100 * DAY_S) is None
    assert entry(state, saw(found=STABLE), at=60) is None
    going_on = then(state, saw(QUIET, found=STABLE), at=120)
    assert going_on.phase is Phase.PENDING
    assert isinstance(entry(going_on, saw(QUIET, found=STABLE), at=121), StepEntered)


@pytest.mark.parametrize(
    "verdicts",
    [(), (verdict(Outcome.ERROR, "p0-incident"),), (verdict(Outcome.NO_DATA, "p0-incident"),)],
    ids=["not asked", "unreadable", "silent"],
)
def test_nothing_starts_on_an_unknown(verdicts: tuple[object, ...]) -> None:
    """It waits, and after `max_blind` people are told; sight leads on."""
    state = rollout(plan=CAREFUL)
    seen = saw(*verdicts, found=STABLE)  # type: ignore[arg-type] # verdicts, all of them
    assert entry(state, seen, at=599) is None
    blinded = then(state, seen, at=600)
    assert blinded.hold is not None
    assert blinded.hold.why is HoldReason.BLIND
    assert "nobody knows whether an incident is open (p0-incident: " in blinded.hold.detail
    assert entry(blinded, seen, at=700) is None
    assert then(blinded, saw(QUIET, found=STABLE), at=700).phase is Phase.PENDING
    open_now = then(then(blinded, saw(OPEN, found=STABLE), at=700), saw(OPEN, found=STABLE), at=701)
    assert open_now.hold is not None
    assert open_now.hold.why is HoldReason.INCIDENT


def test_a_hold_for_an_alarm_says_so() -> None:
    """In what is not known, and in how the hold ended; of incidents only beside them."""
    alarmed = rollout(plan=replace(PLAN, criteria=(ALARMS,)))
    blind = entry(alarmed, saw(found=STABLE), at=600)
    assert isinstance(blind, Held)
    assert "nobody knows whether an alarm fires (alarms: " in blind.detail
    held_by = then(alarmed, saw(verdict(Outcome.INCONCLUSIVE, "alarms"), found=STABLE))
    quiet = entry(held_by, saw(verdict(Outcome.PASS, "alarms"), found=STABLE), at=60)
    assert isinstance(quiet, Resumed)
    assert quiet.detail == "no firing alarm any more, or it was waived"
    both = rollout(plan=replace(CAREFUL, criteria=(*CAREFUL.criteria, ALARMS)))
    blind = entry(both, saw(found=STABLE), at=600)
    assert isinstance(blind, Held)
    assert "nobody knows whether an incident is open or an alarm fires (" in blind.detail


def test_a_waived_incident_starts() -> None:
    """A release that mends it, in a person's name."""
    state = apply(then(rollout(plan=CAREFUL), saw(OPEN, found=STABLE)), waived("p0-incident"))
    assert state.phase is Phase.HELD
    going_on = then(state, saw(OPEN, found=STABLE))
    assert isinstance(entry(going_on, saw(OPEN, found=STABLE)), StepEntered)


def test_a_watch_begins_in_an_incident() -> None:
    """What it watches is live already."""
    plan = replace(WATCH, criteria=CAREFUL.criteria)
    assert isinstance(entry(rollout(plan=plan), saw(OPEN, found=CANARY)), StepEntered)
    held_blind = rollout(held(HoldReason.BLIND), plan=plan)
    assert isinstance(entry(held_blind, saw(found=CANARY)), Resumed)


def test_an_incident_that_only_notifies_stops_no_start() -> None:
    """`on_fail: notify` stops nothing."""
    quiet = replace(CAREFUL.criteria[1], on_fail=OnFail.NOTIFY)
    plan = replace(CAREFUL, criteria=(criterion(), quiet))
    assert isinstance(entry(rollout(plan=plan), saw(OPEN, found=STABLE)), StepEntered)


def test_an_incident_after_the_first_shift_is_a_breach() -> None:
    """An ordinary one."""
    opened = verdict(Outcome.FAIL, "p0-incident")
    state = in_phase(Phase.BAKING, plan=CAREFUL)
    assert isinstance(entry(state, saw(PASS, opened)), RollbackStarted)


def test_a_breach_before_the_start_is_none() -> None:
    """Whatever is said of a release that is not live, there is nothing to take back."""
    state = rollout(held(), plan=CAREFUL)
    assert entry(state, saw(verdict(Outcome.FAIL, "p0-incident")), at=60) is None


# --- waived criteria ---------------------------------------------------------------------------

TWO = replace(PLAN, criteria=(criterion(), criterion("crash-rate")))
CRASHED = verdict(Outcome.FAIL, "crash-rate")


def test_a_waived_criterion_neither_gates_nor_breaches() -> None:
    """The others still do."""
    state = in_phase(Phase.BAKING, waived("crash-rate"), plan=TWO)
    assert isinstance(entry(state, saw(PASS, CRASHED, minutes=10), at=900), StepEntered)
    assert isinstance(entry(state, saw(FAIL, CRASHED)), RollbackStarted)
    unseen = verdict(Outcome.ERROR, "crash-rate", blind_since=T0)
    assert entry(state, saw(FEW, unseen), at=900) is None


def test_a_waived_breach_does_not_stop_the_end() -> None:
    """The journal names criterion and actor, which is what an override has to do."""
    state = at_last_step(waived("crash-rate"), plan=TWO)
    decided = entry(state, saw(PASS, CRASHED, minutes=10), at=900)
    assert decided == Completed(at=T0 + 900, verdicts=(PASS, CRASHED))


def test_with_everything_waived_nothing_passes() -> None:
    """Without a criterion that gates, the end is for want of evidence, and says so."""
    state = at_last_step(waived())
    assert entry(state, saw(PASS, minutes=60), at=900) is None
    decided = entry(state, saw(PASS, minutes=60), at=MAX_BAKE_S)
    assert isinstance(decided, Completed)
    assert decided.unproven == ("every criterion",)


def test_a_breach_that_was_waived_holds_no_longer() -> None:
    """Every criterion that the hold was for; a recovery alone does not end it."""
    plan = replace(TWO, criteria=tuple(replace(c, on_fail=OnFail.HOLD) for c in TWO.criteria))
    state = then(in_phase(Phase.BAKING, plan=plan), saw(FAIL, CRASHED))
    assert state.hold is not None
    assert state.hold.failed == ("error-rate", "crash-rate")
    one = apply(state, waived())
    assert entry(one, saw(FAIL, CRASHED), at=60) is None
    assert entry(one, saw(FAIL, verdict(Outcome.PASS, "crash-rate")), at=60) is None
    both = apply(one, waived("crash-rate"))
    decided = entry(both, saw(FAIL, CRASHED), at=60)
    assert decided == Resumed(at=T0 + 60, detail="waived: error-rate, crash-rate")


def test_a_new_breach_keeps_what_another_ones_waiver_would_free() -> None:
    """The hold was for one criterion, and another fails by now."""
    plan = replace(TWO, criteria=tuple(replace(c, on_fail=OnFail.HOLD) for c in TWO.criteria))
    state = then(in_phase(Phase.BAKING, plan=plan), saw(FAIL))
    assert entry(apply(state, waived()), saw(FAIL, CRASHED), at=60) is None


def test_evidence_that_lacks_only_the_waived_is_enough() -> None:
    """A hold for want of evidence ends by itself, one for want of sight begins its calm."""
    for why, short, then in (
        (HoldReason.NO_EVIDENCE, FEW, Resumed),
        (HoldReason.BLIND, blind(), Sighted),
    ):
        state = in_phase(Phase.BAKING, held(why), plan=TWO)
        seen = saw(short, verdict(Outcome.PASS, "crash-rate"), minutes=10)
        assert entry(state, seen, at=60) is None
        assert isinstance(entry(apply(state, waived()), seen, at=60), then)


@pytest.mark.parametrize("name", ["error-rate", "unheard-of"])
def test_only_a_known_criterion_is_waived_and_only_once(name: str) -> None:
    """The table's guard says so."""
    with pytest.raises(IllegalEntry, match=f"{name} is no criterion that could be waived"):
        apply(in_phase(Phase.BAKING, waived()), waived(name))
