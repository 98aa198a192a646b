"""The CloudWatch source, over a socket: what is asked, and what each kind of answer means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from guardian.core.model import Datapoint, Reason
from guardian.ports import SourceError
from guardian.sources._packing import billed
from guardian.sources.cloudwatch import MAX_PAGES, Options
from tests.contracts.canned import Answer, account_answer
from tests.sources.cloudwatch_world import (
    MINUTE,
    NOW,
    World,
    ask,
    complete,
    everything_complete,
    ids,
    query,
)


def test_a_question_is_exact(world: World) -> None:
    """Aligned times, ascending order, exact dimensions, and neither a unit nor an expression."""
    world.source.read([ask(query(unit="Count"))], now=NOW)
    (call,) = world.calls
    assert call == {
        "StartTime": MINUTE - 300,
        "EndTime": MINUTE + 60,
        "ScanBy": "TimestampAscending",
        "MetricDataQueries": [
            {
                "Id": "q0",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "AWS/Lambda",
                        "MetricName": "Errors",
                        "Dimensions": [
                            {"Name": "ExecutedVersion", "Value": "7"},
                            {"Name": "FunctionName", "Value": "f"},
                        ],
                    },
                    "Period": 60,
                    "Stat": "Sum",
                },
                "ReturnData": True,
            }
        ],
    }


def test_the_poll_of_one_rollout_is_one_call(world: World) -> None:
    """Eight series, with different windows, go in one request and bill as seven metrics."""
    queries = [
        *(query(metric) for metric in ("FailedRequests", "Requests", "Errors", "Invocations")),
        query("Duration", "SampleCount"),
        query("Duration", "TC(:10000)"),
        *(query(metric) for metric in ("TasksSucceeded", "TasksFinished")),
    ]
    found = world.source.read([ask(q, i + 1) for i, q in enumerate(queries)], now=NOW)
    assert all(found[q].points == (Datapoint(MINUTE, 1.0),) for q in queries)
    assert (len(world.calls), world.bill.total) == (1, 7)


def test_five_statistics_of_one_metric_cost_one() -> None:
    """The sixth costs another one."""
    stats = ["Sum", "Average", "Maximum", "Minimum", "SampleCount", "p95"]
    assert billed(query(stat=stat) for stat in stats[:5]) == 1
    assert billed(query(stat=stat) for stat in stats) == 2


def test_the_same_query_is_asked_once(world: World) -> None:
    """Two rollouts that share a series share its price."""
    world.source.read([ask(query()), ask(query(), 3)], now=NOW)
    assert ids(world.calls[0]) == ["q0"]


def test_more_than_500_queries_take_two_calls(world: World) -> None:
    """And the statistics of one metric stay together."""
    queries = [query(f"M{i:03}", stat) for i in range(260) for stat in ("Sum", "SampleCount")]
    found = world.source.read([ask(q) for q in queries], now=NOW)
    assert sorted(len(ids(call)) for call in world.calls) == [20, 500]
    assert world.bill.total == 260
    assert len(found) == 520


def test_a_long_look_back_does_not_widen_every_call(world: World) -> None:
    """A call is packed to one page of 100,800 points; a day of one series goes by itself."""
    asks = [ask(query(f"M{i:03}")) for i in range(499)]
    day = ask(query("Late"), 1440)
    world.source.read([day, *asks], now=NOW)
    assert [len(ids(call)) for call in world.calls] == [499, 1]


def test_periods_are_read_apart(world: World) -> None:
    """A window widened for one period could leave what CloudWatch keeps of another."""
    world.source.read([ask(query()), ask(query("Hours", period_s=300))], now=NOW)
    assert [call["MetricDataQueries"][0]["MetricStat"]["Period"] for call in world.calls] == [
        60,
        300,
    ]
    assert all(call["StartTime"] % 60 == 0 for call in world.calls)


def test_another_region_is_another_call_and_an_account_is_not(world: World) -> None:
    """Cross-account observability takes AccountId per query."""
    asks = [
        ask(query()),
        ask(query("There", region="eu-west-1")),
        ask(query("Other", account_id="111111111111")),
        ask(query("Here", region="us-east-1")),
    ]
    world.source.read(asks, now=NOW)
    assert sorted(set(world.regions)) == ["eu-west-1", "us-east-1"]
    accounts = [q.get("AccountId") for call in world.calls for q in call["MetricDataQueries"]]
    assert accounts.count("111111111111") == 1
    assert accounts.count(None) == 3


def test_points_outside_the_window_are_clipped(world: World) -> None:
    """One call spans all windows; each query keeps its own part, in ascending order."""
    points = {MINUTE - 120: 3.0, MINUTE: 1.0, MINUTE - 60: 2.0, MINUTE - 600: 9.0, MINUTE + 60: 9.0}
    world.respond(lambda call: {"MetricDataResults": [complete(k, points) for k in ids(call)]})
    narrow, wide = ask(query("A"), 1), ask(query("B"), 2)
    found = world.source.read([narrow, wide], now=NOW)
    assert [p.start - MINUTE for p in found[narrow.query].points] == [-60, 0]
    assert [p.value for p in found[wide.query].points] == [3.0, 2.0, 1.0]


def test_pages_are_followed_and_joined(world: World) -> None:
    """PartialData with a token is half an answer; the second half completes it."""

    def respond(call: dict[str, Any]) -> dict[str, Any]:
        if "NextToken" in call:
            return {"MetricDataResults": [complete("q0", {MINUTE: 2.0})]}
        half = complete("q0", {MINUTE - 60: 1.0}) | {"StatusCode": "PartialData"}
        return {"MetricDataResults": [half], "NextToken": "more"}

    world.respond(respond)
    found = world.source.read([ask(query())], now=NOW)[query()]
    assert [point.value for point in found.points] == [1.0, 2.0]
    assert found.problem is None
    assert (len(world.calls), world.bill.total) == (2, 1)


def test_an_answer_without_end_is_given_up(world: World) -> None:
    """After five pages what is still partial has a problem and no points."""

    def respond(call: dict[str, Any]) -> dict[str, Any]:
        half = complete("q0", {MINUTE: 1.0}) | {"StatusCode": "PartialData"}
        return {"MetricDataResults": [half], "NextToken": f"{call.get('NextToken', '')}x"}

    world.respond(respond)
    found = world.source.read([ask(query())], now=NOW)[query()]
    assert len(world.calls) == MAX_PAGES
    assert found.problem is not None
    assert found.problem.reason is Reason.UNAVAILABLE
    assert found.points == ()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("InternalError", Reason.UNAVAILABLE),
        ("Forbidden", Reason.AUTH),
        ("PartialData", Reason.UNAVAILABLE),
        ("SomethingNew", Reason.UNKNOWN),
    ],
)
def test_each_status_but_complete_is_a_problem(world: World, status: str, reason: Reason) -> None:
    """CloudWatch's remarks are part of the sentence."""
    remark = [{"Code": "Why", "Value": "too complex"}]

    def respond(call: dict[str, Any]) -> dict[str, Any]:
        bad = complete("q0", {MINUTE: 1.0}) | {"StatusCode": status, "Messages": remark}
        return {"MetricDataResults": [bad, complete("q1", {MINUTE: 1.0})]}

    world.respond(respond)
    found = world.source.read([ask(query("A")), ask(query("B"))], now=NOW)
    problem = found[query("A")].problem
    assert problem is not None
    assert problem.reason is reason
    assert "AWS/Lambda A (Sum)" in problem.detail
    assert "too complex" in problem.detail
    assert found[query("A")].points == ()
    assert found[query("B")].problem is None


