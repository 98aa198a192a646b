"""How times and lengths are put into words for a reader."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from guardian.core.model import MINUTE_S, Instant

HOUR_S = 60 * MINUTE_S


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
