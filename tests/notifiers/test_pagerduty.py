"""The PagerDuty notifier: keys, order, change events, and silence where there is nothing to do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr, ValidationError

from guardian.clock import SystemClock
from guardian.core.model import Reason
from guardian.core.notices import Page, Severity
from guardian.notifiers import pagerduty
from guardian.ports import ConfigError, Notifier, NotifyError
from guardian.sim.server import Simulator
from tests.contracts.notifier_contract import TransportContract
from tests.notifiers.samples import KEY, NOTICE, QUIET, SECRET, VERDICT, context
from tests.notifiers.vendor import Answer, Received, Vendor, vendor


def _accept(received: Received) -> Answer:
    body = {"status": "success", "dedup_key": received.body.get("dedup_key")}
    return Answer(status=202, body=json.dumps(body))


def _notifier(url: str, *, timeout_s: float = 5.0) -> Notifier:
    options = pagerduty.Options(routing_key=SecretStr(SECRET), timeout_s=timeout_s)
    return pagerduty.build(options, context(urls={"pagerduty_events_url": url}))


@pytest.fixture
def world() -> Iterator[Vendor]:
    """PagerDuty on a good day."""
    with vendor(_accept) as served:
        yield served


class TestPagerDutyContract(TransportContract):
    """PagerDuty keeps the notifiers' contract."""

    def notifier(self, url: str, *, timeout_s: float = 5.0) -> Notifier:
        """The notifier under test."""
        return _notifier(url, timeout_s=timeout_s)

    def accept(self, received: Received) -> Answer:
        """An event is accepted."""
        return _accept(received)

    def openings(self, requests: list[Received]) -> set[str]:
        """PagerDuty merges triggers of one key into one incident."""
        return {r.body["dedup_key"] for r in requests if r.body.get("event_action") == "trigger"}

    def is_harmless(self, world: Vendor) -> None:
        """The summary is within PagerDuty's limit, and the event within its size."""
        super().is_harmless(world)
        for received in world.received:
            summary = received.body.get("payload", {}).get("summary", "")
            assert len(summary) <= 1024
            assert len(json.dumps(received.body)) < 512 * 1024


def test_pages_come_first_then_resolutions_then_the_change(world: Vendor) -> None:
    """Only the last of them has no key, so a retry after half a success repeats no incident."""
    _notifier(world.url).send(NOTICE, handle=None)
    assert [(r.path, r.body.get("event_action")) for r in world.received] == [
        ("/v2/enqueue", "trigger"),
        ("/v2/enqueue", "resolve"),
        ("/v2/change/enqueue", None),
    ]
    assert [r.body.get("dedup_key") for r in world.received] == [KEY, NOTICE.resolves[0], None]
    assert {r.body["routing_key"] for r in world.received} == {SECRET}


def test_a_page_says_everything_at_a_glance(world: Vendor) -> None:
    """Severity, service, environment, event, what happened, what to do and the numbers."""
    _notifier(world.url).send(NOTICE, handle=None)
    payload = world.received[0].body["payload"]
    assert payload["summary"] == NOTICE.title
    assert payload["severity"] == "warning"
    assert (payload["source"], payload["component"]) == ("agents-api", "agents-api")
    assert (payload["group"], payload["class"]) == ("production", "rolled_back")
    assert payload["timestamp"] == "2026-09-21T14:25:00.000Z"
    details = payload["custom_details"]
    assert details["what_guardian_did"] == NOTICE.did
    assert details["what_you_can_do"] == NOTICE.todo
    assert details["verdicts"] == [
        {
            "criterion": "error-rate",
            "verdict": "fail",
            "value": "6.1%",
            "limit": "above 5%",
            "samples": "480 samples in 10 minutes",
            "window": "14:13 to 14:23 UTC",
            "why": "29 of 480 requests failed",
        }
    ]


@pytest.mark.parametrize("severity", list(Severity))
def test_every_severity_is_one_of_pagerdutys(world: Vendor, severity: Severity) -> None:
    """The four names are sent as they are."""
    page = Page(key=KEY, severity=severity)
    _notifier(world.url).send(replace(NOTICE, pages=(page,)), handle=None)
    assert world.received[0].body["payload"]["severity"] == severity.value


def test_a_change_event_has_the_time_at_which_it_happened(world: Vendor) -> None:
    """A late delivery must not move the mark."""
    _notifier(world.url).send(replace(NOTICE, pages=(), resolves=()), handle=None)
    (change,) = world.received
    assert change.body["payload"]["timestamp"] == "2026-09-21T14:25:00.000Z"
    assert change.body["payload"]["source"] == "guardian production"


