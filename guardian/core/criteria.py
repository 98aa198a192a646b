"""One criterion and its measurements become a verdict, with the evidence and one sentence why.

The questions are asked in a fixed order, and the first one that is answered decides:

1. Do the datapoints at hand prove a breach? `fail`, whatever else is missing.
2. Readable? Else `error`. Fresh, and not silent for long? Else `no_data`.
3. Enough samples in this step, and the observed value inside the limit? Else `inconclusive`.
4. `pass`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from guardian.core.case import Case, Memory, Window, examine, growth
from guardian.core.counts import Count, queried, settled_until
from guardian.core.model import (
    Criterion,
    Evidence,
    Instant,
    Measurement,
    Outcome,
    Query,
    Verdict,
    floor_to,
)
from guardian.core.observed import (
    against_limit,
    both_sides,
    duration,
    out_of,
    value_text,
    worst_stretch,
)
from guardian.core.sequential import Run

__all__ = ["Memory", "Window", "judge", "observed_until"]

BLIND_SAMPLES = 10.0
"""Silence is blindness where at least this many samples were to be expected in it."""


def judge(
    criterion: Criterion,
    measurements: Mapping[Query, Measurement],
    window: Window,
    *,
    now: Instant,
    memory: Memory | None = None,
) -> tuple[Verdict, Memory]:
    """Judge one criterion at `now`; hand the memory to the next call for the same rollout.

    `measurements` holds one measurement for each of the criterion's queries, with the datapoints
    since the first shift. The verdict is a function of the other arguments alone,
    and a breach that was proven once stays proven: it does not matter when one looked.
    """
    case = examine(criterion, measurements, window, now=now, memory=memory)
    answer = (
        _breach(case)
        or _unreadable(case)
        or _stale(case)
        or _silent(case)
        or _unproven(case)
        or _passed(case)
    )
    verdict = Verdict(
        criterion=criterion.name,
        outcome=answer.outcome,
        evidence=_evidence(case, answer),
        why=f"{answer.why}; {criterion.note}" if criterion.note else answer.why,
    )
    return verdict, case.memory


def observed_until(
    criterion: Criterion, measurements: Mapping[Query, Measurement]
) -> Instant | None:
    """The end of the newest settled period that was readable for all of a criterion's queries.

    None if one of them has never been readable.
    """
    queries = tuple(criterion.queries())
    period_s = float(max(q.period_s for q in queries))
    return settled_until(queries, measurements, period_s) or None


# --- the questions -----------------------------------------------------------------------------


class _Answer(NamedTuple):
    """What decides, in one sentence."""

    outcome: Outcome
    why: str
    blind_since: Instant | None = None
    counted: Count | None = None
    """What the proof rests on, when that is not simply the step's settled periods."""


def _breach(case: Case) -> _Answer | None:
    """Is a breach proven, by either test?"""
    needed = f">= {case.threshold:.1f}"
    if case.track.peak >= case.threshold:
        minutes = (*case.memory.limit.minutes, *case.partial)
        worst = worst_stretch(minutes, case.criterion.limit_rate)
        proof = f"{out_of(worst)}, log e {case.track.peak:.1f} {needed}"
        value = against_limit(case.criterion, worst, over=True)
        return _Answer(Outcome.FAIL, f"{value}: proven ({proof})", counted=worst)
    worse = _proven_worse(case)
    if worse is None:
        return None
    canary, stable = both_sides(worse.minutes)
    values = [value_text(case.criterion, side) for side in (canary, stable)]
    proof = f"{out_of(canary)} against {out_of(stable)}, log e {worse.track.peak:.1f} {needed}"
    why = f"{values[0]} against {values[1]} on stable: proven worse ({proof})"
    return _Answer(Outcome.FAIL, why, counted=canary)


def _proven_worse(case: Case) -> Run | None:
    """The compare test, if it is over its threshold and by more than the practical floor."""
    run, compare = case.memory.compare, case.criterion.compare
    if run is None or compare is None or not run.test.proven(run.track):
        return None
    canary, stable = both_sides(run.minutes)
    gap = canary.bad / canary.total - stable.bad / stable.total
    return run if gap >= compare.min_increase else None


