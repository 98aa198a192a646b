"""What a daemon tells of itself: each thing until every notifier has it, and then its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from guardian.core.notices import Notice
from guardian.messages.about_guardian import journal_right, journal_wrong
from guardian.ports import Clock

JOURNAL_S = 30.0
"""A journal that cannot be used for so long, in real seconds, is paged: a lock is over sooner."""


class OwnNotices:
    """Keeps the newest notice of each cause, and hands it over again at each turn."""

    def __init__(
        self, tell: Callable[[Notice], None], clock: Clock, before: Sequence[Notice] = ()
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._newest = {notice.rollout: notice for notice in before}
        self._unusable_since: float | None = None
        self._paged = False
        """Whether people know that the journal cannot be used."""

    def put(self, notice: Notice) -> None:
        """Tell this from now on, in the place of what was told of the same cause."""
        self._newest[notice.rollout] = notice

    def step(self) -> None:
        """Hand everything over to whoever has not heard it."""
        for notice in self._newest.values():
            self._tell(notice)

    def journal(self, environment: str, trouble: str) -> None:
        """What the journal's state is; a trouble that lasts is paged, and so is its end."""
        monotonic = self._clock.monotonic()
        if not trouble:
            self._unusable_since = None
            if self._paged:
                self._paged = False
                self.put(journal_right(environment, self._clock.now()))
            return
        if self._unusable_since is None:
            self._unusable_since = monotonic
        if not self._paged and monotonic - self._unusable_since >= JOURNAL_S:
            self._paged = True
            self.put(journal_wrong(environment, trouble, self._clock.now()))
