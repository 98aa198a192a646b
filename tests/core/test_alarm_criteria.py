"""An alarm that fired after the first shift is enough; silence of one is no health."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.binding import bind
from guardian.core.codec import decode, encode
from guardian.core.judging.judge import judge
from guardian.core.judging.kinds.alarms import alarm_query
from guardian.core.judging.presence import before_shift
from guardian.core.model import Criterion, Incident, Measurement, Query
from guardian.core.reasons import fails_on, value
from guardian.core.verdict import Outcome, Verdict
from tests.core.builders import PROBLEM, T0, window
from tests.core.rollouts import ALARMS
from tests.core.rollouts import FIRING as MEASURE

NOW = T0 + 600


def alarm(name: str = "checkout-5xx", *, at: float = T0 + 120, state: str = "ALARM") -> Incident:
    """One that fires since then."""
    return Incident(
        id=name, title="Threshold Crossed", priority=state, service="MetricAlarm", opened_at=at
    )


MUTED = replace(alarm("payments-p95", state="OK"), title="is muted: its actions are disabled")


def told(firing: tuple[Incident, ...] = (), *doubtful: Incident) -> dict[Query, Measurement]:
    """What the source tells."""
    return {
        MEASURE.firing: Measurement(incidents=firing, settled_before=NOW),
        MEASURE.doubtful: Measurement(incidents=doubtful, settled_before=NOW),
    }


def after(measurements: dict[Query, Measurement], *fixes: str) -> Verdict:
    """The verdict after the first shift."""
    return judge(ALARMS, measurements, replace(window(), fixes=fixes), now=NOW)[0]


def before(measurements: dict[Query, Measurement], *fixes: str) -> Verdict:
    """The verdict before it."""
    return before_shift(ALARMS, MEASURE, measurements, now=NOW, fixes=fixes)


def test_one_that_fires_after_the_first_shift_is_a_breach() -> None:
    """Whatever else is muted, missing or unread."""
    blind = told((alarm(),)) | {MEASURE.doubtful: Measurement(problem=PROBLEM)}
    for measurements in (told((alarm(),)), told((alarm(),), MUTED), blind):
        found = after(measurements)
        assert found.outcome is Outcome.FAIL
        assert found.why == "alarm checkout-5xx fired at 22:16 UTC, after the first shift"
        assert value(found.evidence) == "1 firing"


def test_one_that_fired_before_the_first_shift_blames_no_release() -> None:
    """It holds the start, and steps; a release that is to mend it goes on."""
    early = told((alarm(at=T0 - 300),))
    why = "alarm checkout-5xx fires since 22:09 UTC"
    held, waits = before(early), after(early)
    assert (held.outcome, held.why) == (Outcome.INCONCLUSIVE, why)
    assert (waits.outcome, waits.why) == (Outcome.INCONCLUSIVE, f"{why}, before the first shift")
    assert before(early, "checkout-5xx").outcome is Outcome.PASS
    assert after(early, "checkout-5xx").outcome is Outcome.PASS


def test_none_that_fires_is_a_pass() -> None:
    """It says what was looked for."""
    for found in (before(told()), after(told())):
        assert found.outcome is Outcome.PASS
        assert found.why == "no alarm of payments-*, checkout-5xx fires"


@pytest.mark.parametrize("more", [(), (replace(MUTED, id="payments-5xx"),)])
def test_one_that_shows_no_health_is_no_pass(more: tuple[Incident, ...]) -> None:
    """Muted is not healthy: nothing starts on it and no step is taken, unless it is waived."""
    measurements = told((), MUTED, *more)
    also = " (and 1 more)" if more else ""
    why = f"alarm payments-p95 is muted: its actions are disabled, which shows no health{also}"
    found = before(measurements)
    assert (found.outcome, found.why) == (Outcome.NO_DATA, why)
    found = after(measurements)
    assert (found.outcome, found.why) == (Outcome.INCONCLUSIVE, why)
    waived = ("payments-p95", "payments-5xx")
    assert after(measurements, *waived).outcome is Outcome.PASS


def test_what_cannot_be_read_is_an_error() -> None:
    """Also where only one of both questions has no answer; and before any was asked."""
    for query in MEASURE.queries:
        found = after(told() | {query: Measurement(problem=PROBLEM, blind_since=T0)})
        assert (found.outcome, found.why) == (Outcome.ERROR, PROBLEM.detail)
        assert found.evidence.blind_since == T0
    assert before({}).why == "cloudwatch_alarms was never asked for firing alarms"
    assert MEASURE.doubt({}, ()) == ""


def test_another_state_that_fires_is_named() -> None:
    """Who asked for it is told of it."""
    found = after(told((alarm(state="INSUFFICIENT_DATA"),)))
    assert found.why.startswith("alarm checkout-5xx (INSUFFICIENT_DATA) fired at")


def test_names_are_bound_to_a_rollout_and_survive_a_journal() -> None:
    """In the questions and in the words."""
    named = ("api-${canary}",)
    asked = replace(
        MEASURE,
        firing=alarm_query("cloudwatch_alarms", "firing", named, ("ALARM",)),
        names=named,
    )
    bound = bind(replace(ALARMS, measure=asked), {"canary": "42", "stable": "41"})
    assert bound.measure == replace(
        MEASURE,
        firing=alarm_query("cloudwatch_alarms", "firing", ("api-42",), ("ALARM",)),
        names=("api-42",),
    )
    assert decode(Criterion, encode(bound)) == bound
    assert fails_on(bound) == "any firing alarm"
