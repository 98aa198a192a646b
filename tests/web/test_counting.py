"""Every request to AWS is counted, by any client, with what became of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from guardian.aws import Sessions
from guardian.aws_errors import talking
from guardian.core.model import Reason
from guardian.ports import EdgeError, RouterError, SourceError
from guardian.sources.cloudwatch import Options, build
from guardian.web.metrics import PrometheusMetrics
from tests.contracts.adapters import ACCOUNT, account_for, context_for, use_endpoint
from tests.contracts.canned import Answer, Asked, Canned, account_answer, canned
from tests.sources.cloudwatch_world import NOW, ask, query
from tests.web.scraping import at_work, series

ROLE = f"arn:aws:iam::{ACCOUNT}:role/guardian"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Canned]:
    """STS knows the account; everything else is an empty answer."""
    with canned(answering(Answer())) as found:
        use_endpoint(monkeypatch, found.url)
        yield found


def answering(answer: Answer) -> Callable[[Asked], Answer]:
    """A script: this for everything but STS."""

    def respond(asked: Asked) -> Answer:
        return account_answer(ACCOUNT) if asked.operation == "GetCallerIdentity" else answer

    return respond


def counted(metrics: PrometheusMetrics) -> dict[tuple[str, ...], float]:
    """The requests so far."""
    body, _ = metrics.page(at_work())
    return series(body, "guardian_aws_requests_total", "service", "operation", "outcome")


def get_alias(metrics: PrometheusMetrics) -> None:
    """One request to Lambda, and the one to STS before it; whatever comes of them."""
    account = account_for(Sessions(lambda: metrics))
    try:
        with talking("lambda:GetAlias", "on f:live", RouterError):
            account.client("lambda").get_alias(FunctionName="f", Name="live")
    except EdgeError:
        return


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Answer(), "ok"),
        (Answer(status=429, body='{"__type": "TooManyRequestsException"}'), "throttled"),
        (Answer(status=403, body='{"__type": "AccessDeniedException"}'), "auth"),
        (Answer(status=404, body='{"__type": "ResourceNotFoundException"}'), "not_found"),
        (Answer(status=412, body='{"__type": "PreconditionFailedException"}'), "conflict"),
        (Answer(status=503, body="<html>", type="text/html"), "unavailable"),
        (Answer(drop=True), "unavailable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_request_is_counted_by_its_outcome(server: Canned, answer: Answer, outcome: str) -> None:
    """`ok`, or the reason that the error for people has."""
    server.answer = answering(answer)
    metrics = PrometheusMetrics()
    get_alias(metrics)
    assert counted(metrics) == {
        ("sts", "GetCallerIdentity", "ok"): 1.0,
        ("lambda", "GetAlias", outcome): 1.0,
    }
    assert outcome in {"ok", *(reason.value for reason in Reason)}


def test_a_role_that_cannot_be_assumed_is_counted(server: Canned) -> None:
    """Also the requests that only fetch credentials."""
    denied = Answer(status=403, body="<Error><Code>AccessDenied</Code></Error>", type="text/xml")
    server.answer = lambda _: denied
    metrics = PrometheusMetrics()
    account = account_for(Sessions(lambda: metrics), role_arn=ROLE)
    with pytest.raises(RouterError):
        account.check_account()
    assert counted(metrics)["sts", "AssumeRole", "auth"] >= 1.0


def test_the_meter_is_asked_for_at_each_request(server: Canned) -> None:
    """Metrics that come after the clients still counts."""
    meters = [PrometheusMetrics(), PrometheusMetrics()]
    account = account_for(Sessions(lambda: meters[0]))
    client = account.client("lambda")
    meters.pop(0)
    client.get_alias(FunctionName="f", Name="live")
    assert counted(meters[0]) == {("lambda", "GetAlias", "ok"): 1.0}


def test_metrics_are_counted_as_they_are_billed(server: Canned) -> None:
    """Two statistics of one metric are one; a call that was refused costs nothing."""
    metrics = PrometheusMetrics()
    context = replace(context_for(account_for(Sessions(lambda: metrics))), metrics=metrics)
    source = build(Options(), context)
    asks = [ask(query(*stat)) for stat in (("Duration", "p95"), ("Duration", "SampleCount"))]
    source.read([*asks, ask(query("Errors"))], now=NOW)
    server.answer = answering(Answer(status=500))
    with pytest.raises(SourceError):
        source.read(asks, now=NOW)
    body, _ = metrics.page(at_work())
    assert series(body, "guardian_cloudwatch_metrics_requested_total") == {(): 2.0}
    assert series(body, "guardian_cloudwatch_cost_usd_total") == {(): pytest.approx(0.00002)}
