"""Faults strike where, when and as often as a test arranges them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

from guardian.sim.hand import HandClock
from guardian.sim.server import Simulator

ALIAS = {"FunctionName": "agents-api", "Name": "live"}
TENTH = {"AdditionalVersionWeights": {"42": 0.1}}


@pytest.fixture
def lamb(aws: Callable[..., Any]) -> Any:
    """A boto3 Lambda client."""
    return aws("lambda")


def weight(sim: Simulator) -> float:
    """The canary's real weight."""
    return sim.aliases.state("agents-api", "live").weights.get("42", 0.0)


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("throttle", "TooManyRequestsException", 429),
        ("access_denied", "AccessDeniedException", 403),
        ("conflict", "ResourceConflictException", 409),
        ("server_error", "ServiceException", 500),
        ("not_found", "ResourceNotFoundException", 404),
    ],
)
def test_a_refused_write_changes_nothing(
    sim: Simulator, lamb: Any, kind: str, code: str, status: int
) -> None:
    """Lambda's refusals have AWS's codes, and leave the alias and the story alone."""
    sim.faults.add(service="lambda", operation="UpdateAlias", kind=kind)
    with pytest.raises(ClientError) as caught:
        lamb.update_alias(**ALIAS, RoutingConfig=TENTH)
    answer = caught.value.response
    found = (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"])
    assert found == (code, status)
    assert sim.events == []
    assert lamb.get_alias(**ALIAS)["FunctionVersion"] == "41"


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("throttle", "Throttling", 400),
        ("access_denied", "AccessDenied", 403),
        ("server_error", "InternalServiceError", 500),
    ],
)
def test_cloudwatch_refuses_with_its_query_codes(
    sim: Simulator, aws: Callable[..., Any], kind: str, code: str, status: int
) -> None:
    """Over JSON too, clients see the codes of the query protocol."""
    sim.faults.add(service="cloudwatch", kind=kind)
    with pytest.raises(ClientError) as caught:
        aws("cloudwatch").get_metric_data(MetricDataQueries=[], StartTime=0, EndTime=60)
    answer = caught.value.response
    found = (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"])
    assert found == (code, status)


def test_a_lost_answer_was_applied(sim: Simulator, lamb: Any) -> None:
    """The connection closes after the write took place."""
    sim.faults.add(service="lambda", operation="UpdateAlias", kind="lost_answer", times=1)
    with pytest.raises(HTTPClientError):
        lamb.update_alias(**ALIAS, RoutingConfig=TENTH)
    assert weight(sim) == 0.1


def test_an_unreachable_service_applied_nothing(sim: Simulator, lamb: Any) -> None:
    """The connection closes before anything was done."""
    sim.faults.add(service="lambda", kind="unreachable")
    with pytest.raises(HTTPClientError):
        lamb.update_alias(**ALIAS, RoutingConfig=TENTH)
    assert weight(sim) == 0.0


def test_a_late_write_lands_later(sim: Simulator, clock: HandClock, lamb: Any) -> None:
    """The caller hears nothing; the write takes place `after_s` seconds on."""
    sim.faults.add(
        service="lambda", operation="UpdateAlias", kind="apply_late", after_s=20, times=1
    )
    with pytest.raises(HTTPClientError):
        lamb.update_alias(**ALIAS, RoutingConfig=TENTH)
    clock.advance(19)
    assert weight(sim) == 0.0
    clock.advance(1)
    assert weight(sim) == 0.1


def test_a_late_write_is_fenced_by_its_revision(
    sim: Simulator, clock: HandClock, lamb: Any
) -> None:
    """A write in between makes the late one stale: it is refused when its time comes."""
    revision = lamb.get_alias(**ALIAS)["RevisionId"]
    sim.faults.add(
        service="lambda", operation="UpdateAlias", kind="apply_late", after_s=20, times=1
    )
    with pytest.raises(HTTPClientError):
        lamb.update_alias(**ALIAS, RoutingConfig=TENTH, RevisionId=revision)
    lamb.update_alias(**ALIAS, Description="fence", RevisionId=revision)
    clock.advance(20)
    assert weight(sim) == 0.0
    assert [event.kind for event in sim.events] == ["alias", "alias.refused"]


def test_an_ignored_write_is_answered_and_not_done(sim: Simulator, lamb: Any) -> None:
    """The answer is the unchanged alias."""
    sim.faults.add(service="lambda", operation="UpdateAlias", kind="ignored")
    assert "RoutingConfig" not in lamb.update_alias(**ALIAS, RoutingConfig=TENTH)
    assert weight(sim) == 0.0


def test_a_stale_read_shows_the_state_before_the_last_write(sim: Simulator, lamb: Any) -> None:
    """Eventual consistency: reads lag behind the write until the fault ends."""
    lamb.update_alias(**ALIAS, RoutingConfig=TENTH)
    fault = sim.faults.add(service="lambda", operation="GetAlias", kind="stale")
    assert "RoutingConfig" not in lamb.get_alias(**ALIAS)
    sim.faults.remove(fault)
    assert lamb.get_alias(**ALIAS)["RoutingConfig"] == TENTH


def test_a_slow_answer_was_applied_before_the_wait(sim: Simulator, aws: Callable[..., Any]) -> None:
    """The client that gives up has changed the alias; the server's stop does not wait for it."""
    sim.faults.add(service="lambda", operation="UpdateAlias", kind="slow", delay_s=60.0)
    with pytest.raises(HTTPClientError):
        aws("lambda", read_timeout=0.3).update_alias(**ALIAS, RoutingConfig=TENTH)
    assert weight(sim) == 0.1


def test_garbage_cannot_be_parsed(sim: Simulator, aws: Callable[..., Any]) -> None:
    """HTTP 200 with half a page of HTML."""
    sim.faults.add(service="sts", kind="garbage")
    with pytest.raises(ResponseParserError):
        aws("sts").get_caller_identity()


@contextmanager
def raw_alias(sim: Simulator) -> Iterator[http.client.HTTPResponse]:
    """GetAlias's answer, as it arrives."""
    address = sim.url.removeprefix("http://")
    with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        connection.request("GET", "/2015-03-31/functions/agents-api/aliases/live")
        with connection.getresponse() as answer:
            yield answer


@pytest.mark.parametrize(
    ("kind", "version", "weight"),
    [
        ("wrong_types", 2, "about 0.1"),
        ("nan", "41", None),
        ("surrogates", "41\ud83d", 0.1),
        ("huge", "41", 0.1),
    ],
)
def test_an_answer_can_be_of_the_right_form_and_wrong(
    sim: Simulator, lamb: Any, kind: str, version: object, weight: object
) -> None:
    """Types, numbers that are none, text that cannot be stored, sixteen megabytes too many."""
    lamb.update_alias(**ALIAS, RoutingConfig=TENTH)
    sim.faults.add(service="lambda", kind=kind)
    with raw_alias(sim) as answer:
        body = answer.read()
    shown = json.loads(body, parse_constant=lambda _: None)
    assert shown["FunctionVersion"] == version
    assert shown["RoutingConfig"]["AdditionalVersionWeights"]["42"] == weight
    assert (len(body) > 16 * 1024 * 1024) is (kind == "huge")


def test_another_account_answers_for_its_own(sim: Simulator) -> None:
    """The alias's ARN names the other account."""
    sim.faults.add(service="lambda", kind="wrong_account", account="444444444444")
    with raw_alias(sim) as answer:
        arn = json.loads(answer.read())["AliasArn"]
    assert arn == "arn:aws:lambda:us-east-1:444444444444:function:agents-api:live"


def test_an_answer_can_break_off_or_lead_elsewhere(sim: Simulator) -> None:
    """Half of it and then nothing; or another address."""
    cut = sim.faults.add(service="lambda", kind="cut")
    with raw_alias(sim) as answer, pytest.raises(http.client.IncompleteRead):
        answer.read()
    sim.faults.remove(cut)
    sim.faults.add(service="lambda", kind="redirect", location="http://127.0.0.1:9/there")
    with raw_alias(sim) as answer:
        assert (answer.status, answer.headers["Location"]) == (307, "http://127.0.0.1:9/there")


def test_an_answer_can_drip(sim: Simulator) -> None:
    """A byte arrives long before the whole; the server's stop does not wait for the rest."""
    sim.faults.add(service="lambda", kind="drip", delay_s=0.2)
    with raw_alias(sim) as answer:
        assert answer.read(2) == b'{"'


def test_a_fault_skips_then_strikes_so_many_times(sim: Simulator, lamb: Any) -> None:
    """`skip` calls go through, `times` are struck, the rest goes through again."""
    fault = sim.faults.add(service="lambda", operation="GetAlias", kind="throttle", skip=1, times=2)
    outcomes = []
    for _ in range(5):
        try:
            lamb.get_alias(**ALIAS)
            outcomes.append("ok")
        except ClientError:
            outcomes.append("throttled")
    assert outcomes == ["ok", "throttled", "throttled", "ok", "ok"]
    assert fault.hits == 2
    assert sim.calls("lambda", "GetAlias") == 5


def test_faults_keep_to_their_service_and_operation(sim: Simulator, lamb: Any) -> None:
    """A fault of UpdateAlias leaves reads alone; clearing ends all."""
    sim.faults.add(service="lambda", operation="UpdateAlias", kind="throttle")
    assert lamb.get_alias(**ALIAS)["Name"] == "live"
    sim.faults.clear()
    assert lamb.update_alias(**ALIAS, RoutingConfig=TENTH)["RoutingConfig"] == TENTH


def test_an_unknown_kind_of_fault_is_an_error(sim: Simulator) -> None:
    """A misspelt fault would make a test pass for nothing."""
    with pytest.raises(ValueError, match="acess_denied"):
        sim.faults.add(kind="acess_denied")
