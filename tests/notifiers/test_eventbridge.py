"""The EventBridge notifier: one event a notice, its own result honoured, against a real bus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from guardian.core.model import Reason
from guardian.core.notices import Event
from guardian.notifiers import eventbridge
from guardian.notifiers._notice_json import MOST_BYTES, encoded
from guardian.ports import ConfigError, Notifier, NotifyError
from tests.notifiers.aws_world import AwsNotifierContract, aws_context, emulator, quick_client
from tests.notifiers.samples import HOSTILE, NOTICE, QUIET, context, hidden, texts
from tests.notifiers.vendor import Answer, Received, Vendor, vendor

TAKEN = '{"FailedEntryCount": 0, "Entries": [{"EventId": "11710aed-b79e-4468-a20b-bb3c0c3b4860"}]}'


def _notifier(url: str, *, timeout_s: float = 5.0, **options: str) -> Notifier:
    made = quick_client("events", url, timeout_s=timeout_s)
    return eventbridge.build(
        eventbridge.Options(**options), replace(context(), client=lambda _: made)
    )


def _entry(received: Received) -> dict[str, Any]:
    (entry,) = received.body["Entries"]
    found: dict[str, Any] = entry
    return found


def _detail(received: Received) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_entry(received)["Detail"])
    return found


class TestEventBridgeContract(AwsNotifierContract):
    """EventBridge keeps the notifiers' contract."""

    def notifier(self, url: str, *, timeout_s: float = 5.0) -> Notifier:
        """The notifier under test."""
        return _notifier(url, timeout_s=timeout_s)

    def accept(self, received: Received) -> Answer:
        """A bus that takes every event."""
        return Answer(body=TAKEN)

    def openings(self, requests: list[Received]) -> set[str]:
        """A listener knows a repetition by the detail's id."""
        return {_detail(received)["id"] for received in requests}

    def is_harmless(self, world: Vendor) -> None:
        """The detail is one JSON text within the entry's limit, and each text in it is bounded."""
        for received in world.received:
            assert len(json.dumps(_entry(received)).encode()) <= 256 * 1024
            for text in texts(_detail(received)):
                assert hidden(text) == set()
                assert len(text) <= 4000


@pytest.fixture(scope="module")
def bus() -> Iterator[Any]:
    """An AWS emulator on loopback."""
    with emulator() as served:
        yield served


