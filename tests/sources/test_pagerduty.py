"""The PagerDuty source over sockets: what is open, on whom, and what is never counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import ValidationError

from guardian import pagerduty as door
from guardian.answers import LONGEST_WAIT_S
from guardian.clock import SystemClock
from guardian.core.judging.kinds.incidents import incident_query
from guardian.core.model import Incident, Measurement, Reason
from guardian.ports import Ask, SourceError
from guardian.ports.health import Level
from guardian.sim.server import Simulator
from guardian.sources import pagerduty
from tests.contracts.source_contract import SourceContract
from tests.sources.pagerduty_world import NOW, OTHER, OURS, MovedClock, World, of

DAY_S = 86_400.0


@pytest.fixture
def world() -> Iterator[World]:
    """Nothing is open."""
    clock = MovedClock(NOW)
    with Simulator(clock) as simulator:
        yield World(simulator, clock)


class TestContract:
    """What every source promises, as far as it is not about datapoints."""

    ask = SourceContract.ask
    test_an_empty_series_stays_empty = SourceContract.test_an_empty_series_stays_empty
    test_nothing_asked_is_nothing_read = SourceContract.test_nothing_asked_is_nothing_read
    test_an_empty_window_brings_nothing = SourceContract.test_an_empty_window_brings_nothing
    test_a_breakdown_is_a_source_error = SourceContract.test_a_breakdown_is_a_source_error
    test_a_missing_permission_is_named = SourceContract.test_a_missing_permission_is_named


# --- what is told --------------------------------------------------------------------------------


def test_an_open_incident_is_told_with_what_people_need(world: World) -> None:
    """Id, title, priority, service, time and address; settled as of now."""
    opened = world.account.open_incident("checkout is down", priority="P0")
    found = world.read(of())[of()]
    assert found.problem is None
    assert found.settled_before == NOW
    (incident,) = found.incidents
    assert incident == Incident(
        id=opened.id,
        title="checkout is down",
        priority="P0",
        service=OURS,
        opened_at=NOW,
        url=f"https://simulated.pagerduty.com/incidents/{opened.id}",
    )


def test_resolved_incidents_are_over_and_acknowledged_ones_are_not(world: World) -> None:
    """Somebody who has seen it has not mended it."""
    seen = world.account.open_incident("seen", priority="P0")
    over = world.account.open_incident("over", priority="P0")
    seen.status = "acknowledged"
    world.account.resolve(over)
    assert [i.id for i in world.read(of())[of()].incidents] == [seen.id]


def test_other_priorities_and_other_services_do_not_count(world: World) -> None:
    """Nor does an incident without a priority."""
    world.account.open_incident("small", priority="P2")
    world.account.open_incident("unsorted")
    world.account.open_incident("elsewhere", priority="P0", service=OTHER)
    assert world.read(of())[of()].incidents == ()


def test_priorities_are_matched_by_name_whatever_the_case(world: World) -> None:
    """`p0` in a rule file is P0 in PagerDuty, and is told as PagerDuty writes it."""
    world.account.open_incident("down", priority="P0")
    query = of(priorities=("p0", "P1"))
    assert [i.priority for i in world.read(query)[query].incidents] == ["P0"]


def test_without_priorities_every_incident_counts(world: World) -> None:
    """Also one that nobody has sorted."""
    world.account.open_incident("unsorted")
    query = of(priorities=())
    assert len(world.read(query)[query].incidents) == 1


def test_the_oldest_comes_first(world: World) -> None:
    """Whatever order PagerDuty lists them in."""
    late = world.account.open_incident("late", priority="P0")
    early = world.account.open_incident("early", priority="P0")
    early.opened_at = NOW - 600
    assert [i.id for i in world.read(of())[of()].incidents] == [early.id, late.id]


def test_an_incident_that_is_open_for_months_is_still_open(world: World) -> None:
    """PagerDuty lists a month alone unless it is asked for all."""
    old = world.account.open_incident("forgotten", priority="P0")
    old.opened_at = NOW - 90 * DAY_S
    assert [i.id for i in world.read(of())[of()].incidents] == [old.id]


# --- calls ---------------------------------------------------------------------------------------


def test_all_questions_are_one_call(world: World) -> None:
    """Two rollouts on two services; the names are asked for once in ten minutes."""
    mine, theirs = of(), of(OTHER, priorities=("P1",))
    world.account.open_incident("down", priority="P0")
    world.account.open_incident("elsewhere", priority="P1", service=OTHER)
    for _ in range(3):
        found = world.read(mine, theirs)
        assert [i.title for i in found[mine].incidents] == ["down"]
        assert [i.title for i in found[theirs].incidents] == ["elsewhere"]
    assert (world.calls("incidents"), world.calls("priorities")) == (3, 1)
    assert world.calls("services") == 2


def test_names_are_read_again_after_ten_minutes(world: World) -> None:
    """Priorities are renamed, services are deleted."""
    world.read(of())
    world.account.priorities = ("Sev1",)
    assert world.read(of())[of()].problem is None
    world.clock.moved_s += pagerduty.KEPT_S
    assert world.read(of())[of()].problem is not None


def test_several_pages_are_read(world: World) -> None:
    """The hundred-and-first incident counts as the first does."""
    for number in range(130):
        world.account.open_incident(f"number {number}", priority="P0")
    assert len(world.read(of())[of()].incidents) == 130
    assert world.calls("incidents") == 2


def test_endless_pages_are_given_up(world: World) -> None:
    """What cannot be read whole is not read."""
    for number in range(pagerduty.PAGE * pagerduty.MAX_PAGES + 1):
        world.account.open_incident(f"number {number}", priority="P0")
    refused = world.refused()
    assert refused.reason is Reason.INVALID
    assert "more than 500 incidents" in refused.detail
    assert world.calls("incidents") == pagerduty.MAX_PAGES


# --- what can go wrong ---------------------------------------------------------------------------


def test_an_unknown_priority_is_named_with_those_that_exist(world: World) -> None:
    """It would never match, and the criterion would always pass; the other query is read."""
    world.account.open_incident("down", priority="P0")
    wrong = of(priorities=("Sev-1", "P0"))
    found = world.read(wrong, of())
    problem = found[wrong].problem
    assert problem is not None
    assert problem.reason is Reason.INVALID
    assert problem.detail == "PagerDuty has no priority called Sev-1; it has: P0, P1, P2"
    assert len(found[of()].incidents) == 1


def test_an_account_without_priorities_is_told_so(world: World) -> None:
    """They are switched off in new accounts."""
    world.account.priorities = ()
    problem = world.read(of())[of()].problem
    assert problem is not None
    assert "none; switch them on" in problem.detail
    assert world.calls("incidents") == 0


def test_an_unknown_service_is_a_problem(world: World) -> None:
    """It would be quiet for ever."""
    wrong = of("PNONE00")
    found = world.read(wrong, of())
    problem = found[wrong].problem
    assert problem is not None
    assert problem.reason is Reason.NOT_FOUND
    assert "no service PNONE00" in problem.detail
    assert found[of()].problem is None


def test_a_question_that_is_not_about_open_incidents_is_refused(world: World) -> None:
    """There is only one."""
    wrong = replace(of(), words=(("metric", "closed"),))
    problem = world.read(wrong)[wrong].problem
    assert problem is not None
    assert problem.reason is Reason.INVALID


def test_without_a_token_the_variable_is_named(world: World) -> None:
    """Nothing is asked of PagerDuty."""
    world.token = None
    refused = world.refused()
    assert refused.reason is Reason.AUTH
    assert "GUARDIAN_PAGERDUTY_API_TOKEN" in refused.detail
    assert world.calls("priorities") == 0


def test_a_wrong_token_is_not_repeated_in_the_error(world: World) -> None:
    """The variable is named, its value is not."""
    world.token = "u+SecretOfNobody"
    refused = world.refused()
    assert refused.reason is Reason.AUTH
    assert "GUARDIAN_PAGERDUTY_API_TOKEN" in refused.detail
    assert "Nobody" not in refused.detail + repr(refused) + repr(world.source())


@pytest.mark.parametrize(
    ("kind", "operation", "reason"),
    [
        ("server_error", "incidents", Reason.UNAVAILABLE),
        ("server_error", "services", Reason.UNAVAILABLE),
        ("not_found", "incidents", Reason.NOT_FOUND),
        ("bad_request", "incidents", Reason.INVALID),
        ("garbage", "incidents", Reason.UNKNOWN),
        ("unreachable", "priorities", Reason.UNAVAILABLE),
    ],
)
def test_each_failure_has_a_reason(world: World, kind: str, operation: str, reason: Reason) -> None:
    """And the next read succeeds."""
    world.simulator.faults.add(kind=kind, service="pagerduty_api", operation=operation, times=1)
    assert world.refused().reason is reason
    assert world.read(of())[of()].problem is None


def test_a_slow_answer_is_a_time_out(world: World) -> None:
    """The wait is bounded by an option."""
    world.source(pagerduty.Options(timeout_s=0.2))
    world.simulator.faults.add(kind="slow", service="pagerduty_api", times=1, delay_s=1.0)
    assert world.refused().reason is Reason.TIMEOUT


def test_a_throttle_is_respected(world: World) -> None:
    """Until PagerDuty's time is over it is not asked; the wait has a bound."""
    world.simulator.faults.add(
        kind="throttle", service="pagerduty_api", times=1, retry_after_s=100_000
    )
    assert world.refused().reason is Reason.THROTTLED
    again = world.refused()
    assert again.reason is Reason.THROTTLED
    assert "waiting for" in again.detail
    assert world.calls("priorities") == 1
    world.clock.moved_s += LONGEST_WAIT_S
    assert world.read(of())[of()].problem is None


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        '{"incidents": {}}',
        '{"incidents": [{}]}',
        '{"incidents": [{"id": "Q1", "service": {"id": "PABC123"}, "created_at": "soon"}]}',
    ],
)
def test_an_answer_that_is_not_pagerdutys_is_unknown(body: str) -> None:
    """A proxy's page is no health."""
    source = pagerduty.PagerDuty(_Session(body), MovedClock(NOW))
    query = incident_query("pagerduty", (), (OURS,))
    with pytest.raises(SourceError) as caught:
        source.read([Ask(query=query, start=NOW, end=NOW, settle_s=0.0)], now=NOW)
    assert caught.value.reason is Reason.UNKNOWN


