"""Notifiers that refuse what they are given: said in the log, and to the other notifiers, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from guardian.core.notices import Notice
from guardian.messages.about_guardian import receiver_refuses, receiver_takes
from guardian.ports import Clock


class Refusals:
    """Which receivers refuse, why, and what the others are to hear of it."""

    def __init__(
        self,
        *,
        clock: Clock,
        say: Callable[[str], None],
        tell: Callable[[Notice, str], None],
    ) -> None:
        self._clock = clock
        self._say = say
        self._tell = tell
        """Tells a notice to every receiver but one."""
        self._why: dict[str, str] = {}
        self._news: dict[str, Notice] = {}

    @property
    def news(self) -> Mapping[str, Notice]:
        """The newest word about each receiver, for the others."""
        return self._news.copy()

    @property
    def why(self) -> Mapping[str, str]:
        """Receivers that refused what they were given last, and why."""
        return self._why.copy()

    def refused(self, receiver: str, notice: Notice, why: str) -> None:
        """A receiver said no: nobody will hear of it there before somebody mends that."""
        now, news = self._clock.now(), self._news.get(receiver)
        if receiver not in self._why:
            self._say(f"{receiver} refuses what guardian tells: {why}; it is tried again")
        if receiver not in self._why or (notice.vital and news is not None and not news.vital):
            self._news[receiver] = receiver_refuses(receiver, notice, why, now)
        self._why[receiver] = why

    def took(self, receiver: str, notice: Notice) -> None:
        """A receiver took a notice: what it refused before is over."""
        if self._why.pop(receiver, None) is not None:
            self._say(f"{receiver} takes what guardian tells again")
            self._news[receiver] = receiver_takes(receiver, notice.environment, self._clock.now())

    def step(self) -> None:
        """Hand the news to whoever has not heard them."""
        for receiver, news in self.news.items():
            self._tell(news, receiver)
