"""Stable is deleted, or cannot serve, while a rollout lives: told once, with the way out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.notices import Event, Severity
from guardian.core.rollout.decide import decide
from guardian.core.rollout.entries import Entry, RollbackStarted, WayBackSeen
from guardian.core.rollout.machine import LIVE, Phase, Rollout, apply
from guardian.core.traffic import WayBack
from tests.core.rollouts import FAIL, GATE, OBSERVE, PASS, T0, in_phase, saw
from tests.messages import tellings
from tests.messages.tellings import AT_TEN, BACK, CONFIRMED, STEP_0, STUCK_1, key, last

WHY = "version 41 of f does not exist."
LOST = WayBack(problem=WHY, older="40")
SEEN = WayBackSeen(at=T0, found=LOST)
MENDED = WayBackSeen(at=T0, found=WayBack())
PAGE = key("no_way_back")


def entry(state: Rollout, found: WayBack | None) -> Entry | None:
    """What is decided where this is known of stable; whatever it is, it is possible."""
    decided = decide(state, replace(saw(PASS), way_back=found), T0).entry
    if decided is not None:
        apply(state, decided)
    return decided


@pytest.mark.parametrize("phase", sorted(LIVE - {Phase.PENDING}, key=str))
def test_a_stable_that_is_lost_is_told_once_and_so_is_its_return(phase: Phase) -> None:
    """In every phase in which traffic may have to go back; an unknown is no news."""
    state = in_phase(phase)
    assert entry(state, None) is None
    assert entry(state, WayBack()) is None
    assert entry(state, LOST) == SEEN
    lost = apply(state, SEEN)
    assert (lost.phase, lost.hold, lost.way_back) == (state.phase, state.hold, LOST)
    assert entry(lost, LOST) is None
    assert entry(lost, WayBack(problem="it is Failed")) is None
    assert entry(lost, None) is None
    assert entry(lost, WayBack()) == MENDED
    assert apply(lost, MENDED).way_back == WayBack()


def test_it_matters_only_where_traffic_may_have_to_go_back() -> None:
    """Not before the first step, not where nothing is put back, and not when all is over."""
    for state in (
        in_phase(Phase.PENDING),
        in_phase(Phase.BAKING, plan=GATE),
        in_phase(Phase.BAKING, plan=OBSERVE),
        in_phase(Phase.COMPLETED),
    ):
        assert not isinstance(entry(state, LOST), WayBackSeen)


def test_it_never_stands_before_a_rollback() -> None:
    """Guardian tries all the same: the router may know more than it said."""
    seen = replace(saw(FAIL), way_back=LOST)
    assert isinstance(decide(in_phase(Phase.BAKING), seen, T0).entry, RollbackStarted)


def test_it_is_paged_with_the_way_out() -> None:
    """The version that could serve is named where one is known."""
    told = last(STEP_0, AT_TEN, SEEN)
    assert told.title == ("agents-api: version 41 CANNOT take the traffic back from version 42")
    assert told.todo == (
        "Version 41 cannot take the traffic: version 41 of f does not exist."
        " `guardian rollback agents-api --to 40` gives it to version 40,"
        " the newest before it that can serve."
    )
    assert [(p.key, p.severity) for p in told.pages] == [(PAGE, Severity.ERROR)]
    nothing_known = last(STEP_0, AT_TEN, replace(SEEN, found=replace(LOST, older="")))
    assert "`guardian rollback agents-api --to VERSION`" in nothing_known.todo


def test_the_page_is_over_with_its_cause_or_with_the_rollout() -> None:
    """A rollback that begins ends it not: that is when it counts."""
    told = last(STEP_0, AT_TEN, SEEN, MENDED)
    assert (told.event, told.resolves) == (Event.WARNING, (PAGE,))
    assert told.title == "agents-api: version 41 can take the traffic back again"
    assert last(STEP_0, AT_TEN, SEEN, BACK).resolves == ()
    assert PAGE in last(STEP_0, AT_TEN, SEEN, BACK, CONFIRMED).resolves
    assert last(STEP_0, AT_TEN, BACK, CONFIRMED).resolves == ()


def test_a_rollback_that_is_stuck_for_want_of_stable_names_the_way_out() -> None:
    """To set the traffic to what does not exist would be no advice."""
    told = last(STEP_0, AT_TEN, BACK, SEEN, STUCK_1)
    assert told.todo == last(STEP_0, AT_TEN, SEEN).todo
    assert "--to" not in last(STEP_0, AT_TEN, BACK, STUCK_1).todo
    assert tellings.state(STEP_0, AT_TEN, BACK, SEEN, STUCK_1).stuck_level == 1
