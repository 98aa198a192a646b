"""The simulated PagerDuty, through the real SDK."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pdpyras
import pytest

from guardian.sim.hand import HandClock
from guardian.sim.server import Simulator

KEY = "guardian/production/agents-api/r1/rolled_back"


@pytest.fixture
def events(sim: Simulator) -> Iterator[Any]:
    """A pdpyras session for events."""
    with pdpyras.EventsAPISession(sim.pagerduty.routing_key) as session:
        session.url = sim.pagerduty_events_url
        yield session


@pytest.fixture
def api(sim: Simulator) -> Iterator[Any]:
    """A pdpyras session for the REST API."""
    with pdpyras.APISession(sim.pagerduty.api_token) as session:
        session.url = sim.pagerduty_api_url
        yield session


def post(url: str, body: dict[str, Any]) -> tuple[int, dict[str, str]]:
    """POST without any SDK's retries: status and headers."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    connection.request("POST", parts.path, json.dumps(body).encode())
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, dict(answer.headers)


def test_one_key_is_one_incident_until_it_is_resolved(sim: Simulator, events: Any) -> None:
    """Triggers with one key join; after a resolve the same key opens a new incident."""
    for _ in range(2):
        assert events.trigger("rolled back", "guardian", dedup_key=KEY) == KEY
    events.acknowledge(KEY)
    assert [(i.status, i.triggers) for i in sim.pagerduty.incidents] == [("acknowledged", 2)]
    events.resolve(KEY)
    events.trigger("rolled back", "guardian", dedup_key=KEY, severity="warning")
    found = [(i.key, i.status, i.severity) for i in sim.pagerduty.incidents]
    assert found == [(KEY, "resolved", "critical"), (KEY, "triggered", "warning")]


def test_resolving_what_is_not_open_is_accepted_and_does_nothing(
    sim: Simulator, events: Any
) -> None:
    """PagerDuty answers 202 to a resolve of an unknown key."""
    assert events.resolve("unknown") == "unknown"
    assert sim.pagerduty.incidents == []


def test_a_trigger_without_a_key_is_given_one(sim: Simulator, events: Any) -> None:
    """dedup_key comes back in the answer."""
    key = events.trigger("rolled back", "guardian")
    assert [incident.key for incident in sim.pagerduty.incidents] == [key]


def test_events_and_changes_are_recorded_in_order(sim: Simulator, events: Any) -> None:
    """All calls stand in the simulator's one story."""
    with pdpyras.ChangeEventsAPISession(sim.pagerduty.routing_key) as changes:
        changes.url = sim.pagerduty_events_url
        changes.submit("rollout started", source="guardian", custom_details={"to": "42"})
    events.trigger("rolled back", "guardian", dedup_key=KEY)
    events.resolve(KEY)
    kinds = [event.kind for event in sim.events]
    assert kinds == ["pagerduty.change", "pagerduty.trigger", "pagerduty.resolve"]
    assert sim.events[0].data["details"] == {"to": "42"}


@pytest.mark.parametrize(
    "change",
    [
        {"routing_key": "wrong"},
        {"event_action": "explode"},
        {"dedup_key": "x" * 256},
        {"payload": {"summary": "s", "source": "x", "severity": "fatal"}},
        {"payload": {"source": "x", "severity": "critical"}},
        {"event_action": "resolve", "dedup_key": None},
    ],
)
def test_an_invalid_event_is_a_400(sim: Simulator, change: dict[str, Any]) -> None:
    """A wrong key, action, severity, an over-long dedup_key or a missing part is refused."""
    event = {
        "routing_key": sim.pagerduty.routing_key,
        "event_action": "trigger",
        "payload": {"summary": "s", "source": "x", "severity": "critical"},
    }
    url = f"{sim.pagerduty_events_url}/v2/enqueue"
    assert post(url, event | change)[0] == 400
    assert post(url, event)[0] == 202
    assert len(sim.pagerduty.incidents) == 1


@pytest.mark.parametrize(
    ("kind", "status"), [("throttle", 429), ("server_error", 500), ("bad_request", 400)]
)
def test_its_faults_have_pagerdutys_statuses(sim: Simulator, kind: str, status: int) -> None:
    """429 (with Retry-After), 500 and 400 can be arranged; nothing is then recorded."""
    sim.faults.add(service="pagerduty", kind=kind, retry_after_s=9)
    got, headers = post(f"{sim.pagerduty_events_url}/v2/enqueue", {})
    assert got == status
    assert headers.get("Retry-After") == ("9" if status == 429 else None)
    assert sim.events == []


def test_open_incidents_are_listed_by_status_service_and_time(
    sim: Simulator, clock: HandClock, api: Any
) -> None:
    """GET /incidents filters; the priority is the incident's, and may be null."""
    old = sim.pagerduty.open_incident("old", priority="P0")
    clock.advance(600)
    since = datetime.fromtimestamp(clock.now(), UTC).isoformat()
    sim.pagerduty.open_incident("new", priority="P0")
    sim.pagerduty.open_incident("no priority")
    sim.pagerduty.open_incident("elsewhere", priority="P0", service="POTHER")
    sim.pagerduty.resolve(old)
    asked = {"statuses[]": ["triggered", "acknowledged"], "service_ids[]": ["PABC123"]}
    found = api.list_all("incidents", params=asked | {"since": since})
    titles = [(i["title"], i["priority"] and i["priority"]["name"]) for i in found]
    assert titles == [("new", "P0"), ("no priority", None)]


def test_lists_come_in_pages(sim: Simulator, api: Any) -> None:
    """`limit`, `offset` and `more` page through everything once."""
    for number in range(7):
        sim.pagerduty.open_incident(f"incident {number}")
    found = list(api.iter_all("incidents", page_size=3))
    assert [i["title"] for i in found] == [f"incident {number}" for number in range(7)]
    assert [p["name"] for p in api.list_all("priorities")] == ["P0", "P1", "P2"]


def test_the_rest_api_checks_its_token(sim: Simulator) -> None:
    """Another token is a 401."""
    with pdpyras.APISession("wrong") as session:
        session.url = sim.pagerduty_api_url
        with pytest.raises(pdpyras.PDClientError, match="401"):
            session.get("/incidents")
