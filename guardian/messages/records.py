"""What programs are told, built in the shapes of `guardian/v1`."""

from __future__ import annotations

from guardian.core import reasons
from guardian.core.codec import rfc3339
from guardian.core.model import Instant
from guardian.core.traffic import Traffic
from guardian.core.verdict import Datapoints, Stable, Unsettled, Verdict
from guardian.messages.v1 import (
    DatapointsRecord,
    StableRecord,
    TrafficRecord,
    UnsettledRecord,
    VerdictRecord,
)


def verdict(judged: Verdict) -> VerdictRecord:
    """A verdict with its evidence: numbers beside the texts; null is what there is not."""
    seen = judged.evidence
    value, limit = seen.value, seen.limit
    figure = value or (limit.figure if limit is not None else None)
    return {
        "criterion": judged.criterion,
        "verdict": judged.outcome.value,
        "why": judged.why,
        "value": reasons.value(seen) or None,
        "limit": reasons.limit(seen),
        "test": seen.basis.value,
        "number": None if value is None else value.value,
        "limit_number": None if limit is None else limit.figure.value,
        "unit": None if figure is None else figure.unit.value,
        "bad": seen.bad,
        "samples": seen.samples,
        "minutes": seen.minutes,
        "unsettled": None if seen.unsettled is None else _unsettled(seen.unsettled),
        "stable": None if seen.stable is None else _stable(seen.stable),
        "datapoints": None if seen.datapoints is None else _datapoints(seen.datapoints),
        "min_samples": seen.min_samples,
        "log_e": round(seen.log_e, 4),
        "log_e_limit": round(seen.log_e_limit, 4),
        "window_start": time_or_null(seen.window_start),
        "window_end": time_or_null(seen.window_end),
    }


def _unsettled(late: Unsettled) -> UnsettledRecord:
    return {
        "bad": late.bad,
        "samples": late.samples,
        "minutes": late.minutes,
        "samples_at_most": late.most,
        "number_at_least": None if late.bound is None else late.bound.value,
    }


def _stable(other: Stable) -> StableRecord:
    return {"number": other.value.value, "bad": other.bad, "samples": other.samples}


def _datapoints(of: Datapoints) -> DatapointsRecord:
    return {"over": of.over, "of": of.of, "needed": list(of.needed)}


def traffic(found: Traffic) -> TrafficRecord:
    """Who receives requests; the weight is a share."""
    return {
        "primary": found.primary,
        "secondary": found.secondary,
        "weight": found.weight.ratio,
    }


def time_or_null(at: Instant | None) -> str | None:
    """An instant as records have it."""
    return None if at is None else rfc3339(at)
