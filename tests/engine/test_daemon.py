"""What a daemon takes on, what it refuses, and what it leaves alone."""

from __future__ import annotations

import pytest

from guardian.core.model import Reason
from guardian.core.plan import Drive, Mode
from guardian.core.rollout.entries import (
    Answer,
    OrderKind,
    RolloutStarted,
    for_service,
)
from guardian.core.rollout.machine import Phase, fold
from guardian.core.traffic import Traffic
from guardian.engine.admission import rollout_of
from guardian.engine.deploy_watcher import LOOK_S, DeployWatcher
from guardian.engine.leadership import ServiceLeadership, post
from guardian.engine.task import ORDER_LIVES_S, NothingToDo
from guardian.ports import ConfigError, Damaged, NotYet, RouterError, Unavailable
from tests.contracts.journal_values import ManualClock
from tests.engine.house import SERVICE, House, Timeless

# --- orders to start ---------------------------------------------------------------------------


def test_a_start_is_begun_and_answered_in_one() -> None:
    """The first entry carries the answer, and the rollout's id follows from the order's."""
    house = House()
    order = house.order()
    house.step()
    answer = house.journal.answered(order)
    (runner,) = house.host.runners
    assert answer == Answer(order=order, rollout=runner.id)
    assert runner.rollout.phase is Phase.PENDING
    assert house.journal.orders([for_service(SERVICE)]) == []


def test_the_same_version_twice_is_one_rollout() -> None:
    """The second order is answered with the first one's rollout; `latest` is looked up."""
    house = House()
    runner = house.begun()
    order = house.order("latest")
    house.step()
    answer = house.journal.answered(order)
    assert answer == Answer(order=order, rollout=runner.id)
    assert len(house.host.runners) == 1


def test_another_version_has_to_wait() -> None:
    """The refusal names what is under way."""
    house = House()
    house.begun()
    order = house.order("43")
    house.step()
    answer = house.journal.answered(order)
    assert answer is not None
    assert "has a live rollout of version 42" in answer.refused


def test_an_order_that_was_begun_and_not_answered_begins_nothing_again() -> None:
    """A crash between the two: the id tells."""
    house = House()
    house.order()
    (order,) = house.journal.orders([for_service(SERVICE)])
    lease = house.journal.open_lease("dead")
    task = house.catalog.task(SERVICE, rollout_of(order, SERVICE))
    claim = house.journal.claim(lease, task.plan.target)
    assert claim is not None
    entry = RolloutStarted(at=house.clock.now(), plan=task.plan)
    house.journal.append(claim, task.plan.rollout, expected=0, entries=[entry], live=True, txid="x")
    house.journal.close_lease(lease)
    house.step()
    assert house.journal.answered(order.id) == Answer(order=order.id, rollout=task.plan.rollout)
    assert [runner.id for runner in house.host.runners] == [task.plan.rollout]
    assert house.catalog.planned == 0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConfigError("a sentence"), "a sentence"),
        (NothingToDo("live already"), "live already"),
        (RouterError(Reason.UNAVAILABLE, "no answer"), "AWS could not be asked"),
        (ZeroDivisionError("a bug"), "internal error: ZeroDivisionError"),
    ],
)
def test_whatever_goes_wrong_with_a_start_is_its_answer(error: Exception, words: str) -> None:
    """One bad order ends nothing, and nobody waits in vain."""
    house = House()
    house.catalog.error = error
    order = house.order()
    house.step()
    answer = house.journal.answered(order)
    assert answer is not None
    assert words in answer.refused
    house.catalog.error = None
    house.begun()


def test_many_starts_are_answered_a_few_a_turn() -> None:
    """While AWS is slow a heap of orders must not keep the turn from its other work."""
    house = House()
    house.catalog.error, house.catalog.takes_s = ConfigError("no such version"), 3.0
    orders = [house.order() for _ in range(3)]
    house.step()
    assert [house.journal.answered(o) is not None for o in orders] == [True, True, False]
    house.step()
    assert house.journal.answered(orders[2]) is not None