def _unreadable(case: Case) -> _Answer | None:
    """Was any of the queries not read, or answered with nonsense?"""
    for query in case.criterion.queries():
        measurement = case.measurements.get(query)
        if measurement is None:
            return _Answer(
                Outcome.ERROR, f"{queried(query)} was never read", case.window.first_shift_at
            )
        if measurement.problem is not None:
            return _Answer(Outcome.ERROR, measurement.problem.detail, measurement.blind_since)
    for counts in (case.counts, case.stable_counts):
        if counts is not None and counts.fault is not None:
            return _Answer(Outcome.ERROR, counts.fault.detail, counts.fault.at)
    return None


def _stale(case: Case) -> _Answer | None:
    """Does any query's newest settled datapoint lag behind what should be settled?"""
    oldest = min(case.criterion.queries(), key=lambda q: case.measurements[q].settled_before)
    settled = case.measurements[oldest].settled_before
    age_s = case.now - settled
    if age_s <= case.criterion.settle_s + 2 * case.span.period_s:
        return None
    since = max(settled, case.window.first_shift_at)
    why = f"{queried(oldest)} has had no fresh reading for {duration(case.now - since)}"
    return _Answer(Outcome.NO_DATA, why, since)


def _silent(case: Case) -> _Answer | None:
    """Has there been no sample for `no_data_after`, counted back from what should be settled?"""
    due = min(floor_to(case.now - case.criterion.settle_s, case.span.period_s), case.counts.until)
    heard = [c.start + case.span.period_s for c in case.counts.settled if c.total > 0]
    since = max([case.step_begin, *heard[-1:]])
    if due - since < case.criterion.no_data_after_s:
        return None
    blind = _expected(case, since, due) >= BLIND_SAMPLES
    why = f"no requests for {duration(due - since)}"
    return _Answer(Outcome.NO_DATA, why, since if blind else None)


def _expected(case: Case, since: Instant, until: Instant) -> float:
    """How many samples the traffic before a gap would have brought in it."""
    before = [c for c in case.counts.settled if c.start < since]
    if not before:
        return 0.0
    scaled = sum(c.total * growth(case.criterion, case.window, c.start) for c in before)
    return scaled / len(before) * (until - since) / case.span.period_s


def _unproven(case: Case) -> _Answer | None:
    """Are there too few samples in this step, or is what they show over the limit?"""
    few = f"{case.step.total:.0f} of the {case.criterion.min_samples} samples needed"
    short = case.step.total < case.criterion.min_samples
    if case.over:
        detail = f"{out_of(case.step)}; {few}" if short else out_of(case.step)
        why = f"{against_limit(case.criterion, case.step, over=True)}, not yet proven ({detail})"
        return _Answer(Outcome.INCONCLUSIVE, why)
    return _Answer(Outcome.INCONCLUSIVE, few) if short or not case.step.total else None


def _passed(case: Case) -> _Answer:
    """Nothing speaks against it, and enough was seen to say so."""
    value = against_limit(case.criterion, case.step, over=False)
    return _Answer(Outcome.PASS, f"{value} ({out_of(case.step)})")


# --- numbers -----------------------------------------------------------------------------------


def _evidence(case: Case, answer: _Answer) -> Evidence:
    """What the verdict rests on."""
    criterion, counted = case.criterion, answer.counted or case.step
    settled = case.counts.until
    return Evidence(
        limit=str(criterion.fail_if),
        value=value_text(criterion, counted) if counted.total > 0 else None,
        bad=round(counted.bad),
        samples=round(counted.total),
        min_samples=criterion.min_samples,
        all_samples=round(sum(c.total for c in case.counts.settled)),
        window_start=case.step_begin,
        window_end=settled if settled > case.step_begin else None,
        log_e=_log_e(case),
        log_e_limit=case.threshold,
        blind_since=answer.blind_since,
        over_limit=case.over,
    )


def _log_e(case: Case) -> float:
    """The stronger test's evidence: at its peak once that proves a breach, else what it is now."""
    if case.track.peak >= case.threshold:
        return case.track.peak
    worse, compare = _proven_worse(case), case.memory.compare
    if worse is not None:
        return worse.track.peak
    if compare is None or compare.test.proven(compare.track):
        # A difference that is proven and too small to matter is no evidence against the release.
        return case.track.log_e
    return max(case.track.log_e, compare.track.log_e)
