"""A shared dependency fails under a rollout: nobody is blamed who is not worse."""

from __future__ import annotations

import pytest

import guardian.core.judging.evaluation as case_module
from guardian.core.notices import Event
from guardian.core.rollout.machine import Phase
from guardian.core.traffic import Traffic
from tests.simulation.scheduler import World, run
from tests.simulation.test_healthy_and_bad import world
from tests.simulation.world import Behaviour

OUTAGE = Behaviour(rate=0.01, later=0.5, from_minute=4, to_minute=10)
SEEDS = 20


def ended(seed: int, canary: Behaviour, stable: Behaviour = OUTAGE, crash: float = 0.0) -> World:
    """A rollout in an outage of six minutes at its first step."""
    w = world(seed, canary=canary, stable=stable, crash=crash)
    run(w)
    return w


def back_at(w: World) -> float | None:
    """How many seconds after the start stable had all traffic again; None where it has not."""
    back = [at for at, t in w.alias.history[1:] if t == Traffic(primary="41")]
    return back[0] - w.alias.history[0][0] if back else None


def test_an_outage_that_hits_both_is_told_and_survived() -> None:
    """Of twenty releases none goes back, and each ends healthy once it is over."""
    for seed in range(SEEDS):
        w = ended(seed, OUTAGE)
        state = w.state()
        assert state.phase is Phase.COMPLETED, seed
        assert state.completed is not None
        assert state.completed.unproven == ()
        warned = [n for _, n in w.people.heard if n.event is Event.WARNING]
        assert len(warned) == 1
        assert "Stable shows the same trouble" in warned[0].did


def test_a_canary_that_does_not_recover_goes_back() -> None:
    """When stable is well again there is nothing left to hide behind."""
    for seed in range(SEEDS):
        w = ended(seed, Behaviour(rate=0.01, later=0.5, from_minute=4))
        back = back_at(w)
        assert back is not None, seed
        assert back < 20 * 60


def test_a_canary_that_is_worse_goes_back_in_the_middle_of_an_outage() -> None:
    """Half of its requests fail, and a tenth of stable's."""
    little = Behaviour(rate=0.01, later=0.1, from_minute=4, to_minute=10)
    for seed in range(SEEDS):
        back = back_at(ended(seed, Behaviour(rate=0.01, later=0.5, from_minute=4), little))
        assert back is not None, seed
        assert back < 11 * 60


def test_a_bad_canary_beside_a_healthy_stable_goes_back_as_soon_as_ever() -> None:
    """Looking at stable first costs no poll."""
    bad = Behaviour(rate=0.3)
    for seed in range(SEEDS):
        beside, alone = ended(seed, bad, Behaviour(rate=0.01)), ended(seed, bad, Behaviour(rate=0))
        assert back_at(beside) == back_at(alone)


def test_an_outage_is_survived_by_a_process_that_is_killed_in_it() -> None:
    """What was read beside is read again."""
    for seed in range(SEEDS):
        assert ended(seed, OUTAGE, crash=0.02).state().phase is Phase.COMPLETED, seed


def test_an_excuse_for_everything_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug: whatever the canary does, stable is said to show the same."""
    monkeypatch.setattr(case_module, "alike", lambda *_: True)
    back = back_at(ended(1, Behaviour(rate=0.3), Behaviour(rate=0.01)))
    assert back is None or back > 3600


def test_blaming_the_release_for_everything_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted bug: stable is never looked at."""
    monkeypatch.setattr(case_module, "alike", lambda *_: False)
    assert back_at(ended(1, OUTAGE)) is not None
