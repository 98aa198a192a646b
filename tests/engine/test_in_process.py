"""What one command comes to: by itself, by a signal, when its time is over, and what it leaves."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from guardian.core.model import Instant, Measurement, Query
from guardian.core.notices import Event, Notice
from guardian.core.plan import Drive, Policy
from guardian.core.rollout.entries import (
    Cause,
    Held,
    Order,
    OrderKind,
    RollbackStarted,
    RolloutStarted,
    WeightConfirmed,
)
from guardian.core.rollout.machine import Phase
from guardian.core.traffic import Reading, Snapshot, Stamp, Traffic, Weight
from guardian.engine.in_process import TOLD_TO_END_S, Limits
from guardian.engine.outcome import Exit
from guardian.engine.task import TargetHeld, Task
from guardian.engine.tick import DEADLINE_S, WRITE_S
from guardian.ports import Ask
from tests.engine.command import SERVICE, Command
from tests.simulation.scheduler import plan
from tests.simulation.world import no_incidents

Make = Callable[..., Command]
STABLE, CANARY = Traffic(primary="41"), Traffic(primary="42")
SPLIT = Traffic(primary="41", secondary="42", weight=Weight.percent(10))
BACK = f"guardian rollback {SERVICE} --to 41"


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Make]:
    """Makes a command; its journal is closed at the end."""
    made: list[Command] = []

    def make(**how: float) -> Command:
        made.append(Command(tmp_path, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


# --- by itself ---------------------------------------------------------------------------------


def test_a_healthy_rollout_ends_with_the_canary_live_and_all_told(command: Make) -> None:
    """Exit 0, and nobody is left to be told when the command ends."""
    c = command()
    rollout, code = c.run()
    assert (code, rollout.phase) == (Exit.HEALTHY, Phase.COMPLETED)
    assert c.alias.traffic == CANARY
    assert c.journal.pending() == 0
    assert {"started", "completed"} <= set(c.told())
    assert c.said == []


def test_a_bad_one_is_rolled_back(command: Make) -> None:
    """Exit 4, with the cause in the journal."""
    c = command(canary=0.4)
    rollout, code = c.run()
    assert code is Exit.ROLLED_BACK
    assert rollout.rollback is not None
    assert rollout.rollback.cause is Cause.BREACH
    assert c.alias.traffic == STABLE
    assert "rolled_back" in c.told()


def test_a_target_that_is_held_leaves_the_others_unbegun(command: Make) -> None:
    """All claims come first: nothing was recorded, and the first target is free again."""
    c = command()
    lease = c.journal.open_lease("somebody else")
    other = plan(c.clock.now())
    held = c.alias.target.replace(SERVICE, "billing-api")
    assert c.journal.claim(lease, held) is not None
    first = c.task()
    second = c.task(service="billing-api", rollout="r2", target=held)
    with pytest.raises(TargetHeld, match="somebody else"):
        c.run(first, second)
    assert c.journal.read(other.rollout) == []
    assert c.journal.holder(first.plan.target) is None


def test_a_rollback_that_is_never_confirmed_ends_after_its_own_limit(command: Make) -> None:
    """Exit 6: the traffic is where it hurts, and the command has a limit to wait for it."""
    c = command(canary=0.4)
    c.when(WeightConfirmed, partial(setattr, c.faults, "drop_write", 1.0))
    rollout, code = c.run(limits=Limits(rollback_timeout_s=120.0))
    assert (code, rollout.phase) == (Exit.STUCK, Phase.ROLLING_BACK)
    assert rollout.rollback is not None
    assert c.clock.now() - rollout.rollback.at >= 120.0


def test_a_hold_before_the_first_shift_ends_after_max_hold(command: Make) -> None:
    """An incident that stays open: nothing was moved, exit 7, and the hold is the reason."""
    c = command()
    c.tracker.incidents.append((0.0, 1e9))
    criteria = (*c.plan.criteria, no_incidents())
    rollout, code = c.run(c.task(criteria=criteria, policy=Policy(max_hold_s=300.0)))
    assert (code, rollout.phase) == (Exit.WAITING, Phase.CANCELLED)
    assert "Held" in c.entries()
    assert "it was held for max_hold" in str(rollout.end)
    assert c.alias.guardian_wrote == []


def test_a_first_shift_that_is_never_confirmed_ends_blind(command: Make) -> None:
    """Exit 8, and the reason is in the journal: not a stop by somebody."""
    c = command()
    c.when(RolloutStarted, partial(setattr, c.faults, "drop_write", 1.0))
    c.when(Held, partial(setattr, c.faults, "drop_write", 0.0))
    rollout, code = c.run(c.task(policy=Policy(max_blind_s=120.0)))
    assert code is Exit.BLIND
    assert "the first shift was never confirmed" in str(rollout.rollback or rollout.end)
    assert c.alias.traffic == STABLE


# --- stopped -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED)],
)
def test_a_signal_puts_traffic_back_first(command: Make, number: int, code: Exit) -> None:
    """What was moved is where it was before the command ends."""
    c = command()
    c.when(WeightConfirmed, partial(c.session.signal, number))
    rollout, ended = c.run()
    assert (ended, rollout.phase) == (code, Phase.ROLLED_BACK)
    assert rollout.rollback is not None
    assert rollout.rollback.cause is Cause.INTERRUPTED
    assert "the process was told to stop" in rollout.rollback.detail
    assert c.alias.traffic == STABLE
    assert c.journal.pending() == 0


def test_a_signal_before_the_first_shift_moves_nothing(command: Make) -> None:
    """The rollout is cancelled, and the alias was never written."""
    c = command()
    c.tracker.incidents.append((0.0, 1e9))
    c.when(Held, partial(c.session.signal, signal.SIGINT))
    rollout, code = c.run(c.task(criteria=(*c.plan.criteria, no_incidents())))
    assert (code, rollout.phase) == (Exit.INTERRUPTED, Phase.CANCELLED)
    assert c.alias.guardian_wrote == []


def test_what_is_left_on_a_signal_stays_live_for_the_next_guardian(command: Make) -> None:
    """With `leave_on_exit` the canary keeps its weight, and the rollout its place."""
    c = command()
    c.when(WeightConfirmed, partial(c.session.signal, signal.SIGINT))
    rollout, code = c.run(limits=Limits(leave_on_exit=True))
    assert code is Exit.INTERRUPTED
    assert rollout.live
    assert c.alias.traffic == SPLIT
    assert c.journal.holder(c.alias.target) is None


def test_a_second_ctrl_c_ends_it_at_once_with_what_is_left_to_do(command: Make) -> None:
    """The rollback is not confirmed: exit 6, and the command that finishes it."""
    c = command()
    c.when(WeightConfirmed, partial(setattr, c.faults, "drop_write", 1.0))
    c.when(WeightConfirmed, partial(c.session.signal, signal.SIGINT))
    c.when(RollbackStarted, partial(c.session.signal, signal.SIGINT))
    _, code = c.run()
    assert code is Exit.STUCK
    assert [s for s in c.said if BACK in s]


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_runners_second_signal_stops_no_rollback(command: Make, first: int) -> None:
    """SIGTERM follows its SIGINT or SIGHUP some seconds later, and only a SIGKILL ends it."""
    c = command()
    c.when(WeightConfirmed, partial(setattr, c.faults, "drop_write", 1.0))
    c.when(WeightConfirmed, partial(c.session.signal, first))
    c.when(RollbackStarted, partial(c.session.signal, signal.SIGTERM))
    c.when(RollbackStarted, partial(setattr, c.faults, "drop_write", 0.0))
    rollout, code = c.run()
    assert rollout.phase is Phase.ROLLED_BACK
    assert code is (Exit.INTERRUPTED if first == signal.SIGINT else Exit.TERMINATED)
    assert c.alias.traffic == STABLE


def test_that_traffic_is_back_is_told_before_the_clean_up(command: Make) -> None:
    """A router that is slow to take guardian's stamp off keeps no page from people."""
    c = command()
    told, send, restore, before = threading.Event(), c.people.send, c.alias.restore, [False]

    def hears(notice: Notice, *, handle: str | None) -> str | None:
        if notice.event is Event.ROLLED_BACK:
            told.set()
        return send(notice, handle=handle)

    def slow(snapshot: Snapshot, *, stamp: Stamp | None, after: Reading) -> Reading:
        if stamp is None:
            before[0] |= told.wait(timeout=4.0)
        return restore(snapshot, stamp=stamp, after=after)

    c.people.send = hears  # type: ignore[method-assign] # a person who listens
    c.alias.restore = slow  # type: ignore[method-assign] # a router that is slow
    c.when(WeightConfirmed, partial(c.session.signal, signal.SIGTERM))
    c.run()
    assert before == [True]


