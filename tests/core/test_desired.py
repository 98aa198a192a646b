"""What a state wants of the router, and when it is written."""

from __future__ import annotations

import pytest

from guardian.core.plan import Plan
from guardian.core.rollout.desired import (
    Verb,
    changed_after_completion,
    desired_traffic,
    must_write,
    unknown_versions,
)
from guardian.core.rollout.entries import Completed, HoldReason
from guardian.core.rollout.machine import Phase, apply, step_traffic
from guardian.core.traffic import FULL, Traffic
from tests.core.rollouts import (
    CANARY,
    HALF,
    PLAN,
    ROLLOUT_ID,
    STABLE,
    T0,
    TEN,
    WATCH,
    at_last_step,
    held,
    in_phase,
    reading,
)

OTHER = Traffic(primary="41", secondary="42", weight=HALF)
AT_TEN = Traffic(primary="41", secondary="42", weight=TEN)
AT_FULL = Traffic(primary="41", secondary="42", weight=FULL)
OURS = ROLLOUT_ID


# --- the desired traffic -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "verb", "traffic", "stamped"),
    [
        (Phase.SHIFTING, Verb.SHIFT, AT_TEN, True),
        (Phase.BAKING, Verb.SHIFT, AT_TEN, True),
        (Phase.ROLLING_BACK, Verb.RESTORE, STABLE, True),
        (Phase.ROLLED_BACK, Verb.RESTORE, STABLE, False),
        (Phase.COMPLETED, Verb.PROMOTE, CANARY, False),
    ],
)
def test_a_state_wants_one_traffic(
    phase: Phase, verb: Verb, traffic: Traffic, stamped: bool
) -> None:
    """What the router shall show follows from the phase and the plan alone."""
    wanted = desired_traffic(in_phase(phase))
    assert wanted is not None
    assert (wanted.verb, wanted.traffic, wanted.stamped) == (verb, traffic, stamped)


@pytest.mark.parametrize("plan", [PLAN, WATCH], ids=["rollout", "watch"])
@pytest.mark.parametrize(
    "phase", [Phase.PENDING, Phase.HELD, Phase.CANCELLED, Phase.SUPERSEDED, Phase.RETIRED]
)
def test_nothing_is_wanted_where_guardian_must_not_write(phase: Phase, plan: Plan) -> None:
    """Before the first shift, in a hold, and after a quiet end the traffic is somebody else's."""
    assert desired_traffic(in_phase(phase, plan=plan)) is None


@pytest.mark.parametrize("why", HoldReason)
@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.SHIFTING, Phase.ROLLING_BACK])
def test_no_hold_wants_anything(phase: Phase, why: HoldReason) -> None:
    """Whatever was under way when the hold began."""
    assert desired_traffic(in_phase(phase, held(why))) is None


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.BAKING, Phase.COMPLETED])
def test_a_watch_wants_nothing_but_back(phase: Phase) -> None:
    """A watch writes only to restore."""
    assert desired_traffic(in_phase(phase, plan=WATCH)) is None
    back = desired_traffic(in_phase(Phase.ROLLING_BACK, plan=WATCH))
    assert back is not None
    assert (back.verb, back.traffic) == (Verb.RESTORE, STABLE)


# --- when it is written ------------------------------------------------------------------------

_T, _F = True, False
WRITES = [
    # phase, found, stamped by, fenced, wrote, whether it is written
    (Phase.SHIFTING, STABLE, None, _T, _F, True),
    (Phase.SHIFTING, STABLE, None, _F, _F, True),
    (Phase.SHIFTING, AT_TEN, OURS, _T, _F, False),
    (Phase.SHIFTING, AT_TEN, OURS, _T, _T, False),
    (Phase.SHIFTING, AT_TEN, OURS, _F, _F, True),
    (Phase.BAKING, AT_TEN, OURS, _T, _F, False),
    (Phase.BAKING, AT_TEN, OURS, _F, _F, True),
    (Phase.BAKING, OTHER, OURS, _F, _F, False),
    (Phase.BAKING, OTHER, OURS, _T, _F, False),
    (Phase.ROLLING_BACK, AT_TEN, OURS, _T, _T, True),
    (Phase.ROLLING_BACK, STABLE, None, _T, _F, True),
    (Phase.ROLLING_BACK, STABLE, OURS, _T, _F, True),
    (Phase.ROLLING_BACK, STABLE, OURS, _T, _T, False),
    (Phase.ROLLED_BACK, STABLE, OURS, _T, _T, True),
    (Phase.ROLLED_BACK, STABLE, "r-other", _T, _T, False),
    (Phase.ROLLED_BACK, STABLE, None, _F, _F, False),
    (Phase.ROLLED_BACK, OTHER, OURS, _T, _T, False),
    (Phase.COMPLETED, AT_FULL, OURS, _T, _F, True),
    (Phase.COMPLETED, CANARY, OURS, _T, _F, True),
    (Phase.COMPLETED, CANARY, None, _T, _T, False),
    (Phase.COMPLETED, CANARY, None, _F, _F, False),
    (Phase.COMPLETED, STABLE, None, _T, _F, False),
    (Phase.COMPLETED, OTHER, OURS, _T, _F, False),
    (Phase.HELD, STABLE, OURS, _F, _F, False),
    (Phase.PENDING, STABLE, None, _F, _F, False),
    (Phase.SUPERSEDED, STABLE, OURS, _F, _F, False),
]


@pytest.mark.parametrize(("phase", "found", "by", "fenced", "wrote", "due"), WRITES)
def test_a_write_is_due(
    *, phase: Phase, found: Traffic, by: str | None, fenced: bool, wrote: bool, due: bool
) -> None:
    """The table of phase, what is found, whose stamp is on it, and what was written before."""
    state = in_phase(phase)
    wanted = must_write(state, reading(found, stamped_by=by), fenced=fenced, wrote=wrote)
    assert wanted == (desired_traffic(state) if due else None)


@pytest.mark.parametrize("phase", [Phase.SHIFTING, Phase.ROLLING_BACK, Phase.COMPLETED])
def test_a_third_version_is_never_written_over(phase: Phase) -> None:
    """An abort that comes in the tick of somebody else's deploy leaves that deploy alone."""
    strange = reading(Traffic(primary="43"), stamped_by=OURS)
    assert must_write(in_phase(phase), strange, fenced=False, wrote=False) is None


def test_strangers_are_versions_that_nobody_named() -> None:
    """The plan's two versions, what was found, and the snapshot are known."""
    assert unknown_versions(PLAN, AT_TEN) == []
    assert unknown_versions(PLAN, Traffic(primary="44", secondary="43", weight=TEN)) == ["43", "44"]


def test_a_change_after_the_last_bake_is_a_person_s() -> None:
    """Neither the last step nor the promotion, unless a person ordered the promotion."""
    state = in_phase(Phase.COMPLETED)
    assert changed_after_completion(state, STABLE)
    assert not changed_after_completion(state, step_traffic(PLAN, 1))
    assert not changed_after_completion(state, CANARY)
    assert not changed_after_completion(at_last_step(), STABLE)


def test_an_ordered_promotion_is_written_over_whatever_is_there() -> None:
    """Who promotes out of a conflict gets the promotion."""
    state = apply(at_last_step(), Completed(at=T0, unproven=("error-rate",), actor="bob"))
    wanted = must_write(state, reading(STABLE), fenced=True, wrote=False)
    assert wanted is not None
    assert wanted.verb is Verb.PROMOTE
