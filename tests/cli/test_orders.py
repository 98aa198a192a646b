"""Orders, freezes and what the journal shows, as commands on a journal that a driver serves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from guardian.core.rollout.entries import (
    Completed,
    Held,
    HoldReason,
    OrderKind,
    PrimaryConfirmed,
    for_service,
)
from guardian.core.rollout.machine import Phase, Rollout, fold
from guardian.engine.leadership import post
from tests.cli.journaled import SERVICE, Desk, Driving, before_step, criterion, waiting
from tests.contracts.journal_values import plan


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A folder with an empty journal."""
    made = Desk(tmp_path)
    yield made
    made.journal.close()


def now_of(desk: Desk, rollout: str = "r1") -> Rollout:
    """A rollout as the journal has it."""
    return fold(record.entry for record in desk.journal.read(rollout))


# --- obeyed, refused, left ---------------------------------------------------------------------


def test_an_order_is_obeyed_and_what_it_did_is_told(desk: Desk) -> None:
    """Exit 0, with the entry it became; actor and reason are in the journal."""
    with desk.begin().at_work():
        ran = desk.run("rollout", "hold", SERVICE, "--reason", "tickets come in")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("agents-api: hold: held (person)")
    hold = now_of(desk).hold
    assert hold is not None
    assert "tickets come in" in hold.detail
    assert hold.actor is not None
    assert "@" in hold.actor


def test_pause_is_another_word_for_hold(desk: Desk) -> None:
    """And `resume` ends it."""
    with desk.begin().at_work():
        assert desk.run("rollout", "pause", SERVICE).code == 0
        assert now_of(desk).phase is Phase.HELD
        ran = desk.run("rollout", "resume", SERVICE, "-o", "json")
    assert ran.code == 0, ran.err
    record = ran.record()
    assert (record["schema"], record["kind"], record["outcome"]) == (
        "guardian/v1/order",
        "resume",
        "obeyed",
    )
    assert record["time"].endswith("Z")
    assert now_of(desk).phase is Phase.BAKING


def test_a_refused_order_says_why(desk: Desk) -> None:
    """Exit 3, with the driver's own sentence; a record says the same."""
    with desk.begin().at_work():
        ran = desk.run("rollout", "resume", SERVICE)
        also = desk.run("rollout", "resume", SERVICE, "-o", "json")
    assert ran.code == also.code == 3
    assert "not held" in ran.err
    assert also.record()["exit_code"] == 3
    assert "not held" in also.record()["detail"]


def test_a_refused_order_can_be_given_again(desk: Desk) -> None:
    """An earlier answer is not taken for the answer to a later order."""
    with desk.begin().at_work():
        assert desk.run("rollout", "resume", SERVICE).code == 3
        assert desk.run("rollout", "hold", SERVICE).code == 0
        assert desk.run("rollout", "resume", SERVICE).code == 0
        assert desk.run("rollout", "resume", SERVICE).code == 3


def test_a_rollout_may_be_named_by_its_id(desk: Desk) -> None:
    """It is the argument as a service is."""
    with desk.begin("r7").at_work():
        assert desk.run("rollout", "hold", "r7").code == 0
    assert now_of(desk, "r7").phase is Phase.HELD


def test_a_promotion_takes_the_next_step(desk: Desk) -> None:
    """Who ordered it is on record, and what had not passed."""
    with desk.begin().at_work():
        ran = desk.run("rollout", "promote", SERVICE, "--expect-step", "1")
    assert ran.code == 0, ran.err
    assert "step 2 of 2: 100% wanted, over error-rate" in ran.out


def test_an_order_for_another_step_is_stale(desk: Desk) -> None:
    """People count steps from 1."""
    with desk.begin().at_work():
        ran = desk.run("rollout", "promote", SERVICE, "--expect-step", "2")
    assert ran.code == 3
    assert "step 1" in ran.err
    assert now_of(desk).step == 0


def test_a_promotion_is_for_the_step_that_was_seen(desk: Desk) -> None:
    """Without --expect-step as well: a rollout that went on in the meantime refuses it."""
    desk.begin()
    assert desk.run("rollout", "promote", SERVICE, "--no-wait").code == 0
    (order,) = waiting(desk.journal)
    assert (order.expect_step, order.full) == (0, False)


