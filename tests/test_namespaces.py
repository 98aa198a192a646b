"""What CloudWatch publishes: settle times and units by namespace."""

from __future__ import annotations

import pytest

from guardian.namespaces import SETTLE_S, UNITS, settle_s, unit


@pytest.mark.parametrize(
    ("namespace", "minutes"),
    [
        ("AWS/Lambda", 3),
        ("AWS/Events", 25),
        ("AWS/SomethingNew", 5),
        ("EnergyInsights/Api", 2),
        ("AWSOME/Api", 2),
    ],
)
def test_each_namespace_has_its_settle_time(namespace: str, minutes: float) -> None:
    """Known ones their own, other ones of AWS five minutes, an application's own two."""
    assert settle_s(namespace) == minutes * 60


def test_nothing_of_aws_settles_sooner_than_the_floor() -> None:
    """Three minutes are the least for metrics that AWS itself publishes."""
    assert min(SETTLE_S.values()) == 180.0


def test_units_differ_between_namespaces() -> None:
    """A load balancer reports seconds where a function reports milliseconds."""
    assert unit("AWS/ApplicationELB", "TargetResponseTime") == "Seconds"
    assert unit("AWS/Lambda", "Duration") == "Milliseconds"
    assert unit("AWS/Lambda", "Nothing") is None
    assert unit("Mine", "Duration") is None


def test_units_are_of_namespaces_with_a_known_settle_time() -> None:
    """Who is listed in one table is listed in the other."""
    assert {namespace for namespace, _ in UNITS} <= set(SETTLE_S)
