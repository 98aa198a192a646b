"""What a rollout's end means to whoever waited: the exit codes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.rollout.entries import Completed, HoldReason
from guardian.core.rollout.machine import Phase
from guardian.core.verdict import Evidence, Outcome, Verdict
from guardian.engine.outcome import Exit, hopeless, outcome, overdue, worst
from tests.core.rollouts import OBSERVE, PLAN, T0, WATCH, held, in_phase, rollout


@pytest.mark.parametrize(
    ("phase", "code"),
    [
        (Phase.ROLLED_BACK, 4),
        (Phase.ROLLING_BACK, 6),
        (Phase.SUPERSEDED, 7),
        (Phase.CANCELLED, 7),
        (Phase.BAKING, 7),
    ],
)
def test_each_phase_has_its_code(phase: Phase, code: int) -> None:
    """A promise of docs/cli.md."""
    assert outcome(in_phase(phase)).value == code


@pytest.mark.parametrize(
    ("unproven", "verdict", "confirmed", "code"),
    [
        ((), None, True, 0),
        (("error-rate",), Outcome.INCONCLUSIVE, True, 5),
        (("error-rate",), Outcome.ERROR, True, 8),
        ((), None, False, 6),
    ],
)
def test_completion_tells_proven_unproven_blind_and_unread_apart(
    unproven: tuple[str, ...], verdict: Outcome | None, confirmed: bool, code: int
) -> None:
    """Zero is for what was proven and read back alone."""
    verdicts: tuple[Verdict, ...] = ()
    if verdict is not None:
        evidence = Evidence()
        verdicts = (Verdict(criterion="error-rate", outcome=verdict, evidence=evidence, why="so"),)
    state = replace(
        in_phase(Phase.COMPLETED),
        completed=Completed(at=1.0, verdicts=verdicts, unproven=unproven),
        primary_confirmed=confirmed,
    )
    assert outcome(state).value == code


def test_a_hold_waits_for_a_person_and_blindness_for_aws() -> None:
    """7 and 8."""
    assert outcome(in_phase(Phase.BAKING, held(HoldReason.CONFLICT))).value == 7
    assert outcome(in_phase(Phase.BAKING, held(HoldReason.BLIND))).value == 8


def test_the_worst_service_decides() -> None:
    """In the documented order, and nothing at all is healthy."""
    assert worst([]) is Exit.HEALTHY
    codes = [Exit.HEALTHY, Exit.UNPROVEN, Exit.WAITING, Exit.BLIND, Exit.GATE_FAILED]
    codes += [Exit.ROLLED_BACK, Exit.STUCK]
    for count in range(1, len(codes) + 1):
        assert worst(codes[:count]) is codes[count - 1]


@pytest.mark.parametrize("why", [w for w in HoldReason if w.value not in ("approval", "freeze")])
def test_a_hold_is_lived_through_until_it_goes_back(why: HoldReason) -> None:
    """Whatever its reason: `max_hold` takes back what moved, and what moved nothing just ends."""
    longest_s = PLAN.policy.max_hold_s
    moved = in_phase(Phase.BAKING, held(why))
    for state in (moved, replace(moved, plan=OBSERVE), rollout(held(why))):
        assert not hopeless(state, 300.0, T0 + longest_s - 1)
        assert not overdue(state, T0 + longest_s - 1)
    assert not hopeless(moved, 300.0, T0 + longest_s + 1)
    assert hopeless(replace(moved, plan=OBSERVE), 300.0, T0 + longest_s + 1)
    before = rollout(held(why))
    assert overdue(before, T0 + longest_s)
    assert not hopeless(before, 300.0, T0 + longest_s)  # It is cancelled first.


@pytest.mark.parametrize("why", [HoldReason.APPROVAL, HoldReason.FREEZE])
def test_a_hold_with_an_end_of_its_own_is_waited_for(why: HoldReason) -> None:
    """An approval and a freeze are not counted by `max_hold`."""
    assert not overdue(in_phase(Phase.BAKING, held(why), plan=OBSERVE), T0 + 1e6)
    assert not overdue(in_phase(Phase.BAKING, held(HoldReason.CONFLICT), plan=WATCH), T0 + 1e6)


def test_a_promotion_that_is_never_read_back_is_waited_for_within_a_limit() -> None:
    """It needs a person then, as a rollback does; while the canary bakes no such limit counts."""
    promoted = replace(in_phase(Phase.COMPLETED), completed=Completed(at=T0, verdicts=()))
    assert not hopeless(promoted, 300.0, T0 + 299)
    assert hopeless(promoted, 300.0, T0 + 300)
    assert not hopeless(promoted, 300.0, T0 + 999, tried_since=T0 + 700)
    assert hopeless(promoted, 300.0, T0 + 1000, tried_since=T0 + 700)
    assert not hopeless(in_phase(Phase.BAKING), 300.0, T0 + 300)
