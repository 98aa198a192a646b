"""What `guardian doctor` finds: one line each, with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable


class Level(Enum):
    """How it stands."""

    OK = "OK"
    WARN = "WARN"
    """guardian works, and something is worth knowing or could not be learned."""
    FAIL = "FAIL"
    """guardian would fail its users as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One thing that was looked at."""

    level: Level
    what: str
    """A sentence: what was looked at, and what was found."""
    fix: str = ""
    """What to do; empty when it is well."""


@runtime_checkable
class Examined(Protocol):
    """An adapter that can look at itself: permissions, addresses, what will go wrong later."""

    def examine(self) -> Sequence[Health]:
        """What it finds, without changing or telling anything. Raises EdgeErrors."""
        ...
