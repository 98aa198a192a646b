"""What a notifier delivered of late, against doubles where the journal could not note it."""

from __future__ import annotations

from typing import Final

from guardian.core.notices import Notice

REMEMBERED: Final = 256
"""Notices, and rollouts: far more than what can be under way at once."""


class Delivered:
    """Handles by notice and by rollout, the newest of them."""

    def __init__(self) -> None:
        self._notices: dict[str, str] = {}
        self._rollouts: dict[str, str] = {}
        self._newest: dict[str, int] = {}

    def handle(self, notice: Notice) -> str | None:
        """What the delivery of this very notice returned; None when it was not delivered here."""
        return self._notices.get(notice.id)

    def thread(self, notice: Notice) -> str | None:
        """What the last delivery of its rollout returned."""
        return self._rollouts.get(notice.rollout)

    def overtaken(self, notice: Notice) -> bool:
        """Whether a later one of its rollout was delivered before it."""
        return notice.seq < self._newest.get(notice.rollout, 0)

    def keep(self, notice: Notice, handle: str) -> None:
        """It was delivered."""
        newest = max(notice.seq, self._newest.pop(notice.rollout, 0))
        self._newest = {r: self._newest[r] for r in self._newest if r in self._rollouts}
        self._newest[notice.rollout] = newest
        for known, key in ((self._notices, notice.id), (self._rollouts, notice.rollout)):
            known.pop(key, None)
            known[key] = handle
            if len(known) > REMEMBERED:
                del known[next(iter(known))]
