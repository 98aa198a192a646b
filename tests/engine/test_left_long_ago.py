"""What a dead process left long ago: whoever takes it up has as long to try as any other."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from guardian.core.rollout.entries import OrderKind, WeightConfirmed
from guardian.core.traffic import Traffic
from guardian.engine.in_process import Limits
from guardian.engine.outcome import Exit
from tests.engine.command import Command


@pytest.mark.parametrize("canary", [0.0, 0.4])
def test_what_was_left_longer_ago_than_the_limit_is_finished(tmp_path: Path, canary: float) -> None:
    """A rollback, or a promotion: whoever takes it up has the whole limit to try."""
    c = Command(tmp_path, canary=canary)
    c.when(WeightConfirmed, partial(setattr, c.faults, "drop_write", 1.0))
    _, code = c.run(c.task(steps=c.plan.steps[-1:]), limits=Limits(rollback_timeout_s=60.0))
    assert code is Exit.STUCK
    c.faults.drop_write = 0.0
    c.clock.sleep(c.clock.real_s(600.0))
    c.session = c.another()
    task = replace(c.task(), resume=True, order=OrderKind.ABORT if canary else None)
    _, code = c.run(task, limits=Limits(rollback_timeout_s=600.0))
    assert code is (Exit.ROLLED_BACK if canary else Exit.HEALTHY)
    assert c.alias.traffic == Traffic(primary="41" if canary else "42")
    c.close()
