"""How a daemon leaves: what it waits for, and what it does not wait for."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event, Thread

import pytest

from guardian.clock import ScaledClock, SystemClock
from guardian.core.model import Measurement, Query
from guardian.journals.sqlite import Options, build
from guardian.ports import Ask
from tests.contracts.journal_values import ManualClock
from tests.engine.house import House
from tests.engine.planes import Quiet
from tests.engine.test_turns import daemon
from tests.journals.sqlite_store import context
from tests.pace import PATIENCE


class Hanging(Quiet):
    """A source that answers once it is let go."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.begun, self.let_go = Event(), Event()

    def read(self, asks: Sequence[Ask], *, now: float) -> Mapping[Query, Measurement]:
        """Nothing, and late."""
        self.begun.set()
        self.let_go.wait()
        return super().read(asks, now=now)


def test_a_read_that_begins_after_the_signal_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal's own interrupt found no read to end: leaving ends it."""
    journal = build(Options(path=tmp_path / "guardian.db"), context(SystemClock()))
    house = House(journal=journal)
    house.left(*house.shifted())
    source = Hanging(house.clock)
    monkeypatch.setattr(house.catalog, "sources", lambda _: {"cloudwatch": source})
    mine = daemon(house, clock=ScaledClock(origin=house.clock.now(), speed=60.0))
    thread = Thread(target=mine.run, daemon=True)
    thread.start()
    assert source.begun.wait(10.0 * PATIENCE)
    mine._signals.append(signal.SIGTERM)
    thread.join()
    source.let_go.set()
    assert mine.settled
    journal.close()
