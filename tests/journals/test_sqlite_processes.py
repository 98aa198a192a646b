"""Several real processes on one SQLite journal: killed, contending, opening at once."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from guardian.clock import SystemClock
from guardian.journals.sqlite import Options, build
from guardian.ports import Journal
from tests.contracts.journal_values import TARGET, started
from tests.journals.sqlite_store import context

ROOT = Path(__file__).parents[2]


@contextmanager
def child(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process of `sqlite_child`, ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.journals.sqlite_child", *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """The next lines that a child says."""
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


def go_on(process: subprocess.Popen[str]) -> None:
    """Say the word that a child waits for."""
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def opened(path: Path) -> Journal:
    """This process's view, on the machine's clocks."""
    return build(Options(path=path), context(SystemClock()))


@pytest.mark.parametrize("after", [1, 2, 7, 40])
def test_a_killed_process_loses_nothing_and_its_claim_is_free_at_once(
    tmp_path: Path, after: int
) -> None:
    """Every acknowledged entry is there, and nobody waits 30 s for the dead."""
    path = tmp_path / "guardian.db"
    with child(path, "append") as process:
        assert lines(process, 1) == ["epoch 1"]
        watcher = opened(path)
        lease = watcher.open_lease("watcher")
        assert watcher.holder(TARGET) == "child"
        assert watcher.claim(lease, TARGET) is None
        go_on(process)  # Only now: it appends without a pause, and leaves no other writer room.
        said = lines(process, after)
        process.send_signal(signal.SIGKILL)
        process.wait()
        rest = process.stdout.read() if process.stdout else ""
    acknowledged = [int(line) for line in [*said, *rest.split("\n")[:-1]]]
    claim = watcher.claim(lease, TARGET)
    assert claim is not None
    assert claim.epoch == 2
    records = watcher.read("r1")
    assert [record.seq for record in records[: len(acknowledged)]] == acknowledged
    assert len(records) - len(acknowledged) in (0, 1)
    last = watcher.append(claim, "r1", expected=len(records), entries=[], live=False, txid="after")
    assert last == len(records)
    watcher.close()


def test_two_processes_never_both_win_a_number(tmp_path: Path) -> None:
    """Under one claim, used wrongly by two, each number goes to one of them, without gaps."""
    path = tmp_path / "guardian.db"
    journal = opened(path)
    lease = journal.open_lease("parent")
    claim = journal.claim(lease, TARGET)
    assert claim is not None
    journal.append(claim, "r1", expected=0, entries=[started("r1")], live=True, txid="t1")
    task = (path, "contend", claim.epoch, lease.id, 60)
    with child(*task, "one") as first, child(*task, "two") as second:
        assert [*lines(first, 1), *lines(second, 1)] == ["ready", "ready"]
        said = [process.communicate("go\n")[0].split() for process in (first, second)]
    won = [int(number) for numbers in said for number in numbers]
    records = journal.read("r1")
    assert sorted(won) == list(range(2, len(records) + 1))
    assert len(won) >= 60
    journal.close()


def test_processes_may_open_an_empty_journal_at_once(tmp_path: Path) -> None:
    """Whoever comes first makes the tables; nobody fails."""
    path = tmp_path / "guardian.db"
    with (
        child(path, "contend", 1, "x", 0) as a,
        child(path, "contend", 1, "x", 0) as b,
        child(path, "contend", 1, "x", 0) as c,
    ):
        assert [lines(process, 1) for process in (a, b, c)] == [["ready"]] * 3
    journal = opened(path)
    assert journal.live() == []
    journal.close()
