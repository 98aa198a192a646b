"""What is decided of a rollout that waits: without evidence, held, or as a watch."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from guardian.core.model import OnFail
from guardian.core.plan import LowTraffic, Plan, Policy
from guardian.core.rollout.decide import decide
from guardian.core.rollout.entries import (
    Cause,
    Completed,
    Entry,
    GateFailed,
    Held,
    HoldReason,
    Resumed,
    RollbackStarted,
    Sighted,
    StepEntered,
)
from guardian.core.rollout.machine import Phase, Rollout, apply
from guardian.core.rollout.progress import Observation, observed_until, waited_s, window_of
from guardian.core.traffic import FULL
from guardian.core.verdict import Outcome, Verdict
from tests.core.rollouts import (
    BACK,
    CANARY,
    FAIL,
    FEW,
    MAX_BAKE_S,
    OBSERVE,
    OVER,
    PASS,
    PLAN,
    RESUMED,
    T0,
    TEN,
    WATCH,
    at_last_step,
    blind,
    confirmed,
    criterion,
    held,
    in_phase,
    rollout,
    saw,
    verdict,
)

HOUR_S = 3600.0
SILENT = verdict(Outcome.NO_DATA, blind_since=T0)
BEFORE_START = (HoldReason.INCIDENT, HoldReason.PRE_EXISTING)
QUIET = verdict(Outcome.NO_DATA)


def with_policy(plan: Plan = PLAN, **knobs: object) -> Plan:
    """A plan whose policy differs in these."""
    return replace(plan, policy=replace(Policy(), **knobs))  # type: ignore[arg-type] # by name


def entry(state: Rollout, seen: Observation, *, at: float) -> Entry | None:
    """What is decided `at` seconds after T0; whatever it is, it is possible."""
    decided = decide(state, seen, T0 + at).entry
    if decided is not None:
        apply(state, decided)
    return decided


def settle(state: Rollout, seen: Observation, *, at: float) -> list[Entry]:
    """Every entry until nothing more is decided of the same sight; more than five are a loop."""
    entries: list[Entry] = []
    while (decided := decide(state, seen, T0 + at).entry) is not None:
        entries.append(decided)
        assert len(entries) <= 5, entries
        state = apply(state, decided)
    return entries


# --- what lasts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [700.0, MAX_BAKE_S, 5 * HOUR_S])
@pytest.mark.parametrize("why", [None, *(w for w in HoldReason if w not in BEFORE_START)])
@pytest.mark.parametrize("seen", [saw(v, minutes=m) for v in (PASS, FEW, OVER, QUIET, SILENT, FAIL)
                                  for m in (0, 60)])  # fmt: skip
@pytest.mark.parametrize("plan", [PLAN, WATCH, OBSERVE], ids=["rollout", "watch", "observe"])
def test_the_same_sight_is_decided_once(
    plan: Plan, seen: Observation, why: HoldReason | None, at: float
) -> None:
    """No two entries follow each other for ever: at most sight, another hold, and the way back."""
    state = in_phase(Phase.BAKING, *((held(why),) if why else ()), plan=plan)
    entries = settle(state, seen, at=at)
    assert len(entries) <= 2 or (len(entries) == 3 and isinstance(entries[-1], RollbackStarted))


# --- out of time -------------------------------------------------------------------------------


def test_a_step_waits_for_evidence_until_its_longest_bake() -> None:
    """Too few samples after `max_bake` hold by default, and say what is missing."""
    state = in_phase(Phase.BAKING)
    assert entry(state, saw(FEW, minutes=20), at=MAX_BAKE_S - 1) is None
    decided = entry(state, saw(FEW, minutes=20), at=MAX_BAKE_S)
    assert isinstance(decided, Held)
    assert decided.why is HoldReason.NO_EVIDENCE
    assert decided.detail == "error-rate: inconclusive for a test"


def test_low_traffic_can_be_set_to_advance() -> None:
    """`on_low_traffic: advance` takes the next step without proof."""
    state = in_phase(Phase.BAKING, plan=with_policy(on_low_traffic=LowTraffic.ADVANCE))
    decided = entry(state, saw(FEW), at=MAX_BAKE_S)
    assert decided == StepEntered(at=T0 + MAX_BAKE_S, step=1, verdicts=(FEW,))


@pytest.mark.parametrize("last", [False, True])
def test_low_traffic_can_be_set_to_roll_back(last: bool) -> None:
    """`on_low_traffic: rollback` takes back what nobody could judge, on the last step too."""
    plan = with_policy(on_low_traffic=LowTraffic.ROLLBACK)
    state = at_last_step(plan=plan) if last else in_phase(Phase.BAKING, plan=plan)
    decided = entry(state, saw(FEW), at=MAX_BAKE_S)
    assert isinstance(decided, RollbackStarted)
    assert decided.cause is Cause.LOW_TRAFFIC


@pytest.mark.parametrize("last", [False, True])
def test_low_traffic_does_not_take_back_an_observed_rollout(last: bool) -> None:
    """`--observe` holds, or ends unproven, where it would have rolled back."""
    plan = with_policy(OBSERVE, on_low_traffic=LowTraffic.ROLLBACK)
    state = at_last_step(plan=plan) if last else in_phase(Phase.BAKING, plan=plan)
    decided = entry(state, saw(FEW), at=MAX_BAKE_S)
    assert isinstance(decided, Completed if last else Held)


@pytest.mark.parametrize("policy", [LowTraffic.HOLD, LowTraffic.ADVANCE])
@pytest.mark.parametrize("judged", [FEW, QUIET], ids=["few", "none"])
def test_the_last_step_completes_unproven_for_want_of_samples(
    judged: Verdict, policy: LowTraffic
) -> None:
    """Holding at the last step protects nobody."""
    state = at_last_step(plan=with_policy(on_low_traffic=policy))
    decided = entry(state, saw(judged), at=MAX_BAKE_S)
    assert decided == Completed(at=T0 + MAX_BAKE_S, verdicts=(judged,), unproven=("error-rate",))


@pytest.mark.parametrize("policy", LowTraffic)
@pytest.mark.parametrize("last", [False, True])
def test_over_the_limit_is_not_low_traffic(last: bool, policy: LowTraffic) -> None:
    """A value over the limit, though unproven, holds whatever the policy for low traffic is."""
    plan = with_policy(on_low_traffic=policy)
    state = at_last_step(plan=plan) if last else in_phase(Phase.BAKING, plan=plan)
    decided = entry(state, saw(OVER, minutes=20), at=MAX_BAKE_S)
    assert isinstance(decided, Held)
    assert decided.why is HoldReason.NO_EVIDENCE


def test_unobserved_minutes_are_not_low_traffic() -> None:
    """Every criterion passes, yet too little of the bake could be observed: hold, and say so."""
    decided = entry(at_last_step(), saw(PASS, minutes=4), at=MAX_BAKE_S)
    assert isinstance(decided, Held)
    assert decided.detail == "only 4 of 10 minutes could be observed"


def test_unreadable_without_a_beginning_is_not_low_traffic() -> None:
    """An error is never taken for a quiet night."""
    error = verdict(Outcome.ERROR)
    assert isinstance(entry(at_last_step(), saw(error), at=MAX_BAKE_S), Held)


def test_a_person_s_hold_lengthens_the_longest_bake() -> None:
    """What a person held is not waited."""
    state = in_phase(Phase.BAKING, held(at=T0 + 60), replace(RESUMED, at=T0 + 660))
    assert waited_s(state, T0 + MAX_BAKE_S) == MAX_BAKE_S - 600
    assert entry(state, saw(FEW), at=MAX_BAKE_S) is None
    assert isinstance(entry(state, saw(FEW), at=MAX_BAKE_S + 600), Held)


# --- held --------------------------------------------------------------------------------------


def test_a_hold_for_want_of_evidence_ends_with_it() -> None:
    """Observed in full, and every gating criterion passes: on by itself, to the next step."""
    state = in_phase(Phase.BAKING, held(HoldReason.NO_EVIDENCE))
    assert entry(state, saw(PASS, minutes=9), at=2000) is None
    assert entry(state, saw(FEW, minutes=30), at=2000) is None
    kinds = [type(e) for e in settle(state, saw(PASS, minutes=10), at=2000)]
    assert kinds == [Resumed, StepEntered]


def test_a_hold_for_want_of_evidence_can_go_blind() -> None:
    """Losing sight while waiting for evidence is told, and sight leads back to the waiting."""
    state = in_phase(Phase.BAKING, held(HoldReason.NO_EVIDENCE, at=T0 + MAX_BAKE_S))
    lost = T0 + 2000
    assert entry(state, saw(blind(lost)), at=2599) is None
    decided = entry(state, saw(blind(lost)), at=2600)
    assert isinstance(decided, Held)
    assert decided.why is HoldReason.BLIND
    blinded = apply(state, decided)
    assert [type(e) for e in settle(blinded, saw(FEW), at=2700)] == [Sighted]
    calm = apply(blinded, Sighted(at=T0 + 2700))
    assert [type(e) for e in settle(calm, saw(FEW), at=3400)] == [Resumed, Held]


@pytest.mark.parametrize("why", [HoldReason.PERSON, HoldReason.CONFLICT, HoldReason.BREACH])
def test_what_people_must_end_does_not_end_itself(why: HoldReason) -> None:
    """A person's hold, a conflict and a breach wait for a person, however well all looks."""
    state = in_phase(Phase.BAKING, held(why))
    assert entry(state, saw(PASS, minutes=60), at=3 * HOUR_S) is None