def test_a_change_event_that_fails_opens_no_page_twice_and_holds_up_none() -> None:
    """With pages the delivery counts as done; alone it is refused, and never tried again."""

    def answer(received: Received) -> Answer:
        lost = received.path == "/v2/change/enqueue"
        return Answer(status=503) if lost else _accept(received)

    with vendor(answer) as world:
        notifier = _notifier(world.url)
        assert notifier.send(NOTICE, handle="kept") == "kept"
        assert len(world.received) == 3
        with pytest.raises(NotifyError) as refused:
            notifier.send(replace(NOTICE, pages=(), resolves=()), handle=None)
        assert not refused.value.retryable


def test_a_notice_without_pages_and_change_sends_nothing(world: Vendor) -> None:
    """Information is for other receivers; the handle is passed on."""
    assert _notifier(world.url).send(QUIET, handle="kept") == "kept"
    assert world.received == []


def test_an_empty_answer_to_an_accepted_change_is_no_crash() -> None:
    """Whatever comes back with a 202, only a NotifyError may leave the notifier."""
    notice = replace(NOTICE, pages=(), resolves=())
    empty = Answer(status=202, body="")
    with vendor(lambda _: empty) as odd, pytest.raises(NotifyError) as caught:
        _notifier(odd.url).send(notice, handle=None)
    assert caught.value.reason is Reason.UNKNOWN


def test_a_slow_gateway_counts_as_late() -> None:
    """HTTP 408 is a time-out, told by somebody else."""
    with vendor(lambda _: Answer(status=408)) as slow, pytest.raises(NotifyError) as caught:
        _notifier(slow.url).send(NOTICE, handle=None)
    assert (caught.value.reason, caught.value.retryable) == (Reason.TIMEOUT, True)


def test_criteria_beyond_the_limit_are_counted(world: Vendor) -> None:
    """The event stays small and says what it leaves out."""
    many = replace(NOTICE, verdicts=(VERDICT,) * (pagerduty.CRITERIA_SENT + 3))
    _notifier(world.url).send(many, handle=None)
    details = world.received[0].body["payload"]["custom_details"]
    assert len(details["verdicts"]) == pagerduty.CRITERIA_SENT
    assert details["verdicts_not_shown"] == 3


def test_the_routing_key_comes_from_the_options_or_from_the_process(world: Vendor) -> None:
    """`routing_key` beside the notifier wins over the environment variable."""
    urls = {"pagerduty_events_url": world.url}
    secrets = {"pagerduty_routing_key": "R-from-the-environment"}
    given = pagerduty.Options(routing_key=SecretStr("R-from-the-file"))
    pagerduty.build(given, context(secrets=secrets, urls=urls)).send(NOTICE, handle=None)
    pagerduty.build(pagerduty.Options(), context(secrets=secrets, urls=urls)).send(
        NOTICE, handle=None
    )
    sent = [r.body["routing_key"] for r in world.received]
    assert sent == ["R-from-the-file"] * 3 + ["R-from-the-environment"] * 3
    assert "R-from-the-file" not in repr(given)


def test_a_missing_key_is_a_configuration_error() -> None:
    """It is said at the start, with both ways to give one."""
    with pytest.raises(ConfigError, match="GUARDIAN_PAGERDUTY_ROUTING_KEY"):
        pagerduty.build(pagerduty.Options(), context())


def test_the_options_are_strict() -> None:
    """A misspelt key is refused."""
    with pytest.raises(ValidationError):
        pagerduty.Options.model_validate({"routing_kee": "x"})


def test_nobody_sees_that_pdpyras_is_deprecated() -> None:
    """In a fresh process with every warning an error, building a session is silent."""
    code = (
        "from guardian import clock, pagerduty\n"
        "now = clock.SystemClock()\n"
        "pagerduty.events('R', url=None, timeout_s=5.0, clock=now)\n"
        "pagerduty.change_events('R', url=None, timeout_s=5.0, clock=now)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_simulated_account_shows_the_whole_story() -> None:
    """End to end: a critical page opens once, and its resolution closes it."""
    with Simulator(SystemClock()) as simulator:
        notifier = pagerduty.build(
            pagerduty.Options(),
            context(
                secrets={"pagerduty_routing_key": simulator.pagerduty.routing_key},
                urls={"pagerduty_events_url": simulator.pagerduty_events_url},
            ),
        )
        stuck = "guardian/production/agents-api/r-1/stuck"
        page = Page(key=stuck, severity=Severity.CRITICAL)
        for _ in range(2):
            notifier.send(replace(QUIET, pages=(page,)), handle=None)
        assert [(i.key, i.status) for i in simulator.pagerduty.incidents] == [(stuck, "triggered")]
        notifier.send(NOTICE, handle=None)
        assert [(i.key, i.status) for i in simulator.pagerduty.incidents] == [
            (stuck, "resolved"),
            (KEY, "triggered"),
        ]
        kinds = [event.kind for event in simulator.events]
    assert kinds[-1] == "pagerduty.change"
