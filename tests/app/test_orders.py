"""Orders as a program gives them: one value from the door to the journal, and what came of it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guardian.app.orders import Became, NobodyDrives, NotLive, Refused, Unanswered, give
from guardian.core.rollout.entries import (
    Cause,
    Held,
    Order,
    OrderKind,
    RollbackConfirmed,
    RollbackStarted,
)
from guardian.core.rollout.machine import Phase
from guardian.ports import ConfigError, GuardianError, UsageError
from tests.app.remembered import order, remembered
from tests.cli.journaled import SERVICE, Desk, waiting


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A folder with an empty journal."""
    made = Desk(tmp_path)
    yield made
    made.journal.close()


def test_an_order_that_is_obeyed_says_what_was_recorded(desk: Desk) -> None:
    """The result holds the order as it was left and the entries it became, as values."""
    with desk.begin().at_work():
        result = give(remembered(desk), order(OrderKind.HOLD, reason="tickets come in"))
    assert result.became is Became.OBEYED
    assert [type(entry) for entry in result.happened] == [Held]
    assert result.rollout.hold is not None
    assert (result.order.rollout, result.order.actor) == ("r1", "ada")
    assert desk.journal.answered(result.order.id) is not None


def test_an_order_is_left_whole(desk: Desk) -> None:
    """Every field that was asked is in the journal; a promotion counts on the step that is seen."""
    driving = desk.begin()
    asked = replace(order(OrderKind.PROMOTE, rollout="r1", reason="sure"), full=True)
    result = give(remembered(desk), asked, wait=False)
    assert (result.became, result.driver) == (Became.LEFT, "ada@ci pid 7")
    (left,) = waiting(driving.journal)
    assert left == result.order
    assert left == replace(asked, id=left.id, at=left.at, expect_step=0)


def test_what_is_refused_is_an_error_with_its_sentence(desk: Desk) -> None:
    """The core's own words, with the code of a refused start."""
    with desk.begin().at_work(), pytest.raises(Refused, match="it is not held") as refused:
        give(remembered(desk), order(OrderKind.RESUME))
    assert refused.value.exit_code == 3


def test_an_abort_of_what_is_back_is_moot(desk: Desk) -> None:
    """No error, and nothing is left in the journal for it."""
    driving = desk.begin()
    now = desk.clock.now()
    driving.put(RollbackStarted(at=now, cause=Cause.ABORTED, detail="bad"))
    driving.put(RollbackConfirmed(at=now, by_guardian=True, detail="41 100%"))
    result = give(remembered(desk), order(OrderKind.ABORT))
    assert (result.became, result.order.id) == (Became.MOOT, "")
    assert waiting(desk.journal) == []


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (replace(order(OrderKind.HOLD), full=True), "say why traffic may stay"),
        (order(OrderKind.WAIVE, subject="speed", reason="slow"), "it has error-rate"),
    ],
)
def test_an_order_that_makes_no_sense_is_not_left(desk: Desk, asked: Order, why: str) -> None:
    """Whoever the caller is: the checks are the use case's, not the command line's."""
    driving = desk.begin()
    with pytest.raises((UsageError, ConfigError), match=why):
        give(remembered(desk), asked)
    assert waiting(driving.journal) == []


def test_it_is_waited_for_by_the_injected_clock(desk: Desk) -> None:
    """A driver that does not answer is waited for as long as was asked; the order stays."""
    driving = desk.begin()
    slept: list[float] = []

    class Counted:
        def now(self) -> float:
            return desk.clock.now()

        def monotonic(self) -> float:
            return sum(slept)

        def real_s(self, wall_s: float) -> float:
            return wall_s

        def sleep(self, real_s: float) -> None:
            slept.append(real_s)

    records = replace(remembered(desk), clock=Counted())
    with pytest.raises(Unanswered, match="has not answered in 4 s"):
        give(records, order(OrderKind.HOLD), timeout_s=4)
    assert sum(slept) >= 4
    assert len(waiting(driving.journal)) == 1


def test_an_order_that_nobody_takes_says_so_and_stays(desk: Desk) -> None:
    """For whoever takes the rollout up."""
    driving = desk.begin()
    driving.leave()
    with pytest.raises(NobodyDrives, match=f"guardian rollback {SERVICE}"):
        give(remembered(desk), order(OrderKind.ABORT))
    assert len(waiting(desk.journal)) == 1


def test_where_nothing_is_live_no_file_is_to_blame(desk: Desk) -> None:
    """A class of its own, with the exit code that it always had."""
    with pytest.raises(NotLive, match="nothing is live") as caught:
        give(remembered(desk), order(OrderKind.HOLD))
    assert caught.value.exit_code == ConfigError.exit_code


def test_the_documentation_tells_every_error_from_the_others() -> None:
    """Each class of the use cases has a line with its exit code."""
    page = (Path(__file__).parents[2] / "docs" / "use-cases.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `([\w.]+)` \| (\d+) \|", page, re.MULTILINE)
    errors = {
        name: getattr(importlib.import_module(f"guardian.{where}"), name) for name, where, _ in rows
    }
    assert all(issubclass(error, GuardianError) for error in errors.values())
    assert {name: int(code) for name, _, code in rows} == {
        name: error.exit_code for name, error in errors.items()
    }
    own = [
        name
        for where in ("app.orders", "app.start", "engine.task")
        for name, kind in vars(importlib.import_module(f"guardian.{where}")).items()
        if isinstance(kind, type)
        and issubclass(kind, GuardianError)
        and kind.__module__ == f"guardian.{where}"
    ]
    assert set(own) <= set(errors)


def test_the_example_of_the_documentation_holds_everything(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What docs/use-cases.md shows is run as it stands there, on a real journal."""
    page = (Path(__file__).parents[2] / "docs" / "use-cases.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    shown: dict[str, Any] = {}
    exec(code, shown)  # noqa: S102 - the project's own page
    desk.configure()
    monkeypatch.chdir(desk.folder)
    monkeypatch.setenv("GUARDIAN_JOURNAL", f"sqlite:{desk.path}")
    with desk.begin().at_work():
        (result,) = shown["hold_everything"]("ada", "a fire elsewhere")
    assert (result.became, result.rollout.phase) == (Became.OBEYED, Phase.HELD)