LASTING = [HoldReason.PERSON, HoldReason.NO_EVIDENCE, HoldReason.BLIND, HoldReason.CONFLICT,
           HoldReason.BREACH]  # fmt: skip


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.BAKING, Phase.ROLLING_BACK])
@pytest.mark.parametrize("why", LASTING)
def test_a_hold_that_lasts_too_long_goes_back(why: HoldReason, phase: Phase) -> None:
    """After `max_hold` stable is restored, whatever held it."""
    state = in_phase(phase, held(why))
    assert not isinstance(entry(state, saw(), at=4 * HOUR_S - 1), RollbackStarted)
    decided = entry(state, saw(), at=4 * HOUR_S)
    assert isinstance(decided, RollbackStarted)
    assert decided.cause is Cause.HELD_TOO_LONG
    assert decided.detail == f"held for 4 hours (because of {why.value})"


def test_holds_that_follow_each_other_are_one_to_max_hold() -> None:
    """A canary that sees too little and then nothing, in turn, must not keep its share for days."""
    turns = [
        entry_
        for hour in range(3)
        for entry_ in (
            held(HoldReason.NO_EVIDENCE, at=T0 + hour * HOUR_S),
            held(HoldReason.BLIND, at=T0 + (hour + 0.5) * HOUR_S),
            replace(RESUMED, at=T0 + (hour + 1) * HOUR_S),
        )
    ]
    state = in_phase(Phase.BAKING, *turns, held(HoldReason.NO_EVIDENCE, at=T0 + 3.5 * HOUR_S))
    assert state.held_s == 3 * HOUR_S
    assert not isinstance(entry(state, saw(), at=4.5 * HOUR_S - 1), RollbackStarted)
    assert isinstance(entry(state, saw(), at=4.5 * HOUR_S), RollbackStarted)


