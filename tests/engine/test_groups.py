"""Members of a group follow each other back, in the configured order, one at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.plan import Plan
from guardian.core.rollout.entries import (
    Answer,
    Cause,
    Completed,
    Entry,
    Order,
    OrderKind,
    PrimaryConfirmed,
    RollbackConfirmed,
    RollbackStarted,
    RollbackStuck,
    RolloutStarted,
    StepEntered,
    WeightConfirmed,
)
from guardian.core.rollout.machine import fold
from guardian.engine.dependencies import Dependencies
from guardian.engine.groups import PATIENCE_S, Groups
from guardian.ports import Claim
from tests.contracts.journal_values import ManualClock
from tests.engine.planes import UndyingJournal
from tests.simulation.scheduler import plan
from tests.simulation.world import SeededRandom

SERVICES = ("worker", "api", "web")


class Platform:
    """Three services of one group, each with a rollout at 10 %."""

    def __init__(self, *, order: tuple[str, ...] = SERVICES, reaches: bool = True) -> None:
        self.clock = ManualClock()
        self.journal = UndyingJournal(self.clock)
        self.said: list[str] = []
        self.claims: dict[str, Claim] = {}
        self.lease = self.journal.open_lease("tests")
        dependencies = Dependencies(
            journal=self.journal,
            clock=self.clock,
            rng=SeededRandom("groups"),
            owner="tests",
            say=self.said.append,
            groups={"platform": order},
        )
        self.groups = Groups(dependencies, reaches=lambda _: reaches)

    def release(self, service: str, **changes: object) -> None:
        """A rollout of a service, at its first weight."""
        base = plan(self.clock.now())
        at = self.clock.now()
        the_plan: Plan = replace(
            base, rollout=f"r-{service}", service=service, target=service, group="platform"
        )
        the_plan = replace(the_plan, **changes)  # type: ignore[arg-type] # names of its fields
        claim = self.journal.claim(self.lease, service)
        assert claim is not None
        self.claims[service] = claim
        self.add(service, RolloutStarted(at=at, plan=the_plan), StepEntered(at=at, step=0))
        self.add(service, WeightConfirmed(at=at, weight=the_plan.steps[0].weight))

    def add(self, service: str, *entries: Entry) -> None:
        """What happens to it."""
        rollout = f"r-{service}"
        known = [record.entry for record in self.journal.read(rollout)]
        after = fold([*known, *entries])
        self.journal.append(
            self.claims[service],
            rollout,
            expected=len(known),
            entries=entries,
            live=after.live,
            txid=f"{service}-{len(known)}",
        )

    def back(self, service: str, cause: Cause = Cause.BREACH) -> None:
        """A rollback begins."""
        self.clock.pass_s(1.0)
        actor = "alice" if cause is not Cause.BREACH else None
        at = self.clock.now()
        self.add(service, RollbackStarted(at=at, cause=cause, detail="5xx", actor=actor))

    def confirm(self, service: str) -> None:
        """A rollback is confirmed."""
        self.add(
            service, RollbackConfirmed(at=self.clock.now(), by_guardian=True, detail="read back")
        )

    def complete(self, service: str) -> None:
        """All steps pass."""
        at = self.clock.now()
        steps = fold(r.entry for r in self.journal.read(f"r-{service}")).plan.steps
        for index, step in enumerate(steps[1:], start=1):
            self.add(service, StepEntered(at=at, step=index))
            self.add(service, WeightConfirmed(at=at, weight=step.weight))
        self.add(service, Completed(at=at), PrimaryConfirmed(at=at))

    def waiting(self) -> list[str]:
        """Services with an order of the group."""
        orders = self.journal.orders([f"r-{service}" for service in SERVICES])
        assert {order.kind for order in orders} <= {OrderKind.GROUP}
        return [order.rollout.removeprefix("r-") for order in orders]

    def obey(self, service: str) -> None:
        """The member's own process carries its order out."""
        for order in self.journal.orders([f"r-{service}"]):
            self.journal.answer(Answer(order=order.id))
        self.back(service, Cause.GROUP)


def everyone() -> Platform:
    """All three at 10 %."""
    found = Platform()
    for service in SERVICES:
        found.release(service)
    return found


