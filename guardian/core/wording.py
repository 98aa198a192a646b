"""How times, lengths, verdicts and other people's text are put into words for a reader."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime

from guardian.core.model import MINUTE_S, Instant
from guardian.core.verdict import Evidence, Outcome, Verdict

HOUR_S = 60 * MINUTE_S
SHORTENED = " … (shortened)"

_WORST_FIRST = (Outcome.FAIL, Outcome.ERROR, Outcome.NO_DATA, Outcome.INCONCLUSIVE, Outcome.PASS)
_SPACES = frozenset({"Cc", "Zl", "Zp", "Cs"})
"""Unicode categories that become a space: controls, line separators, lone surrogates."""


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


def clean(text: str) -> str:
    """The text on one line, without characters that hide, reorder or end it.

    Names, reasons and vendors' errors are other people's text: line ends and control characters
    become spaces; bidirectional marks and zero-width characters (category Cf) are dropped.
    """
    if not text.isprintable():
        kinds = ((c, unicodedata.category(c)) for c in text)
        text = "".join(" " if kind in _SPACES else c for c, kind in kinds if kind != "Cf")
    return " ".join(text.split())


def shortened(text: str, limit: int) -> str:
    """The text in at most `limit` characters (at least 20), saying so when something was cut."""
    if len(text) <= limit:
        return text
    return text[: limit - len(SHORTENED)].rstrip() + SHORTENED


def line(text: str, limit: int) -> str:
    """`clean` and `shortened` at once, reading no more of an endless text than can be shown."""
    read = 4 * limit
    safe = clean(text[:read])
    return shortened(safe if len(text) <= read else safe + SHORTENED, limit)


def worst_first(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Failures before everything else; the order of the rule file within one outcome."""
    return sorted(verdicts, key=lambda v: _WORST_FIRST.index(v.outcome))


def window(evidence: Evidence) -> str:
    """The span of time that the evidence covers, "03:10 to 03:20 UTC"; "" when there is none."""
    if evidence.window_start is None or evidence.window_end is None:
        return ""
    return f"{hour_minute(evidence.window_start)} to {hour_minute(evidence.window_end)} UTC"


def samples(evidence: Evidence) -> str:
    """How much was seen: "480 samples", or "12 of 60 samples" where that is not enough."""
    if evidence.samples < evidence.min_samples:
        return f"{evidence.samples} of {evidence.min_samples} samples"
    return f"{evidence.samples} samples"


def measured(verdict: Verdict) -> str:
    """Value, limit, samples and window: "6.1%, limit above 5%, 480 samples, 03:10 to …"."""
    seen = verdict.evidence
    value = seen.value if seen.value is not None else "no value"
    parts = [value, f"limit {seen.limit}" if seen.limit else "", samples(seen), window(seen)]
    return ", ".join(part for part in parts if part)
