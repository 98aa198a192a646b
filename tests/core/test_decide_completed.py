"""What is decided after the last bake: the promotion, read back, stuck, or taken over by a hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.rollout.decide import decide, retired
from guardian.core.rollout.entries import (
    Completed,
    Entry,
    PrimaryConfirmed,
    PromotionStuck,
    Superseded,
)
from guardian.core.rollout.machine import Phase, Rollout, apply, step_traffic
from guardian.core.rollout.progress import Observation
from guardian.core.traffic import Traffic
from tests.core.rollouts import CANARY, PLAN, STABLE, T0, at_last_step, in_phase, saw


def entry(state: Rollout, seen: Observation, *, at: float = 0.0) -> Entry | None:
    """What is decided `at` seconds after T0; whatever it is, it is possible."""
    decided = decide(state, seen, T0 + at).entry
    if decided is not None:
        apply(state, decided)
    return decided


def test_a_promotion_is_confirmed_when_it_is_read_back() -> None:
    """The canary alone, as the primary version."""
    assert entry(in_phase(Phase.COMPLETED), saw(found=CANARY)) == PrimaryConfirmed(at=T0)


@pytest.mark.parametrize("found", [None, step_traffic(PLAN, 1)], ids=["unread", "last step"])
def test_a_promotion_is_waited_for(found: Traffic | None) -> None:
    """The last step's weights are what a promotion starts from."""
    assert entry(in_phase(Phase.COMPLETED), saw(found=found), at=59) is None


@pytest.mark.parametrize("found", [None, step_traffic(PLAN, 1)], ids=["unread", "last step"])
def test_a_promotion_that_does_not_come_pages_once(found: Traffic | None) -> None:
    """Sixty seconds after the end, saying what was found and what stands in the way."""
    state = in_phase(Phase.COMPLETED)
    told = entry(state, replace(saw(found=found), trouble="AccessDenied"), at=60)
    assert isinstance(told, PromotionStuck)
    shown = "the traffic cannot be read" if found is None else f"found {found}"
    assert told.detail == f"AccessDenied; {shown}"
    assert entry(apply(state, told), saw(found=found), at=5000) is None
    assert isinstance(entry(apply(state, told), saw(found=CANARY), at=90), PrimaryConfirmed)
    silent = entry(state, saw(found=found), at=60)
    assert isinstance(silent, PromotionStuck)
    assert silent.detail == f"not read back yet; {shown}"


def test_a_person_who_takes_a_completed_release_back_by_hand_wins() -> None:
    """Stable put back before the promotion was read back is not promoted over."""
    decided = entry(in_phase(Phase.COMPLETED), saw(found=STABLE))
    assert isinstance(decided, Superseded)
    assert "changed the weights after the last bake: found 41 100%" in decided.detail


def test_an_ordered_promotion_starts_from_whatever_is_there() -> None:
    """Who promotes out of a conflict has seen the weights."""
    state = apply(at_last_step(), Completed(at=T0, unproven=("error-rate",), actor="bob"))
    assert entry(state, saw(found=STABLE)) is None


def test_a_completed_rollout_is_retired_once_nobody_can_take_it_back() -> None:
    """After `keep_previous`, or when a later rollout stands between; never before it is over."""
    kept_s = PLAN.policy.keep_previous_s
    state = in_phase(Phase.COMPLETED, PrimaryConfirmed(at=T0))
    assert retired(state, T0 + kept_s - 1) is None
    by_time = retired(state, T0 + kept_s)
    assert by_time is not None
    assert apply(state, by_time).phase is Phase.RETIRED
    followed = retired(state, T0 + 1, followed=True)
    assert followed is not None
    assert followed.detail == "a later rollout has begun"
    for early in (in_phase(Phase.COMPLETED), in_phase(Phase.BAKING), apply(state, by_time)):
        assert retired(early, T0 + kept_s, followed=True) is None