def test_nothing_happens_while_nobody_goes_back() -> None:
    """Three healthy rollouts need no orders."""
    p = everyone()
    assert not p.groups.outstanding()
    assert p.waiting() == []


def test_the_others_follow_in_their_order_each_when_the_one_before_is_back() -> None:
    """The breach is not waited for; the followers wait for each other."""
    p = everyone()
    p.back("api")
    assert p.groups.outstanding()
    assert p.waiting() == ["worker"]
    assert p.groups.outstanding()
    assert p.waiting() == ["worker"]
    p.obey("worker")
    assert p.groups.outstanding()
    assert p.waiting() == []
    p.confirm("worker")
    assert p.groups.outstanding()
    assert p.waiting() == ["web"]
    p.obey("web")
    p.confirm("web")
    assert not p.groups.outstanding()


def test_a_stuck_member_does_not_hold_up_the_next() -> None:
    """It is paged; the others still go back."""
    p = everyone()
    p.back("api")
    p.groups.step()
    p.obey("worker")
    p.add("worker", RollbackStuck(at=p.clock.now(), level=1, detail="no answer"))
    p.groups.step()
    assert p.waiting() == ["web"]


def test_a_member_that_nobody_moves_loses_its_turn() -> None:
    """An order that waits for a minute lets the next one go."""
    p = everyone()
    p.back("api")
    p.groups.step()
    p.clock.pass_s(PATIENCE_S + 1)
    p.groups.step()
    assert p.waiting() == ["worker", "web"]


def test_a_refused_order_is_not_repeated() -> None:
    """The member's answer stands."""
    p = everyone()
    p.back("api")
    p.groups.step()
    (order,) = p.journal.orders(["r-worker"])
    p.journal.answer(Answer(order=order.id, refused="it has nothing to restore"))
    p.groups.step()
    assert p.waiting() == ["web"]


def test_a_signal_takes_nobody_along() -> None:
    """An interrupted rollout is no judgement of the release."""
    p = everyone()
    p.back("api", Cause.INTERRUPTED)
    assert not p.groups.outstanding()


def test_completed_members_follow_while_they_can_still_be_taken_back() -> None:
    """Within keep_previous; later they stay."""
    p = everyone()
    p.complete("worker")
    p.complete("web")
    p.clock.pass_s(3600.0)
    p.back("api")
    p.groups.step()
    assert p.waiting() == ["worker"]
    late = everyone()
    late.complete("worker")
    late.clock.pass_s(25 * 3600.0)
    late.back("api")
    late.groups.step()
    assert late.waiting() == ["web"]


def test_what_was_started_after_the_rollback_is_no_part_of_it() -> None:
    """A fix that is released while the trigger lies rolled back stays."""
    p = Platform()
    p.release("api")
    p.back("api")
    p.confirm("api")
    p.clock.pass_s(60.0)
    p.release("worker")
    assert not p.groups.outstanding()
    assert p.waiting() == []


@pytest.mark.parametrize("outside", SERVICES[:2])
def test_a_release_that_began_outside_the_group_is_no_part_of_it(outside: str) -> None:
    """Files that put services together later take nothing healthy back for what was before."""
    p = Platform()
    for service in SERVICES[:2]:
        p.release(service, group="" if service == outside else "platform")
    p.back("api")
    assert not p.groups.outstanding()
    assert p.waiting() == []


def test_what_is_only_observed_stays() -> None:
    """Guardian's own judgement does not take it back."""
    p = Platform()
    p.release("api")
    p.release("worker", restores=False)
    p.back("api")
    assert not p.groups.outstanding()


def test_an_unreachable_member_is_said_once() -> None:
    """Nobody would obey: a person has to."""
    p = Platform(reaches=False)
    p.release("api")
    p.release("worker")
    p.back("api")
    p.groups.step()
    p.groups.step()
    assert len(p.said) == 1
    assert "`guardian rollback worker`" in p.said[0]


def test_the_order_names_the_group_the_trigger_and_why() -> None:
    """Whoever reads the member's history sees where it came from; twice given it is one."""
    p = everyone()
    p.back("api")
    p.groups.step()
    order: Order = p.journal.orders(["r-worker"])[0]
    assert order.id == "group-r-api-r-worker"
    assert order.actor == "group platform"
    assert order.reason == "api went back (r-api): 5xx"