def test_what_cloudwatch_says_in_words_commands_nobody(world: World) -> None:
    """Its remarks and states are shown on terminals, and are other people's text."""
    hostile = "\x1b]0;PWNED\x07\x1b[2J\u202e\r\n::error::forged \ud83d"
    bad = complete("q0", {MINUTE: 1.0}) | {
        "StatusCode": f"New{hostile}",
        "Messages": [{"Code": hostile, "Value": hostile}],
    }
    world.respond(lambda _: {"MetricDataResults": [bad], "Messages": [{"Value": hostile}]})
    problem = world.source.read([ask(query())], now=NOW)[query()].problem
    assert problem is not None
    assert problem.detail.isprintable()


def test_an_id_that_is_left_out_is_a_problem(world: World) -> None:
    """Nothing is said about the series, so nothing is known; call-level remarks say why."""
    world.respond(
        lambda _: {
            "MetricDataResults": [],
            "Messages": [{"Code": "MaxMetricsExceeded", "Value": "over 500"}],
        }
    )
    problem = world.source.read([ask(query())], now=NOW)[query()].problem
    assert problem is not None
    assert problem.reason is Reason.UNAVAILABLE
    assert "MaxMetricsExceeded" in problem.detail


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1e308", "1e200"])
def test_a_value_that_no_metric_has_is_a_problem(world: World, value: str) -> None:
    """It would poison every sum; the series is unreadable instead."""
    body = (
        f'{{"MetricDataResults": [{{"Id": "q0", "Timestamps": [1700000100], "Values": [{value}], '
        '"StatusCode": "Complete"}]}'
    )
    world.respond(lambda _: Answer(body=body))
    found = world.source.read([ask(query())], now=NOW)[query()]
    assert found.problem is not None
    assert found.problem.reason is Reason.INVALID
    assert found.points == ()


