"""What a verdict rests on, as figures: what was counted where, and how near the limit that is."""

from __future__ import annotations

from collections.abc import Sequence

from guardian.core.figures import Figure
from guardian.core.judging import threshold
from guardian.core.judging.evaluation import Evaluation, Ground, Ruling
from guardian.core.judging.judge_state import sequential
from guardian.core.judging.observed import (
    both_sides,
    bound,
    limit_used,
    total,
    warned,
)
from guardian.core.judging.sequential import Run
from guardian.core.judging.silence import observed_until
from guardian.core.judging.tally import Count, Tally
from guardian.core.model import MINUTE_S, Instant
from guardian.core.verdict import Basis, Evidence, Stable, Unsettled


def evidence(evaluation: Evaluation, answer: Ruling) -> Evidence:
    """What the answer rests on: its ground, or the step's settled periods."""
    criterion = evaluation.criterion
    ground = answer.ground or Ground(settled=evaluation.step.counts)
    growing = [g.seen for g in ground.growing]
    settled = evaluation.step if answer.ground is None else Tally().over(tuple(ground.settled))
    tally = settled.over((*settled.counts, *growing))
    step_value, over = _of_step(evaluation)
    value = step_value if answer.ground is None else ground.value
    if value is None and answer.ground is not None:
        value = evaluation.measure.observed(tally.sum)
    alike = (c for c in evaluation.shared.settled if c.start >= evaluation.step_begin)
    tests = (evaluation.judge_state.limit, evaluation.judge_state.compare)
    start, end = _window(evaluation, answer.ground)
    return Evidence(
        limit=bound(criterion),
        slower_than=evaluation.measure.slower_than(criterion.fail_if),
        value=None if value is None else criterion.measure.figure(value),
        basis=_basis(evaluation, ground),
        bad=round(tally.bad),
        samples=round(evaluation.sampled(tally)),
        minutes=_minutes(evaluation, settled),
        unsettled=_unsettled(evaluation, ground) if growing else None,
        stable=_stable(evaluation, ground.stable) if ground.stable else None,
        datapoints=ground.datapoints,
        min_samples=criterion.min_samples,
        all_samples=round(evaluation.sampled(evaluation.judge_state.whole)),
        window_start=start,
        window_end=end,
        settled_until=_settled_until(evaluation),
        observed_until=observed_until(evaluation),
        log_e=_log_e(evaluation),
        log_e_limit=evaluation.threshold if any(tests) else 0.0,
        blind_since=answer.blind_since,
        over_limit=over,
        shared_minutes=_minutes(evaluation, Tally().over(tuple(alike))),
        limit_used=None if value is None else limit_used(criterion, value),
        warned=None if step_value is None else warned(criterion, step_value),
    )


def _of_step(evaluation: Evaluation) -> tuple[float | None, bool]:
    """The step's value, or its newest datapoint's, and whether it is over the limit."""
    if sequential(evaluation.criterion):
        counted = evaluation.step.total > 0
        value = evaluation.measure.observed(evaluation.step.sum) if counted else None
        return value, evaluation.over or evaluation.shared.lasting
    last = threshold.newest(evaluation)
    return (None, False) if last is None else (last.value, last.over)


def _basis(evaluation: Evaluation, ground: Ground) -> Basis:
    if ground.stable:
        return Basis.COMPARE
    return Basis.LIMIT if sequential(evaluation.criterion) else Basis.THRESHOLD


def _window(evaluation: Evaluation, ground: Ground | None) -> tuple[Instant, Instant | None]:
    """From when to when an answer's periods are; without a ground, those of the step."""
    if ground is None:
        return evaluation.step_begin, _settled_until(evaluation)
    starts = [c.start for c in (*ground.settled, *(g.seen for g in ground.growing))]
    return min(starts), max(starts) + evaluation.span.period_s


def _settled_until(evaluation: Evaluation) -> Instant | None:
    return evaluation.counts.until if evaluation.counts.until > evaluation.step_begin else None


def _minutes(evaluation: Evaluation, tally: Tally) -> float:
    """How many minutes have something in them."""
    return tally.heard * evaluation.span.period_s / MINUTE_S


def _unsettled(evaluation: Evaluation, ground: Ground) -> Unsettled:
    """What of the counts may still grow."""
    now = Tally().over(tuple(g.seen for g in ground.growing))
    most = total([g.most for g in ground.growing])
    grown: Figure | None = None
    if not evaluation.measure.timed:
        settled = total(ground.settled)
        whole = Count(0.0, settled.bad + most.bad, settled.total + most.total)
        grown = evaluation.measure.figure(evaluation.measure.observed(whole))
    return Unsettled(
        bad=round(now.bad),
        samples=round(evaluation.sampled(now)),
        minutes=_minutes(evaluation, now),
        most=round(most.total),
        bound=grown,
    )


def _stable(evaluation: Evaluation, counts: Sequence[Count]) -> Stable:
    """The other side of a comparison."""
    measure, events, compare = evaluation.measure, total(counts), evaluation.criterion.compare
    return Stable(
        value=measure.figure(measure.observed(events)),
        bad=round(events.bad),
        samples=round(events.total),
        max_ratio=compare.max_ratio if compare is not None else 1.0,
    )


# --- tests -------------------------------------------------------------------------------------


def proven_worse(evaluation: Evaluation) -> Run | None:
    """The compare test, if it is over its threshold and by more than the practical floor."""
    run, compare = evaluation.judge_state.compare, evaluation.criterion.compare
    if run is None or compare is None or evaluation.stable_counts is None:
        return None
    if not run.test.proven(run.track):
        return None
    canary, stable = (
        total(side) for side in both_sides(evaluation.counts, evaluation.stable_counts)
    )
    gap = canary.bad / canary.total - stable.bad / stable.total
    return run if gap >= compare.min_increase else None


def _log_e(evaluation: Evaluation) -> float:
    """The stronger test's evidence: at its peak once that proves a breach, else what it is now."""
    if evaluation.track.peak >= evaluation.threshold:
        return evaluation.track.peak
    worse, compare = proven_worse(evaluation), evaluation.judge_state.compare
    if worse is not None:
        return worse.track.peak
    if compare is None or compare.test.proven(compare.track):
        # A difference that is proven and too small to matter is no evidence against the release.
        return evaluation.track.log_e
    return max(evaluation.track.log_e, compare.track.log_e)