@pytest.mark.parametrize(
    "ends",
    [replace(RESUMED, actor="bob"), StepEntered(at=T0, step=1), BACK],
    ids=["a person resumes", "the next step", "the way back"],
)
def test_what_gets_on_gives_max_hold_a_new_beginning(ends: Entry) -> None:
    """What was held before a person looked, or before a step, is over."""
    state = in_phase(Phase.BAKING, held(HoldReason.BLIND), replace(ends, at=T0 + HOUR_S))
    assert state.held_s == 0.0


def test_a_hold_with_an_end_of_its_own_counts_for_nothing() -> None:
    """An approval's time-out and a freeze's end see to themselves."""
    state = in_phase(Phase.BAKING, held(HoldReason.FREEZE), replace(RESUMED, at=T0 + HOUR_S))
    assert state.held_s == 0.0


@pytest.mark.parametrize(
    "state",
    [rollout(held()), in_phase(Phase.BAKING, held(), plan=OBSERVE)],
    ids=["nothing moved", "observed"],
)
def test_a_hold_with_nothing_to_take_back_stays(state: Rollout) -> None:
    """Where nothing was moved, or nothing is to be restored, a hold waits."""
    assert entry(state, saw(), at=100 * HOUR_S) is None


def test_a_held_state_without_its_hold_decides_nothing() -> None:
    """A state that no journal can produce is left alone."""
    state = replace(in_phase(Phase.HELD), hold=None)
    assert decide(state, saw(PASS, minutes=60), T0 + 5 * HOUR_S).entry is None


