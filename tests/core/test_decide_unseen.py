"""Traffic that cannot be read, and a target that is not found: page, and go on looking."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.plan import Plan
from guardian.core.rollout.decide import decide
from guardian.core.rollout.entries import Entry, Held, HoldReason, Resumed, StepEntered
from guardian.core.rollout.machine import Phase, Rollout, apply
from guardian.core.rollout.progress import Observation
from tests.core.rollouts import PASS, PLAN, T0, WATCH, in_phase, saw


def entry(state: Rollout, seen: Observation, *, at: float) -> Entry | None:
    """What is decided `at` seconds after T0; whatever it is, it is possible."""
    decided = decide(state, seen, T0 + at).entry
    if decided is not None:
        apply(state, decided)
    return decided


def unseen(*, gone: bool = False) -> Observation:
    """Metrics that pass, and traffic that nobody can read since T0."""
    since = T0 if gone else None
    return replace(saw(PASS, minutes=60), unseen_since=T0, gone_since=since, trouble="AccessDenied")


@pytest.mark.parametrize("plan", [PLAN, WATCH], ids=["rollout", "watch"])
@pytest.mark.parametrize(("gone", "after_s"), [(False, 600), (True, 120)])
def test_a_canary_whose_traffic_is_not_seen_is_held_and_paged(
    plan: Plan, gone: bool, after_s: float
) -> None:
    """Metrics alone do not say who has the traffic; a target that is not found is told soon."""
    state, seen = in_phase(Phase.BAKING, plan=plan), unseen(gone=gone)
    assert entry(state, seen, at=after_s - 1) is None
    held = entry(state, seen, at=after_s)
    assert isinstance(held, Held)
    assert held.why is HoldReason.BLIND
    assert "cannot be read since" in held.detail
    assert "AccessDenied" in held.detail
    after = apply(state, held)
    assert entry(after, seen, at=after_s + 30) is None
    assert entry(after, saw(PASS, minutes=1), at=after_s + 60) is not None


def test_nothing_advances_while_the_traffic_is_not_seen() -> None:
    """The bake is over and all passes: the next step waits for a look."""
    state = in_phase(Phase.BAKING)
    assert entry(state, unseen(), at=60) is None
    assert isinstance(entry(state, saw(PASS, minutes=60), at=60), StepEntered)


def test_a_persons_resume_waits_anew() -> None:
    """As for metrics that cannot be read."""
    resumed = Resumed(at=T0 + 700, detail="go on", actor="bob")
    hold = Held(at=T0 + 600, why=HoldReason.BLIND, detail="cannot be read")
    state = in_phase(Phase.BAKING, hold, resumed)
    assert entry(state, unseen(), at=1299) is None
    assert isinstance(entry(state, unseen(), at=1300), Held)
