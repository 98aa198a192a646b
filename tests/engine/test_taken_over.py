"""What a command says of a rollout that another process has taken from it."""

from __future__ import annotations

from pathlib import Path

from guardian.core.rollout.entries import OrderKind, WeightConfirmed
from guardian.core.rollout.machine import Phase
from guardian.engine.in_process import Limits
from guardian.engine.outcome import Exit
from guardian.engine.task import Task
from tests.engine.command import Command


def test_what_another_process_put_back_meanwhile_is_read_again(tmp_path: Path) -> None:
    """Who lost the target to a rollback says how the rollout stands, not how it stood."""
    c = Command(tmp_path)
    other = c.another("an emergency")

    def put_back() -> None:
        task = Task(plan=c.plan, router=c.alias, plane="plane", resume=True, order=OrderKind.ABORT)
        other.run([task], Limits())

    c.when(WeightConfirmed, put_back)
    rollout, code = c.run()
    c.close()
    assert (rollout.phase, code) == (Phase.ROLLED_BACK, Exit.ROLLED_BACK)
