"""What one outside call is, among those that are made to go wrong.

`begin` arranges what must be there before and returns the call; the call returns in one word what
came of it, and fails the test when a success is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.faults.ground import Ground

DONE: Final = "done"

Asking = Callable[[], str]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One outside call of one adapter, for one purpose."""

    name: str
    service: str
    operation: str
    begin: Callable[[Ground, bool], Asking]
    skip: int = 0
    """How many calls of this operation go well before the one that is meant."""
    weight: float = 0.0
    """What version 42 has before."""
    most: float = 0.1
    """What version 42 may have afterwards."""