# --- watches -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "then", [(), (held(),), (held(HoldReason.BLIND),)], ids=["baking", "person", "blind"]
)
@pytest.mark.parametrize("judged", [FEW, OVER, blind()], ids=["few", "over", "blind"])
def test_a_watch_ends_unproven_at_its_longest_bake(
    judged: Verdict, then: tuple[Entry, ...]
) -> None:
    """A watch's time is over when it is over, in a hold too, and what lacked proof is named."""
    state = in_phase(Phase.BAKING, *then, plan=with_policy(WATCH, max_blind_s=HOUR_S))
    entries = settle(state, saw(judged, minutes=20), at=MAX_BAKE_S)
    assert isinstance(entries[-1], Completed)
    assert entries[-1].unproven == ("error-rate",)


def test_a_watch_that_could_not_observe_enough_says_so() -> None:
    """Passing without the minutes is unproven too."""
    decided = entry(in_phase(Phase.BAKING, plan=WATCH), saw(PASS, minutes=4), at=MAX_BAKE_S)
    assert isinstance(decided, Completed)
    assert decided.unproven == ("observed time",)


def test_a_watch_completes_when_its_minutes_have_passed() -> None:
    """A healthy watch ends with its bake."""
    decided = entry(in_phase(Phase.BAKING, plan=WATCH), saw(PASS, minutes=10, found=CANARY), at=900)
    assert decided == Completed(at=T0 + 900, verdicts=(PASS,))


def test_a_held_watch_goes_nowhere_before_its_time_is_over() -> None:
    """A watch that is held is not rolled back for having been held."""
    state = in_phase(Phase.BAKING, held(), plan=WATCH)
    assert entry(state, saw(FEW), at=MAX_BAKE_S - 1) is None
    shifting = in_phase(Phase.SHIFTING, held(), plan=WATCH)
    assert entry(shifting, saw(), at=100 * HOUR_S) is None


def test_a_breach_never_completes_a_watch() -> None:
    """At its longest bake, a held watch with a proven breach fails, and does not end unproven."""
    criteria = (criterion(on_fail=OnFail.HOLD),)
    state = in_phase(Phase.BAKING, held(), plan=replace(WATCH, criteria=criteria))
    assert isinstance(entry(state, saw(FAIL), at=MAX_BAKE_S), GateFailed)


@pytest.mark.parametrize(
    ("ends", "until"),
    [((120.0,), 120.0), ((180.0, 120.0), 120.0), ((180.0, None), None), ((), None)],
)
def test_a_bake_is_observed_up_to_where_every_gating_criterion_was_read(
    ends: tuple[float | None, ...], until: float | None
) -> None:
    """The shortest sight counts; one that saw nothing leaves nothing observed."""
    seen = [replace(PASS, evidence=replace(PASS.evidence, observed_until=end)) for end in ends]
    others = [replace(one, criterion="told-alone") for one in seen[:1]]
    assert observed_until(in_phase(Phase.BAKING), [*seen, *others]) == until


def test_the_evidence_covers_what_was_confirmed_by_then() -> None:
    """Now, or as it was at an earlier instant, for whoever judges again what was judged then."""
    assert window_of(rollout()) is None
    state = rollout(
        StepEntered(at=T0, step=0),
        confirmed(TEN, at=T0 + 60),
        StepEntered(at=T0 + 600, step=1),
        confirmed(FULL, at=T0 + 660),
    )
    now, earlier, before = (
        window_of(state, until=until) for until in (math.inf, T0 + 600, T0 + 30)
    )
    assert now is not None
    assert (now.first_shift_at, now.step_confirmed_at) == (T0 + 60, T0 + 660)
    assert now.confirmed == ((T0 + 60, TEN), (T0 + 660, FULL))
    assert earlier is not None
    assert (earlier.first_shift_at, earlier.step_confirmed_at) == (T0 + 60, T0 + 60)
    assert earlier.confirmed == ((T0 + 60, TEN),)
    assert before == earlier
