"""What a command or a person's order records is recorded, counted and told as a tick's is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from guardian.core.plan import Drive
from guardian.core.rollout.entries import (
    Cause,
    RollbackConfirmed,
    RollbackStarted,
    RolloutStarted,
    Superseded,
)
from guardian.core.rollout.machine import Phase, apply, fold
from guardian.core.traffic import Traffic
from guardian.engine.dependencies import Dependencies
from guardian.engine.host import Host
from guardian.engine.outcome import count
from guardian.engine.task import Busy
from guardian.engine.tick_result import TickResult
from guardian.ports import Metrics
from tests.core.rollouts import T0, in_phase
from tests.engine.house import SERVICE, House
from tests.simulation.world import SeededRandom


def a_rollback(house: House, rollout: str = "back") -> str:
    """A person's rollback, begun by a process that dies at once."""
    host = house.new_host()
    task = house.catalog.task(
        SERVICE, rollout, drive=Drive.ROLLBACK, steps=(), criteria=(), found=Traffic(primary="42")
    )
    host.plane(task.plane, house.catalog.sources(task))
    host.begin(task, host.claim(task.plan.target))
    host.close()
    return rollout


def test_a_persons_rollback_is_recorded_with_its_intent() -> None:
    """One transaction holds both entries: no crash can leave the first one alone."""
    house = House()
    records = house.journal.read(a_rollback(house))
    assert [type(r.entry) for r in records] == [RolloutStarted, RollbackStarted]
    assert len({r.txid for r in records}) == 1


def test_a_rollback_whose_process_died_is_finished_by_a_daemon() -> None:
    """Whoever adopts it restores; it is never taken for a watch that ends as healthy."""
    house = House()
    house.catalog.aliases[SERVICE].traffic = Traffic(primary="42")
    name = a_rollback(house)
    house.step()
    for _ in range(5):
        house.host.planes["plane"].step()
    entries = [r.entry for r in house.journal.read(name)]
    assert isinstance(entries[-1], RollbackConfirmed)
    assert fold(entries).phase is Phase.ROLLED_BACK
    assert house.catalog.aliases[SERVICE].traffic == Traffic(primary="41")


def test_a_rollback_that_was_left_behind_is_not_ended_for_another_rollout() -> None:
    """A dead watch may be closed; what a person ordered has to be finished."""
    house = House()
    a_rollback(house)
    host = house.new_host()
    task = house.catalog.task(SERVICE, "next")
    host.plane(task.plane, house.catalog.sources(task))
    with pytest.raises(Busy):
        host.begin(task, host.claim(task.plan.target))
    left = fold(r.entry for r in house.journal.read("back"))
    assert left.returning


class Counted(Metrics):
    """Notes which ends were counted."""

    def __init__(self) -> None:
        self.ends: list[tuple[str, str]] = []
        self.took_s: list[float] = []

    def ended(self, service: str, outcome: str) -> None:
        """One more."""
        self.ends.append((service, outcome))

    def rolled_back(self, service: str, took_s: float) -> None:
        """How long it took."""
        self.took_s.append(took_s)


def counting(
    house: House, metrics: Counted, observer: Callable[[TickResult], None] = lambda _: None
) -> Host:
    """Another process's engine, whose counts and reports are looked at."""
    dependencies = Dependencies(
        journal=house.journal,
        clock=house.clock,
        rng=SeededRandom("another"),
        owner="alice",
        observer=observer,
        say=house.said.append,
        metrics=metrics,
    )
    return Host(dependencies, [], reaches=lambda _: True)


def test_what_a_persons_order_ends_is_counted_and_shown() -> None:
    """As if a tick had ended it: the metrics, the log and the output all know."""
    house, metrics, reports = House(), Counted(), list[TickResult]()
    host = counting(house, metrics, reports.append)
    left = house.left(*house.shifted())
    task = house.catalog.task(SERVICE, "back", reason="users hurt")
    host.plane(task.plane, house.catalog.sources(task))
    claim = host.claim(task.plan.target)
    host.begin(replace(task, instead_of=left), claim)
    assert metrics.ends == [(SERVICE, "superseded")]
    ended, begun = reports
    assert [(r.rollout, type(r.entry)) for r in ended.recorded] == [(left, Superseded)]
    assert [p.id for p in ended.statuses] == [left]
    assert [type(r.entry) for r in begun.recorded] == [RolloutStarted]
    assert set(host.statuses) == {"back"}
    assert house.journal.read(left)[-1].txid == house.journal.read("back")[0].txid


@pytest.mark.parametrize(
    ("cause", "counted"), [(Cause.ABORTED, "aborted"), (Cause.BREACH, "rolled_back")]
)
def test_what_a_person_took_back_is_counted_apart_from_a_breach(cause: Cause, counted: str) -> None:
    """An alert on breaches must not be about somebody's decision."""
    metrics = Counted()
    after = apply(in_phase(Phase.BAKING), RollbackStarted(at=T0, cause=cause, detail="so"))
    confirmed = RollbackConfirmed(at=T0 + 5, by_guardian=True, detail="read back")
    count(metrics, confirmed, apply(after, confirmed))
    assert (metrics.ends, metrics.took_s) == ([(SERVICE, counted)], [5.0])


def test_a_watch_whose_process_died_is_counted_when_it_is_closed() -> None:
    """The next rollout on its target ends it."""
    house, metrics = House(), Counted()
    house.left(drive=Drive.WATCH)
    host = counting(house, metrics)
    task = house.catalog.task(SERVICE, "next")
    host.plane(task.plane, house.catalog.sources(task))
    host.begin(task, host.claim(task.plan.target))
    assert metrics.ends == [(SERVICE, "cancelled")]
