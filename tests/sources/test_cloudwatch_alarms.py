"""Existing alarms, read over a socket from a simulated CloudWatch by real clients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from guardian.aws import Sessions
from guardian.core.judging.kinds.alarms import alarm_query
from guardian.core.model import Measurement, Query, Reason
from guardian.ports import Ask, SourceError
from guardian.sim.cloudwatch_alarms import Alarms
from guardian.sim.server import Simulator
from guardian.sources.cloudwatch_alarms import MAX_PAGES, NAMES, CloudWatchAlarms, Options, build
from tests.contracts.adapters import StillClock, account_for, context_for, use_endpoint

NOW = 1_700_000_100.0
ALARM, NO_DATA = "ALARM", "INSUFFICIENT_DATA"


@dataclass
class Account:
    """An account with alarms, and the source that reads them."""

    simulator: Simulator
    alarms: Alarms
    client: Any
    source: CloudWatchAlarms

    def put(self, name: str, state: str = "OK", **options: Any) -> None:
        """A metric alarm in a state."""
        self.client.put_metric_alarm(
            AlarmName=name,
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            **options,
        )
        self.set(name, state)

    def set(self, name: str, state: str) -> None:
        """It changes its state now."""
        self.client.set_alarm_state(AlarmName=name, StateValue=state, StateReason=f"to {state}")

    def composite(self, name: str, state: str = "OK") -> None:
        """A composite alarm in a state."""
        self.client.put_composite_alarm(AlarmName=name, AlarmRule="ALARM(payments-5xx)")
        self.set(name, state)

    def read(self, *names: str, states: tuple[str, ...] = (ALARM,)) -> tuple[Measurement, ...]:
        """What fires, and what shows no health."""
        queries = asked(*names, states=states)
        found = self.source.read([ask(query) for query in queries], now=NOW)
        return tuple(found[query] for query in queries)


def asked(*names: str, states: tuple[str, ...] = (ALARM,)) -> tuple[Query, ...]:
    """Both questions of a criterion."""
    both = ("firing", "doubtful")
    return tuple(alarm_query("cloudwatch_alarms", each, names, states) for each in both)


def ask(query: Query) -> Ask:
    """Now: there is no history."""
    return Ask(query=query, start=NOW - 300, end=NOW, settle_s=0.0)


def ids(found: Measurement) -> list[str]:
    """The names of what was found."""
    return [one.id for one in found.incidents]


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """The simulated account; its clock stands still unless it is set."""
    with Simulator(StillClock(NOW)) as simulator:
        use_endpoint(monkeypatch, simulator.url)
        context = context_for(account_for(Sessions()), clock=simulator.world.clock)
        yield Account(
            simulator,
            simulator.part(Alarms),
            context.client("cloudwatch"),
            build(Options(), context),
        )


def test_metric_and_composite_alarms_that_fire_are_told_with_their_time(account: Account) -> None:
    """By whole name and by beginning, each once, in one go for both questions."""
    account.put("payments-5xx", ALARM)
    account.put("payments-p95")
    account.composite("payments-any", ALARM)
    firing, doubtful = account.read("payments-*", "payments-5xx")
    assert ids(firing) == ["payments-5xx", "payments-any"]
    assert (ids(doubtful), doubtful.problem, firing.settled_before) == ([], None, NOW)
    first, second = firing.incidents
    assert (first.opened_at, first.title, first.priority) == (NOW, "to ALARM", ALARM)
    assert (first.service, second.service) == ("MetricAlarm", "CompositeAlarm")
    assert account.simulator.calls("cloudwatch", "DescribeAlarms") == 2


def test_what_is_muted_or_without_data_shows_no_health(account: Account) -> None:
    """And says why; one that fires fires all the same."""
    account.put("a-disabled", ActionsEnabled=False)
    account.put("b-silent", NO_DATA)
    account.composite("c-suppressed")
    account.alarms.suppress("c-suppressed", "maintenance")
    account.put("d-muted-and-firing", ALARM, ActionsEnabled=False)
    account.put("e-well")
    names = ("a-disabled", "b-silent", "c-suppressed", "d-muted-and-firing", "e-well")
    firing, doubtful = account.read(*names)
    assert ids(firing) == ["d-muted-and-firing"]
    assert {one.id: one.title for one in doubtful.incidents} == {
        "a-disabled": "is muted: its actions are disabled",
        "b-silent": "has insufficient data",
        "c-suppressed": "is muted: its actions are suppressed by maintenance",
    }
    firing, doubtful = account.read("b-silent", states=(ALARM, NO_DATA))
    assert (ids(firing), ids(doubtful)) == (["b-silent"], [])


def test_an_alarm_that_does_not_exist_is_a_problem_that_names_near_ones(account: Account) -> None:
    """What fires beside it is told; the look around is made once in ten minutes."""
    account.put("payments-5xx", ALARM)
    for _ in range(2):
        firing, doubtful = account.read("payments-5xx", "payment-5xx")
        assert ids(firing) == ["payments-5xx"]
        assert doubtful.problem is not None
        assert doubtful.problem.reason is Reason.NOT_FOUND
        assert doubtful.problem.detail == (
            "CloudWatch in us-east-1 has no alarm payment-5xx: it has payments-5xx"
        )
    assert account.simulator.calls("cloudwatch", "DescribeAlarms") == 3
    _, doubtful = account.read("zzz*")
    assert doubtful.problem is not None
    assert doubtful.problem.detail.endswith("has no alarm whose name begins with zzz")


def test_many_names_take_a_call_for_each_hundred_and_pages_are_followed(account: Account) -> None:
    """And a beginning that stands for too many is a problem, not a part of the truth."""
    names = [f"shop-{n:03}" for n in range(NAMES * MAX_PAGES + 1)]
    for name in names:
        account.put(name)
    account.set(names[NAMES * 2], ALARM)
    before = account.simulator.calls("cloudwatch", "DescribeAlarms")
    firing, doubtful = account.read(*names[: NAMES * 2 + 1])
    assert (ids(firing), doubtful.problem) == ([names[NAMES * 2]], None)
    assert account.simulator.calls("cloudwatch", "DescribeAlarms") == before + 3
    firing, doubtful = account.read("shop-*")
    assert ids(firing) == [names[NAMES * 2]]
    assert doubtful.problem is not None
    assert doubtful.problem.detail.startswith("more than 500 alarms begin with shop-")
    account.client.delete_alarms(AlarmNames=names[:1])
    assert account.read("shop-*")[1].problem is None


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("access_denied", Reason.AUTH),
        ("throttle", Reason.THROTTLED),
        ("server_error", Reason.UNAVAILABLE),
    ],
)
def test_what_cloudwatch_refuses_is_told_with_its_reason(
    account: Account, kind: str, reason: Reason
) -> None:
    """Nothing is taken for quiet that could not be asked."""
    account.simulator.faults.add(kind=kind, service="cloudwatch")
    with pytest.raises(SourceError) as raised:
        account.read("payments-5xx")
    assert raised.value.reason is reason


def test_nothing_else_is_asked_of_it(account: Account) -> None:
    """It has no series: nothing to be known, corrected, or counted."""
    query = asked("payments-5xx")[0]
    assert account.source.unknown([query], now=NOW) == {}
    assert account.source.corrected_s(query) == 0.0
    assert account.source.percentile(query, 95.0) is None