def test_a_start_waits_for_a_version_that_is_still_being_made() -> None:
    """`publish-version && rollout start`: the order keeps, and is refused after five minutes."""
    house = House()
    order = house.order()
    house.catalog.error = NotYet(Reason.UNAVAILABLE, "version 42 is still Pending")
    house.step()
    house.clock.pass_s(299)
    house.step()
    assert house.journal.answered(order) is None
    house.clock.pass_s(1)
    house.step()
    answer = house.journal.answered(order)
    assert answer is not None
    assert answer.refused == "version 42 is still Pending. It was waited for for 5 minutes"
    house.order()
    house.catalog.error = None
    house.step()
    assert len(house.host.runners) == 1


def test_a_target_in_other_hands_is_refused() -> None:
    """With the name of whoever holds it."""
    house = House()
    lease = house.journal.open_lease("a pipeline")
    house.journal.claim(lease, house.catalog.aliases[SERVICE].target)
    order = house.order()
    house.step()
    answer = house.journal.answered(order)
    assert answer is not None
    assert "driven by a pipeline" in answer.refused


def test_a_start_that_nobody_took_for_long_is_refused() -> None:
    """It would be a surprise by now."""
    house = House()
    order = house.order()
    house.clock.pass_s(ORDER_LIVES_S + 1)
    house.step()
    answer = house.journal.answered(order)
    assert answer is not None
    assert "give it again" in answer.refused


def test_a_service_that_is_only_observed_refuses_to_start() -> None:
    """The configuration says that guardian never writes there."""
    house = House(mode=Mode.OBSERVE)
    order = house.order()
    house.step()
    answer = house.journal.answered(order)
    assert answer is not None
    assert "never writes" in answer.refused
    assert house.catalog.planned == 0


def test_other_orders_to_a_service_are_refused() -> None:
    """A hold is for a rollout."""
    house = House()
    order = house.order(kind=OrderKind.HOLD)
    house.step()
    answer = house.journal.answered(order)
    assert answer is not None
    assert answer.refused


# --- what was left behind ----------------------------------------------------------------------


def test_a_live_rollout_that_nobody_drives_is_taken_up() -> None:
    """Where it was left, under a new epoch."""
    house = House()
    left = house.left(*house.shifted())
    house.step()
    (runner,) = house.host.runners
    assert runner.id == left
    assert runner.rollout.phase is Phase.BAKING
    assert runner.claim.epoch == 2
    house.step()
    assert len(house.host.runners) == 1


def test_what_a_living_process_drives_is_left_to_it() -> None:
    """Its lease says so."""
    house = House()
    house.left()
    lease = house.journal.open_lease("a pipeline")
    house.journal.claim(lease, house.catalog.aliases[SERVICE].target)
    house.step()
    assert house.host.runners == []
    house.journal.close_lease(lease)
    house.step()
    assert len(house.host.runners) == 1


def test_what_cannot_be_taken_up_is_said_once() -> None:
    """A service that is not configured; a router that cannot be built; only observed."""
    house = House()
    house.left(*house.shifted(), service="gone")
    house.step()
    house.step()
    assert len(house.said) == 1
    assert "service gone is not configured here" in house.said[0]
    other = House()
    other.left(*other.shifted())
    other.catalog.error = ConfigError("it moves another target")
    other.step()
    other.step()
    assert len([text for text in other.said if "it moves another target" in text]) == 1
    watching = House(mode=Mode.OBSERVE)
    watching.left(*watching.shifted())
    watching.step()
    assert watching.host.runners == []
    assert "only observed" in watching.said[0]


def test_what_is_over_is_let_go() -> None:
    """Its target is free for the next one."""
    house = House()
    runner = house.begun()
    runner.lost = True
    house.journal.release(runner.claim)
    house.step()
    assert house.host.runners[0] is not runner  # It is live, so it is taken up again.


# --- posts -------------------------------------------------------------------------------------


