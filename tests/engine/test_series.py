"""Datapoint histories: what is asked again, what late corrections change, what blindness keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from guardian.cloudwatch import MetricStat, changed, metric_query
from guardian.core.model import Datapoint, Incident, Measurement, Problem, Reason
from guardian.engine.series import (
    LAG_MOST_S,
    NEWEST_PERIODS,
    REREAD_PERIODS,
    WIDE_S,
    Series,
    SeriesStore,
)
from guardian.ports import Ask

QUERY = metric_query(namespace="AWS/N", metric="Bad", stat="Sum")
T0 = 1_800_000_000.0
SETTLE_S = 180.0
CORRECTED_S = 900.0
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


def older(series: Series, now: float, since: float = T0) -> Ask | None:
    """What the series wants to read at leisure."""
    return series.history(QUERY, since=since, settle_s=SETTLE_S, now=now)


def test_the_newest_periods_are_read_first_and_then_only_the_tail() -> None:
    """An hour in, it is the last minutes that say whether something is wrong now."""
    series, now = Series(), T0 + 180 * 60
    first = ask(series, now)
    newest = T0 + (177 - NEWEST_PERIODS) * 60
    assert (first.start, first.end) == (newest, now + 60)
    series.merge(first, read(now, (150, 1.0), (179, 1.0)), now=now)
    assert series.measurement(since=T0).since == newest
    assert ask(series, now + 60).start == T0 + (177 - REREAD_PERIODS) * 60


def test_a_history_is_made_anew_only_where_a_read_changed_something() -> None:
    """Every criterion of a day's bake looks at it at each poll."""
    series, now = Series(), T0 + 300
    same: list[bool] = []
    for points in (((1, 1.0), (2, 1.0)), ((1, 1.0), (2, 1.0)), ((1, 1.0), (2, 5.0))):
        before = series.measurement(since=T0).points
        series.merge(ask(series, now), read(now, *points), now=now)
        same.append(series.measurement(since=T0).points is before)
    assert same == [False, True, False]
    assert values(series) == [(1, 1.0), (2, 5.0)]


def test_a_young_rollout_is_read_whole_at_once() -> None:
    """There is nothing before its newest periods."""
    series, now = Series(), T0 + 8 * 60
    first = ask(series, now)
    assert first.start == T0
    series.merge(first, read(now), now=now)
    assert series.measurement(since=T0 + 20).since == 0.0
    assert older(series, now) is None


def test_what_was_before_is_read_at_leisure() -> None:
    """Then everything is known; a failed read of it is made again."""
    series, now = Series(), T0 + 180 * 60
    series.merge(ask(series, now), read(now, (179, 1.0)), now=now)
    before = older(series, now)
    assert before is not None
    assert (before.start, before.end) == (T0, T0 + (177 - NEWEST_PERIODS) * 60)
    series.fill(before, Measurement(problem=TROUBLE), now=now)
    assert older(series, now) == before
    assert series.measurement(since=T0).problem is None
    series.fill(before, read(now, (3, 7.0)), now=now)
    assert values(series) == [(3, 7.0), (179, 1.0)]
    assert series.measurement(since=T0).since == 0.0
    assert older(series, now) is None


def test_everything_is_read_again_every_ten_minutes() -> None:
    """However late a correction comes, it is taken, as long as the rollout lives."""
    series, now = Series(), T0 + 10 * 60
    series.merge(ask(series, now), read(now, (1, 1.0)), now=now)
    series.merge(ask(series, now + WIDE_S - 1), read(now + WIDE_S - 1), now=now + WIDE_S - 1)
    assert older(series, now + WIDE_S - 1) is None
    again = older(series, now + WIDE_S)
    assert again is not None
    assert (again.start, again.end) == (T0, T0 + (16 - REREAD_PERIODS) * 60)
    series.fill(again, read(now + WIDE_S, (1, 9.0), (2, 5.0)), now=now + WIDE_S)
    assert values(series) == [(1, 9.0), (2, 5.0)]
    assert older(series, now + WIDE_S) is None


def test_who_has_waited_longest_is_read_again_first() -> None:
    """Where ten minutes are too short for all of them, each has its turn all the same."""
    store, now = SeriesStore(lambda _: 0.0), T0 + 7200.0
    queries = [changed(QUERY, metric=name) for name in ("A", "B", "C")]
    wanted = dict.fromkeys(queries, (T0, SETTLE_S))
    for ask_ in store.asks(wanted, now=now):
        store.merge(ask_, read(now), now=now)
    missing = list(store.histories(wanted, now=now))
    assert [a.query for a in missing] == queries
    for late, ask_ in zip((30.0, 10.0), missing, strict=False):
        store.fill(ask_, read(now), now=now + late)
    turns = [MetricStat.of(a.query).metric for a in store.histories(wanted, now=now + WIDE_S + 60)]
    assert turns == ["C", "B", "A"]


def test_what_is_as_it_was_stays_the_very_same() -> None:
    """Nobody has to look at a datapoint again that a read brought once more."""
    series, now = Series(), T0 + 20 * 60
    first = [(minute, 1.0) for minute in range(16)]
    series.merge(ask(series, now), read(now, *first), now=now)
    before = series.points
    corrected = [(13, 1.0), (14, 2.0), (15, 1.0), (16, 1.0)]
    series.merge(ask(series, now + 60), read(now + 60, (12, 1.0), *corrected), now=now + 60)
    assert values(series) == [*first[:14], (14, 2.0), (15, 1.0), (16, 1.0)]
    pairs = zip(before, series.points, strict=False)
    assert [a is b for a, b in pairs] == [*[True] * 14, False, True]


