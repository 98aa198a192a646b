"""An outage that hits both versions alike is not the release's; what is worse or stays is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from guardian.cloudwatch import changed
from guardian.core.judging.judge import judge
from guardian.core.judging.kinds.latency import Latency
from guardian.core.model import Measurement, Query
from guardian.core.rollout.decide import decide
from guardian.core.rollout.entries import StepEntered, Warned
from guardian.core.rollout.machine import Phase, apply
from guardian.core.verdict import Outcome, Verdict
from guardian.messages.table import notice
from tests.core.builders import (
    COMPARED,
    COUNT,
    ERRORS,
    P95,
    PROBLEM,
    STABLE_BAD,
    T0,
    WITHIN,
    Row,
    compared,
    read,
    window,
)
from tests.core.rollouts import PLAN, in_phase, saw
from tests.core.rollouts import T0 as BEGAN

STABLE = COMPARED.compare.stable if COMPARED.compare is not None else None
WELL, OUT = (3.0, 300.0), (150.0, 300.0)
S_WELL, S_OUT = (27.0, 2700.0), (1350.0, 2700.0)


def judged(
    canary: Sequence[Row], stable: Sequence[Row], *, settled: float | None = None
) -> Verdict:
    """The canary's verdict, with stable's side read as well."""
    found = compared(canary, stable, settled=settled)
    return at_end(found, len(canary) if settled is None else settled)


def at_end(found: dict[Query, Measurement], settled: float) -> Verdict:
    """The verdict when these minutes have settled."""
    now = T0 + 60 * settled + ERRORS.settle_s
    return judge(ERRORS, found, window(), now=now, beside=STABLE)[0]


def test_an_outage_on_both_sides_is_no_breach() -> None:
    """It is told, with both figures, and passes nothing while it lasts."""
    found = judged([*[WELL] * 5, *[OUT] * 5], [*[S_WELL] * 5, *[S_OUT] * 5])
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.outage
    assert found.why == (
        "50.0% against 50.0% on stable: not attributed to this release"
        " (750 bad of 1500 samples in 5 minutes against 6750 of 13500)"
    )
    assert found.evidence.over_limit
    assert found.evidence.shared_minutes == 5


def test_without_stables_side_a_broken_limit_counts() -> None:
    """Not read, or not readable: safe first."""
    rows, other = [*[WELL] * 5, *[OUT] * 5], [*[S_WELL] * 5, *[S_OUT] * 5]
    now = T0 + 600 + ERRORS.settle_s
    alone = judge(ERRORS, read(rows), window(), now=now, beside=STABLE)[0]
    unasked = judge(ERRORS, compared(rows, other), window(), now=now)[0]
    found = compared(rows, other)
    found[STABLE_BAD] = Measurement(problem=PROBLEM)
    assert {alone.outcome, unasked.outcome, at_end(found, 10).outcome} == {Outcome.FAIL}


def test_what_was_shared_and_is_over_is_left_out() -> None:
    """The rest of the step must pass by itself."""
    found = judged(
        [*[WELL] * 5, *[OUT] * 5, *[WELL] * 5], [*[S_WELL] * 5, *[S_OUT] * 5, *[S_WELL] * 5]
    )
    assert found.outcome is Outcome.PASS
    assert found.why == (
        "1.0%, within 5% (30 bad of 3000 samples in 10 minutes);"
        " without 5 minutes in which stable showed the same"
    )


def test_a_canary_that_stays_bad_when_stable_recovers_fails() -> None:
    """Its own minutes speak against it."""
    found = judged([*[WELL] * 5, *[OUT] * 9], [*[S_WELL] * 5, *[S_OUT] * 5, *[S_WELL] * 4])
    assert found.outcome is Outcome.FAIL


def test_a_canary_that_is_worse_in_the_outage_fails() -> None:
    """Stable breaks the limit by a little, the canary by a lot."""
    found = judged([*[WELL] * 5, *[OUT] * 5], [*[S_WELL] * 5, *[(270.0, 2700.0)] * 5])
    assert found.outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "stable", [[(1.0, 2.0)] * 10, [(None, None)] * 10, [(100.0, 2700.0)] * 10],
    ids=["few", "nobody", "within its limit"],
)  # fmt: skip
def test_a_stable_that_shows_nothing_excuses_nothing(stable: list[Row]) -> None:
    """Too few requests, none at all (100%), or no trouble."""
    assert judged([*[WELL] * 5, *[OUT] * 5], stable).outcome is Outcome.FAIL


def test_in_an_outage_a_difference_by_chance_counts_for_nothing() -> None:
    """Ten points worse than stable on a few requests: not proven, and so not the canary's."""
    canary: list[Row] = [*[(1.0, 30.0)] * 5, *[(18.0, 30.0)] * 3]
    assert judged(canary, [*[S_WELL] * 5, *[S_OUT] * 3]).outage


def test_a_stable_just_within_its_limit_excuses_nothing() -> None:
    """Its few requests prove nothing by comparison, and it keeps the limit."""
    canary: list[Row] = [(30.0, 300.0)] * 10
    stable: list[Row] = [(1.0, 21.0)] * 10
    assert judged(canary, stable).outcome is Outcome.FAIL


def test_an_outage_is_seen_before_its_minutes_have_settled() -> None:
    """A breach can rest on unsettled minutes, and so can its excuse."""
    rows, other = [*[WELL] * 5, *[OUT] * 3], [*[S_WELL] * 5, *[S_OUT] * 3]
    now = T0 + 480.0
    found = compared(rows, other, settled=5)
    alone = judge(ERRORS, found, window(), now=now)[0]
    assert alone.outcome is Outcome.FAIL
    both = judge(ERRORS, found, window(), now=now, beside=STABLE)[0]
    assert (both.outcome, both.outage) == (Outcome.INCONCLUSIVE, True)
    assert both.evidence.shared_minutes == 0


def test_slow_on_both_sides_is_an_outage_too() -> None:
    """A latency is counted as a ratio is."""
    own = (("Version", "1"),)
    other = Latency(
        percentile=95,
        count=changed(COUNT, dimensions=own),
        within=changed(WITHIN, dimensions=own),
    )
    slow: list[Row] = [(700.0, 1000.0)] * 10
    found = read(slow, part=WITHIN, total=COUNT) | read(slow, part=other.within, total=other.count)
    now = T0 + 600 + P95.settle_s
    assert judge(P95, found, window(), now=now)[0].outcome is Outcome.FAIL
    assert judge(P95, found, window(), now=now, beside=other)[0].outage


def test_an_outage_is_told_once_and_takes_no_step() -> None:
    """A warning, with what guardian does and does not do."""
    found = judged([*[WELL] * 5, *[OUT] * 5], [*[S_WELL] * 5, *[S_OUT] * 5])
    state = in_phase(Phase.BAKING, plan=PLAN)
    entry = decide(state, saw(found, minutes=10), BEGAN + 700).entry
    assert isinstance(entry, Warned)
    after = apply(state, entry)
    said = notice(state, entry, after)
    assert said is not None
    assert "no step is taken while it lasts" in said.did
    assert decide(after, saw(found, minutes=10), BEGAN + 730).entry is None
    over = judged([*[OUT] * 5, *[WELL] * 10], [*[S_OUT] * 5, *[S_WELL] * 10])
    assert over.outcome is Outcome.PASS
    # Its minutes are no part of the bake: five more have to be observed.
    assert decide(after, saw(over, minutes=14), BEGAN + 900).entry is None
    assert isinstance(decide(after, saw(over, minutes=15), BEGAN + 960).entry, StepEntered)
