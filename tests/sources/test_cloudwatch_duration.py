"""The longest invocation of a day, which lengthens a function's settle time."""

from __future__ import annotations

import pytest

from guardian.ports import SourceError
from tests.sources.cloudwatch_world import (
    NOW,
    World,
    complete,
)


def test_the_longest_duration_of_a_day_is_in_seconds(world: World) -> None:
    """The settle time of a function grows by it."""
    points = {1_699_999_200.0: 2500.0, 1_699_995_600.0: 61_000.0}
    world.respond(lambda _: {"MetricDataResults": [complete("q0", points)]})
    assert world.source.longest_duration_s("f", now=NOW) == 61.0
    (call,) = world.calls
    stat = call["MetricDataQueries"][0]["MetricStat"]
    assert (stat["Stat"], stat["Period"]) == ("Maximum", 3600)
    assert stat["Metric"]["Dimensions"] == [{"Name": "FunctionName", "Value": "f"}]
    assert call["EndTime"] - call["StartTime"] == 25 * 3600


def test_a_function_that_never_ran_has_no_longest_duration(world: World) -> None:
    """None, and not zero."""
    world.respond(lambda _: {"MetricDataResults": [complete("q0")]})
    assert world.source.longest_duration_s("f", now=NOW) is None


def test_an_unreadable_duration_is_an_error(world: World) -> None:
    """The caller decides what to assume."""
    bad = complete("q0") | {"StatusCode": "Forbidden"}
    world.respond(lambda _: {"MetricDataResults": [bad]})
    with pytest.raises(SourceError):
        world.source.longest_duration_s("f", now=NOW)
