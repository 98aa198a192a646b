"""Before there is a journal: people are paged once, and the wait ends by itself or by a signal."""

from __future__ import annotations

import signal
from threading import Thread

from guardian.clock import SystemClock
from guardian.core.model import Reason
from guardian.core.notices import Notice
from guardian.engine.outbox import Receiver
from guardian.engine.vigil import Vigil
from guardian.ports import NotifyError, Unavailable
from tests.engine.test_left_alone import Pager


class Deaf:
    """A notifier that refuses."""

    def send(self, notice: Notice, *, handle: str | None) -> str | None:
        """Refuse."""
        raise NotifyError(Reason.INVALID, "no", retryable=False)


class Disk:
    """A journal that is full until somebody frees some space."""

    full = True

    def open(self) -> None:
        """Raise Unavailable while it is full."""
        if self.full:
            raise Unavailable("the disk is full")


def vigil(disk: Disk, *receivers: Receiver) -> Vigil:
    """Over that disk."""
    said: list[str] = []
    return Vigil(disk.open, receivers, SystemClock(), said.append, environment="production")


def test_people_are_paged_until_it_can_be_used() -> None:
    """One who refuses keeps no other from it; readyz says why, and the daemon tells the end."""
    disk, pager = Disk(), Pager()
    watch = vigil(
        disk, Receiver(name="deaf", notifier=Deaf()), Receiver(name="pager", notifier=pager)
    )
    assert not watch.look()
    told = pager.told.get(timeout=30)
    assert [page.key for page in told.pages] == ["guardian/production/journal"]
    assert "the disk is full" in told.did
    assert watch.overview().ready == "the disk is full"
    assert watch.overview().alive == ""
    assert not watch.look()
    disk.full = False
    assert watch.wait()
    assert pager.told.empty()
    assert [key for n in watch.over for key in n.resolves] == ["guardian/production/journal"]


def test_a_signal_ends_the_wait() -> None:
    """Within a moment."""
    disk = Disk()
    watch = vigil(disk)
    waiting = Thread(target=watch.wait, daemon=True)
    waiting.start()
    watch.signal(signal.SIGTERM)
    waiting.join(timeout=30)
    assert not waiting.is_alive()
    assert watch.signals == [signal.SIGTERM]


def test_a_journal_that_can_be_used_at_once_is_told_to_nobody() -> None:
    """There is nothing to end either."""
    disk, pager = Disk(), Pager()
    disk.full = False
    watch = vigil(disk, Receiver(name="pager", notifier=pager))
    assert watch.look()
    assert watch.over == ()
    assert pager.told.empty()
