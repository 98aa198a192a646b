"""How times, lengths and verdicts are put into words for a reader."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime

from guardian.core import reasons
from guardian.core.model import MINUTE_S, Instant
from guardian.core.verdict import Evidence, Outcome, Verdict

HOUR_S = 60 * MINUTE_S

_WORST_FIRST = (Outcome.FAIL, Outcome.ERROR, Outcome.NO_DATA, Outcome.INCONCLUSIVE, Outcome.PASS)


def hour_minute(at: Instant) -> str:
    """The time of day, "03:10" in UTC."""
    return datetime.fromtimestamp(at, tz=UTC).strftime("%H:%M")


def moment(at: Instant) -> str:
    """Day and time, "2026-09-21 03:10 UTC"."""
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")


def span(seconds: float) -> str:
    """A length of time as configuration files write it: "90s", "10m", "24h"."""
    if seconds >= HOUR_S and seconds % HOUR_S == 0:
        return f"{seconds / HOUR_S:.0f}h"
    if seconds >= MINUTE_S and seconds % MINUTE_S == 0:
        return f"{seconds / MINUTE_S:.0f}m"
    return f"{math.ceil(seconds)}s"


def because(detail: str) -> str:
    """A recorded detail as a sentence, "Reason: …."; "" where nothing was recorded."""
    detail = detail.strip()
    if not detail:
        return ""
    return f"Reason: {detail}" if detail[-1] in ".!?" else f"Reason: {detail}."


def worst_first(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Failures before everything else; the order of the rule file within one outcome."""
    return sorted(verdicts, key=lambda v: _WORST_FIRST.index(v.outcome))


def window(evidence: Evidence) -> str:
    """The span of time that the evidence covers, "03:10 to 03:20 UTC"; "" when there is none."""
    if evidence.window_start is None or evidence.window_end is None:
        return ""
    return f"{hour_minute(evidence.window_start)} to {hour_minute(evidence.window_end)} UTC"


def samples(evidence: Evidence) -> str:
    """How much was seen: "480 samples in 10 minutes", or "12 of 60 samples" where more is due."""
    if evidence.samples < evidence.min_samples:
        return f"{evidence.samples} of {evidence.min_samples} samples"
    return reasons.samples(evidence)


def measured(verdict: Verdict) -> str:
    """Value, limit, samples and window: "6.1%, limit above 5%, 480 samples, 03:10 to …"."""
    seen = verdict.evidence
    limit = reasons.limit(seen)
    parts = [
        reasons.value(seen) or "no value",
        f"limit {limit}" if limit else "",
        samples(seen),
        window(seen),
    ]
    return ", ".join(part for part in parts if part)
