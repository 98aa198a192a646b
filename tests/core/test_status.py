"""The status of a rollout in each of its phases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.rollout.entries import (
    Approved,
    HoldReason,
    Sighted,
)
from guardian.core.rollout.machine import Phase
from guardian.core.status import confirmed_weight, status_of
from guardian.core.traffic import FULL, NONE, Traffic
from guardian.core.verdict import Outcome
from tests.core.rollouts import (
    ALARMS,
    CAREFUL,
    FEW,
    FROZEN,
    PASS,
    SPARING,
    STABLE,
    T0,
    TEN,
    WATCH,
    asks,
    confirmed,
    held,
    in_phase,
    rollout,
    saw,
    verdict,
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
    shown = status_of(state, saw(), T0, traffic=None)
    assert (shown.rollout.phase, shown.step) == (phase, state.step + 1)
    assert shown.waiting_for == WAITING[phase]
    assert shown.weight == WEIGHTS.get(phase, NONE)
    assert (shown.id, shown.plan.service) == (state.plan.rollout, "agents-api")


def test_trouble_takes_the_place_of_waiting() -> None:
    """A shift or a rollback that does not come shows the last error."""
    seen = replace(saw(), trouble="AccessDenied")
    for phase in (Phase.SHIFTING, Phase.ROLLING_BACK):
        shown = status_of(in_phase(phase), seen, T0, traffic=None)
        assert shown.waiting_for.endswith("(AccessDenied)")


def test_a_watch_waits_for_a_look_and_not_for_a_shift() -> None:
    """It asks the router for nothing."""
    shown = status_of(in_phase(Phase.SHIFTING, plan=WATCH), saw(), T0, traffic=None)
    assert shown.waiting_for == "the first look at the traffic"


def test_the_weight_is_the_one_just_read() -> None:
    """What the router shows is nearer to the truth than the journal."""
    half = Traffic(primary="41", secondary="42", weight=FULL)
    assert status_of(in_phase(Phase.BAKING), saw(), T0, traffic=half).weight == FULL


def test_a_bake_shows_its_minutes() -> None:
    """Observed and wanted minutes, counted from the confirmed shift."""
    shown = status_of(in_phase(Phase.BAKING), saw(FEW, minutes=4), T0 + 480, traffic=STABLE)
    assert (shown.observed_min, shown.bake_min) == (4.0, 10.0)
    assert shown.waiting_for == "4 of 10 minutes observed, all by about 14:27"
    assert shown.verdicts == (FEW,)


def test_a_calm_shows_since_when_and_until_when() -> None:
    """Blind for 12 minutes, and seeing since: it goes on after 12 more."""
    state = in_phase(Phase.BAKING, held(HoldReason.BLIND), Sighted(at=T0 + 720))
    assert status_of(state, saw(FEW), T0 + 730, traffic=None).waiting_for == (
        "held: the metrics can be read again since 2026-09-21 14:26 UTC;"
        " it goes on at 2026-09-21 14:38 UTC if that lasts"
    )


def test_observed_minutes_begin_whole() -> None:
    """A shift in the middle of a minute leaves the rest of that minute out."""
    state = in_phase(Phase.SHIFTING, confirmed(at=T0 + 20))
    assert status_of(state, saw(minutes=4), T0 + 480, traffic=None).observed_min == 3.0


def test_a_bake_that_is_over_names_what_lacks_proof() -> None:
    """Then evidence is waited for, by name, or nothing is."""
    state = in_phase(Phase.BAKING)
    assert status_of(state, saw(FEW, minutes=10), T0, traffic=None).waiting_for == (
        "evidence for error-rate"
    )
    done = status_of(state, saw(PASS, minutes=10), T0, traffic=None)
    assert done.waiting_for == "the next step"


def test_a_state_that_no_journal_can_produce_has_a_picture_too() -> None:
    """Showing never fails."""
    stepless = replace(in_phase(Phase.SHIFTING), step=-1)
    assert status_of(stepless, saw(), T0, traffic=None).bake_min == 0.0
    holdless = replace(in_phase(Phase.HELD), hold=None)
    assert status_of(holdless, saw(), T0, traffic=None).waiting_for == "held"


def test_a_bake_that_is_over_names_what_stands_before_the_next_step() -> None:
    """A freeze, an approval that nobody gave yet; not for a watch."""
    over = saw(PASS, minutes=10)
    frozen = status_of(in_phase(Phase.BAKING), replace(over, freeze=FROZEN), T0, traffic=None)
    assert frozen.waiting_for.startswith("the end of a freeze: carol froze agents-api until")
    assert frozen.freeze == FROZEN
    asked = status_of(in_phase(Phase.BAKING, plan=asks(1)), over, T0, traffic=None)
    assert asked.waiting_for == "an approval of step 2"
    agreed = in_phase(Phase.BAKING, Approved(at=T0, step=1, actor="bob"), plan=asks(1))
    shown = status_of(agreed, over, T0, traffic=None)
    assert shown.waiting_for == "the next step"
    watch = in_phase(Phase.BAKING, plan=WATCH)
    watched = status_of(watch, replace(over, freeze=SPARING), T0, traffic=None)
    assert watched.waiting_for == "the next step"


def test_a_start_waits_for_word_of_incidents() -> None:
    """Once the traffic was looked at."""
    state = rollout(plan=CAREFUL)
    assert status_of(state, saw(), T0, traffic=None).waiting_for == "the first look at the traffic"
    seen = saw(found=STABLE)
    assert status_of(state, seen, T0, traffic=STABLE).waiting_for == (
        "word of open incidents (p0-incident)"
    )
    alarmed = rollout(plan=replace(CAREFUL, criteria=(*CAREFUL.criteria, ALARMS)))
    assert status_of(alarmed, seen, T0, traffic=STABLE).waiting_for == (
        "word of open incidents and firing alarms (p0-incident, alarms)"
    )
    named = saw(verdict(Outcome.PASS, "p0-incident"), found=STABLE)
    assert status_of(alarmed, named, T0, traffic=STABLE).waiting_for == (
        "word of firing alarms (alarms)"
    )


def test_a_hold_for_an_approval_names_the_step() -> None:
    """The one that a person is to agree to; any other hold waits for none."""
    state = in_phase(Phase.BAKING, held(HoldReason.APPROVAL, at=T0 + 60), plan=asks(1))
    assert status_of(state, saw(), T0 + 60, traffic=None).awaits_approval_of == 2
    blind = in_phase(Phase.BAKING, held(HoldReason.BLIND))
    assert status_of(blind, saw(), T0, traffic=None).awaits_approval_of is None


def test_a_watch_has_the_weight_that_it_found() -> None:
    """Before and after the first look, until it is taken back."""
    assert confirmed_weight(in_phase(Phase.PENDING, plan=WATCH)) == FULL
    assert confirmed_weight(in_phase(Phase.BAKING, plan=WATCH)) == FULL
    assert confirmed_weight(in_phase(Phase.ROLLED_BACK, plan=WATCH)) == NONE