def one_result(timestamps: str, values: str) -> str:
    """A complete answer for q0 with these two lists."""
    return (
        '{"MetricDataResults": [{"Id": "q0", "StatusCode": "Complete", '
        f'"Timestamps": {timestamps}, "Values": {values}}}]}}'
    )


@pytest.mark.parametrize(
    "body",
    ["<html>sign in</html>", "[]", one_result("[1]", "[]"), one_result('["soon"]', "[1]")],
)
def test_garbage_is_never_silence(world: World, body: str) -> None:
    """Whatever comes back instead of an answer is an error or a problem."""
    world.respond(lambda _: Answer(body=body))
    try:
        found = world.source.read([ask(query())], now=NOW)[query()]
    except SourceError:
        return
    assert found.problem is not None


def test_one_refused_query_does_not_blind_the_others(world: World) -> None:
    """CloudWatch refuses a whole call for one bad statistic: halving finds it."""

    def respond(call: dict[str, Any]) -> dict[str, Any] | Answer:
        if any(q["MetricStat"]["Stat"] == "p101" for q in call["MetricDataQueries"]):
            return Answer(status=400, body='{"__type": "ValidationError", "message": "Stat p101"}')
        return everything_complete(call)

    world.respond(respond)
    good = [query(f"M{i}") for i in range(20)]
    bad = query("M7", "p101")
    found = world.source.read([ask(q) for q in [*good, bad]], now=NOW)
    assert all(found[q].problem is None for q in good)
    problem = found[bad].problem
    assert problem is not None
    assert problem.reason is Reason.INVALID
    assert "p101" in problem.detail
    assert len(world.calls) <= 11


def test_when_every_call_is_refused_the_read_failed(world: World) -> None:
    """A lone bad query is a SourceError, as nothing was read."""
    world.respond(lambda _: Answer(status=400, body='{"__type": "ValidationError"}'))
    with pytest.raises(SourceError) as caught:
        world.source.read([ask(query())], now=NOW)
    assert caught.value.reason is Reason.INVALID


def test_one_failed_call_of_two_leaves_problems(world: World) -> None:
    """What the other call brought is kept."""

    def respond(call: dict[str, Any]) -> dict[str, Any] | Answer:
        if call["MetricDataQueries"][0]["MetricStat"]["Period"] == 300:
            return Answer(status=400, body='{"__type": "Throttling"}')
        return everything_complete(call)

    world.respond(respond)
    slow = query("Slow", period_s=300)
    found = world.source.read([ask(query()), ask(slow)], now=NOW)
    assert found[query()].problem is None
    problem = found[slow].problem
    assert problem is not None
    assert problem.reason is Reason.THROTTLED


@pytest.mark.parametrize(
    ("period_s", "days", "said"),
    [
        (10, 1, "3 hours"),
        (60, 16, "15 days"),
        (240, 16, "15 days"),
        (300, 64, "63 days"),
        (3600, 456, "455 days"),
    ],
)
def test_what_cloudwatch_no_longer_keeps_is_a_problem_and_not_silence(
    world: World, period_s: int, days: int, said: str
) -> None:
    """One-minute points are kept for 15 days; asking for older ones would bring nothing."""
    asked = replace(query(), period_s=period_s)
    old = replace(ask(asked), start=MINUTE - days * 86_400)
    problem = world.source.read([old], now=NOW)[asked].problem
    assert problem is not None
    assert problem.reason is Reason.INVALID
    assert said in problem.detail
    assert world.calls == []


def test_another_account_is_a_source_error(world: World) -> None:
    """The guard of the client speaks as a source here."""
    world.server.answer = lambda _: account_answer("111111111111")
    with pytest.raises(SourceError, match="111111111111") as caught:
        world.source.read([ask(query())], now=NOW)
    assert caught.value.reason is Reason.AUTH


def test_options_are_strict() -> None:
    """There are none, and an unknown one is refused."""
    with pytest.raises(ValidationError):
        Options.model_validate({"max_pages": 3})
