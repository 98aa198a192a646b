"""One criterion and its measurements become a verdict, with the evidence and one sentence why.

The questions are asked in a fixed order, and the first one that is answered decides:

1. Do the datapoints at hand prove a breach? `fail`, whatever else is missing.
2. Readable? Else `error`. Fresh, and not silent for long? Else `no_data`.
3. Enough samples in this step, and the observed value inside the limit? Else `inconclusive`.
4. `pass`.

What proves a breach depends on the criterion's judge: the evidence of all periods together (here),
M of N datapoints (`threshold`), or an incident's presence (`incidents`).
"""

from __future__ import annotations

from collections.abc import Mapping

from guardian.core import reasons, silence, threshold
from guardian.core.case import Answer, Case, Ground, Window, examine, worst
from guardian.core.counts import queried
from guardian.core.evidence import evidence, proven_worse
from guardian.core.incidents import presence
from guardian.core.memory import Memory, sequential
from guardian.core.model import (
    Criterion,
    Incidents,
    Instant,
    Latency,
    Measurement,
    Percentile,
    Query,
    Ratio,
)
from guardian.core.observed import both_sides
from guardian.core.reasons import duration
from guardian.core.verdict import Outcome, Verdict

__all__ = ["Memory", "Window", "judge"]


def judge(
    criterion: Criterion,
    measurements: Mapping[Query, Measurement],
    window: Window,
    *,
    now: Instant,
    memory: Memory | None = None,
    beside: Ratio | Latency | None = None,
) -> tuple[Verdict, Memory]:
    """Judge one criterion at `now`; hand the memory to the next call for the same rollout.

    `measurements` holds one measurement for each of the criterion's queries, with the datapoints
    since the first shift. The verdict is a function of the other arguments alone,
    and a breach that was proven once stays proven: it does not matter when one looked. (Incidents
    are the exception, see `Memory`; before the first shift they are judged by `before_shift`.)
    `beside` is the same measure of stable, where that was read to tell an outage from a breach.
    """
    measure = criterion.measure
    if isinstance(measure, Incidents):
        return presence(criterion, measure, measurements, window, now=now, memory=memory)
    case = examine(criterion, measure, measurements, window, now=now, memory=memory, beside=beside)
    answer = (
        _breach(case)
        or _outage(case)
        or _unreadable(case)
        or _stale(case)
        or silence.incomplete(case)
        or silence.unknown(case)
        or silence.silent(case)
        or (_unproven(case) if sequential(criterion) else threshold.unproven(case))
        or (Answer(Outcome.PASS) if sequential(criterion) else threshold.passed(case))
    )
    seen = evidence(case, answer)
    why = reasons.why(answer.outcome, seen, answer.detail)
    note = criterion.note
    if isinstance(measure, Percentile) and not note:
        note = threshold.percentile_note(criterion, measure)
    verdict = Verdict(
        criterion=criterion.name,
        outcome=answer.outcome,
        evidence=seen,
        why="; ".join(filter(None, (why, silence.late(case), note))),
    )
    return verdict, case.memory


# --- the questions -----------------------------------------------------------------------------


def _breach(case: Case) -> Answer | None:
    """Is a breach proven, of the limit or against stable?"""
    against = _proven(case) if sequential(case.criterion) else threshold.breach(case)
    return against or _worse(case)


def _proven(case: Case) -> Answer | None:
    """Does all evidence together prove that the limit is broken?"""
    if case.memory.limit is None or case.track.peak < case.threshold:
        return None
    settled, growing = worst(case.criterion, case.counts.settled, case.growing)
    return Answer(Outcome.FAIL, ground=Ground(settled=settled, growing=growing))


def _worse(case: Case) -> Answer | None:
    """Is the canary proven to be worse than stable?"""
    if proven_worse(case) is None or case.stable_counts is None:
        return None
    canary, stable = both_sides(case.counts, case.stable_counts)
    return Answer(Outcome.FAIL, ground=Ground(settled=canary, stable=stable))


def _outage(case: Case) -> Answer | None:
    """Is it over the limit now, and stable alike?"""
    if not case.shared.lasting:
        return None
    ground = Ground(settled=case.shared.canary, stable=case.shared.stable)
    return Answer(Outcome.INCONCLUSIVE, ground=ground)


def _unreadable(case: Case) -> Answer | None:
    """Was any of the queries not read, or answered with nonsense?"""
    for query in case.criterion.queries():
        measurement = case.measurements.get(query)
        if measurement is None:
            return Answer(
                Outcome.ERROR, f"{queried(query)} was never read", case.window.first_shift_at
            )
        if measurement.problem is not None:
            return Answer(Outcome.ERROR, measurement.problem.detail, measurement.blind_since)
    for counts in (case.counts, case.stable_counts):
        if counts is not None and counts.fault is not None:
            return Answer(Outcome.ERROR, counts.fault.detail, counts.fault.at)
    return None


def _stale(case: Case) -> Answer | None:
    """Does any query's newest settled datapoint lag behind what should be settled?"""
    oldest = min(case.criterion.queries(), key=lambda q: case.measurements[q].settled_before)
    settled = case.measurements[oldest].settled_before
    age_s = case.now - settled
    if age_s <= case.settle_s + 2 * case.span.period_s:
        return None
    since = max(settled, case.window.first_shift_at)
    why = f"{queried(oldest)} has had no fresh reading for {duration(case.now - since)}"
    return Answer(Outcome.NO_DATA, why, since)


def _unproven(case: Case) -> Answer | None:
    """Are there too few samples in this step, or is what they show over the limit?"""
    criterion = case.criterion
    kind = "datapoints" if silence.unsampled(criterion) else "samples"
    short = case.samples < criterion.min_samples
    few = f"{case.samples:.0f} of the {criterion.min_samples} {kind} needed"
    if short or not case.step.total:
        return Answer(Outcome.INCONCLUSIVE, few)
    return Answer(Outcome.INCONCLUSIVE) if case.over and criterion.tolerated is None else None
