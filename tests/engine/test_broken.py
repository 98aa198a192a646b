"""What a bug breaks in one rollout or one loop takes that one out alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.clock import SystemClock
from guardian.core.model import Reason
from guardian.core.notices import Event, Notice
from guardian.core.plan import Mode
from guardian.core.rollout.entries import for_service
from guardian.core.traffic import Reading
from guardian.engine.admission import ALONE_S
from guardian.engine.dependencies import Dependencies
from guardian.engine.in_process import InProcessRun, Limits
from guardian.engine.outcome import Exit
from guardian.ports import Damaged, Record, RouterError
from tests.contracts.journal_values import ManualClock
from tests.engine.house import SERVICE, House, Timeless
from tests.engine.planes import Quiet, alias_for
from tests.engine.planes import runner as charge_of
from tests.simulation.world import Alias, SeededRandom


@pytest.mark.parametrize("where", ["saw", "judge", "decide", "due_write", "wrote_it", "status"])
def test_a_rollout_that_a_bug_breaks_is_put_aside_and_the_others_go_on(where: str) -> None:
    """The loop lives, whatever breaks wherever; whoever is told of it hears it."""
    house = House()
    runner = house.begun()

    def breaks(*_: object, **__: object) -> object:
        raise ZeroDivisionError("no such row")

    bad = charge_of("bad", house.journal, house.clock, alias_for("bad", house.clock))
    setattr(bad, where, breaks)
    plane = house.host.planes["plane"]
    plane.runners = [bad, runner]
    for _ in range(3):
        plane.step()
    assert bad.lost
    assert [id_ for id_, _ in house.broken] == [bad.id]
    assert not runner.lost
    assert runner.rollout.confirmed


def test_a_loop_that_breaks_as_a_whole_is_tried_again_and_told() -> None:
    """It ends no other loop, shows in the health, and people hear of each rollout in it."""
    house = House()
    runner = house.begun()
    plane = house.host.planes["plane"]
    told: list[Notice] = []
    house.host.outbox.tell_now = told.append  # type: ignore[assignment, method-assign] # heard
    plane.step()
    plane.step()
    assert runner.rollout.moved
    mend, plane._observe = plane._observe, None  # type: ignore[assignment, method-assign] # it breaks
    step = house.host._step_and_signal(plane)
    assert step() > 0
    assert step() > 0
    assert len([s for s in house.said if "the loop over plane broke (TypeError" in s]) == 1
    assert "the loop over plane broke" in house.host.trouble
    assert {t.event for t in told} == {Event.STUCK}
    plane._observe = mend  # type: ignore[method-assign] # as it was
    step()
    assert house.host.trouble == ""


@pytest.mark.parametrize("error", [TypeError("no text"), RouterError(Reason.AUTH, "no")])
def test_what_breaks_as_one_rollout_is_taken_up_leaves_the_others_alone(error: Exception) -> None:
    """It is left alone and said so: whoever waits for its guarding is paged later."""
    house = House()
    house.left(*house.shifted())
    house.catalog.error = error
    house.step()
    house.clock.pass_s(ALONE_S)
    told: list[Notice] = []
    house.host.outbox.tell_now = told.append  # type: ignore[assignment, method-assign] # heard
    house.step()
    assert [n.rollout for n in told] == ["left"]


class Torn(Timeless):
    """A journal in which one rollout cannot be read."""

    torn = ""

    def read(self, rollout: str) -> list[Record]:
        """Refuses that one."""
        if rollout == self.torn:
            raise Damaged(f"rollout {rollout} cannot be trusted")
        return super().read(rollout)


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("how", ["its hashes", "its entries"])
def test_a_damaged_rollout_is_paged_where_it_was_live_and_stops_no_other(
    how: str, live: bool
) -> None:
    """One page until everybody has heard it; orders to other services are taken."""
    journal = Torn(ManualClock())
    house = House(journal=journal)
    house.catalog.names = (SERVICE, "other")
    house.catalog.aliases["other"] = alias_for("other", house.clock)
    house.left(*house.shifted()[1:], live=live)
    if how == "its hashes":
        journal.torn = "left"
    told: list[Notice] = []
    house.host.outbox.tell_now = told.append  # type: ignore[assignment, method-assign] # heard
    mine, others = house.order(), house.order(to=for_service("other"))
    for _ in range(2):
        house.admission.step(house.catalog, dict.fromkeys(house.catalog.names, Mode.ENFORCE))
    keys = [page.key for notice in told for page in notice.pages]
    assert keys == (["guardian/production/unreadable-left"] * 2 if live else [])
    assert len({notice.id for notice in told}) <= 1
    assert len([s for s in house.said if "left cannot be read back from the journal" in s]) == 1
    answers = [journal.answered(order) for order in (mine, others)]
    assert [a is not None and bool(a.refused) for a in answers] == [live, False]


def test_a_command_ends_with_what_a_person_must_finish_where_a_bug_broke_its_rollout() -> None:
    """It neither dies of it nor waits for ever: exit code 6, and the command to go back."""
    house = House()
    task = house.catalog.task(SERVICE, "broken")
    found = task.router.read()

    class Broken(Alias):
        def read(self) -> Reading:
            return replace(found, revision=[])  # type: ignore[arg-type] # what no set can hold

    like = house.catalog.aliases[SERVICE]
    router = Broken(clock=like.clock, faults=like.faults, traffic=like.traffic, target=like.target)
    said: list[str] = []
    dependencies = Dependencies(
        journal=house.journal,
        clock=SystemClock(),
        rng=SeededRandom("session"),
        owner="a command",
        observer=lambda _: None,
        say=said.append,
    )
    sources = {"plane": {"cloudwatch": Quiet(house.clock)}}
    session = InProcessRun(dependencies, sources=sources, receivers=[])
    ended = session.run([replace(task, router=router)], Limits())
    assert ended[SERVICE][1] is Exit.STUCK
    assert any("TypeError" in s and f"guardian rollback {SERVICE} --to 41" in s for s in said)