def test_one_daemon_serves_a_service_and_the_next_stands_by() -> None:
    """When the first gives up, the second takes its place."""
    house = House()
    other = house.new_host()
    first = ServiceLeadership(house.host)
    second = ServiceLeadership(other)
    for leadership in (first, second, second):
        leadership.step("production", [SERVICE])
    assert (first.held, second.held) == ({SERVICE: True}, {SERVICE: False})
    assert house.journal.holder(post("production", SERVICE)) == "a daemon"
    assert [t for t in house.said if "standing by" in t] == [
        f"{SERVICE}: served by a daemon; standing by"
    ]
    house.host.close()
    second.step("production", [SERVICE])
    assert second.held == {SERVICE: True}
    first.forget()
    house.host.renew()
    first.step("production", [SERVICE])
    assert first.held == {SERVICE: False}


def test_a_service_that_is_no_longer_configured_is_given_back() -> None:
    """So is one whose post somebody else has taken."""
    house = House()
    leadership = ServiceLeadership(house.host)
    leadership.step("production", [SERVICE])
    leadership.step("production", [])
    assert leadership.held == {}
    assert house.journal.holder(post("production", SERVICE)) is None
    leadership.step("production", [SERVICE])
    lease = house.journal.open_lease("the other")
    house.journal.claim(lease, post("production", SERVICE), take_over=True)
    leadership.step("production", [SERVICE])
    assert leadership.held == {SERVICE: False}


# --- observing ---------------------------------------------------------------------------------


def deploys(house: House, version: str) -> None:
    """Somebody puts all traffic on a version."""
    alias = house.catalog.aliases[SERVICE]
    alias.by_person(Traffic(primary=version))


def test_a_deploy_is_judged_by_a_watch_that_restores_nothing() -> None:
    """Once for each version that goes live, and not for what was live at the first look."""
    house = House(mode=Mode.OBSERVE)
    deploy_watcher = DeployWatcher(house.host)
    modes = {SERVICE: Mode.OBSERVE}
    deploy_watcher.step(house.catalog, modes)
    assert house.host.runners == []
    deploys(house, "42")
    deploy_watcher.step(house.catalog, modes)
    assert house.host.runners == []
    house.clock.pass_s(LOOK_S)
    deploy_watcher.step(house.catalog, modes)
    (runner,) = house.host.runners
    assert runner.rollout.plan.drive is Drive.WATCH
    house.clock.pass_s(LOOK_S)
    deploy_watcher.step(house.catalog, modes)
    assert house.host.runners == [runner]


@pytest.mark.parametrize(
    "error",
    [
        RouterError(Reason.UNAVAILABLE, "no answer"),
        TypeError("a version that is a number"),
        Damaged("an old rollout of the service cannot be trusted"),
    ],
)
def test_a_service_that_cannot_be_seen_is_said_once(error: Exception) -> None:
    """It is looked at again in its next turn."""
    house = House(mode=Mode.OBSERVE)
    deploy_watcher = DeployWatcher(house.host)
    house.catalog.error = error
    for _ in range(3):
        deploy_watcher.step(house.catalog, {SERVICE: Mode.OBSERVE})
        house.clock.pass_s(LOOK_S)
    assert len(house.said) == 1


# --- a journal that is away -----------------------------------------------------------------------


def test_a_journal_that_is_away_leaves_an_order_waiting() -> None:
    """It is no refusal: the next round takes it."""

    class Full(Timeless):
        full = False

        def append(self, *args: object, **options: object) -> int:
            if self.full:
                raise Unavailable("the disk is full")
            return super().append(*args, **options)  # type: ignore[arg-type] # as it came

    clock = ManualClock()
    journal = Full(clock)
    house = House(journal=journal)
    order = house.order()
    journal.full = True
    with pytest.raises(Unavailable):
        house.step()
    assert house.journal.answered(order) is None
    journal.full = False
    house.step()
    found = house.journal.answered(order)
    assert found is not None
    assert fold(r.entry for r in house.journal.read(found.rollout)).phase is Phase.PENDING