def test_a_signal_does_not_disturb_a_rollback_that_is_under_way(command: Make) -> None:
    """It is already what was asked for: the cause stays the breach, and so does the exit code."""
    c = command(canary=0.4)
    c.when(RollbackStarted, partial(c.session.signal, signal.SIGTERM))
    rollout, code = c.run()
    assert code is Exit.ROLLED_BACK
    assert rollout.rollback is not None
    assert rollout.rollback.cause is Cause.BREACH
    assert c.orders() == []


def test_when_its_time_is_over_traffic_is_put_back(command: Make) -> None:
    """Exit 124, the reason is the limit's, and not before its time."""
    c = command()
    began = c.clock.now()
    rollout, code = c.run(limits=Limits(timeout_s=400.0))
    assert (code, rollout.phase) == (Exit.TIMEOUT, Phase.ROLLED_BACK)
    assert rollout.rollback is not None
    assert rollout.rollback.detail.count("--timeout is over") == 1
    assert rollout.rollback.at - began >= 400.0
    assert c.alias.traffic == STABLE


def test_what_is_left_when_its_time_is_over_stays(command: Make) -> None:
    """A signal would put it back; `leave_on_timeout` says otherwise for the limit alone."""
    c = command()
    rollout, code = c.run(limits=Limits(timeout_s=400.0, leave_on_timeout=True))
    assert code is Exit.TIMEOUT
    assert rollout.live
    assert c.alias.traffic != STABLE
    assert c.journal.holder(c.alias.target) is None


