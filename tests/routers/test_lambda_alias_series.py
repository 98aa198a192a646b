"""Which series shows a version that takes all of an alias's traffic."""

from __future__ import annotations

from guardian.aws import Sessions
from guardian.cloudwatch import MetricStat, metric_query
from guardian.routers.lambda_alias import LambdaAlias, Options
from tests.contracts.adapters import account_for, context_for

VERSIONED = metric_query(
    namespace="AWS/Lambda",
    metric="Errors",
    stat="Sum",
    dimensions=(
        ("ExecutedVersion", "42"),
        ("FunctionName", "agents-api"),
        ("Resource", "agents-api:live"),
    ),
)


def router() -> LambdaAlias:
    """The router of agents-api:live; it is asked nothing here."""
    options = Options(function="agents-api", alias="live")
    return LambdaAlias(options, context_for(account_for(Sessions())))


def test_the_whole_alias_stands_in_for_its_only_version() -> None:
    """The same metric without the version."""
    found = router().fallback_query(VERSIONED, live="42")
    assert found is not None
    assert MetricStat.of(found).dimensions == (
        ("FunctionName", "agents-api"),
        ("Resource", "agents-api:live"),
    )


def test_nothing_stands_in_for_another_version_or_another_metric() -> None:
    """A custom metric by version, another version, another alias: none."""
    custom = metric_query(
        namespace="EnergyInsights/Api",
        metric="Requests",
        stat="Sum",
        dimensions=(("Version", "42"),),
    )
    assert router().fallback_query(custom, live="42") is None
    assert router().fallback_query(VERSIONED, live="41") is None
    other = LambdaAlias(
        Options(function="agents-api", alias="beta"), context_for(account_for(Sessions()))
    )
    assert other.fallback_query(VERSIONED, live="42") is None