def test_an_approval_is_for_one_step(desk: Desk) -> None:
    """The step that waits is approved; another one is refused."""
    driving = desk.begin(approvals=before_step(1))
    detail = "step 2 waits for an approval"
    driving.put(Held(at=desk.clock.now(), why=HoldReason.APPROVAL, detail=detail))
    with driving.at_work():
        assert desk.run("rollout", "approve", SERVICE, "--step", "1").code == 3
        shown = desk.run("rollout", "status", SERVICE)
        ran = desk.run("rollout", "approve", SERVICE, "--step", "2", "--reason", "fine")
    assert "wanted before step 2" in shown.out
    assert ran.code == 0, ran.err
    assert "step 2 approved" in ran.out
    assert now_of(desk).phase is Phase.BAKING


def test_a_waived_criterion_is_named_and_needs_a_reason(desk: Desk) -> None:
    """An unknown one is refused at once, with those there are."""
    with desk.begin(criteria=(criterion("error-rate"), criterion("p95"))).at_work():
        silent = desk.run("rollout", "waive", SERVICE, "p95")
        unknown = desk.run("rollout", "waive", SERVICE, "p99", "--reason", "known")
        ran = desk.run("rollout", "waive", SERVICE, "p95", "--reason", "known")
    assert (silent.code, unknown.code) == (2, 3)
    assert "--reason" in silent.err
    assert "error-rate, p95" in unknown.err
    assert ran.code == 0, ran.err
    assert desk.run("rollout", "status", SERVICE, "-o", "json").record()["rollouts"][0][
        "waived"
    ] == ["p95"]


def test_an_abort_starts_the_way_back(desk: Desk) -> None:
    """The rollout then rolls back; a rollback under way is stopped only with a reason."""
    with desk.begin().at_work():
        assert desk.run("rollout", "abort", SERVICE, "--reason", "angry customers").code == 0
        assert now_of(desk).phase is Phase.ROLLING_BACK
        assert desk.run("rollout", "hold", SERVICE).code == 3
        assert desk.run("rollout", "hold", SERVICE, "--stop-rollback").code == 2
        ran = desk.run("rollout", "hold", SERVICE, "--stop-rollback", "--reason", "41 is worse")
    assert ran.code == 0, ran.err
    assert now_of(desk).phase is Phase.HELD


def test_without_a_driver_the_order_is_left_and_the_way_out_named(desk: Desk) -> None:
    """Exit 8; an abort names the emergency path."""
    desk.begin().leave()
    held = desk.run("rollout", "hold", SERVICE)
    aborted = desk.run("rollout", "abort", SERVICE)
    assert held.code == aborted.code == 8
    assert "guardian rollout recover agents-api" in held.err
    assert "guardian rollback agents-api" in aborted.err
    assert [o.kind for o in waiting(desk.journal)] == [OrderKind.HOLD, OrderKind.ABORT]


def test_a_driver_that_does_not_answer_is_waited_for_in_bounds(desk: Desk) -> None:
    """Exit 124, and the order waits."""
    desk.begin()
    ran = desk.run("rollout", "hold", SERVICE, "--timeout", "300ms")
    assert ran.code == 124
    assert "ada@ci pid 7 has not answered" in ran.err
    assert len(waiting(desk.journal)) == 1


def test_the_same_command_twice_is_one_order(desk: Desk) -> None:
    """While the first one waits; something else is another order."""
    desk.begin()
    for _ in range(2):
        assert desk.run("rollout", "hold", SERVICE, "--no-wait").code == 0
    assert len(waiting(desk.journal)) == 1
    desk.run("rollout", "abort", SERVICE, "--no-wait")
    assert len(waiting(desk.journal)) == 2


def test_an_order_to_what_ends_meanwhile_is_refused(desk: Desk) -> None:
    """A driver that ends the rollout and leaves does not keep anybody waiting."""
    driving = desk.begin(steps=plan("r1").steps[:1])
    desk.run("rollout", "hold", SERVICE, "--no-wait")
    now = desk.clock.now()
    driving.put(Completed(at=now), PrimaryConfirmed(at=now))
    driving.leave()
    ran = desk.run("rollout", "hold", "r1")
    assert ran.code == 3
    assert "rollout r1 is over: completed" in ran.err


