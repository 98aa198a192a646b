"""What is decided of a rollout that cannot see, and of one that sees again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.model import OnFail
from guardian.core.plan import Blind
from guardian.core.rollout.decide import decide
from guardian.core.rollout.entries import (
    Cause,
    Completed,
    Held,
    HoldReason,
    Resumed,
    RollbackStarted,
    Sighted,
    StepEntered,
)
from guardian.core.rollout.machine import Phase, apply
from guardian.core.verdict import Outcome, Verdict
from guardian.messages.table import notice
from tests.core.rollouts import (
    FAIL,
    FEW,
    MAX_BAKE_S,
    OBSERVE,
    PASS,
    PLAN,
    T0,
    WATCH,
    blind,
    criterion,
    held,
    in_phase,
    saw,
    verdict,
)
from tests.core.test_decide_waiting import HOUR_S, SILENT, entry, settle, with_policy

BLIND = blind()


@pytest.mark.parametrize("unseen", [blind(), SILENT], ids=["unreadable", "silent"])
def test_blindness_holds_after_its_longest_time(unseen: Verdict) -> None:
    """Unreadable, or silent where there was traffic, for `max_blind`: hold, which pages."""
    state = in_phase(Phase.BAKING)
    assert entry(state, saw(unseen), at=599) is None
    decided = entry(state, saw(unseen), at=600)
    assert isinstance(decided, Held)
    assert decided.why is HoldReason.BLIND
    assert decided.detail == f"error-rate: {unseen.why}"


def test_blindness_can_be_set_to_roll_back() -> None:
    """`on_blind: rollback` takes back what cannot be seen."""
    state = in_phase(Phase.BAKING, plan=with_policy(on_blind=Blind.ROLLBACK))
    decided = entry(state, saw(blind()), at=600)
    assert isinstance(decided, RollbackStarted)
    assert decided.cause is Cause.BLIND


def test_a_rollout_that_must_not_roll_back_is_held_when_blind() -> None:
    """`on_blind: rollback` has no power over `--observe`."""
    state = in_phase(Phase.BAKING, plan=with_policy(OBSERVE, on_blind=Blind.ROLLBACK))
    assert isinstance(entry(state, saw(blind()), at=600), Held)


def test_the_longest_blindness_counts() -> None:
    """One criterion that cannot be seen is enough."""
    plan = replace(PLAN, criteria=(criterion(), criterion("crash-rate")))
    late = verdict(Outcome.ERROR, "crash-rate", blind_since=T0 + 500)
    state = in_phase(Phase.BAKING, plan=plan)
    decided = entry(state, saw(blind(), late), at=600)
    assert isinstance(decided, Held)
    assert decided.detail.startswith("error-rate: ")


def test_what_does_not_gate_blinds_nobody() -> None:
    """A criterion that blocks nothing by missing evidence holds nothing either."""
    plan = replace(PLAN, criteria=(criterion(), criterion("slow", on_fail=OnFail.NOTIFY)))
    unseen = verdict(Outcome.ERROR, "slow", blind_since=T0)
    assert entry(in_phase(Phase.BAKING, plan=plan), saw(FEW, unseen), at=900) is None


def test_a_blind_hold_ends_when_sight_has_lasted_as_long_as_the_trouble() -> None:
    """It goes on by itself, and neither before it can see nor at the first glimpse."""
    state = in_phase(Phase.BAKING, replace(held(HoldReason.BLIND, at=T0 + 600), verdicts=(BLIND,)))
    assert entry(state, saw(BLIND), at=900) is None
    assert entry(state, saw(), at=900) is None
    assert entry(state, saw(FEW), at=900) == Sighted(at=T0 + 900)
    calm = apply(state, Sighted(at=T0 + 900))
    assert entry(calm, saw(PASS, minutes=60), at=1799) is None
    assert entry(calm, saw(FEW), at=1800) == Resumed(
        at=T0 + 1800, detail="the metrics can be read again since 2026-09-21 14:29 UTC"
    )


def test_no_calm_is_longer_than_three_times_max_blind() -> None:
    """A night without CloudWatch does not cost the day as well."""
    state = in_phase(Phase.BAKING, held(HoldReason.BLIND), Sighted(at=T0 + 3 * HOUR_S))
    assert entry(state, saw(FEW), at=3 * HOUR_S + 1799) is None
    assert isinstance(entry(state, saw(FEW), at=3 * HOUR_S + 1800), Resumed)


def test_a_calm_ends_with_a_minute_of_blindness_and_not_with_one_failed_read() -> None:
    """And the trouble is one trouble, counted from its first beginning."""
    state = in_phase(Phase.BAKING, held(HoldReason.BLIND), Sighted(at=T0 + 700))
    lost = saw(blind(T0 + 1000))
    assert entry(state, lost, at=1059) is None
    decided = entry(state, lost, at=1060)
    assert isinstance(decided, Held)
    assert (decided.why, decided.detail) == (HoldReason.BLIND, "error-rate: error for a test")
    again = apply(apply(state, decided), Sighted(at=T0 + 1200))
    assert entry(again, saw(FEW), at=2399) is None
    assert isinstance(entry(again, saw(FEW), at=2400), Resumed)


def test_blindness_in_fits_is_one_page_and_no_advance() -> None:
    """Nothing can be read for 11 minutes of 13, for three hours; then all is well."""
    state, told = in_phase(Phase.BAKING), []
    for second in range(0, int(4 * HOUR_S), 30):
        fit_s = second % 780.0
        now = T0 + second
        sees = fit_s >= 660 or second > 3 * HOUR_S
        seen = saw(PASS if sees else blind(now - fit_s), minutes=second / 60)
        decided = decide(state, seen, now).entry
        if decided is None:
            continue
        before, state = state, apply(state, decided)
        if (notice_ := notice(before, decided, state)) is not None:
            told.append((second, notice_))
        if isinstance(decided, StepEntered):
            break
    assert [second for second, n in told if n.pages] == [600]
    (resolved,) = [second for second, n in told if n.resolves]
    assert 3 * HOUR_S + 1500 < resolved < 3 * HOUR_S + 1900
    assert len(told) == 2
    assert state.step == 1


def test_a_breach_in_the_calm_goes_back_at_once() -> None:
    """What is waited for is the way forward alone."""
    calm = in_phase(Phase.BAKING, held(HoldReason.BLIND), Sighted(at=T0 + 600))
    decided = entry(calm, saw(FAIL), at=630)
    assert isinstance(decided, RollbackStarted)
    assert decided.cause is Cause.BREACH


def test_a_watch_that_has_all_its_evidence_waits_for_no_calm() -> None:
    """It advances nothing, and what was missed was read afterwards."""
    state = in_phase(Phase.BAKING, held(HoldReason.BLIND), plan=WATCH)
    assert isinstance(entry(state, saw(PASS, minutes=9), at=900), Sighted)
    assert isinstance(entry(state, saw(FEW, minutes=10), at=900), Sighted)
    kinds = [type(e) for e in settle(state, saw(PASS, minutes=10), at=900)]
    assert kinds == [Resumed, Completed]


def test_a_clock_that_was_set_back_is_blindness_at_once() -> None:
    """No age is right any more; a correction by a minute is no such thing."""
    state = in_phase(Phase.BAKING)
    now = state.last_at - 61.0
    found = decide(state, saw(PASS), now).entry
    assert isinstance(found, Held)
    assert found.why is HoldReason.BLIND
    assert "clock was set back to " in found.detail
    assert decide(state, saw(PASS), state.last_at - 60.0).entry is None
    blinded = apply(state, replace(found, at=state.last_at))
    assert decide(blinded, saw(PASS), now).entry is None
    right = decide(blinded, saw(PASS), state.last_at).entry
    assert isinstance(right, Resumed)


def test_blindness_is_waited_for_before_evidence_is_missed() -> None:
    """A step that is out of time and cannot be seen waits for `max_blind` first."""
    state = in_phase(Phase.BAKING)
    assert entry(state, saw(blind(T0 + 1700)), at=MAX_BAKE_S) is None
