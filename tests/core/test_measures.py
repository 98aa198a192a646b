"""What every kind of criterion answers when the core asks it."""

from __future__ import annotations

import pkgutil
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.core.judging import kinds
from guardian.core.judging.counts import Counts, Ledger, Span
from guardian.core.judging.kinds import KINDS
from guardian.core.judging.kinds.gauge import Gauge
from guardian.core.judging.kinds.latency import Latency
from guardian.core.judging.kinds.percentile import Percentile
from guardian.core.measure import Measure
from tests.contracts.journal_values import values
from tests.core.builders import COUNT, T0, WITHIN

every_kind = st.one_of([values(kind) for kind in KINDS])


def test_each_kind_is_a_module_of_its_own() -> None:
    """What lies in the folder is what there is, and each module holds one."""
    modules = [f"{kinds.__name__}.{found.name}" for found in pkgutil.iter_modules(kinds.__path__)]
    assert [kind.__module__ for kind in KINDS] == modules


@settings(deadline=None, derandomize=True, max_examples=100)
@given(measure=every_kind)
def test_a_kind_speaks_of_its_own_series_alone(measure: Measure) -> None:
    """What is heard, sought and shown are queries that are read for it."""
    queries = set(measure.queries)
    assert measure.heard_by in queries
    assert set(measure.sought) <= queries
    assert measure.computed is None or measure.computed in queries
    assert measure.trimmed is None or measure.trimmed in queries


def test_a_latency_that_cannot_be_counted_is_what_its_source_computes() -> None:
    """Where that computes one; the others count what every metric has."""
    latency = Latency(percentile=99.9, count=COUNT, within=WITHIN)
    series = replace(COUNT, period_s=300)
    found = latency.as_computed(lambda query, p: series if (query, p) == (COUNT, 99.9) else None)
    assert found == Percentile(percentile=99.9, series=series, count=COUNT)
    assert latency.as_computed(lambda *_: None) is None
    assert Gauge(series=COUNT).as_computed(lambda *_: series) is None


@settings(deadline=None, derandomize=True, max_examples=100)
@given(measure=every_kind)
def test_of_nothing_no_kind_counts_anything(measure: Measure) -> None:
    """Before anything was read there is neither health nor harm."""
    counts = Ledger().over(measure, {}, Span(period_s=60.0, begin=T0)).counts
    assert replace(counts, busiest_partial=0.0) == Counts()


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_a_value(kind: type[Measure]) -> None:
    """Nothing can be written to it after it was made."""
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]  # it is a dataclass
    assert "__dict__" not in dir(kind)