def test_what_has_completed_is_taken_back_by_a_daemon_alone(desk: Desk) -> None:
    """Without one, no order is left that would surprise somebody later."""
    driving = desk.begin(steps=plan("r1").steps[:1])
    now = desk.clock.now()
    driving.put(Completed(at=now), PrimaryConfirmed(at=now))
    driving.leave()
    ran = desk.run("rollout", "abort", SERVICE)
    assert ran.code == 8
    assert "guardian rollback agents-api" in ran.err
    assert waiting(desk.journal) == []


@pytest.mark.parametrize("name", ["nobody", "r1", SERVICE])
def test_an_order_to_nothing_names_what_is_there(desk: Desk, name: str) -> None:
    """Exit 3: unknown, or over."""
    driving = desk.begin(steps=plan("r1").steps[:1])
    now = desk.clock.now()
    driving.put(Completed(at=now), PrimaryConfirmed(at=now))
    desk.begin("r2", target="another", service="billing")
    ran = desk.run("rollout", "hold", name)
    assert ran.code == 3
    assert name in ran.err
    assert "live now: billing (r2)" in ran.err


def test_a_service_with_two_live_rollouts_is_ambiguous(desk: Desk) -> None:
    """Exit 3 with both ids; an id is not ambiguous."""
    desk.begin("r1")
    desk.begin("r2", target="another")
    ran = desk.run("rollout", "hold", SERVICE)
    assert ran.code == 3
    assert "r1, r2" in ran.err
    assert desk.run("rollout", "hold", "r2", "--no-wait").code == 0


# --- start by the daemon -----------------------------------------------------------------------


def serve(desk: Desk) -> None:
    """A daemon's claim on its post, without a daemon."""
    journal = desk.another()
    claim = journal.claim(journal.open_lease("guardian run on ci"), post("production", SERVICE))
    assert claim is not None


def test_a_start_is_left_to_the_daemon(desk: Desk) -> None:
    """With version, options and reason; one that does not answer is waited for in bounds."""
    desk.configure()
    serve(desk)
    words = ["rollout", "start", SERVICE, "--to", "42", "--fixes", "PQ1", "--fixes", "PQ2"]
    words += ["--again", "--reason", "a fluke", "--timeout", "300ms"]
    for _ in range(2):
        ran = desk.run(*words)
        assert ran.code == 124
        assert "guardian run on ci" in ran.err
    (order,) = desk.journal.orders([for_service(SERVICE)])
    assert (order.kind, order.subject, order.reason) == (OrderKind.START, "42", "a fluke")
    assert order.again
    assert order.fixes == ("PQ1", "PQ2")


def test_a_start_without_a_daemon_is_not_left(desk: Desk) -> None:
    """Exit 8, naming both ways."""
    desk.configure()
    ran = desk.run("rollout", "start", SERVICE, "--to", "42")
    assert ran.code == 8
    assert "guardian run" in ran.err
    assert "--wait" in ran.err
    assert desk.journal.orders([for_service(SERVICE)]) == []


def test_a_retry_after_nothing_is_refused(desk: Desk) -> None:
    """There is nothing to try again; exit 3 says how to start."""
    desk.configure()
    ran = desk.run("rollout", "retry", SERVICE)
    assert ran.code == 3
    assert "guardian rollout start agents-api --to VERSION" in ran.err


def test_a_live_rollouts_retry_is_an_order(desk: Desk) -> None:
    """Its driver says what it thinks of it."""
    desk.configure()
    with desk.begin().at_work():
        ran = desk.run("rollout", "retry", SERVICE)
    assert ran.code == 3
    assert "not held" in ran.err


# --- who orders --------------------------------------------------------------------------------


def test_the_orders_of_two_people_are_one(desk: Desk) -> None:
    """What is asked makes an order, not who asks."""
    driving: Driving = desk.begin()
    desk.run("rollout", "hold", SERVICE, "--no-wait", "--reason", "first")
    desk.run("rollout", "hold", SERVICE, "--no-wait", "--reason", "second")
    (order,) = waiting(driving.journal)
    assert order.reason == "first"