def test_an_event_reaches_a_queue_through_a_rule(bus: Any) -> None:
    """The source and the detail-type are matched by a rule; the detail arrives as it was sent."""
    events, queues = bus.client("events"), bus.client("sqs")
    url = queues.create_queue(QueueName="rollouts")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    pattern = {"source": ["guardian"], "detail-type": ["Guardian Rollout State Change"]}
    events.put_rule(Name="all", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": arn["Attributes"]["QueueArn"]}])
    notifier = eventbridge.build(eventbridge.Options(), aws_context(bus))
    assert notifier.send(NOTICE, handle="kept") == "kept"
    (message,) = queues.receive_message(QueueUrl=url)["Messages"]
    event = json.loads(message["Body"])
    assert event["detail-type"] == eventbridge.DETAIL_TYPE
    assert event["source"] == "guardian"
    assert event["detail"] == json.loads(encoded(NOTICE))


def test_the_detail_is_stable() -> None:
    """The schema's keys and values, one by one: listeners rest on them."""
    assert json.loads(encoded(replace(NOTICE, pages=(), resolves=()))) == {
        "schema": "guardian/v1/notice",
        "id": "a55deb6077fa47f5126d6a5159df6cb8",
        "time": "2026-09-21T14:25:00.000Z",
        "event": "rolled_back",
        "environment": "production",
        "service": "agents-api",
        "rollout": "r-1",
        "seq": 5,
        "stable": "41",
        "canary": "42",
        "phase": "rolled_back",
        "weight": 0.0,
        "step": 1,
        "steps": 3,
        "title": "agents-api: 42 was rolled back, traffic is 41 100%",
        "did": "guardian put 41 back.",
        "todo": "`guardian rollout history agents-api` shows what happened.",
        "change": True,
        "final": True,
        "pages": [],
        "resolves": [],
        "verdicts": [
            {
                "criterion": "error-rate",
                "verdict": "fail",
                "value": "6.1%",
                "limit": "above 5%",
                "test": "limit",
                "number": 0.061,
                "limit_number": 0.05,
                "unit": "ratio",
                "bad": 29,
                "samples": 480,
                "minutes": 10.0,
                "unsettled": None,
                "stable": None,
                "datapoints": None,
                "min_samples": 60,
                "log_e": 0.0,
                "log_e_limit": 0.0,
                "window_start": "2026-09-21T14:13:20.000Z",
                "window_end": "2026-09-21T14:23:20.000Z",
                "why": "29 of 480 requests failed",
            }
        ],
        "verdicts_not_shown": 0,
    }


def test_pages_and_resolutions_are_part_of_the_detail() -> None:
    """Another pager can be driven by the same keys."""
    detail = json.loads(encoded(NOTICE))
    assert detail["pages"] == [
        {"key": "guardian/production/agents-api/r-1/rolled_back", "severity": "warning"}
    ]
    assert detail["resolves"] == ["guardian/production/agents-api/r-1/stuck"]


@pytest.mark.parametrize("event", list(Event))
def test_every_event_has_a_detail(event: Event) -> None:
    """A notice without verdicts and advice is complete."""
    detail = json.loads(encoded(replace(QUIET, event=event, verdicts=(), todo="", step=0)))
    assert (detail["schema"], detail["event"]) == ("guardian/v1/notice", event.value)


def test_a_detail_that_would_be_too_large_counts_what_it_leaves_out() -> None:
    """Verdicts give way, the worst stay, and the number of the others is told."""
    wide = tuple(
        replace(verdict, why="\N{SNOWMAN}" * 4000, criterion="\N{GRINNING FACE}" * 4000)
        for verdict in HOSTILE.verdicts
    )
    text = encoded(replace(HOSTILE, verdicts=wide, title="\N{GRINNING FACE}" * 9000))
    detail = json.loads(text)
    assert len(text.encode()) <= MOST_BYTES
    assert detail["verdicts"]
    assert len(detail["verdicts"]) + detail["verdicts_not_shown"] == len(wide)


def test_the_entry_says_when_it_happened_and_where_it_goes() -> None:
    """The event's time is the notice's, not that of a late delivery."""
    with vendor(lambda _: Answer(body=TAKEN)) as world:
        _notifier(world.url, bus="deployments", source="team.guardian").send(NOTICE, handle=None)
    entry = _entry(world.received[0])
    assert entry["Time"] == 1_790_000_700
    assert (entry["EventBusName"], entry["Source"]) == ("deployments", "team.guardian")


@pytest.mark.parametrize(
    ("code", "reason", "retryable"),
    [
        ("InternalFailure", Reason.UNAVAILABLE, True),
        ("ThrottlingException", Reason.THROTTLED, True),
        ("AccessDeniedException", Reason.AUTH, False),
        ("NotAuthorizedForSourceException", Reason.AUTH, False),
        ("InvalidArgument", Reason.INVALID, False),
        ("MalformedDetail", Reason.INVALID, False),
        ("SomethingNewException", Reason.UNKNOWN, True),
    ],
)
def test_an_entry_that_failed_is_no_delivery(code: str, reason: Reason, retryable: bool) -> None:
    """HTTP 200 with a failed entry has that entry's reason; AWS's message is not repeated."""
    failed = {"ErrorCode": code, "ErrorMessage": "arn:aws:iam::333333333333:user/somebody"}
    body = json.dumps({"FailedEntryCount": 1, "Entries": [failed]})
    with vendor(lambda _: Answer(body=body)) as world, pytest.raises(NotifyError) as caught:
        _notifier(world.url).send(NOTICE, handle=None)
    assert (caught.value.reason, caught.value.retryable) == (reason, retryable)
    assert code in caught.value.detail
    assert "somebody" not in caught.value.detail


@pytest.mark.parametrize(
    "body",
    [
        '{"FailedEntryCount": 0, "Entries": []}',
        '{"FailedEntryCount": 1, "Entries": [{"EventId": "1"}]}',
        '{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "a b\\nsecret of somebody"}]}',
    ],
)
def test_an_answer_without_a_usable_result_is_no_delivery(body: str) -> None:
    """What does not say that the event was taken is tried again, and nothing odd is repeated."""
    with vendor(lambda _: Answer(body=body)) as world, pytest.raises(NotifyError) as caught:
        _notifier(world.url).send(NOTICE, handle=None)
    assert (caught.value.reason, caught.value.retryable) == (Reason.UNKNOWN, True)
    assert "somebody" not in caught.value.detail


def test_a_refusal_does_not_repeat_what_aws_says() -> None:
    """AWS names users and accounts in its refusals; the sentence names the permission instead."""
    said = "User: arn:aws:sts::333333333333:assumed-role/somebody is not authorized"
    body = json.dumps({"__type": "AccessDeniedException", "message": said})
    answer = Answer(status=400, body=body)
    with vendor(lambda _: answer) as world, pytest.raises(NotifyError) as caught:
        _notifier(world.url).send(NOTICE, handle=None)
    assert (caught.value.reason, caught.value.retryable) == (Reason.AUTH, False)
    assert "events:PutEvents" in caught.value.detail
    assert "somebody" not in caught.value.detail


def test_a_missing_account_is_a_configuration_error() -> None:
    """It is said when the notifier is built, with what to write."""
    with pytest.raises(ConfigError, match="account_id"):
        eventbridge.build(eventbridge.Options(), replace(context(), account_id=""))


@pytest.mark.parametrize(
    "wrong", [{"bus": "a b"}, {"bus": ""}, {"source": "aws.lambda"}, {"source": "ä"}, {"buss": "x"}]
)
def test_the_options_are_strict(wrong: dict[str, str]) -> None:
    """Names that EventBridge would refuse are refused when the file is read."""
    with pytest.raises(ValidationError):
        eventbridge.Options.model_validate(wrong)


def test_a_bus_in_another_account_is_named_by_its_arn() -> None:
    """ARNs are allowed."""
    arn = "arn:aws:events:eu-west-1:111111111111:event-bus/central"
    assert eventbridge.Options(bus=arn).bus == arn
