"""Datapoints judged one by one: what was looked at before is not looked at again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.core.judging.judge import judge
from guardian.core.model import Criterion, Datapoint, Measurement, Missing, Query
from guardian.core.verdict import Outcome
from tests.core.builders import T0, window
from tests.core.test_threshold import CPU, GAUGE, OWN_P95, RATE

steady = settings(deadline=None, derandomize=True, max_examples=150)
cpu = st.one_of(st.none(), st.sampled_from([50.0, 90.0, 300.0, 900.0]))
minutes = st.lists(cpu, min_size=24, max_size=24)
looks = st.tuples(
    st.integers(1, 24), st.dictionaries(st.integers(0, 23), cpu, max_size=1), st.booleans()
)


def read(
    criterion: Criterion, values: Mapping[int, float | None], settled: int, since: float
) -> dict[Query, Measurement]:
    """All series of a criterion alike, up to a minute."""
    points = tuple(
        Datapoint(T0 + 60.0 * minute, value)
        for minute, value in sorted(values.items())
        if value is not None and since <= T0 + 60.0 * minute and minute < settled
    )
    found = Measurement(points=points, settled_before=T0 + 60.0 * settled, since=since, known=True)
    return dict.fromkeys(criterion.measure.queries, found)


@steady
@given(
    criterion=st.sampled_from([GAUGE, OWN_P95, RATE]),
    missing=st.sampled_from(Missing),
    values=minutes,
    seen=st.lists(looks, min_size=2, max_size=6),
)
def test_memory_changes_no_verdict(
    criterion: Criterion,
    missing: Missing,
    values: Sequence[float | None],
    seen: Sequence[tuple[int, Mapping[int, float | None], bool]],
) -> None:
    """In any order of looks, with corrections, before and after what was older was read."""
    criterion = replace(criterion, treat_missing=missing)
    every, judge_state = dict(enumerate(values)), None
    for settled, changed, whole in seen:
        every.update(changed)
        found = read(criterion, every, settled, 0.0 if whole else T0 + 480.0)
        now = T0 + 60.0 * settled + criterion.settle_s
        verdict, judge_state = judge(criterion, found, window(), now=now, judge_state=judge_state)
        assert verdict == judge(criterion, found, window(), now=now)[0]


@steady
@given(values=minutes, missing=st.sampled_from([Missing.BREACHING, Missing.NOT_BREACHING]))
def test_a_breach_is_a_window_with_enough_over_the_limit_wherever_it_lies(
    values: Sequence[float | None], missing: Missing
) -> None:
    """As the definition says: M of N in a row, of which one was heard."""
    criterion = replace(GAUGE, treat_missing=missing)
    needed, of = criterion.datapoints
    windows = [values[max(0, last + 1 - of) : last + 1] for last in range(len(values))]

    def over(value: float | None) -> bool:
        return missing is Missing.BREACHING if value is None else value > 80.0

    broken = any(
        sum(map(over, each)) >= needed and any(value is not None for value in each)
        for each in windows
    )
    found = read(criterion, dict(enumerate(values)), len(values), 0.0)
    assert set(found) == {CPU}
    now = T0 + 60.0 * len(values) + criterion.settle_s
    outcome = judge(criterion, found, window(), now=now)[0].outcome
    assert (outcome is Outcome.FAIL) is broken
