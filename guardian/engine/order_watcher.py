"""An order or a freeze from another terminal acts now, not at the next poll."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from guardian.core.rollout.entries import Freeze, OrderKind
from guardian.ports import Journal, JournalError

BELL_S = 1.0
"""Real seconds between two looks at the journal."""
URGENT = frozenset({OrderKind.ABORT, OrderKind.INTERRUPT, OrderKind.GROUP})
"""Orders that do not wait for a read under way."""


class OrderWatcher:
    """Looks for what is new among waiting orders and freezes, and rings."""

    def __init__(
        self,
        journal: Journal,
        *,
        rollouts: Callable[[], Sequence[str]],
        ring: Callable[[bool], None],
    ) -> None:
        self._journal = journal
        self._rollouts = rollouts
        self._ring = ring
        """Called with whether it is urgent."""
        self._orders: frozenset[str] = frozenset()
        self._freezes: tuple[Freeze, ...] = ()

    def step(self) -> float:
        """One look; returns the real seconds until the next."""
        rollouts = self._rollouts()
        if not rollouts:
            return BELL_S
        try:
            waiting = self._journal.orders(rollouts)
            freezes = tuple(self._journal.freezes())
        except JournalError:
            return BELL_S  # The tick meets the same journal, and says so.
        new = [order for order in waiting if order.id not in self._orders]
        if new or freezes != self._freezes:
            self._ring(any(order.kind in URGENT for order in new))
        self._orders, self._freezes = frozenset(o.id for o in waiting), freezes
        return BELL_S