def test_an_older_part_that_does_not_meet_the_known_one_is_left() -> None:
    """A series that was forgotten meanwhile begins anew."""
    series = Series()
    late = Ask(query=QUERY, start=T0, end=T0 + 600, settle_s=SETTLE_S)
    series.fill(late, read(T0 + 900, (1, 1.0)), now=T0 + 900)
    assert values(series) == []


def test_an_earlier_beginning_is_read_behind_the_newest() -> None:
    """Another rollout that shares the query began before."""
    series, now = Series(), T0 + 8 * 60
    series.merge(ask(series, now), read(now), now=now)
    before = older(series, now, since=T0 - 600)
    assert before is not None
    assert (before.start, before.end) == (T0 - 600, T0)


def test_a_series_that_comes_late_is_waited_for() -> None:
    """Its lag is learned from what changed after it should have been final, step by step."""
    series, now = Series(), T0 + 10 * 60
    series.merge(ask(series, now), read(now, (1, 1.0)), now=now)
    assert series.measurement(since=T0).lag_s == 0.0
    series.merge(ask(series, now + 60), read(now + 60, (1, 1.0), (4, 8.0)), now=now + 60)
    lag_s = 6 * 60.0
    assert series.measurement(since=T0).lag_s == lag_s
    assert ask(series, now + 90).settle_s == lag_s
    again = Ask(query=QUERY, start=T0, end=T0 + 300, settle_s=lag_s)
    much_later = T0 + 7200
    series.settled_before = T0 + 300
    series.fill(again, read(much_later, (2, 3.0)), now=much_later)
    assert series.measurement(since=T0).lag_s == lag_s + REREAD_PERIODS * 60
    series.fill(replace(again, settle_s=7200.0), read(much_later, (2, 4.0)), now=much_later)
    assert series.measurement(since=T0).lag_s == LAG_MOST_S


def test_what_a_log_filter_counts_is_seen_at_the_poll_after_it_came() -> None:
    """Nobody knows how late one's own metrics come: also the first of them is looked for."""
    series, quiet = Series(CORRECTED_S), T0 + 30 * 60
    first = series.ask(QUERY, since=T0, settle_s=120.0, now=quiet)
    series.merge(first, read(quiet), now=quiet)
    now, begun = quiet + 60, T0 + 20 * 60
    ask_ = series.ask(QUERY, since=T0, settle_s=120.0, now=now)
    assert ask_.start == series.settled_before - CORRECTED_S < begun
    series.merge(ask_, read(now, (20, 30.0)), now=now)
    assert values(series) == [(20, 30.0)]
    assert series.measurement(since=T0).lag_s == now - begun - 60


def test_periods_of_an_hour_are_read_again_as_ever() -> None:
    """A quarter of an hour is less than the newest of them."""
    series, now = Series(CORRECTED_S), T0 + 90 * 3600
    hourly = replace(QUERY, period_s=3600)
    series.merge(series.ask(hourly, since=T0, settle_s=120.0, now=now), read(now), now=now)
    start = series.ask(hourly, since=T0, settle_s=120.0, now=now + 60).start
    assert start == series.settled_before // 3600 * 3600 - REREAD_PERIODS * 3600


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
    store = SeriesStore(lambda _: 0.0)
    asks = store.asks({QUERY: (T0, SETTLE_S)}, now=T0 + 300)
    store.merge(asks[0], read(T0 + 300, (1, 1.0)), now=T0 + 300)
    store.asks({}, now=T0 + 360)
    assert store.measurements([QUERY], since=T0) == {}
    store.merge(asks[0], read(T0 + 360, (1, 1.0)), now=T0 + 360)
    store.fill(asks[0], read(T0 + 360, (1, 1.0)), now=T0 + 360)
    assert store.measurements([QUERY], since=T0) == {}, "an answer that came too late"


def test_a_query_without_an_answer_is_a_problem() -> None:
    """A source that leaves a query out has not read it."""
    store = SeriesStore(lambda _: 0.0)
    asks = store.asks({QUERY: (T0, SETTLE_S)}, now=T0 + 300)
    store.merge(asks[0], None, now=T0 + 300)
    found = store.measurements([QUERY], since=T0)[QUERY]
    assert found.problem is not None
    assert found.problem.reason is Reason.UNAVAILABLE
    assert found.blind_since == T0 + 300


def test_garbage_from_a_source_is_a_problem_and_no_crash() -> None:
    """An adapter's bug is an unreadable answer."""
    store = SeriesStore(lambda _: 0.0)
    garbage = cast("Any", [{"Values": [1]}, Measurement(points=cast("Any", ((1, 2),))), 7])
    for wrong in garbage:
        asks = store.asks({QUERY: (T0, SETTLE_S)}, now=T0 + 300)
        store.merge(asks[0], wrong, now=T0 + 300)
        problem = store.measurements([QUERY], since=T0)[QUERY].problem
        assert problem is not None
        assert problem.reason is Reason.UNKNOWN


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
    store = SeriesStore(lambda _: 0.0)
    asks = store.asks({QUERY: (T0, SETTLE_S)}, now=T0)
    found = Measurement(incidents=cast("Any", ("Q1",)), settled_before=T0)
    store.merge(asks[0], found, now=T0)
    measured = store.measurements([QUERY], since=T0)[QUERY]
    assert measured.problem is not None
    assert measured.incidents == ()