NEXT_TO_IT = {"id": "Q1", "service": {"id": OURS}, "created_at": "2023-11-14T22:00:00Z"}


def _told(**more: object) -> Measurement:
    """What is told of an account whose one incident has this as well."""
    body = json.dumps({"incidents": [NEXT_TO_IT | more]})
    query = incident_query("pagerduty", (), (OURS,))
    source = pagerduty.PagerDuty(_Session(body), MovedClock(NOW))
    return source.read([Ask(query=query, start=NOW, end=NOW, settle_s=0.0)], now=NOW)[query]


def test_an_incidents_text_is_scrubbed_at_the_door() -> None:
    """Escape sequences, line ends, bidirectional marks, lone surrogates, endless titles."""
    evil = "\x1b[2J\r\n::error::\u202e\ud800" + "x" * 10_000
    found = _told(title=evil, priority={"name": evil}, html_url=f"https://evil.example/{evil}")
    (incident,) = found.incidents
    for text in (incident.title, incident.priority, incident.url):
        assert text.isprintable()
        assert len(text.encode()) <= 400
    assert incident.title.startswith("[2J ::error:: x")


@pytest.mark.parametrize(
    "more",
    [
        {"id": "\ud800"},
        {"id": 7},
        {"id": "x" * 1000},
        {"service": "PABC123"},
        {"service": {"id": None}},
        {"created_at": "9999-12-31T23:59:59Z"},
        {"created_at": "0001-01-01T00:00:00Z"},
        {"created_at": "2023-11-14T22:00:00"},
        {"created_at": 1e300},
        {"priority": "P0"},
    ],
)
def test_an_incident_of_wrong_types_is_none_of_pagerdutys(more: dict[str, object]) -> None:
    """What cannot be stored, compared or named is no evidence."""
    with pytest.raises(SourceError) as caught:
        _told(**more)
    assert caught.value.reason is Reason.UNKNOWN


