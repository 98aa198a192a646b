"""One tick under attack: clocks that jump, garbage, hanging routers, many rollouts."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from guardian.clock import SystemClock
from guardian.cloudwatch import changed
from guardian.core.judging.kinds.ratio import Ratio
from guardian.core.rollout.machine import Phase
from guardian.core.traffic import Reading, Stamp, Traffic
from guardian.core.verdict import Outcome
from guardian.engine.call_pool import ThreadCallPool
from guardian.engine.looks import LOOK_EVERY_S, LOOKS
from guardian.engine.series import WIDE_S
from guardian.engine.tick import POLL_S, Plane
from tests.contracts.journal_values import ManualClock
from tests.engine.planes import Quiet, UndyingJournal, alias_for, plane, runner
from tests.simulation.world import Alias


def baking(
    clock: ManualClock, say: Callable[[str], None] = lambda _: None
) -> tuple[Plane, Quiet, Alias]:
    """A plane with one rollout that bakes at its first weight."""
    journal, source = UndyingJournal(clock), Quiet(clock)
    alias = alias_for("api", clock)
    a_plane = plane(clock, journal=journal, source=source, say=say)
    a_plane.take(runner("api", journal, clock, alias))
    for _ in range(5):
        a_plane.step()
    assert a_plane.runners[0].rollout.phase is Phase.BAKING
    return a_plane, source, alias


@pytest.mark.parametrize("jump_s", [-7200.0, -600.0, 7200.0, 86_400.0])
def test_metrics_are_polled_on_time_whatever_the_wall_clock_does(jump_s: float) -> None:
    """A clock that is set back two hours must not stop the polls for two hours."""
    clock = ManualClock()
    a_plane, source, _ = baking(clock)
    clock.pass_s(POLL_S)
    a_plane.step()
    polls = len(source.asked)
    clock.jump_s(jump_s)
    begun = clock.monotonic()
    while clock.monotonic() <= begun + 3 * POLL_S:
        delay_s = a_plane.step()
        assert delay_s <= POLL_S
        clock.pass_s(max(delay_s, 0.01))
    assert len(source.asked) >= polls + 3
    assert all(start < end for start, end in source.windows)


def test_a_clock_that_was_set_ahead_is_said_once_and_known_to_what_judges() -> None:
    """A minute is a correction; setting it back is another matter."""
    clock = ManualClock()
    said: list[str] = []
    a_plane, _, _ = baking(clock, say=said.append)
    for jump_s in (60.0, -7200.0, 3600.0):
        clock.jump_s(jump_s)
        clock.pass_s(POLL_S)
        a_plane.step()
        a_plane.step()
    window = a_plane.runners[0].window()
    assert window is not None
    assert window.set_ahead_at == clock.now()
    assert said == [": this machine's clock was set ahead by 60 minutes"]


@pytest.mark.parametrize("garbage", [7, "no", [], {"a": 1}, {None: None}])
def test_a_source_that_returns_garbage_is_unreadable(garbage: object) -> None:
    """No crash, no silence: the verdict is `error`, and the blindness is counted."""
    clock = ManualClock()
    a_plane, source, _ = baking(clock)
    source.garbage = garbage
    clock.pass_s(POLL_S)
    a_plane.step()
    verdicts = a_plane.runners[0].verdicts
    assert [v.outcome for v in verdicts] == [Outcome.ERROR]
    assert verdicts[0].evidence.blind_since is not None


def test_a_router_that_acknowledges_and_does_nothing_is_not_stormed_with_writes() -> None:
    """A read-back that is not what was desired backs off as an error does."""

    class Deaf(Alias):
        writes = 0

        def _write(self, traffic: Traffic, stamp: Stamp | None, after: Reading) -> Reading:
            self.writes += 1
            return self._reading()

    clock = ManualClock()
    journal, source = UndyingJournal(clock), Quiet(clock)
    like = alias_for("api", clock)
    alias = Deaf(clock=like.clock, faults=like.faults, traffic=like.traffic)
    a_plane = plane(clock, journal=journal, source=source)
    a_plane.take(runner("api", journal, clock, alias))
    for _ in range(120):
        clock.pass_s(max(a_plane.step(), 0.01))
    assert a_plane.runners[0].rollout.phase is Phase.SHIFTING
    assert 3 <= alias.writes <= 15
    assert "read back" in a_plane.runners[0].trouble


def test_a_router_that_returns_garbage_is_unreadable() -> None:
    """And says so."""
    clock = ManualClock()
    a_plane, _, _ = baking(clock)
    a_charge = a_plane.runners[0]
    assert not a_charge.saw({"traffic": "42"}, clock.now())
    assert a_charge.trouble == "the router gave dict, not a reading"


class Impatient(ThreadCallPool):
    """Waits for nobody for long."""

    def run(self, calls, *, deadline_s, interruptible=False, beside=False):  # type: ignore[no-untyped-def]
        """The real one, with another deadline."""
        return super().run(calls, deadline_s=0.3, interruptible=interruptible, beside=beside)


def test_a_hanging_router_does_not_stop_another_rollouts_shift() -> None:
    """Its answer is waited for until the deadline at most, and it is asked one time only."""
    release, asked = threading.Event(), [0]

    class Hanging(Alias):
        def read(self) -> Reading:
            asked[0] += 1
            release.wait(60.0)
            return super().read()

    clock = ManualClock()
    journal = UndyingJournal(clock)
    like = alias_for("slow", clock)
    slow = Hanging(clock=like.clock, faults=like.faults, traffic=like.traffic, target=like.target)
    quick = alias_for("quick", clock)
    a_plane = plane(clock, journal=journal, pool=Impatient(SystemClock()))
    a_plane.take(runner("slow", journal, clock, slow))
    a_plane.take(runner("quick", journal, clock, quick))
    for _ in range(5):
        a_plane.step()
    release.set()
    assert [c.rollout.phase for c in a_plane.runners] == [Phase.PENDING, Phase.BAKING]
    assert asked == [1]


def test_a_write_that_hangs_is_tried_again_beside_the_hanging_one() -> None:
    """One call that never comes back keeps no traffic where it is."""
    release, asked = threading.Event(), [0]

    class Hanging(Alias):
        def shift(self, traffic: Traffic, *, stamp: Stamp, after: Reading) -> Reading:
            asked[0] += 1
            if asked[0] == 1:
                release.wait(60.0)
            return super().shift(traffic, stamp=stamp, after=after)

    clock = ManualClock()
    journal = UndyingJournal(clock)
    like = alias_for("slow", clock)
    slow = Hanging(clock=like.clock, faults=like.faults, traffic=like.traffic, target=like.target)
    a_plane = plane(clock, journal=journal, pool=Impatient(SystemClock()))
    a_charge = runner("slow", journal, clock, slow)
    a_plane.take(a_charge)
    for _ in range(6):
        a_plane.step()
        clock.pass_s(1.0)
    assert asked == [2]
    assert a_charge.rollout.phase is Phase.BAKING
    release.set()


def test_two_hundred_rollouts_share_a_plane() -> None:
    """Each is shifted and confirmed, and all are asked for in one read, as stable was before."""
    clock = ManualClock()
    journal, source = UndyingJournal(clock), Quiet(clock)
    a_plane = plane(clock, journal=journal, source=source)
    for number in range(200):
        name = f"s{number}"
        a_plane.take(runner(name, journal, clock, alias_for(name, clock)))
    for _ in range(5):
        a_plane.step()
    assert {c.rollout.phase for c in a_plane.runners} == {Phase.BAKING}
    clock.pass_s(POLL_S)
    a_plane.step()
    assert len(source.asked) == 2


def test_planes_that_share_a_fan_out_read_side_by_side() -> None:
    """Two regions poll at the same moment: neither is refused as the other's second call."""
    clock = ManualClock()
    pool = ThreadCallPool(SystemClock())
    together = threading.Barrier(2, timeout=20.0)

    class Meeting(Quiet):
        def read(self, asks, *, now):  # type: ignore[no-untyped-def]
            together.wait()
            return super().read(asks, now=now)

    planes = []
    for name in ("a", "b"):
        journal = UndyingJournal(clock)
        a_plane = plane(clock, journal=journal, source=Meeting(clock), pool=pool)
        a_plane.take(runner(name, journal, clock, alias_for(name, clock)))
        for _ in range(5):
            a_plane.step()
        planes.append(a_plane)
    clock.pass_s(POLL_S)
    threads = [threading.Thread(target=p.step) for p in planes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    outcomes = [v.outcome for p in planes for v in p.runners[0].verdicts]
    assert len(outcomes) == 2
    assert Outcome.ERROR not in outcomes


def test_a_stale_charge_that_is_lost_does_nothing() -> None:
    """It reads nothing, decides nothing, writes nothing."""
    clock = ManualClock()
    a_plane, source, alias = baking(clock)
    a_plane.runners[0].lost = True
    wrote, asked = len(alias.guardian_wrote), len(source.asked)
    alias.by_person(replace(alias.traffic, secondary=None))
    clock.pass_s(POLL_S)
    a_plane.step()
    assert (len(alias.guardian_wrote), len(source.asked)) == (wrote, asked)


# --- looks at what is as wished, and what is said of blindness -----------------------------------


def test_many_targets_are_looked_at_in_turn() -> None:
    """So that reads leave the vendor's quota to rollbacks; each at least every ten minutes."""
    looks: Counter[str] = Counter()

    class Counted(Alias):
        def read(self) -> Reading:
            looks[self.target] += 1
            return super().read()

    clock = ManualClock()
    journal = UndyingJournal(clock)
    a_plane = plane(clock, journal=journal)
    for number in range(100):
        like = alias_for(f"s{number}", clock)
        counted = Counted(
            clock=like.clock, faults=like.faults, traffic=like.traffic, target=like.target
        )
        a_plane.take(runner(f"s{number}", journal, clock, counted))
    for _ in range(5):
        a_plane.step()
    assert {c.rollout.phase for c in a_plane.runners} == {Phase.BAKING}
    looks.clear()
    most = 0
    for _ in range(int(LOOK_EVERY_S / POLL_S)):
        clock.pass_s(POLL_S)
        before = looks.total()
        a_plane.step()
        most = max(most, looks.total() - before)
    assert most == LOOKS
    assert len(looks) == 100
    assert set(looks.values()) == {2}


def test_a_write_that_waits_for_its_next_try_is_not_looked_at_each_second() -> None:
    """The last look guards it; what was looked at takes from the quota of the write."""
    mine = runner("r1", UndyingJournal(clock := ManualClock()), clock, alias_for("a", clock))
    assert mine.wants_reading(0.0, polling=False)
    mine.saw(mine.router.read(), clock.now())
    mine.retry_at = 10.0
    assert not mine.wants_reading(9.0, polling=False)
    assert mine.wants_reading(9.0, polling=True)
    assert mine.wants_reading(10.0, polling=False)


def test_blindness_is_said_at_its_first_poll_and_when_it_is_over() -> None:
    """Once each, with how many series and why."""
    clock = ManualClock()
    said: list[str] = []
    a_plane, source, _ = baking(clock, say=said.append)
    for garbage, unread in ((7, 2), (None, 0)):
        source.garbage = garbage
        for _ in range(3):
            clock.pass_s(POLL_S)
            a_plane.step()
            assert a_plane.reader.unread == unread
    assert [line.partition(": ")[2].split(":")[0] for line in said] == [
        "2 series cannot be read",
        "all series can be read again",
    ]


def test_between_the_polls_only_whose_series_arrived_is_judged() -> None:
    """Judging all of them for each part of one's history would take longer than the reads."""
    clock = ManualClock()
    journal = UndyingJournal(clock)
    a_plane = plane(clock, journal=journal)
    runners = [runner(name, journal, clock, alias_for(name, clock)) for name in ("old", "young")]
    old, young = runners
    (criterion,), elsewhere = young.rollout.plan.criteria, "eu-west-1"
    assert isinstance(criterion.measure, Ratio)
    part, total = (changed(query, region=elsewhere) for query in criterion.queries())
    criterion = replace(criterion, measure=replace(criterion.measure, part=part, total=total))
    young.rollout = replace(young.rollout, plan=replace(young.rollout.plan, criteria=(criterion,)))
    a_plane.take(old)
    for _ in range(5):
        a_plane.step()
    clock.pass_s(7200.0)
    a_plane.step()
    a_plane.take(young)
    for _ in range(5):
        clock.pass_s(POLL_S)
        a_plane.step()
    clock.pass_s(WIDE_S - 4 * POLL_S)
    a_plane.step()
    before = [c.verdicts for c in runners]
    assert all(before)
    clock.pass_s(1.0)
    a_plane.step()
    assert [c.verdicts is b for c, b in zip(runners, before, strict=True)] == [False, True]
