"""A rollout that has moved traffic and that nobody drives: people are paged, not only the log."""

from __future__ import annotations

import queue

from guardian.core.notices import Notice, Severity
from guardian.core.plan import Mode
from guardian.engine.admission import ALONE_S
from guardian.engine.outbox import Receiver
from tests.engine.house import SERVICE, House


class Pager:
    """A notifier that says when it was told."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[Notice] = queue.SimpleQueue()

    def send(self, notice: Notice, *, handle: str | None) -> str | None:
        """Be told, in a thread of the outbox."""
        self.told.put(notice)
        return handle


def house_with(pager: Pager) -> House:
    """A daemon with one receiver."""
    house = House()
    house.host.replace_lanes([Receiver(name="pager", notifier=pager)])
    return house


def test_a_canary_that_nobody_drives_is_paged_once() -> None:
    """Its service was taken out of the files; another daemon has the time to come back first."""
    pager = Pager()
    house = house_with(pager)
    house.left(*house.shifted(), service="gone")
    house.step()
    house.clock.pass_s(ALONE_S - 1)
    house.step()
    assert pager.told.empty()
    house.clock.pass_s(1)
    house.step()
    told = pager.told.get(timeout=30)
    (page,) = told.pages
    assert page.severity is Severity.CRITICAL
    assert page.key.endswith("/unguarded")
    assert "nobody guards version 42" in told.title
    assert "service gone is not configured here" in told.did
    assert len(house.said) == 1


def test_nobody_is_paged_for_what_is_driven_again_in_time() -> None:
    """The wait begins anew with the next absence."""
    pager = Pager()
    house = house_with(pager)
    house.left(*house.shifted(), service="gone")
    house.step()
    lease = house.journal.open_lease("another daemon")
    (head,) = house.journal.live()
    house.journal.claim(lease, head.target)
    house.clock.pass_s(ALONE_S)
    house.step()
    house.journal.close_lease(lease)
    house.step()
    house.clock.pass_s(ALONE_S - 1)
    house.step()
    assert pager.told.empty()


def test_nobody_is_paged_before_anything_moved() -> None:
    """All traffic is where it was."""
    pager = Pager()
    house = house_with(pager)
    house.catalog.mode = Mode.OBSERVE
    house.left()
    for _ in range(2):
        house.admission.step(house.catalog, {SERVICE: Mode.OBSERVE})
        house.clock.pass_s(ALONE_S)
    assert house.said
    assert pager.told.empty()
