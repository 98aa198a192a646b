"""What comes in from AWS: in time, bounded, and of the types that its API names."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest

from guardian.aws import CALL_S, Sessions
from guardian.aws_errors import talking
from guardian.aws_wire import MOST_BYTES
from guardian.clock import SystemClock
from guardian.core.model import Reason
from guardian.ports import RouterError
from tests.contracts.adapters import ACCOUNT, account_for, use_endpoint
from tests.contracts.canned import Answer, Asked, Canned, account_answer, canned


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Canned]:
    """A server that is STS for the configured account."""
    with canned(lambda _: account_answer(ACCOUNT)) as server:
        use_endpoint(monkeypatch, server.url)
        yield server


def alias(world: Canned, body: str) -> dict[str, object]:
    """What GetAlias brings in when the server answers `body`."""

    def answer(asked: Asked) -> Answer:
        sts = "Action=" in asked.body
        return account_answer(ACCOUNT) if sts else Answer(body=body, type="application/json")

    world.answer = answer
    client = account_for(Sessions()).client("lambda")
    with talking("lambda:GetAlias", "here", RouterError):
        found: dict[str, object] = client.get_alias(FunctionName="f", Name="live")
    return found


def test_an_answer_that_drips_is_over_in_time(world: Canned) -> None:
    """Each byte resets the time-out for one read; the deadline is for the whole call."""
    world.answer = lambda _: Answer(drip_s=0.2)
    account = account_for(Sessions())
    began = SystemClock().monotonic()
    with pytest.raises(RouterError, match="no answer in time") as caught:
        account.check_account()
    assert caught.value.reason is Reason.TIMEOUT
    assert SystemClock().monotonic() - began < CALL_S["sts"] + 2


def test_calls_that_hang_do_not_pile_up(world: Canned) -> None:
    """Whatever drips without end costs a bounded number of threads."""
    world.answer = lambda _: Answer(drip_s=0.2)
    account = account_for(Sessions())
    before = threading.active_count()

    def ask() -> None:
        with pytest.raises(RouterError):
            account.check_account()

    asking = [threading.Thread(target=ask) for _ in range(60)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(30)
    # One of the client's and one of the server's for each connection.
    assert threading.active_count() - before <= 2 * 32 + 2
    world.answer = lambda _: account_answer(ACCOUNT)


def test_an_answer_without_measure_is_not_read_to_its_end(world: Canned) -> None:
    """It is no answer of AWS's, and costs what may come in at most."""
    with pytest.raises(RouterError, match="is not AWS's") as caught:
        alias(world, '{"Description": "' + "a" * (MOST_BYTES + 1) + '"}')
    assert caught.value.reason is Reason.UNAVAILABLE


@pytest.mark.parametrize(
    "wrong",
    [
        {"FunctionVersion": 41},
        {"AliasArn": ["x"]},
        {"RevisionId": True},
        {"RoutingConfig": "x"},
        {"RoutingConfig": {"AdditionalVersionWeights": ["42"]}},
        {"RoutingConfig": {"AdditionalVersionWeights": {"42": "abc"}}},
        {"RoutingConfig": {"AdditionalVersionWeights": {"42": 10**4000}}},
        {"RoutingConfig": {"AdditionalVersionWeights": {"42": None}}},
    ],
)
def test_a_value_of_another_type_is_no_answer(world: Canned, wrong: dict[str, object]) -> None:
    """What the API's model calls text is text, and what it calls a number is one."""
    with pytest.raises(RouterError) as caught:
        alias(world, json.dumps(wrong))
    assert caught.value.reason in {Reason.UNAVAILABLE, Reason.UNKNOWN}


@pytest.mark.parametrize("body", ["<html>sign in</html>", "", '{"Name": "live", "Rou'])
def test_what_is_no_json_object_is_no_empty_answer(world: Canned, body: str) -> None:
    """The SDK takes each for an object without members: an alias without weights, no metrics."""
    with pytest.raises(RouterError, match="is not AWS's") as caught:
        alias(world, body)
    assert caught.value.reason is Reason.UNAVAILABLE


def test_an_answer_that_breaks_off_is_no_answer(world: Canned) -> None:
    """Less came than was announced."""
    world.answer = lambda _: Answer(body=account_answer(ACCOUNT).body, missing=10)
    with pytest.raises(RouterError, match="ConnectionClosed") as caught:
        account_for(Sessions()).check_account()
    assert caught.value.reason is Reason.UNAVAILABLE


def test_a_template_is_text_as_the_api_says(world: Canned) -> None:
    """The SDK makes a map of it before it is looked at, which is not of the model's type."""
    inner = "<GetTemplateResult><TemplateBody>{}</TemplateBody></GetTemplateResult>"
    template = Answer(body=f"<GetTemplateResponse>{inner}</GetTemplateResponse>", type="text/xml")
    world.answer = lambda asked: (
        template if "GetTemplate" in asked.body else account_answer(ACCOUNT)
    )
    client = account_for(Sessions()).client("cloudformation")
    assert client.get_template(StackName="agents")["TemplateBody"] == "{}"


def test_text_that_cannot_be_stored_loses_what_cannot(world: Canned) -> None:
    """Half a surrogate pair is refused by files, databases and sockets alike."""
    found = alias(world, '{"Description": "half \\ud83d", "Name": "caf\\u00e9 \\ud83d\\ude00"}')
    assert found["Description"] == "half"
    assert found["Name"] == "café 😀"