class _Session:
    """Answers a question for incidents with a text."""

    def __init__(self, body: str) -> None:
        self.body = body

    def get(self, path: str, params: object) -> _Answer:
        """The text, or what the names need."""
        del params
        plain = {"/priorities": '{"priorities": []}', f"/services/{OURS}": "{}"}
        alerts = '{"alerts": []}' if path.endswith("/alerts") else None
        return _Answer(alerts or plain.get(path, self.body))


class _Answer:
    def __init__(self, body: str) -> None:
        self.body = body

    def json(self) -> object:
        """As requests does."""
        return json.loads(self.body)


def test_doctor_learns_the_priorities(world: World) -> None:
    """Reading them shows that the token may read."""
    (health,) = world.source().examine()
    assert health.level is Level.OK
    assert "P0, P1, P2" in health.what
    world.lock_out()
    world.clock.moved_s += pagerduty.KEPT_S
    with pytest.raises(SourceError):
        world.source().examine()


def test_options_are_strict() -> None:
    """An unknown option is an error."""
    with pytest.raises(ValidationError):
        pagerduty.Options.model_validate({"tiemout_s": 1})


def test_the_address_is_pagerdutys_unless_told_otherwise() -> None:
    """Production needs no setting."""
    session = door.rest("a-token-of-nobody", url=None, timeout_s=1.0, clock=SystemClock())
    assert session.url == door.API_URL


def test_a_resource_that_was_asked_for_wrongly_says_so() -> None:
    """408 is lateness."""

    class Late:
        status_code = 408

    session = door.rest("a-token-of-nobody", url=None, timeout_s=1.0, clock=SystemClock())
    with pytest.raises(SourceError) as caught:
        session.postprocess(Late())
    assert caught.value.reason is Reason.TIMEOUT