# --- taken over, and told ----------------------------------------------------------------------


def test_an_order_that_comes_with_a_task_is_the_first_thing_done(command: Make) -> None:
    """A rollout that was left at 10 % is taken up and put back, as the person's doing."""
    c = command()
    c.when(WeightConfirmed, partial(c.session.signal, signal.SIGINT))
    c.run(limits=Limits(leave_on_exit=True))
    c.session = c.another("a second one")
    task = Task(plan=c.plan, router=c.alias, plane="plane", resume=True, order=OrderKind.ABORT)
    rollout, code = c.run(task)
    assert code is Exit.ROLLED_BACK
    assert rollout.rollback is not None
    assert rollout.rollback.cause is Cause.ABORTED
    assert c.entries().count("RolloutStarted") == 1
    assert c.alias.traffic == STABLE


def test_people_that_cannot_be_reached_are_named_and_keep_their_notice(command: Make) -> None:
    """A signal bounds the wait for them; what they miss stays for the next guardian."""
    c = command()
    c.deaf.fail_notify = 1.0
    c.when(WeightConfirmed, partial(c.session.signal, signal.SIGTERM))
    began = c.clock.monotonic()
    _, code = c.run()
    assert code is Exit.TERMINATED
    assert TOLD_TO_END_S <= c.clock.monotonic() - began < 15.0
    assert len(c.said) == 1
    assert c.said[0].startswith("1 notifiers were not reached (people: no answer)")
    assert c.journal.pending() > 0


# --- what hangs, and what nobody sees ----------------------------------------------------------


class Hanging:
    """A command whose first read after the shift hangs until it is answered; something comes then.

    It is one of the newest periods: a tick waits for them, as for nothing that is read at leisure.
    """

    def __init__(self, c: Command, comes: Callable[[], object] | None = None) -> None:
        self._comes = comes or partial(c.session.signal, signal.SIGTERM)
        self.answer = threading.Event()
        self.hung_at = 0.0
        self._command, self._read = c, c.metrics.read
        c.metrics.read = self.read  # type: ignore[method-assign] # a source that hangs

    def read(self, asks: Sequence[Ask], *, now: Instant) -> Mapping[Query, Measurement]:
        """What the source says, sooner or later."""
        c = self._command
        waited_for = any(ask.end > now for ask in asks)
        if c.alias.traffic == SPLIT and waited_for and not self.hung_at:
            self.hung_at = c.clock.monotonic()
            self._comes()
            self.answer.wait(timeout=60.0)
        return self._read(asks, now=now)


