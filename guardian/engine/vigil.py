"""Before there is a journal: waits until it can be used, and has people know that it cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from threading import Event

from guardian.core.notices import Notice
from guardian.engine.call_pool import ThreadCallPool
from guardian.engine.outbox import DIRECT_RETRY_S, Receiver
from guardian.messages.about_guardian import journal_right, journal_unusable
from guardian.ports import Clock, JournalError
from guardian.ports.daemon_status import DaemonStatus

RETRY_S = 2.0
"""Real seconds between two tries."""
_LOOK_S = 0.2


class Vigil:
    """What stands in a daemon's place while its journal is damaged, full, or only read."""

    def __init__(
        self,
        try_journal: Callable[[], object],
        receivers: Sequence[Receiver],
        clock: Clock,
        say: Callable[[str], None],
        *,
        environment: str,
    ) -> None:
        self._try = try_journal
        self._receivers = receivers
        self._clock = clock
        self._say = say
        self._environment = environment
        self._pool = ThreadCallPool(clock)
        self._trouble = ""
        self._page: Notice | None = None
        self._told: set[str] = set()
        self._tell_at = 0.0
        self.signals: list[int] = []
        """What came meanwhile."""

    def wait(self) -> bool:
        """Try until it can be used; False when a signal came first. Raises ConfigError."""
        while not self.signals:
            if self.look():
                return True
            ends_at = self._clock.monotonic() + RETRY_S
            while not self.signals and self._clock.monotonic() < ends_at:
                Event().wait(_LOOK_S)
        return False

    def look(self) -> bool:
        """Whether it can be used now; people are told where not. Raises ConfigError."""
        try:
            self._try()
        except JournalError as error:
            self._troubled(str(error))
            return False
        return True

    @property
    def over(self) -> Sequence[Notice]:
        """What the daemon has to tell at its start: the end of the page, if there was one."""
        if self._page is None:
            return ()
        return (journal_right(self._environment, self._clock.now()),)

    def signal(self, number: int) -> None:
        """Stop waiting: safe to call from a handler."""
        self.signals.append(number)

    def reload(self) -> None:
        """There is nothing yet that could be read again."""

    def overview(self) -> DaemonStatus:
        """How it is; may be called in any thread."""
        return DaemonStatus(at=self._clock.now(), ready=self._trouble or "it is starting")

    def _troubled(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._say(f"{trouble}\nnothing is guarded until the journal can be used")
            self._trouble = trouble
        if self._page is None:
            self._page = journal_unusable(self._environment, trouble, self._clock.now())
        monotonic = self._clock.monotonic()
        if monotonic < self._tell_at:
            return
        self._tell_at = monotonic + DIRECT_RETRY_S
        waiting = [receiver for receiver in self._receivers if receiver.name not in self._told]
        calls = {
            f"vigil-{receiver.name}": partial(self._tell, receiver, self._page)
            for receiver in waiting
            if receiver.wants(self._page)
        }
        self._pool.run(calls, deadline_s=0.0)

    def _tell(self, receiver: Receiver, page: Notice) -> None:
        receiver.notifier.send(page, handle=None)
        self._told.add(receiver.name)
