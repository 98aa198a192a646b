"""What a verdict rests on, as figures: what was counted where, and how near the limit that is."""

from __future__ import annotations

from collections.abc import Sequence

from guardian.core import threshold
from guardian.core.case import Answer, Case, Ground
from guardian.core.figures import Figure
from guardian.core.memory import sequential
from guardian.core.model import MINUTE_S, Instant, Rate
from guardian.core.observed import (
    both_sides,
    bound,
    figure,
    limit_used,
    observed,
    slower_than,
    total,
    warned,
)
from guardian.core.sequential import Run
from guardian.core.silence import observed_until
from guardian.core.tally import Count, Tally
from guardian.core.verdict import Basis, Evidence, Stable, Unsettled


def evidence(case: Case, answer: Answer) -> Evidence:
    """What the answer rests on: its ground, or the step's settled periods."""
    criterion, ground = case.criterion, answer.ground or Ground(settled=case.step.counts)
    growing = [g.seen for g in ground.growing]
    settled = case.step if answer.ground is None else Tally().over(tuple(ground.settled))
    tally = settled.over((*settled.counts, *growing))
    step_value = _step_value(case)
    value = step_value if answer.ground is None else _value(case, ground, tally.sum)
    start, end = _window(case, answer.ground)
    return Evidence(
        limit=bound(criterion),
        slower_than=slower_than(criterion),
        value=None if value is None else figure(criterion, value),
        basis=_basis(case, ground),
        bad=round(tally.bad),
        samples=round(case.sampled(tally)),
        minutes=_minutes(case, settled),
        unsettled=_unsettled(case, ground) if growing else None,
        stable=_stable(case, ground.stable) if ground.stable else None,
        datapoints=ground.datapoints,
        min_samples=criterion.min_samples,
        all_samples=round(case.sampled(case.memory.whole)),
        window_start=start,
        window_end=end,
        settled_until=_settled_until(case),
        observed_until=observed_until(case),
        log_e=_log_e(case),
        log_e_limit=case.threshold if _tested(case) else 0.0,
        blind_since=answer.blind_since,
        over_limit=_over(case),
        shared_minutes=_minutes(case, _shared(case)),
        limit_used=None if value is None else limit_used(criterion, value),
        warned=None if step_value is None else warned(criterion, step_value),
    )


def _over(case: Case) -> bool:
    """Whether the step's observed value, or its newest datapoint, is over the limit."""
    if sequential(case.criterion):
        return case.over or case.shared.lasting
    last = threshold.newest(case)
    return last is not None and last.over


def _step_value(case: Case) -> float | None:
    """The step's observed value: of all its events, or its newest datapoint."""
    if not sequential(case.criterion):
        last = threshold.newest(case)
        return None if last is None else last.value
    return observed(case.criterion, case.step.sum) if case.step.total > 0 else None


def _value(case: Case, ground: Ground, counted: Count) -> float:
    """The value of what an answer rests on."""
    return observed(case.criterion, counted) if ground.value is None else ground.value


def _basis(case: Case, ground: Ground) -> Basis:
    if ground.stable:
        return Basis.COMPARE
    return Basis.LIMIT if sequential(case.criterion) else Basis.THRESHOLD


def _window(case: Case, ground: Ground | None) -> tuple[Instant, Instant | None]:
    """From when to when an answer's periods are; without a ground, those of the step."""
    if ground is None:
        return case.step_begin, _settled_until(case)
    starts = [c.start for c in (*ground.settled, *(g.seen for g in ground.growing))]
    return min(starts), max(starts) + case.span.period_s


def _settled_until(case: Case) -> Instant | None:
    return case.counts.until if case.counts.until > case.step_begin else None


def _minutes(case: Case, tally: Tally) -> float:
    """How many minutes have something in them."""
    return tally.heard * case.span.period_s / MINUTE_S


def _shared(case: Case) -> Tally:
    """What of the step stable shows alike."""
    return Tally().over(tuple(c for c in case.shared.settled if c.start >= case.step_begin))


def _unsettled(case: Case, ground: Ground) -> Unsettled:
    """What of the counts may still grow."""
    now = Tally().over(tuple(g.seen for g in ground.growing))
    most = total([g.most for g in ground.growing])
    grown: Figure | None = None
    if not isinstance(case.criterion.measure, Rate):
        settled = total(ground.settled)
        whole = Count(0.0, settled.bad + most.bad, settled.total + most.total)
        grown = figure(case.criterion, observed(case.criterion, whole))
    return Unsettled(
        bad=round(now.bad),
        samples=round(case.sampled(now)),
        minutes=_minutes(case, now),
        most=round(most.total),
        bound=grown,
    )


def _stable(case: Case, counts: Sequence[Count]) -> Stable:
    """The other side of a comparison."""
    criterion, events = case.criterion, total(counts)
    compare = criterion.compare
    return Stable(
        value=figure(criterion, observed(criterion, events)),
        bad=round(events.bad),
        samples=round(events.total),
        max_ratio=compare.max_ratio if compare is not None else 1.0,
    )


# --- tests -------------------------------------------------------------------------------------


def proven_worse(case: Case) -> Run | None:
    """The compare test, if it is over its threshold and by more than the practical floor."""
    run, compare = case.memory.compare, case.criterion.compare
    if run is None or compare is None or case.stable_counts is None:
        return None
    if not run.test.proven(run.track):
        return None
    canary, stable = (total(side) for side in both_sides(case.counts, case.stable_counts))
    gap = canary.bad / canary.total - stable.bad / stable.total
    return run if gap >= compare.min_increase else None


def _tested(case: Case) -> bool:
    """Whether any statistical test weighs the evidence."""
    return case.memory.limit is not None or case.memory.compare is not None


def _log_e(case: Case) -> float:
    """The stronger test's evidence: at its peak once that proves a breach, else what it is now."""
    if case.track.peak >= case.threshold:
        return case.track.peak
    worse, compare = proven_worse(case), case.memory.compare
    if worse is not None:
        return worse.track.peak
    if compare is None or compare.test.proven(compare.track):
        # A difference that is proven and too small to matter is no evidence against the release.
        return case.track.log_e
    return max(case.track.log_e, compare.track.log_e)
