"""What stable breaks already, through the whole engine: the fix ships, and worse goes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

import guardian.core.rollout.machine as rollout_module
from guardian.core.plan import Plan
from guardian.core.rollout.entries import StepEntered
from guardian.core.rollout.machine import Phase
from guardian.core.traffic import Traffic
from guardian.core.verdict import Verdict
from tests.simulation.scheduler import World, run
from tests.simulation.test_healthy_and_bad import world
from tests.simulation.world import Behaviour

BROKEN = Behaviour(rate=0.2)
SEEDS = 20


def ended(seed: int, *, canary: float, stable: Behaviour = BROKEN) -> World:
    """A whole rollout of a canary that fails at this rate."""
    w = world(seed, canary=Behaviour(rate=canary), stable=stable)
    run(w)
    return w


def recorded(w: World) -> tuple[Verdict, ...]:
    """How stable stood, by the journal."""
    entries = [r.entry for r in w.journal.read("r1")]
    return next(e for e in entries if isinstance(e, StepEntered)).stable


def gone_back(w: World) -> bool:
    """Whether stable has all traffic again."""
    return w.state().phase is Phase.ROLLED_BACK and w.alias.traffic == Traffic(primary="41")


def test_a_fix_that_is_over_the_limit_goes_live() -> None:
    """7% where stable has 20%, at every weight: also where there is no stable side left."""
    w = ended(1, canary=0.07)
    assert w.state().phase is Phase.COMPLETED
    assert [v.outcome.value for v in recorded(w)] == ["fail"]
    assert any("Pre-existing" in n.did for _, n in w.people.heard)


def test_a_canary_that_is_much_worse_than_a_bad_stable_goes_back() -> None:
    """At the first weight, whatever the luck."""
    for seed in range(SEEDS):
        w = ended(seed, canary=0.5)
        assert gone_back(w), seed
        assert max(t.share("42").ratio for _, t in w.alias.history) == 0.1


def test_a_release_that_changes_nothing_is_not_blamed_for_a_bad_stable() -> None:
    """Of twenty none goes back: the budget is 5%, and the comparison keeps well within it."""
    assert [s for s in range(SEEDS) if gone_back(ended(s, canary=0.2))] == []


def test_a_healthy_stable_changes_nothing() -> None:
    """A release over the limit goes back as ever."""
    healthy = Behaviour(rate=0.01)
    good, bad = ended(3, canary=0.01, stable=healthy), ended(3, canary=0.12, stable=healthy)
    assert [v.outcome.value for v in recorded(good)] == ["pass"]
    assert good.state().phase is Phase.COMPLETED
    assert gone_back(bad)


def test_a_stable_that_cannot_be_seen_excuses_nothing_and_delays_nothing() -> None:
    """The start does not wait for sight, and the limit holds."""
    w = world(4, canary=Behaviour(rate=0.3), stable=BROKEN)
    w.metrics.blind = (-1.0, 100.0)
    run(w)
    assert [v.outcome.value for v in recorded(w)] == ["error"]
    assert w.alias.history[1][0] - w.alias.history[0][0] < 30
    assert any("could not be seen" in n.did for _, n in w.people.heard)
    assert gone_back(w)


def test_a_licence_to_be_bad_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug: what stable breaks already is judged no more."""

    def licensed(plan: Plan, stable: Sequence[Verdict]) -> Plan:
        if not stable:
            return plan
        return replace(plan, criteria=tuple(replace(c, tolerated=1.0) for c in plan.criteria))

    monkeypatch.setattr(rollout_module, "bearing", licensed)
    assert not gone_back(ended(0, canary=0.5))
