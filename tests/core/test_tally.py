"""What was counted before and stands is not counted again, and changes no count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, nan

from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.core.judging.counts import Counts, Ledger, Span, count
from guardian.core.judging.kinds.gauge import Gauge
from guardian.core.judging.kinds.latency import Latency
from guardian.core.judging.kinds.percentile import Percentile
from guardian.core.judging.kinds.rate import Rate
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.judging.tally import Count, Tally, common
from guardian.core.measure import Measure
from guardian.core.model import Datapoint, Direction, Measurement, Query
from tests.core.builders import BAD, COUNT, GOOD, T0, TOTAL, WITHIN

steady = settings(deadline=None, derandomize=True, max_examples=120)

MEASURES: Sequence[Measure] = (
    Ratio(part=BAD, total=TOTAL, good=False),
    Ratio(part=BAD, total=TOTAL, good=False, absent_zero=True),
    Ratio(part=GOOD, total=TOTAL, good=True),
    Latency(percentile=95, count=COUNT, within=WITHIN),
    Rate(events=BAD),
    Percentile(percentile=95, series=WITHIN, count=COUNT),
    Gauge(series=TOTAL),
)
SPANS = (
    Span(period_s=60.0, begin=T0),
    Span(period_s=60.0, begin=T0 + 120.0, left_out=((T0 + 310.0, T0 + 400.0),)),
    Span(period_s=300.0, begin=T0 + 180.0),
)

usual = st.one_of(st.none(), st.sampled_from([0.0, 1.0, 2.5, 0.1, 60.0]))
unusual = st.one_of(usual, st.sampled_from([-1.0, nan, inf]))
corrections = st.dictionaries(st.integers(0, 29), unusual, max_size=2)
looks = st.tuples(
    st.integers(0, 30),  # so many minutes were read
    st.integers(0, 30),  # so many of them are settled
    corrections,
    corrections,
    st.sampled_from([True, True, True, False]),  # whether the series is known
    st.sampled_from([SPANS[0], *SPANS]),
)


def points(values: Mapping[int, float | None], until: int) -> tuple[Datapoint, ...]:
    """The datapoints of the first minutes."""
    found = ((minute, values[minute]) for minute in range(min(until, len(values))))
    return tuple(Datapoint(T0 + 60.0 * m, v) for m, v in found if v is not None)


@steady
@given(
    measure=st.sampled_from(MEASURES),
    parts=st.lists(usual, min_size=30, max_size=30),
    totals=st.lists(usual, min_size=30, max_size=30),
    seen=st.lists(looks, min_size=2, max_size=8),
    direction=st.sampled_from(Direction),
)
def test_a_count_that_goes_on_is_the_count_of_everything_anew(
    measure: Measure,
    parts: Sequence[float | None],
    totals: Sequence[float | None],
    seen: Sequence[tuple[int, int, Mapping[int, float], Mapping[int, float], bool, Span]],
    direction: Direction,
) -> None:
    """Minutes come and are corrected, old ones too; what is settled goes forth and back."""
    ledger = Ledger()
    every = [dict(enumerate(parts)), dict(enumerate(totals))]
    for read, settled, *changes, known, span in seen:
        for values, changed in zip(every, changes, strict=True):
            assert isinstance(changed, Mapping)
            values.update(changed)
        found: dict[Query, Measurement] = {
            query: Measurement(
                points=points(values, read), settled_before=T0 + 60.0 * settled, known=bool(known)
            )
            for query, values in zip(measure.queries, every, strict=False)
        }
        ledger = ledger.over(measure, found, span, direction=direction)
        assert ledger.counts == count(measure, found, span, direction=direction)


def test_what_was_counted_and_stands_is_the_very_same() -> None:
    """A minute more costs a minute, and a correction what comes after it."""
    measure = MEASURES[0]

    def counted(ledger: Ledger, bad: Sequence[float]) -> Ledger:
        found = {
            query: Measurement(
                points=points(dict(enumerate(values)), len(values)),
                settled_before=T0 + 60.0 * len(values),
            )
            for query, values in ((BAD, bad), (TOTAL, [60.0] * len(bad)))
        }
        return ledger.over(measure, found, SPANS[0])

    def kept(before: Counts, after: Counts) -> list[bool]:
        pairs = zip(before.settled, after.settled, strict=False)
        return [a is b for a, b in pairs]

    first = counted(Ledger(), [1.0] * 6)
    longer = counted(first, [1.0] * 7)
    assert kept(first.counts, longer.counts) == [True] * 6
    corrected = counted(longer, [1.0, 1.0, 9.0, 1.0, 1.0, 1.0, 1.0])
    assert kept(longer.counts, corrected.counts) == [True] * 2 + [False] * 5


sums = st.lists(st.sampled_from([(0.0, 0.0), (0.1, 0.3), (1.0, 7.0)]), max_size=12)


@steady
@given(lists=st.lists(sums, min_size=1, max_size=5))
def test_sums_that_go_on_are_the_sums_of_everything_to_the_last_bit(
    lists: Sequence[Sequence[tuple[float, float]]],
) -> None:
    """Whatever the list was before."""
    tally = Tally()
    for each in lists:
        counts = tuple(Count(float(i), bad, total) for i, (bad, total) in enumerate(each))
        tally = tally.over(counts)
        assert tally == Tally().over(counts)
        assert (tally.bad, tally.total) == (
            sum(c.bad for c in counts),
            sum(c.total for c in counts),
        )
        assert tally.heard == sum(c.total > 0 for c in counts)


digits = st.lists(st.integers(0, 2), max_size=40).map(tuple)


@steady
@given(head=digits, before=digits, after=digits)
def test_how_much_two_lists_have_in_common(
    head: tuple[int, ...], before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    """The longest beginning of both."""
    one, other = head + before, head + after
    same = common(one, other)
    assert one[:same] == other[:same]
    assert same == min(len(one), len(other)) or one[same] != other[same]
