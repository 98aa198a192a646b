"""Datapoint histories: what is asked again, what late corrections change, what blindness keeps."""

from __future__ import annotations

from typing import Any, cast

from guardian.core.model import Datapoint, Incident, Measurement, Problem, Query, Reason
from guardian.engine.series import REREAD_PERIODS, Series, SeriesStore
from guardian.ports import Ask

QUERY = Query(namespace="N", metric="Bad", stat="Sum")
T0 = 1_800_000_000.0
SETTLE_S = 180.0
TROUBLE = Problem(reason=Reason.UNAVAILABLE, detail="no answer")


def ask(series: Series, now: float, since: float = T0) -> Ask:
    """What the series wants to read at `now`."""
    return series.ask(QUERY, since=since, settle_s=SETTLE_S, now=now)


def read(now: float, *points: tuple[float, float]) -> Measurement:
    """A source's answer at `now`; points as (minute since T0, value)."""
    return Measurement(
        points=tuple(Datapoint(T0 + 60 * minute, value) for minute, value in points),
        settled_before=(now - SETTLE_S) // 60 * 60,
    )


def values(series: Series, since: float = T0) -> list[tuple[int, float]]:
    """What is known, as (minute since T0, value)."""
    points = series.measurement(since=since).points
    return [(int(p.start - T0) // 60, p.value) for p in points]


def test_the_first_read_is_wide_and_later_ones_read_only_the_tail() -> None:
    """Twenty minutes in, only what may still change is asked for again."""
    series = Series()
    now = T0 + 20 * 60
    first = ask(series, now)
    assert (first.start, first.end) == (T0, now + 60)
    series.merge(first, read(now, (0, 1.0), (19, 1.0)), now=now)
    second = ask(series, now + 60)
    assert second.start == T0 + (17 - REREAD_PERIODS) * 60
    assert values(series) == [(0, 1.0), (19, 1.0)]


def test_an_earlier_beginning_widens_the_next_read() -> None:
    """Another rollout that shares the query began before: everything from there is read."""
    series = Series()
    now = T0 + 20 * 60
    series.merge(ask(series, now), read(now), now=now)
    assert ask(series, now, since=T0 - 600).start == T0 - 600


def test_a_late_correction_replaces_the_datapoint() -> None:
    """The tail is authoritative: changed values change, and vanished ones vanish."""
    series = Series()
    now = T0 + 5 * 60
    series.merge(ask(series, now), read(now, (1, 2.0), (2, 3.0), (3, 4.0)), now=now)
    series.merge(ask(series, now + 60), read(now + 60, (1, 2.0), (2, 9.0)), now=now + 60)
    assert values(series) == [(1, 2.0), (2, 9.0)]


def test_a_failed_read_keeps_what_was_known() -> None:
    """Blindness withholds a pass; it does not unsee what was seen."""
    series = Series()
    now = T0 + 300
    series.merge(ask(series, now), read(now, (1, 2.0)), now=now)
    series.merge(ask(series, now + 60), Measurement(problem=TROUBLE), now=now + 60)
    known = series.measurement(since=T0)
    assert values(series) == [(1, 2.0)]
    assert known.problem == TROUBLE
    assert known.settled_before == T0 + 120


def test_blindness_counts_from_the_first_failure_to_the_next_success() -> None:
    """`blind_since` is when reads began to fail without a success since."""
    series = Series()
    for at in (300.0, 360.0, 420.0):
        series.merge(ask(series, T0 + at), Measurement(problem=TROUBLE), now=T0 + at)
    assert series.measurement(since=T0).blind_since == T0 + 300
    series.merge(ask(series, T0 + 480), read(T0 + 480), now=T0 + 480)
    assert series.measurement(since=T0).blind_since is None


def test_a_clock_that_is_set_back_does_not_put_off_blindness() -> None:
    """Blind since a time that has not come yet would never be blind for long."""
    series = Series()
    series.merge(ask(series, T0 + 9000), Measurement(problem=TROUBLE), now=T0 + 9000)
    series.merge(ask(series, T0 + 600), Measurement(problem=TROUBLE), now=T0 + 600)
    assert series.measurement(since=T0).blind_since == T0 + 600


def test_a_clock_that_ran_ahead_settles_nothing_for_good() -> None:
    """What a wrong clock called settled may change again, and windows stay windows."""
    series = Series()
    ahead, back = T0 + 7200, T0 + 600
    series.merge(ask(series, ahead), read(ahead, (1, 1.0)), now=ahead)
    again = ask(series, back)
    assert again.start < again.end
    series.merge(again, read(back, (5, 5.0)), now=back)
    assert series.measurement(since=T0).settled_before == T0 + 420


def test_a_rollout_sees_only_what_came_after_its_own_beginning() -> None:
    """Two rollouts may share a series."""
    series = Series()
    now = T0 + 600
    series.merge(ask(series, now), read(now, (1, 1.0), (5, 5.0)), now=now)
    assert values(series, since=T0 + 240) == [(5, 5.0)]


def test_the_store_forgets_queries_that_nobody_wants() -> None:
    """A finished rollout's series are not read again."""
    store = SeriesStore()
    asks = store.asks({QUERY: (T0, SETTLE_S)}, now=T0 + 300)
    store.merge(asks, {QUERY: read(T0 + 300, (1, 1.0))}, T0 + 300)
    store.asks({}, now=T0 + 360)
    assert store.measurements([QUERY], since=T0) == {}


def test_a_query_without_an_answer_is_a_problem() -> None:
    """A source that leaves a query out has not read it."""
    store = SeriesStore()
    asks = store.asks({QUERY: (T0, SETTLE_S)}, now=T0 + 300)
    store.merge(asks, {}, T0 + 300)
    found = store.measurements([QUERY], since=T0)[QUERY]
    assert found.problem is not None
    assert found.problem.reason is Reason.UNAVAILABLE
    assert found.blind_since == T0 + 300


def test_garbage_from_a_source_is_a_problem_and_no_crash() -> None:
    """An adapter's bug is an unreadable answer."""
    store = SeriesStore()
    garbage = cast("Any", [{"Values": [1]}, Measurement(points=cast("Any", ((1, 2),))), 7])
    for wrong in garbage:
        asks = store.asks({QUERY: (T0, SETTLE_S)}, now=T0 + 300)
        store.merge(asks, {QUERY: wrong}, T0 + 300)
        problem = store.measurements([QUERY], since=T0)[QUERY].problem
        assert problem is not None
        assert problem.reason is Reason.UNKNOWN


def test_a_whole_read_that_failed_fails_every_query() -> None:
    """One sentence for all of them."""
    store = SeriesStore()
    other = Query(namespace="N", metric="All", stat="Sum")
    asks = store.asks(dict.fromkeys((QUERY, other), (T0, SETTLE_S)), now=T0 + 300)
    store.fail(asks, TROUBLE, T0 + 300)
    found = store.measurements([QUERY, other], since=T0)
    assert [m.problem for m in found.values()] == [TROUBLE, TROUBLE]


# --- incidents ---------------------------------------------------------------------------------


def test_incidents_pass_through_as_the_newest_read_tells_them() -> None:
    """There is no history of them: who was resolved is gone; a failed read changes nothing."""
    series, now = Series(), T0 + 600
    opened = Incident(id="Q1", title="down", priority="P0", service="PABC123", opened_at=T0)
    series.merge(ask(series, now), Measurement(incidents=(opened,), settled_before=now), now=now)
    assert series.measurement(since=T0 + 300).incidents == (opened,)
    later = now + 30
    series.merge(ask(series, later), Measurement(problem=TROUBLE), now=later)
    failed = series.measurement(since=T0)
    assert (failed.incidents, failed.settled_before) == ((opened,), now)
    assert (failed.problem, failed.blind_since) == (TROUBLE, later)
    series.merge(ask(series, later), Measurement(settled_before=later), now=later)
    assert series.measurement(since=T0).incidents == ()


def test_incidents_that_are_none_are_an_adapters_bug() -> None:
    """And no proof of anything."""
    store = SeriesStore()
    asks = store.asks({QUERY: (T0, SETTLE_S)}, now=T0)
    found = Measurement(incidents=cast("Any", ("Q1",)), settled_before=T0)
    store.merge(asks, {QUERY: found}, T0)
    measured = store.measurements([QUERY], since=T0)[QUERY]
    assert measured.problem is not None
    assert measured.incidents == ()
