"""A latency whose samples cannot be counted is judged by CloudWatch's own percentile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from guardian.app.planning import plan_rollout, plan_watch
from guardian.cloudwatch import MetricStat, changed, metric_query
from guardian.core.judging.kinds.latency import Latency
from guardian.core.judging.kinds.percentile import Percentile
from guardian.core.model import Compare, Criterion, Direction, Judge, Limit, Query
from guardian.core.plan import Plan
from tests.app.shop import CANARY, Shop, bound, probe

COUNT = metric_query(
    namespace="Shop/Api",
    metric="Took",
    stat="SampleCount",
    unit="Milliseconds",
    dimensions=(("Version", "${canary}"),),
)
WITHIN = changed(COUNT, stat="TC(:800)")
P95 = Criterion(
    name="took-p95",
    measure=Latency(percentile=95, count=COUNT, within=WITHIN),
    fail_if=Limit(direction=Direction.ABOVE, value=800.0, text="800ms"),
    min_samples=60,
    compare=Compare(),
)


class Speaking:
    """Who speaks: the series of these statistics and versions."""

    def __init__(self, *stats: str, version: str | None = None) -> None:
        self.stats = stats
        self.version = version
        self.asked: list[Query] = []

    def __call__(self, queries: Sequence[Query]) -> frozenset[Query]:
        """Which of them had datapoints lately."""
        self.asked += queries
        return frozenset(q for q in queries if q.word("stat") in self.stats and self._named(q))

    def _named(self, query: Query) -> bool:
        return self.version is None or dict(query.pairs()).get("Version", "") == self.version


def planned(shop: Shop, has_data: Speaking, criterion: Criterion = P95) -> Plan:
    """The plan of a rollout with this criterion alone."""
    shop.service = replace(shop.service, criteria=(criterion,))
    return plan_rollout(
        shop.service,
        shop.request(),
        to="42",
        journal=shop.journal,
        probe=probe(has_data),
    )


@pytest.mark.parametrize(("version", "whole"), [("41", False), ("", True)])
def test_a_metric_without_counts_is_read_as_a_percentile(*, version: str, whole: bool) -> None:
    """Seen on stable, or on the target as a whole; the limit stays, the floor is CloudWatch's."""
    shop = Shop()
    shop.target.whole = whole
    (found,) = planned(shop, Speaking("SampleCount", version=version)).criteria
    assert isinstance(found.measure, Percentile)
    assert MetricStat.of(found.measure.series).stat == "p95"
    assert MetricStat.of(found.measure.series).dimensions == (("Version", "42"),)
    assert MetricStat.of(found.measure.count).stat == "SampleCount"
    assert (found.judge, found.min_samples, found.compare) == (Judge.THRESHOLD, 200, None)
    assert (found.fail_if.value, found.fail_if.text) == (800.0, "800ms")
    assert "CloudWatch's own p95, judged by 3 of 5 datapoints" in found.note


@pytest.mark.parametrize(("percentile", "floor"), [(99.0, 1000), (99.9, 10000), (90.0, 100)])
def test_the_floor_is_ten_samples_above_the_percentile(percentile: float, floor: int) -> None:
    """10 / (1 - p), exactly."""
    criterion = replace(
        P95, measure=Latency(percentile=percentile, count=COUNT, within=WITHIN), note="mind this"
    )
    (found,) = planned(Shop(), Speaking("SampleCount"), criterion).criteria
    assert found.min_samples == floor
    assert found.note.startswith("mind this; CloudWatch's own p9")


@pytest.mark.parametrize(
    "has_data",
    [Speaking("SampleCount", "TC(:800)"), Speaking(), Speaking("TC(:800)")],
    ids=["both", "neither", "odd"],
)
def test_what_can_be_counted_is_counted(has_data: Speaking) -> None:
    """Also where nothing could be learned: counts are the better evidence."""
    (found,) = planned(Shop(), has_data).criteria
    assert isinstance(found.measure, Latency)
    assert not found.note


def test_a_source_that_computes_no_percentile_counts_on() -> None:
    """There is nothing better."""
    shop = Shop()
    shop.service = replace(shop.service, criteria=(P95,))
    plan = plan_rollout(
        shop.service,
        shop.request(),
        to="42",
        journal=shop.journal,
        probe=replace(probe(Speaking("SampleCount")), percentile=lambda _query, _percentile: None),
    )
    assert isinstance(plan.criteria[0].measure, Latency)


def test_nothing_is_asked_where_there_is_no_latency() -> None:
    """Each question costs money."""
    has_data = Speaking("SampleCount")
    planned(Shop(), has_data, bound())
    assert has_data.asked == []


def test_a_watch_looks_too() -> None:
    """It may be the only thing that guards the service."""
    shop = Shop(CANARY)
    shop.snapshot("41", hours_ago=1)
    shop.service = replace(shop.service, criteria=(P95,))
    plan = plan_watch(
        shop.service,
        shop.request(),
        duration_s=1800.0,
        rollback_to=None,
        journal=shop.journal,
        probe=probe(Speaking("SampleCount", version="41")),
    )
    assert isinstance(plan.criteria[0].measure, Percentile)
