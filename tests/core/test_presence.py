"""What is not open and yet shows no health: nothing starts into it, and no step is taken."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from guardian.core.judging.judge import judge
from guardian.core.judging.kinds.incidents import Incidents
from guardian.core.judging.presence import before_shift
from guardian.core.model import Measurement, Query
from guardian.core.verdict import Outcome
from tests.core.builders import window
from tests.core.test_incidents import MEASURE, NOW, P0, incident, told


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted(Incidents):
    """A tracker that says of itself that it may be deaf."""

    def doubt(self, measurements: Mapping[Query, Measurement], fixes: Collection[str]) -> str:
        """Unless somebody knows of it."""
        del measurements
        return "" if "deaf" in fixes else "the tracker may be deaf"


DOUBTED = Doubted(open=MEASURE.open, priorities=("P0",), services=("PABC123",))
CRITERION = replace(P0, measure=DOUBTED)


def test_what_shows_no_health_is_known_by_nobody_before_the_first_shift() -> None:
    """It is not said to be open; what is open comes before it, and a waiver ends it."""
    found = before_shift(CRITERION, DOUBTED, told(), now=NOW)
    assert (found.outcome, found.why) == (Outcome.NO_DATA, "the tracker may be deaf")
    opened = before_shift(CRITERION, DOUBTED, told(incident()), now=NOW)
    assert opened.outcome is Outcome.INCONCLUSIVE
    waived = before_shift(CRITERION, DOUBTED, told(), now=NOW, fixes=["deaf"])
    assert waived.outcome is Outcome.PASS


def test_what_shows_no_health_is_no_pass_after_the_first_shift() -> None:
    """And no breach; one that opened is."""
    found, _ = judge(CRITERION, told(), window(), now=NOW)
    assert (found.outcome, found.why) == (Outcome.INCONCLUSIVE, "the tracker may be deaf")
    assert judge(CRITERION, told(incident()), window(), now=NOW)[0].outcome is Outcome.FAIL
