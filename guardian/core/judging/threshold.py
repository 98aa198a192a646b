"""Judging by threshold: M of the last N sufficient datapoints over the limit, as an alarm does.

For what has no count of events to weigh: gauges, CloudWatch's own percentiles, and whatever a rule
file asks it for. Datapoints that rest on too few samples are passed over: they neither extend a run
of bad ones nor break it. A breach at any time since the first shift stays one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import assert_never

from guardian.core.judging.evaluation import Evaluation, Ground, Ruling
from guardian.core.judging.points import Point
from guardian.core.model import Criterion, Missing
from guardian.core.verdict import Datapoints, Outcome

_start = attrgetter("start")

REACH = 3
"""A window of N datapoints reaches back over at most this many times N periods."""


def breach(evaluation: Evaluation) -> Ruling | None:
    """Was the limit broken at any time since the first shift?"""
    needed, of = evaluation.criterion.datapoints
    stretch = _stretch(evaluation, evaluation.judge_state.points)
    found = (_window(evaluation, stretch, index) for index in _suspects(stretch, needed, of))
    broken = [window for window in found if sum(p.over for p in window) >= needed]
    if not broken:
        return None
    worst = max(broken, key=lambda window: sum(p.over for p in window))
    return Ruling(Outcome.FAIL, ground=_ground(evaluation, worst, worst=True))


def unproven(evaluation: Evaluation) -> Ruling | None:
    """Are there too few datapoints in this step, or is the newest one over the limit?"""
    enough, last = wanted(evaluation), recent(evaluation)
    heard = sum(1 for p in in_step(evaluation) if p.value is not None)
    few = f"{heard} of the {enough} datapoints needed{_floor(evaluation.criterion)}"
    if last and last[-1].over:
        also = few if heard < enough else ""
        return Ruling(Outcome.INCONCLUSIVE, also, ground=_ground(evaluation, last))
    return Ruling(Outcome.INCONCLUSIVE, few) if heard < enough else None


def passed(evaluation: Evaluation) -> Ruling:
    """Nothing speaks against it, and enough was seen to say so."""
    return Ruling(Outcome.PASS, ground=_ground(evaluation, recent(evaluation)))


def newest(evaluation: Evaluation) -> Point | None:
    """The newest sufficient datapoint of the step."""
    return next((p for p in reversed(in_step(evaluation)) if p.value is not None), None)


def wanted(evaluation: Evaluation) -> int:
    """How many datapoints a pass rests on: N, or as many as the bake holds."""
    _, of = evaluation.criterion.datapoints
    held = evaluation.window.bake_s / evaluation.span.period_s
    return of if held >= of else max(1, int(held))


# --- datapoints --------------------------------------------------------------------------------


def in_step(evaluation: Evaluation) -> Sequence[Point]:
    """The present step's."""
    points = evaluation.judge_state.points
    return points[bisect_left(points, evaluation.step_begin, key=_start) :]


def recent(evaluation: Evaluation) -> Sequence[Point]:
    """The newest window of the step alone."""
    stretch = _stretch(evaluation, in_step(evaluation))
    newest_first = (_window(evaluation, stretch, index) for index in reversed(range(len(stretch))))
    return next(filter(None, newest_first), ())


# --- windows -----------------------------------------------------------------------------------


def _stretch(evaluation: Evaluation, among: Sequence[Point]) -> Sequence[Point]:
    """What windows are made of: what is missing is passed over, or counts as the rule says."""
    match evaluation.criterion.treat_missing:
        case Missing.MISSING:
            return [p for p in among if p.value is not None]
        case Missing.NOT_BREACHING:
            return among
        case Missing.BREACHING:
            return [p if p.value is not None else p._replace(over=True) for p in among]
        case Missing.IGNORE:
            over, full = False, []
            for point in among:
                over = over if point.value is None else point.over
                full.append(point._replace(over=over))
            return full
    assert_never(evaluation.criterion.treat_missing)


def _suspects(stretch: Sequence[Point], needed: int, of: int) -> Iterator[int]:
    """Where a window may end that is broken: one with so many over the limit."""
    over = 0
    for index, point in enumerate(stretch):
        over += point.over - (index >= of and stretch[index - of].over)
        if over >= needed:
            yield index


def _window(evaluation: Evaluation, stretch: Sequence[Point], index: int) -> Sequence[Point]:
    """The window of up to N datapoints that ends there; empty if it holds no datapoint."""
    _, of = evaluation.criterion.datapoints
    window = stretch[max(0, index + 1 - of) : index + 1]
    if evaluation.criterion.treat_missing is not Missing.MISSING:
        return window if any(p.value is not None for p in window) else ()
    reach_s = REACH * of * evaluation.span.period_s
    return [p for p in window if p.start > stretch[index].start - reach_s]


# --- figures -----------------------------------------------------------------------------------


def _ground(evaluation: Evaluation, window: Sequence[Point], *, worst: bool = False) -> Ground:
    """A window's periods, how many are over, and its newest value, or the one that hurts most."""
    values = [p.value for p in window if p.value is not None]
    hurts = max if evaluation.criterion.fail_if.direction.rising else min
    starts = {p.start for p in window}
    return Ground(
        settled=[c for c in evaluation.counts.settled if c.start in starts],
        datapoints=Datapoints(
            over=sum(p.over for p in window), of=len(window), needed=evaluation.criterion.datapoints
        ),
        value=hurts(values) if worst else values[-1],
    )


def _floor(criterion: Criterion) -> str:
    """What makes a datapoint sufficient."""
    if not criterion.measure.sampled or criterion.min_samples <= 1:
        return ""
    return f" with at least {criterion.min_samples} samples"
