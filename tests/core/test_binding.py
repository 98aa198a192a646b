"""Variables of a rule file become the names of one rollout."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.cloudwatch import MetricStat, changed, metric_query
from guardian.core.binding import UnboundVariable, bind, sibling, swapped
from guardian.core.judging.kinds.gauge import Gauge
from guardian.core.judging.kinds.incidents import Incidents, incident_query
from guardian.core.judging.kinds.latency import Latency
from guardian.core.judging.kinds.percentile import Percentile
from guardian.core.judging.kinds.rate import Rate
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.measure import Measure
from guardian.core.model import Compare
from tests.core.rollouts import criterion, ratio

NAMES = {"canary": "42", "stable": "41", "router.function": "agents-api"}
LATENCY = Latency(
    percentile=95,
    count=metric_query(namespace="AWS/Lambda", metric="${kind}", stat="SampleCount"),
    within=metric_query(namespace="${vendor}/Lambda", metric="Duration", stat="TC(:10)"),
)


def test_variables_in_dimensions_are_replaced() -> None:
    """Also several in one value, and in both queries of a ratio."""
    bound = bind(
        replace(
            criterion(), measure=ratio(Version="${canary}", Name="${router.function}:${stable}")
        ),
        NAMES,
    )
    assert isinstance(bound.measure, Ratio)
    for query in (bound.measure.part, bound.measure.total):
        assert MetricStat.of(query).dimensions == (("Name", "agents-api:41"), ("Version", "42"))


def test_the_dimensions_that_name_a_version_are_remembered() -> None:
    """So that the same series of the other version can be found."""
    bound = bind(
        replace(criterion(), measure=ratio(Name="${router.function}", Version="agents-${canary}")),
        NAMES | {"router.function": "a42"},
    )
    assert isinstance(bound.measure, Ratio)
    part = bound.measure.part
    assert part.versioned == ("Version",)
    assert MetricStat.of(sibling(part, "42", "41")).dimensions == (
        ("Name", "a42"),
        ("Version", "agents-41"),
    )


def test_variables_in_names_are_replaced() -> None:
    """Namespace and metric may hold some too, of a percentile as of a ratio."""
    bound = bind(replace(criterion(), measure=LATENCY), {"kind": "Duration", "vendor": "AWS"})
    assert isinstance(bound.measure, Latency)
    assert MetricStat.of(bound.measure.count).metric == "Duration"
    assert MetricStat.of(bound.measure.within).namespace == "AWS/Lambda"


def test_the_side_that_is_compared_with_is_bound_too() -> None:
    """Stable's queries are series like the canary's."""
    compare = Compare(stable=ratio(Version="${stable}"))
    bound = bind(replace(criterion(), compare=compare), NAMES)
    assert bound.compare is not None
    assert isinstance(bound.compare.stable, Ratio)
    assert MetricStat.of(bound.compare.stable.part).dimensions == (("Version", "41"),)


def test_a_comparison_without_its_own_queries_stays() -> None:
    """There is nothing to bind in it."""
    assert bind(replace(criterion(), compare=Compare()), NAMES).compare == Compare()


def test_a_criterion_without_variables_stays() -> None:
    """Binding changes nothing else."""
    assert bind(criterion(), {}) == criterion()


def test_what_looks_like_a_variable_in_a_value_stays() -> None:
    """Values are put in once, and never read again."""
    bound = bind(replace(criterion(), measure=ratio(Version="${canary}")), {"canary": "${stable}"})
    assert isinstance(bound.measure, Ratio)
    assert MetricStat.of(bound.measure.part).dimensions == (("Version", "${stable}"),)


@pytest.mark.parametrize("name", ["cannary", "router.alias", "a-b", ""])
def test_an_unknown_variable_names_the_known_ones(name: str) -> None:
    """A misspelt name, or none, is an error that helps, never a series that does not exist."""
    unbound = replace(criterion(), measure=ratio(Version=f"${{{name}}}"))
    with pytest.raises(UnboundVariable) as raised:
        bind(unbound, NAMES)
    assert str(raised.value) == (
        f"criterion 'error-rate' uses ${{{name}}}, which is not known here;"
        " known are ${canary}, ${router.function}, ${stable}"
    )


def test_queries_of_a_measure_can_be_swapped() -> None:
    """Both kinds of measure; what is not named stays."""
    plain = ratio(Version="42")
    other = changed(plain.total, metric="Other")
    assert swapped(plain, {plain.total: other}) == replace(plain, total=other)
    within = changed(LATENCY.within, stat="TC(:20)")
    assert swapped(LATENCY, {LATENCY.within: within}) == replace(LATENCY, within=within)


def test_a_criterion_reads_what_it_compares_with_too() -> None:
    """Its own two series, and stable's."""
    compared = replace(criterion(), compare=Compare(stable=ratio(Version="41")))
    assert len(list(compared.queries())) == 4
    assert len(list(criterion().queries())) == 2


def test_the_services_of_incidents_are_bound() -> None:
    """In the question and beside it."""
    services = ("P${stable}", "PABC123")
    measure = Incidents(
        open=incident_query("pagerduty", ("P0",), services), priorities=("P0",), services=services
    )
    bound = bind(replace(criterion(), measure=measure), NAMES).measure
    assert isinstance(bound, Incidents)
    assert bound.services == ("P41", "PABC123")
    assert bound.open == incident_query("pagerduty", ("P0",), bound.services)


@pytest.mark.parametrize(
    "measure",
    [
        ratio(Version="${canary}"),
        LATENCY,
        Percentile(percentile=95, series=LATENCY.within, count=LATENCY.count),
        Gauge(series=LATENCY.count),
        Rate(events=LATENCY.count),
        Incidents(open=LATENCY.count, priorities=(), services=()),
    ],
)
def test_every_query_of_every_measure_can_be_swapped(measure: Measure) -> None:
    """Those that are not named stay, and nothing else changes."""
    swaps = {
        query: changed(query, metric=f"other-{MetricStat.of(query).stat}")
        for query in measure.queries
    }
    other = swapped(measure, swaps)
    assert other.queries == tuple(swaps[query] for query in measure.queries)
    assert swapped(other, swaps) == other
    assert swapped(measure, {}) is measure
