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

from guardian.core import threshold
from guardian.core.case import Answer, Case, Memory, Window, examine, growth, sequential
from guardian.core.counts import queried, settled_until
from guardian.core.incidents import presence
from guardian.core.model import (
    Criterion,
    Gauge,
    Incidents,
    Instant,
    Measurement,
    Percentile,
    Query,
    Rate,
    floor_to,
)
from guardian.core.observed import (
    against_limit,
    both_sides,
    duration,
    limit_used,
    observed,
    out_of,
    rising,
    shown,
    value_text,
    warned,
    worst_stretch,
)
from guardian.core.sequential import Run
from guardian.core.verdict import Evidence, Outcome, Verdict

__all__ = ["Memory", "Window", "judge", "observed_until"]

BLIND_SAMPLES = 10.0
"""Silence is blindness where at least this many samples were to be expected in it."""
SPEAKS = 0.9
"""What has no samples is blind when it is silent and had this share of its datapoints before."""


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
    and a breach that was proven once stays proven: it does not matter when one looked. (Incidents
    are the exception, see `Memory`; before the first shift they are judged by `before_shift`.)
    """
    measure = criterion.measure
    if isinstance(measure, Incidents):
        return presence(criterion, measure, measurements, window, now=now, memory=memory)
    case = examine(criterion, measure, measurements, window, now=now, memory=memory)
    answer = (
        _breach(case)
        or _unreadable(case)
        or _stale(case)
        or _unknown(case)
        or _silent(case)
        or (_unproven(case) if sequential(criterion) else threshold.unproven(case))
        or (_passed(case) if sequential(criterion) else threshold.passed(case))
    )
    note = criterion.note
    if isinstance(measure, Percentile) and not note:
        note = threshold.percentile_note(criterion, measure)
    verdict = Verdict(
        criterion=criterion.name,
        outcome=answer.outcome,
        evidence=_evidence(case, answer),
        why=f"{answer.why}; {note}" if note else answer.why,
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


def _breach(case: Case) -> Answer | None:
    """Is a breach proven, of the limit or against stable?"""
    against = _proven(case) if sequential(case.criterion) else threshold.breach(case)
    return against or _worse(case)


def _proven(case: Case) -> Answer | None:
    """Does all evidence together prove that the limit is broken?"""
    limit, criterion = case.memory.limit, case.criterion
    if limit is None or case.track.peak < case.threshold:
        return None
    timed = isinstance(criterion.measure, Rate)
    worst = worst_stretch(
        (*limit.minutes, *case.partial),
        criterion.fail_if.value if timed else criterion.limit_rate,
        fewer=timed and not rising(criterion),
    )
    proof = f"{out_of(criterion, worst)}, log e {case.track.peak:.1f} >= {case.threshold:.1f}"
    value = against_limit(criterion, worst, over=True)
    return Answer(Outcome.FAIL, f"{value}: proven ({proof})", counted=worst)


def _worse(case: Case) -> Answer | None:
    """Is the canary proven to be worse than stable?"""
    worse = _proven_worse(case)
    if worse is None:
        return None
    canary, stable = both_sides(worse.minutes)
    values = [value_text(case.criterion, side) for side in (canary, stable)]
    counted = [out_of(case.criterion, side) for side in (canary, stable)]
    needed = f"log e {worse.track.peak:.1f} >= {case.threshold:.1f}"
    proof = f"{counted[0]} against {counted[1]}, {needed}"
    why = f"{values[0]} against {values[1]} on stable: proven worse ({proof})"
    return Answer(Outcome.FAIL, why, counted=canary)


def _proven_worse(case: Case) -> Run | None:
    """The compare test, if it is over its threshold and by more than the practical floor."""
    run, compare = case.memory.compare, case.criterion.compare
    if run is None or compare is None or not run.test.proven(run.track):
        return None
    canary, stable = both_sides(run.minutes)
    gap = canary.bad / canary.total - stable.bad / stable.total
    return run if gap >= compare.min_increase else None


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
    if age_s <= case.criterion.settle_s + 2 * case.span.period_s:
        return None
    since = max(settled, case.window.first_shift_at)
    why = f"{queried(oldest)} has had no fresh reading for {duration(case.now - since)}"
    return Answer(Outcome.NO_DATA, why, since)


def _unknown(case: Case) -> Answer | None:
    """Is there something to hold a numerator against that nobody has ever seen?"""
    query = case.counts.unknown
    if query is None:
        return None
    why = case.measurements[query].unknown or f"{queried(query)} has had no datapoint yet"
    return Answer(Outcome.NO_DATA, why, case.window.first_shift_at)


def _silent(case: Case) -> Answer | None:
    """Has there been no sample for `no_data_after`, counted back from what should be settled?"""
    due = min(floor_to(case.now - case.criterion.settle_s, case.span.period_s), case.counts.until)
    heard = [c.start + case.span.period_s for c in case.counts.settled if c.total > 0]
    since = max([case.step_begin, *heard[-1:]])
    if due - since < case.criterion.no_data_after_s:
        return None
    what = "datapoints" if _unsampled(case.criterion) else "requests"
    why = f"no {what} for {duration(due - since)}"
    return Answer(Outcome.NO_DATA, why, since if _missed(case, since, due) else None)


def _missed(case: Case, since: Instant, until: Instant) -> bool:
    """Whether there would have been something to hear, by what was heard before a gap."""
    before = [c for c in case.counts.settled if c.start < since]
    if not before:
        return False
    if _unsampled(case.criterion):
        return sum(c.total > 0 for c in before) >= SPEAKS * len(before)
    scaled = sum(c.total * growth(case.criterion, case.window, c.start) for c in before)
    return scaled / len(before) * (until - since) / case.span.period_s >= BLIND_SAMPLES


def _unsampled(criterion: Criterion) -> bool:
    """Whether its datapoints rest on no samples that are counted."""
    return isinstance(criterion.measure, Gauge | Rate)


def _unproven(case: Case) -> Answer | None:
    """Are there too few samples in this step, or is what they show over the limit?"""
    criterion, counted = case.criterion, out_of(case.criterion, case.step)
    kind = "datapoints" if _unsampled(criterion) else "samples"
    few = f"{case.samples:.0f} of the {criterion.min_samples} {kind} needed"
    short = case.samples < criterion.min_samples
    if case.over:
        detail = f"{counted}; {few}" if short else counted
        why = f"{against_limit(criterion, case.step, over=True)}, not yet proven ({detail})"
        return Answer(Outcome.INCONCLUSIVE, why)
    return Answer(Outcome.INCONCLUSIVE, few) if short or not case.step.total else None


def _passed(case: Case) -> Answer:
    """Nothing speaks against it, and enough was seen to say so."""
    value = against_limit(case.criterion, case.step, over=False)
    return Answer(Outcome.PASS, f"{value} ({out_of(case.criterion, case.step)})")


# --- numbers -----------------------------------------------------------------------------------


def _evidence(case: Case, answer: Answer) -> Evidence:
    """What the verdict rests on."""
    criterion, counted = case.criterion, answer.counted or case.step
    settled, value = case.counts.until, _value(case)
    text = None if value is None else shown(criterion, value)
    if answer.counted is not None:
        text = value_text(criterion, counted)
    last = None if sequential(criterion) else threshold.newest(case)
    return Evidence(
        limit=str(criterion.fail_if),
        value=text,
        bad=round(counted.bad),
        samples=round(case.samples if answer.counted is None else counted.total),
        min_samples=criterion.min_samples,
        all_samples=round(case.sampled(case.counts.settled)),
        window_start=case.step_begin,
        window_end=settled if settled > case.step_begin else None,
        log_e=_log_e(case),
        log_e_limit=case.threshold if _tested(case) else 0.0,
        blind_since=answer.blind_since,
        over_limit=case.over if sequential(criterion) else last is not None and last.over,
        limit_used=None if value is None else limit_used(criterion, value),
        warned=value is not None and warned(criterion, value),
    )


def _value(case: Case) -> float | None:
    """The step's observed value: of all its events, or the newest one of what is not counted."""
    if isinstance(case.criterion.measure, Gauge | Percentile):
        last = threshold.newest(case)
        return None if last is None else last.value
    return observed(case.criterion, case.step) if case.step.total > 0 else None


def _tested(case: Case) -> bool:
    """Whether any statistical test weighs the evidence."""
    return case.memory.limit is not None or case.memory.compare is not None


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
