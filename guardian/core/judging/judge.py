"""One criterion and its measurements become a verdict, with the evidence and one sentence why.

The questions are asked in a fixed order, and the first one that is answered decides:

1. Do the datapoints at hand prove a breach? `fail`, whatever else is missing.
2. Readable? Else `error`. Fresh, and not silent for long? Else `no_data`.
3. Enough samples in this step, and the observed value inside the limit? Else `inconclusive`.
4. `pass`.

What proves a breach depends on the criterion's judge: the evidence of all periods together (here),
M of N datapoints (`threshold`), or that something is open (`presence`).
"""

from __future__ import annotations

from collections.abc import Mapping

from guardian.core import reasons
from guardian.core.judging import silence, threshold
from guardian.core.judging.evaluation import Evaluation, Ground, Ruling, Window, examine, worst
from guardian.core.judging.evidence import evidence, proven_worse
from guardian.core.judging.judge_state import JudgeState, sequential
from guardian.core.judging.observed import both_sides
from guardian.core.judging.presence import Present, presence
from guardian.core.measure import Measure
from guardian.core.model import Criterion, Instant, Measurement, Query
from guardian.core.reasons import duration
from guardian.core.verdict import Outcome, Verdict

__all__ = ["JudgeState", "Window", "judge"]


def judge(
    criterion: Criterion,
    measurements: Mapping[Query, Measurement],
    window: Window,
    *,
    now: Instant,
    judge_state: JudgeState | None = None,
    beside: Measure | None = None,
) -> tuple[Verdict, JudgeState]:
    """Judge one criterion at `now`; hand the state to the next call for the same rollout.

    `measurements` holds one measurement for each of the criterion's queries, with the datapoints
    since the first shift. The verdict is a function of the other arguments alone,
    and a breach that was proven once stays proven: it does not matter when one looked. (What
    is open now is the exception, see `JudgeState`; before the first shift there is `before_shift`.)
    `beside` is the same measure of stable, where that was read to tell an outage from a breach.
    """
    measure = criterion.measure
    if isinstance(measure, Present):
        return presence(criterion, measure, measurements, window, now=now, judge_state=judge_state)
    evaluation = examine(
        criterion, measure, measurements, window, now=now, judge_state=judge_state, beside=beside
    )
    answer = (
        _breach(evaluation)
        or _outage(evaluation)
        or _unreadable(evaluation)
        or _stale(evaluation)
        or silence.incomplete(evaluation)
        or silence.unknown(evaluation)
        or silence.silent(evaluation)
        or (_unproven(evaluation) if sequential(criterion) else threshold.unproven(evaluation))
        or (Ruling(Outcome.PASS) if sequential(criterion) else threshold.passed(evaluation))
    )
    seen = evidence(evaluation, answer)
    why = reasons.why(answer.outcome, seen, answer.detail)
    note = criterion.note or measure.note(criterion.datapoints)
    verdict = Verdict(
        criterion=criterion.name,
        outcome=answer.outcome,
        evidence=seen,
        why="; ".join(filter(None, (why, silence.late(evaluation), note))),
    )
    return verdict, evaluation.judge_state


# --- the questions -----------------------------------------------------------------------------


def _breach(evaluation: Evaluation) -> Ruling | None:
    """Is a breach proven, of the limit or against stable?"""
    against = (
        _proven(evaluation) if sequential(evaluation.criterion) else threshold.breach(evaluation)
    )
    return against or _worse(evaluation)


def _proven(evaluation: Evaluation) -> Ruling | None:
    """Does all evidence together prove that the limit is broken?"""
    if evaluation.judge_state.limit is None or evaluation.track.peak < evaluation.threshold:
        return None
    settled, growing = worst(evaluation.criterion, evaluation.counts.settled, evaluation.growing)
    return Ruling(Outcome.FAIL, ground=Ground(settled=settled, growing=growing))


def _worse(evaluation: Evaluation) -> Ruling | None:
    """Is the canary proven to be worse than stable?"""
    if proven_worse(evaluation) is None or evaluation.stable_counts is None:
        return None
    canary, stable = both_sides(evaluation.counts, evaluation.stable_counts)
    return Ruling(Outcome.FAIL, ground=Ground(settled=canary, stable=stable))


def _outage(evaluation: Evaluation) -> Ruling | None:
    """Is it over the limit now, and stable alike?"""
    if not evaluation.shared.lasting:
        return None
    ground = Ground(settled=evaluation.shared.canary, stable=evaluation.shared.stable)
    return Ruling(Outcome.INCONCLUSIVE, ground=ground)


def _unreadable(evaluation: Evaluation) -> Ruling | None:
    """Was any of the queries not read, or answered with nonsense?"""
    for query in evaluation.criterion.queries():
        measurement = evaluation.measurements.get(query)
        if measurement is None:
            return Ruling(
                Outcome.ERROR, f"{query.name} was never read", evaluation.window.first_shift_at
            )
        if measurement.problem is not None:
            return Ruling(Outcome.ERROR, measurement.problem.detail, measurement.blind_since)
    for counts in (evaluation.counts, evaluation.stable_counts):
        if counts is not None and counts.fault is not None:
            return Ruling(Outcome.ERROR, counts.fault.detail, counts.fault.at)
    return None


def _stale(evaluation: Evaluation) -> Ruling | None:
    """Does any query's newest settled datapoint lag behind what should be settled?"""
    oldest = min(
        evaluation.criterion.queries(), key=lambda q: evaluation.measurements[q].settled_before
    )
    settled = evaluation.measurements[oldest].settled_before
    age_s = evaluation.now - settled
    if age_s <= evaluation.settle_s + 2 * evaluation.span.period_s:
        return None
    since = max(settled, evaluation.window.first_shift_at)
    why = f"{oldest.name} has had no fresh reading for {duration(evaluation.now - since)}"
    return Ruling(Outcome.NO_DATA, why, since)


def _unproven(evaluation: Evaluation) -> Ruling | None:
    """Are there too few samples in this step, or is what they show over the limit?"""
    criterion = evaluation.criterion
    kind = "samples" if criterion.measure.sampled else "datapoints"
    short = evaluation.samples < criterion.min_samples
    few = f"{evaluation.samples:.0f} of the {criterion.min_samples} {kind} needed"
    if short or not evaluation.step.total:
        return Ruling(Outcome.INCONCLUSIVE, few)
    return Ruling(Outcome.INCONCLUSIVE) if evaluation.over and criterion.tolerated is None else None
