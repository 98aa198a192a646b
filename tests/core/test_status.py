"""The picture of a rollout in each of its phases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.rollout.entries import (
    Approved,
    HoldReason,
    PrimaryConfirmed,
    PromotionStuck,
    RollbackStuck,
    Sighted,
    Waived,
)
from guardian.core.rollout.machine import Phase, apply
from guardian.core.rollout.progress import freeze_detail
from guardian.core.status import confirmed_weight, picture
from guardian.core.traffic import FULL, NONE, Traffic
from tests.core.rollouts import (
    CAREFUL,
    DONE,
    FEW,
    FROZEN,
    PASS,
    SPARING,
    STABLE,
    T0,
    TEN,
    WATCH,
    asks,
    at_last_step,
    confirmed,
    held,
    in_phase,
    rollout,
    saw,
)

WAITING = {
    Phase.PENDING: "the first look at the traffic",
    Phase.SHIFTING: "the router to show 10% (shift asked for)",
    Phase.BAKING: "0 of 10 minutes observed, all by about 14:27",
    Phase.HELD: "held: because of person",
    Phase.ROLLING_BACK: "the router to show 41 100% (asked for)",
    Phase.ROLLED_BACK: "",
    Phase.COMPLETED: "the router to show 42 100% (asked for)",
    Phase.RETIRED: "",
    Phase.CANCELLED: "",
    Phase.SUPERSEDED: "",
}
WEIGHTS = {
    Phase.BAKING: TEN,
    Phase.HELD: TEN,
    Phase.ROLLING_BACK: TEN,
    Phase.COMPLETED: FULL,
    Phase.RETIRED: FULL,
}


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_has_its_picture(phase: Phase) -> None:
    """The phase, the step counted from 1, the weight read back last, and what is waited for."""
    state = in_phase(phase)
    shown = picture(state, saw(), T0, traffic=None)
    assert (shown.phase, shown.step, shown.steps) == (phase, state.step + 1, 2)
    assert shown.waiting_for == WAITING[phase]
    assert shown.weight == WEIGHTS.get(phase, NONE)
    assert shown.held == (HoldReason.PERSON if phase is Phase.HELD else None)
    assert (shown.rollout, shown.service, shown.stable, shown.canary) == (
        state.plan.rollout,
        "agents-api",
        "41",
        "42",
    )


def test_trouble_takes_the_place_of_waiting() -> None:
    """A shift or a rollback that does not come shows the last error."""
    seen = replace(saw(), trouble="AccessDenied")
    for phase in (Phase.SHIFTING, Phase.ROLLING_BACK):
        shown = picture(in_phase(phase), seen, T0, traffic=None)
        assert shown.waiting_for.endswith("(AccessDenied)")
        assert shown.trouble == "AccessDenied"


def test_a_watch_waits_for_a_look_and_not_for_a_shift() -> None:
    """It asks the router for nothing."""
    shown = picture(in_phase(Phase.SHIFTING, plan=WATCH), saw(), T0, traffic=None)
    assert shown.waiting_for == "the first look at the traffic"


def test_the_weight_is_the_one_just_read() -> None:
    """What the router shows is nearer to the truth than the journal."""
    half = Traffic(primary="41", secondary="42", weight=FULL)
    assert picture(in_phase(Phase.BAKING), saw(), T0, traffic=half).weight == FULL


def test_a_bake_shows_its_minutes() -> None:
    """Observed, wanted and waited minutes, counted from the confirmed shift."""
    shown = picture(in_phase(Phase.BAKING), saw(FEW, minutes=4), T0 + 480, traffic=STABLE)
    assert (shown.observed_min, shown.bake_min, shown.waited_min) == (4.0, 10.0, 8.0)
    assert shown.waiting_for == "4 of 10 minutes observed, all by about 14:27"
    assert shown.verdicts == (FEW,)


def test_a_calm_shows_since_when_and_until_when() -> None:
    """Blind for 12 minutes, and seeing since: it goes on after 12 more."""
    state = in_phase(Phase.BAKING, held(HoldReason.BLIND), Sighted(at=T0 + 720))
    assert picture(state, saw(FEW), T0 + 730, traffic=None).waiting_for == (
        "held: the metrics can be read again since 2026-09-21 14:26 UTC;"
        " it goes on at 2026-09-21 14:38 UTC if that lasts"
    )


def test_observed_minutes_begin_whole() -> None:
    """A shift in the middle of a minute leaves the rest of that minute out."""
    state = in_phase(Phase.SHIFTING, confirmed(at=T0 + 20))
    assert picture(state, saw(minutes=4), T0 + 480, traffic=None).observed_min == 3.0


def test_a_bake_that_is_over_names_what_lacks_proof() -> None:
    """Then evidence is waited for, by name, or nothing is."""
    state = in_phase(Phase.BAKING)
    assert picture(state, saw(FEW, minutes=10), T0, traffic=None).waiting_for == (
        "evidence for error-rate"
    )
    done = picture(state, saw(PASS, minutes=10), T0, traffic=None)
    assert done.waiting_for == "the next step"


def test_a_state_that_no_journal_can_produce_has_a_picture_too() -> None:
    """Showing never fails."""
    stepless = replace(in_phase(Phase.SHIFTING), step=-1)
    assert picture(stepless, saw(), T0, traffic=None).bake_min == 0.0
    holdless = replace(in_phase(Phase.HELD), hold=None)
    assert picture(holdless, saw(), T0, traffic=None).waiting_for == "held"


def test_a_bake_that_is_over_names_what_stands_before_the_next_step() -> None:
    """A freeze, an approval that nobody gave yet; not for a watch."""
    over = saw(PASS, minutes=10)
    frozen = picture(in_phase(Phase.BAKING), replace(over, freeze=FROZEN), T0, traffic=None)
    assert frozen.waiting_for.startswith("the end of a freeze: carol froze agents-api until")
    assert (frozen.frozen, frozen.rollbacks_frozen) == (freeze_detail(FROZEN), False)
    asked = picture(in_phase(Phase.BAKING, plan=asks(1)), over, T0, traffic=None)
    assert asked.waiting_for == "an approval of step 2"
    agreed = in_phase(Phase.BAKING, Approved(at=T0, step=1, actor="bob"), plan=asks(1))
    shown = picture(agreed, over, T0, traffic=None)
    assert (shown.waiting_for, shown.approved) == ("the next step", (2,))
    watch = in_phase(Phase.BAKING, plan=WATCH)
    watched = picture(watch, replace(over, freeze=SPARING), T0, traffic=None)
    assert (watched.waiting_for, watched.rollbacks_frozen) == ("the next step", True)


def test_a_start_waits_for_word_of_incidents() -> None:
    """Once the traffic was looked at."""
    state = rollout(plan=CAREFUL)
    assert picture(state, saw(), T0, traffic=None).waiting_for == "the first look at the traffic"
    seen = saw(found=STABLE)
    assert picture(state, seen, T0, traffic=STABLE).waiting_for == (
        "word of open incidents (p0-incident)"
    )


def test_a_hold_has_its_facts() -> None:
    """Why, since when, where to, until when an approval is waited for, and what was waived."""
    state = in_phase(Phase.BAKING, held(HoldReason.APPROVAL, at=T0 + 60), plan=asks(1))
    shown = picture(state, saw(), T0 + 60, traffic=None)
    assert (shown.hold_detail, shown.held_since, shown.resume_to) == (
        "because of approval",
        T0 + 60,
        Phase.BAKING,
    )
    assert shown.approval_due == T0 + 60 + 86400
    assert (shown.started_at, shown.entered_at, shown.phase_since) == (T0, T0, T0 + 60)
    waived = in_phase(Phase.BAKING, Waived(at=T0, criterion="error-rate", actor="bob"))
    free = picture(waived, saw(), T0, traffic=None)
    assert (free.waived, free.hold_detail, free.approval_due) == (("error-rate",), "", None)


def test_what_is_stuck_is_shown_as_stuck() -> None:
    """A rollback, or a promotion, until it is read back."""
    stuck = RollbackStuck(at=T0, level=1, detail="throttled")
    back = in_phase(Phase.ROLLING_BACK, stuck)
    hanging = in_phase(Phase.COMPLETED, PromotionStuck(at=T0, detail="throttled"))
    done = apply(hanging, PrimaryConfirmed(at=T0))
    for state, wanted in ((back, True), (hanging, True), (done, False), (rollout(), False)):
        assert picture(state, saw(), T0, traffic=None).stuck is wanted
    assert picture(done, saw(), T0, traffic=None).waiting_for == ""


def test_an_end_without_proof_shows_what_is_unproven() -> None:
    """A completed rollout names the criteria that lacked evidence."""
    assert picture(in_phase(Phase.COMPLETED), saw(), T0, traffic=None).unproven == DONE.unproven
    assert picture(at_last_step(), saw(), T0, traffic=None).unproven == ()


def test_a_watch_has_the_weight_that_it_found() -> None:
    """Before and after the first look, until it is taken back."""
    assert confirmed_weight(in_phase(Phase.PENDING, plan=WATCH)) == FULL
    assert confirmed_weight(in_phase(Phase.BAKING, plan=WATCH)) == FULL
    assert confirmed_weight(in_phase(Phase.ROLLED_BACK, plan=WATCH)) == NONE


def test_a_hold_shows_why() -> None:
    """The reason of the newest hold."""
    state = in_phase(Phase.BAKING, held(HoldReason.BLIND))
    assert picture(state, saw(), T0, traffic=None).held is HoldReason.BLIND
