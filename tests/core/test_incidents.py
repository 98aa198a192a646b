"""One incident that opened after the first shift is enough; an earlier one is no breach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from guardian.core import reasons
from guardian.core.judging.evaluation import Window
from guardian.core.judging.judge import judge
from guardian.core.judging.judge_state import JudgeState
from guardian.core.judging.kinds.incidents import Incidents, incident_query
from guardian.core.judging.presence import before_shift
from guardian.core.model import Criterion, Direction, Incident, Judge, Limit, Measurement, Query
from guardian.core.verdict import Outcome, Verdict
from tests.core.builders import PROBLEM, T0, window

OPEN = incident_query("pagerduty", ("P0",), ("PABC123",))
MEASURE = Incidents(open=OPEN, priorities=("P0",), services=("PABC123",))
P0 = Criterion(
    name="p0-incident",
    measure=MEASURE,
    fail_if=Limit(direction=Direction.ABOVE, value=0.0, text="0"),
    judge=Judge.PRESENCE,
    min_samples=0,
    settle_s=0.0,
)
NOW = T0 + 600


def incident(name: str = "Q1", *, at: float = T0 + 120, priority: str = "P0") -> Incident:
    """Somebody was paged."""
    return Incident(
        id=name, title="checkout is down", priority=priority, service="PABC123", opened_at=at
    )


def told(*incidents: Incident, at: float = NOW) -> dict[Query, Measurement]:
    """What the tracker tells."""
    return {OPEN: Measurement(incidents=incidents, settled_before=at)}


def before(measurements: Mapping[Query, Measurement], *fixes: str) -> Verdict:
    """Before the first shift."""
    return before_shift(P0, MEASURE, measurements, now=NOW, fixes=fixes)


def after(
    measurements: Mapping[Query, Measurement],
    *fixes: str,
    watching: bool = False,
    judge_state: JudgeState | None = None,
    criterion: Criterion = P0,
) -> tuple[Verdict, JudgeState]:
    """After it."""
    within: Window = replace(window(), fixes=fixes, watching=watching)
    return judge(criterion, measurements, within, now=NOW, judge_state=judge_state)


# --- before the first shift ----------------------------------------------------------------------


def test_nothing_open_lets_a_rollout_start() -> None:
    """And says what was looked for."""
    found = before(told())
    assert (found.outcome, found.why) == (Outcome.PASS, "no open incident of P0")
    assert reasons.value(found.evidence) == "0 open"


def test_an_open_incident_holds_the_start() -> None:
    """With its name, its service and its time."""
    found = before(told(incident()))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.why == (
        "P0 incident Q1 'checkout is down' on PABC123 is open since 22:16 UTC"
    )  # fmt: skip
    assert found.evidence.incidents == (incident(),)
    assert found.evidence.over_limit


def test_several_open_incidents_are_counted() -> None:
    """The oldest is named; one without a priority is an incident all the same."""
    found = before(told(incident(priority=""), incident("Q2"), incident("Q3")))
    assert found.why.startswith("incident Q1 ")
    assert found.why.endswith("22:16 UTC, and 2 more")


def test_what_the_release_is_to_mend_does_not_hold_it() -> None:
    """The waiver is said."""
    found = before(told(incident()), "Q1")
    assert found.outcome is Outcome.PASS
    assert found.why == "waived, since this release is to fix it: Q1"
    assert before(told(incident(), incident("Q2")), "Q1").outcome is Outcome.INCONCLUSIVE


def test_one_that_opens_while_the_first_shift_is_made_is_a_breach() -> None:
    """The write may have been made although nobody could read it back; what was open only holds."""
    for opened_at, outcome in ((30.0, Outcome.FAIL), (29.0, Outcome.INCONCLUSIVE)):
        found = before_shift(
            P0, MEASURE, told(incident(at=T0 + opened_at)), now=NOW, moving_since=T0 + 30.7
        )
        assert found.outcome is outcome
    waived = told(incident(at=T0 + 31))
    found = before_shift(P0, MEASURE, waived, now=NOW, fixes=["Q1"], moving_since=T0)
    assert found.outcome is Outcome.PASS


# --- after it ------------------------------------------------------------------------------------


def test_one_that_opened_after_the_first_shift_is_a_breach() -> None:
    """Whoever is paged now is paged for this release, until somebody knows better."""
    found, _ = after(told(incident()))
    assert found.outcome is Outcome.FAIL
    assert found.why == (
        "P0 incident Q1 'checkout is down' on PABC123 opened at 22:16 UTC, after the first shift"
    )
    assert (reasons.value(found.evidence), reasons.limit(found.evidence)) == ("1 open", "any")


def test_a_breach_stays_one_when_the_incident_is_resolved() -> None:
    """A rollback makes incidents go away: that is no acquittal."""
    _, judge_state = after(told(incident()))
    found, judge_state = after(told(), judge_state=judge_state)
    assert found.outcome is Outcome.FAIL
    found, _ = after({OPEN: Measurement(problem=PROBLEM, blind_since=T0)}, judge_state=judge_state)
    assert found.outcome is Outcome.FAIL
    found, _ = after({}, judge_state=judge_state)
    assert found.outcome is Outcome.FAIL
    other = replace(P0, name="another")
    assert after(told(), judge_state=judge_state, criterion=other)[0].outcome is Outcome.PASS


def test_one_that_was_open_before_is_no_breach_of_a_rollout_and_no_pass() -> None:
    """It opened after the last look before the shift, or was raised to its priority since."""
    found, _ = after(told(incident(at=T0 - 1)))
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.why.endswith("is open since 22:13 UTC, before the first shift")


def test_one_that_opened_before_the_shift_was_read_back_is_a_breach() -> None:
    """The write was under way since the step was entered; trackers tell whole seconds."""
    since = replace(window((2.0, 10.0)), moving_since=T0 + 30.7)
    for opened_at, outcome in ((30.0, Outcome.FAIL), (29.0, Outcome.INCONCLUSIVE)):
        found = told(incident(at=T0 + opened_at))
        verdict, _ = judge(P0, found, since, now=NOW, judge_state=None)
        assert verdict.outcome is outcome


def test_a_watch_cannot_tell_whose_doing_an_earlier_one_is() -> None:
    """The deploy was earlier than the watch: no pass, and no rollback."""
    found, _ = after(told(incident(at=T0 - 60)), watching=True)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.why.endswith("before the watch began")
    assert after(told(incident()), watching=True)[0].outcome is Outcome.FAIL


@pytest.mark.parametrize("at", [T0 - 600, T0 + 120])
@pytest.mark.parametrize("watching", [False, True])
def test_what_the_release_is_to_mend_never_fails_it(*, at: float, watching: bool) -> None:
    """Whenever it opened."""
    found, _ = after(told(incident(at=at)), "Q1", watching=watching)
    assert found.outcome is Outcome.PASS
    assert "waived" in found.why


def test_a_note_is_told_too() -> None:
    """As with every verdict."""
    found, _ = after(told(), criterion=replace(P0, note="as agreed"))
    assert found.why == "no open incident of P0; as agreed"


# --- what could not be read ----------------------------------------------------------------------


@pytest.mark.parametrize("shifted", [False, True])
def test_what_was_not_read_is_an_error(*, shifted: bool) -> None:
    """Never asked, or asked in vain."""
    failed = {OPEN: Measurement(problem=PROBLEM, blind_since=T0)}
    never = after({})[0] if shifted else before({})
    assert (never.outcome, never.why) == (
        Outcome.ERROR,
        "pagerduty was never asked for open incidents",
    )
    vain = after(failed)[0] if shifted else before(failed)
    assert (vain.outcome, vain.why) == (Outcome.ERROR, PROBLEM.detail)
    assert vain.evidence.blind_since == T0
    assert vain.evidence.window_end is None


@pytest.mark.parametrize("shifted", [False, True])
def test_an_old_answer_is_no_answer(*, shifted: bool) -> None:
    """An incident may have opened since."""
    old = told(at=NOW - 180)
    found = after(old)[0] if shifted else before(old)
    assert (found.outcome, found.why) == (
        Outcome.NO_DATA,
        "pagerduty has not told of open incidents for 3 minutes",
    )
    assert found.evidence.blind_since == NOW - 180


def test_incidents_are_observed_until_they_were_read() -> None:
    """A step's bake does not wait for them."""
    assert after(told(at=NOW + 20))[0].evidence.observed_until == NOW + 20
    assert after({})[0].evidence.observed_until is None
