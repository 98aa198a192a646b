"""Before each write the claim is asked for: what a newer holder did is never undone."""

from __future__ import annotations

from guardian.core.rollout.machine import Phase
from guardian.core.traffic import Traffic
from guardian.engine.tick import TickResult
from guardian.ports import Claim, Unavailable
from tests.contracts.journal_values import ManualClock
from tests.engine.planes import UndyingJournal, alias_for, plane, runner
from tests.simulation.memory_journal import MemoryJournal


def test_a_process_that_was_replaced_writes_nothing() -> None:
    """Frozen before its first shift, it wakes up after a newer holder has put traffic back."""
    clock = ManualClock()
    journal = UndyingJournal(clock)
    alias = alias_for("api", clock)
    a_plane = plane(clock, journal=journal)
    mine = runner("api", journal, clock, alias)
    a_plane.take(mine)
    newer = journal.claim(journal.open_lease("newer"), alias.target, take_over=True)
    assert newer is not None
    for _ in range(5):
        a_plane.step()
    assert mine.lost
    assert alias.guardian_wrote == []


class Away(MemoryJournal):
    """A journal that takes entries and cannot say who holds a claim."""

    away = False

    def holds(self, claim: Claim) -> bool:
        """Raises while it is away."""
        if self.away:
            raise Unavailable("no disk")
        return super().holds(claim)


def test_while_the_journal_is_away_only_the_way_back_is_written() -> None:
    """No weight is given under a claim that nobody can confirm."""
    clock = ManualClock()
    journal = Away(clock)
    alias = alias_for("api", clock)
    a_plane = plane(clock, journal=journal)
    mine = runner("api", journal, clock, alias)
    a_plane.take(mine)
    journal.away = True
    for _ in range(5):
        a_plane.step()
    assert mine.rollout.phase is Phase.SHIFTING
    assert alias.traffic == Traffic(primary="41")
    journal.away = False
    for _ in range(5):
        a_plane.step()
    assert alias.traffic.share("42").ratio == 0.1


def test_an_output_that_fails_does_not_stop_the_loop() -> None:
    """A closed terminal is no reason to leave a canary alone."""

    def broken(report: TickResult) -> None:
        raise BrokenPipeError(f"nobody reads {report.at}")

    clock = ManualClock()
    journal = UndyingJournal(clock)
    alias = alias_for("api", clock)
    a_plane = plane(clock, journal=journal, observer=broken)
    mine = runner("api", journal, clock, alias)
    a_plane.take(mine)
    for _ in range(5):
        a_plane.step()
    assert mine.rollout.phase is Phase.BAKING
