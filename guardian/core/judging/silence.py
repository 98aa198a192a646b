"""What silence amounts to: rare traffic, lost sight, or a series that does not exist."""

from __future__ import annotations

from guardian.core.judging.counts import settled_until
from guardian.core.judging.evaluation import Evaluation, Ruling, growth
from guardian.core.model import Instant, ceil_to, floor_to
from guardian.core.reasons import duration
from guardian.core.verdict import Outcome
from guardian.core.wording import hour_minute, moment

BLIND_SAMPLES = 10.0
"""Silence is blindness where at least this many samples were to be expected in it."""
SPEAKS = 0.9
"""What has no samples is blind when it is silent and had this share of its datapoints before."""


def incomplete(evaluation: Evaluation) -> Ruling | None:
    """Are there minutes since the first shift that were not read yet?"""
    since = max((m.since for m in evaluation.measurements.values()), default=0.0)
    if since <= evaluation.span.begin:
        return None
    why = f"what was before {hour_minute(since)} UTC is still being read"
    return Ruling(Outcome.INCONCLUSIVE, why)


def late(evaluation: Evaluation) -> str:
    """Which of its series comes later than was assumed; empty where none does."""
    slow = [
        (m.lag_s, q)
        for q, m in evaluation.measurements.items()
        if m.lag_s > evaluation.criterion.settle_s
    ]
    if not slow:
        return ""
    lag_s, query = max(slow, key=lambda one: one[0])
    return f"{query.name} comes up to {duration(lag_s)} late, and only older minutes count"


def unknown(evaluation: Evaluation) -> Ruling | None:
    """Is there something to hold a numerator against that nobody has ever seen?"""
    query = evaluation.counts.unknown
    if query is None:
        return None
    found = evaluation.measurements[query]
    why = found.unknown or f"{query.name} has had no datapoint yet"
    return Ruling(Outcome.NO_DATA, why, found.blind_since)


def silent(evaluation: Evaluation) -> Ruling | None:
    """Has there been no sample for `no_data_after`, counted back from what should be settled?"""
    due = min(
        floor_to(evaluation.now - evaluation.settle_s, evaluation.span.period_s),
        evaluation.counts.until,
    )
    since = max(evaluation.step_begin, _heard_until(evaluation))
    if due - since < evaluation.criterion.no_data_after_s:
        return None
    blind = _missed(evaluation, since, due)
    ahead_at = evaluation.window.set_ahead_at
    if since < ahead_at <= evaluation.now:
        # What the clock left out never was: silence begins anew, and shows no health meanwhile.
        since = ceil_to(ahead_at, evaluation.span.period_s)
        if due - since < evaluation.criterion.no_data_after_s:
            why = f"this machine's clock was set ahead to {moment(ahead_at)}: too little since"
            return Ruling(Outcome.INCONCLUSIVE, why)
    strange = (
        ""
        if _heard_until(evaluation)
        else evaluation.measurements[evaluation.measure.heard_by].unknown
    )
    what = "requests" if evaluation.measure.sampled else "datapoints"
    why = strange or f"no {what} for {duration(due - since)}"
    return Ruling(Outcome.NO_DATA, why, since if blind else None)


def observed_until(evaluation: Evaluation) -> Instant | None:
    """Up to when it was observed. None if one of its queries has never been readable.

    Silence is observed for as long as the traffic so far makes it credible; where it does not,
    observation ended with the last sample.
    """
    queries = tuple(evaluation.criterion.queries())
    until = settled_until(queries, evaluation.measurements, evaluation.span.period_s)
    since = max(evaluation.step_begin, _heard_until(evaluation))
    missed = since < until and _missed(evaluation, since, until)
    return (since if missed else until) or None


def _heard_until(evaluation: Evaluation) -> Instant:
    """The end of the newest settled period with a sample; 0 for none."""
    heard = (c.start for c in reversed(evaluation.counts.settled) if c.total > 0)
    start = next(heard, None)
    return 0.0 if start is None else start + evaluation.span.period_s


def _missed(evaluation: Evaluation, since: Instant, until: Instant) -> bool:
    """Whether there would have been something to hear, by what was heard before a gap."""
    before = [c for c in evaluation.counts.settled if c.start < since]
    if not before:
        return False
    if not evaluation.measure.sampled:
        return sum(c.total > 0 for c in before) >= SPEAKS * len(before)
    scaled = sum(c.total * growth(evaluation.criterion, evaluation.window, c.start) for c in before)
    return scaled / len(before) * (until - since) / evaluation.span.period_s >= BLIND_SAMPLES
