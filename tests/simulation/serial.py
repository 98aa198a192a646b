"""Vendors' calls one after the other, for simulations and tests without threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from guardian.engine.call_pool import outcome_of


class SerialCallPool:
    """Runs the calls one after the other in the caller's thread."""

    def run(
        self,
        calls: Mapping[str, Callable[[], object]],
        *,
        deadline_s: float,
        interruptible: bool = False,
        beside: bool = False,
    ) -> Mapping[str, object]:
        """Each call's result, or its EdgeError."""
        return {key: outcome_of(call) for key, call in calls.items()}

    def interrupt(self) -> None:
        """Nothing to interrupt."""
