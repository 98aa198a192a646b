"""What is only told: crossed warnings, breaches that notify, and blindness in a hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.model import OnFail
from guardian.core.rollout.decide import decide
from guardian.core.rollout.entries import (
    Entry,
    Held,
    HoldReason,
    Resumed,
    RollbackStarted,
    Waived,
    Warned,
)
from guardian.core.rollout.machine import Phase, Rollout, apply
from guardian.core.rollout.progress import Observation
from guardian.core.verdict import Outcome, Verdict
from tests.core.builders import FIVE_PERCENT
from tests.core.rollouts import (
    CAREFUL,
    FAIL,
    FEW,
    PASS,
    PLAN,
    RESUMED,
    STABLE,
    T0,
    WATCH,
    blind,
    criterion,
    held,
    in_phase,
    rollout,
    saw,
    verdict,
)

QUIET = replace(PLAN, criteria=(criterion(), criterion("slow", on_fail=OnFail.NOTIFY)))
SLOW = verdict(Outcome.FAIL, "slow")
TOLD_IN = [HoldReason.PERSON, HoldReason.CONFLICT, HoldReason.BREACH, HoldReason.APPROVAL]


def entry(state: Rollout, *verdicts: Verdict, at: float = 0.0) -> Entry | None:
    """What is decided; whatever it is, it is possible."""
    decided = decide(state, saw(*verdicts), T0 + at).entry
    if decided is not None:
        apply(state, decided)
    return decided


def crossed(judged: Verdict) -> Verdict:
    """The verdict, with its `warn_if` crossed."""
    return replace(judged, evidence=replace(judged.evidence, warned=FIVE_PERCENT))


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.BAKING, Phase.HELD])
def test_a_crossed_warning_is_told_once(phase: Phase) -> None:
    """In every phase that is judged, and never again in this rollout."""
    state = in_phase(phase)
    told = entry(state, crossed(FEW))
    assert told == Warned(
        at=T0,
        about=("error-rate",),
        detail="error-rate: inconclusive for a test",
        verdicts=(crossed(FEW),),
    )
    after = apply(state, told)
    assert (after.phase, after.hold, after.warned) == (state.phase, state.hold, ("error-rate",))
    assert entry(after, crossed(FEW), at=60) is None


def test_each_criterion_is_warned_of_by_itself() -> None:
    """Together where they come together, and a later one later."""
    state = in_phase(Phase.BAKING, plan=QUIET)
    first = entry(state, FEW, SLOW)
    assert isinstance(first, Warned)
    assert first.about == ("slow",)
    second = entry(apply(state, first), crossed(FEW), SLOW)
    assert isinstance(second, Warned)
    assert second.about == ("error-rate",)
    both = entry(state, crossed(FEW), SLOW)
    assert isinstance(both, Warned)
    assert both.about == ("error-rate", "slow")


def test_a_warning_is_the_last_question() -> None:
    """What decides something comes first."""
    state = in_phase(Phase.BAKING, plan=QUIET)
    assert isinstance(entry(state, FAIL, SLOW), RollbackStarted)


def test_what_was_waived_or_cannot_be_read_is_not_warned_of() -> None:
    """Nor is anything before the first shift, or on the way back."""
    waived = Waived(at=T0, criterion="slow", actor="bob")
    assert entry(in_phase(Phase.BAKING, waived, plan=QUIET), FEW, SLOW) is None
    assert entry(in_phase(Phase.BAKING), crossed(blind()), at=60) is None
    assert entry(rollout(plan=QUIET), SLOW) is None
    assert entry(in_phase(Phase.ROLLING_BACK, plan=QUIET), SLOW) is None


# --- blind while held --------------------------------------------------------------------------


@pytest.mark.parametrize("why", TOLD_IN)
def test_blindness_in_a_persons_hold_is_told_once(why: HoldReason) -> None:
    """The hold stays what it is, and nobody believes that somebody is looking."""
    state = in_phase(Phase.BAKING, held(why))
    assert entry(state, blind(), at=599) is None
    told = entry(state, blind(), at=600)
    assert isinstance(told, Warned)
    assert (told.about, told.verdicts) == (("error-rate",), (blind(),))
    after = apply(state, told)
    assert after.hold is not None
    assert (after.hold.why, after.hold.blind_paged, after.warned) == (why, True, ())
    assert entry(after, blind(), at=1200) is None


def test_blindness_is_told_in_a_freeze_and_in_an_incident() -> None:
    """Also of the incident criteria, which alone are judged before the first shift."""
    state = in_phase(Phase.BAKING, held(HoldReason.FREEZE))
    frozen = Observation(verdicts=(blind(),), freeze=None)
    assert isinstance(decide(state, frozen, T0 + 600).entry, Resumed)
    waits = rollout(held(HoldReason.INCIDENT), plan=CAREFUL)
    lost = verdict(Outcome.ERROR, "p0-incident", blind_since=T0)
    told = decide(waits, saw(lost, found=STABLE), T0 + 600).entry
    assert isinstance(told, Warned)
    assert told.about == ("p0-incident",)


def test_sight_that_is_lost_in_the_next_hold_is_told_again() -> None:
    """Once for each hold."""
    state = in_phase(Phase.BAKING, held())
    told = entry(state, blind(), at=600)
    assert told is not None
    again = apply(apply(apply(state, told), replace(RESUMED, at=T0 + 700)), held(at=T0 + 800))
    assert isinstance(entry(again, blind(), at=1400), Warned)


def test_a_hold_on_top_of_blindness_does_not_page_again() -> None:
    """The page is open already, and stays open."""
    state = in_phase(Phase.BAKING, held(HoldReason.BLIND), held())
    assert entry(state, blind(), at=5000) is None


@pytest.mark.parametrize("why", [HoldReason.BLIND, HoldReason.NO_EVIDENCE])
def test_what_is_or_becomes_a_blind_hold_needs_no_warning(why: HoldReason) -> None:
    """That hold tells it itself."""
    state = in_phase(Phase.BAKING, held(why))
    assert not isinstance(entry(state, blind(), at=900), Warned)


def test_a_breach_that_notifies_is_told_in_a_blind_hold_as_a_breach() -> None:
    """Two warnings, one after the other: the unseen first."""
    state = in_phase(Phase.BAKING, held(), plan=QUIET)
    unseen = entry(state, blind(), SLOW, at=600)
    assert isinstance(unseen, Warned)
    assert unseen.about == ("error-rate",)
    after = apply(state, unseen)
    slow = entry(after, blind(), SLOW, at=601)
    assert isinstance(slow, Warned)
    assert apply(after, slow).warned == ("slow",)


def test_a_held_watch_is_warned_of_too() -> None:
    """It judges as well."""
    state = in_phase(Phase.BAKING, held(), plan=replace(WATCH, criteria=QUIET.criteria))
    assert isinstance(entry(state, PASS, SLOW), Warned)


def test_a_warning_does_not_lengthen_what_is_waited_for() -> None:
    """The clocks of a shift count from where it began, whatever is told meanwhile."""
    state = in_phase(Phase.SHIFTING)
    told = entry(state, crossed(FEW), at=300)
    assert told is not None
    held_at = decide(apply(state, told), saw(crossed(FEW)), T0 + 600).entry
    assert isinstance(held_at, Held)