def test_a_signal_does_not_wait_for_a_read_that_hangs(command: Make) -> None:
    """Traffic goes back while CloudWatch still owes its answer, long before the read's deadline."""
    c = command()
    hanging = Hanging(c)
    back_at: list[float] = []
    c.when(RollbackStarted, lambda: back_at.append(c.clock.monotonic()))
    rollout, code = c.run()
    hanging.answer.set()
    assert (code, rollout.phase) == (Exit.TERMINATED, Phase.ROLLED_BACK)
    assert c.alias.traffic == STABLE
    assert back_at[0] - hanging.hung_at < DEADLINE_S / 2


def test_an_abort_from_another_terminal_does_not_wait_for_a_read_that_hangs(command: Make) -> None:
    """It is heard within a second, and ends the wait."""
    c = command()
    order = Order(
        id="o1",
        rollout=c.plan.rollout,
        kind=OrderKind.ABORT,
        actor="alice",
        reason="users hurt",
        at=c.clock.now(),
    )
    hanging = Hanging(c, partial(c.journal.order, order))
    back_at: list[float] = []
    c.when(RollbackStarted, lambda: back_at.append(c.clock.monotonic()))
    rollout, _ = c.run()
    hanging.answer.set()
    assert rollout.rollback is not None
    assert rollout.rollback.cause is Cause.ABORTED
    assert back_at[0] - hanging.hung_at < DEADLINE_S / 2


def test_a_signal_that_leaves_traffic_waits_for_no_read_either(command: Make) -> None:
    """A process does not end before its ticks, and a tick not before what it waits for."""
    c = command()
    hanging = Hanging(c)
    rollout, code = c.run(limits=Limits(leave_on_exit=True))
    idle = c.session._host.schedule.wait_idle(DEADLINE_S / 2)
    hanging.answer.set()
    assert (code, rollout.live) == (Exit.TERMINATED, True)
    assert idle


def test_a_signal_does_not_wait_for_a_shift_that_hangs(command: Make) -> None:
    """The canary has its traffic, and the router owes the answer: it goes back beside that call."""
    c = command()
    answer, shift, restore = threading.Event(), c.alias.shift, c.alias.restore
    found: list[Traffic] = []

    def hangs(traffic: Traffic, *, stamp: Stamp, after: Reading) -> Reading:
        reading = shift(traffic, stamp=stamp, after=after)
        c.session.signal(signal.SIGTERM)
        answer.wait(timeout=60.0)
        return reading

    def back(snapshot: Snapshot, *, stamp: Stamp | None, after: Reading) -> Reading:
        answer.set()
        found.append(after.traffic)
        return restore(snapshot, stamp=stamp, after=after)

    c.alias.shift = hangs  # type: ignore[method-assign] # a router that hangs
    c.alias.restore = back  # type: ignore[method-assign] # the first restore ends the hanging
    began = c.clock.monotonic()
    rollout, code = c.run()
    assert (code, rollout.phase) == (Exit.TERMINATED, Phase.ROLLED_BACK)
    assert c.alias.traffic == STABLE
    assert found[0] == SPLIT
    assert c.clock.monotonic() - began < WRITE_S


def test_a_watch_that_never_sees_its_target_ends_blind_and_leaves_it(command: Make) -> None:
    """Only a person can go on from there: exit 8, within the watch's own time, and no write."""
    c = command()
    watched = plan(c.clock.now(), drive=Drive.WATCH, bake_s=120.0)
    c.alias.traffic = watched.found
    c.when(RolloutStarted, partial(setattr, c.faults, "fail_read", 1.0))
    c.plan = replace(watched, policy=Policy(max_blind_s=120.0))
    rollout, code = c.run()
    assert (code, rollout.phase) == (Exit.BLIND, Phase.CANCELLED)
    assert "only a person can go on from here" in str(rollout.end)
    assert c.alias.guardian_wrote == []
