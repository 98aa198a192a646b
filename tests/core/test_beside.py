"""Which of stable's series are read before a broken limit counts."""

from __future__ import annotations

from dataclasses import replace

from guardian.core.rollout.beside import beside
from guardian.core.rollout.machine import Phase
from guardian.core.traffic import FULL
from guardian.core.verdict import Basis
from tests.core.builders import COMPARED
from tests.core.rollouts import FAIL, PASS, PLAN, WATCH, in_phase, step
from tests.core.test_pre_existing import ERRORS, by_version

BREACH = replace(FAIL, evidence=replace(FAIL.evidence, basis=Basis.LIMIT))
STATE = in_phase(Phase.BAKING, plan=replace(PLAN, criteria=(ERRORS,)))


def test_stable_is_read_where_the_limit_seems_broken() -> None:
    """And nowhere else: most rollouts never need it."""
    assert beside(STATE, (BREACH,)) == {"error-rate": by_version("41")}
    assert beside(STATE, (PASS,)) == {}
    points = replace(FAIL, evidence=replace(FAIL.evidence, basis=Basis.THRESHOLD))
    assert beside(STATE, (points,)) == {}


def test_what_is_compared_all_the_time_or_names_no_version_is_not_read() -> None:
    """The one is known, of the other there is nothing."""
    for criterion in (replace(ERRORS, compare=COMPARED.compare), PLAN.criteria[0]):
        state = in_phase(Phase.BAKING, plan=replace(PLAN, criteria=(criterion,)))
        assert beside(state, (BREACH,)) == {}


def test_a_stable_without_traffic_is_not_read() -> None:
    """A watch at 100%; after 10% and 50% it had some."""
    watch = replace(WATCH, criteria=(ERRORS,), steps=(step(FULL),))
    assert beside(in_phase(Phase.BAKING, plan=watch), (BREACH,)) == {}
