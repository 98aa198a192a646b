"""What the SQLite journal does when somebody else has their hands on its file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guardian.journals._sqlite_file import SqliteFile
from guardian.journals.sqlite import SqliteJournal
from guardian.ports import Unavailable
from tests.contracts.journal_values import CountedRandom, ManualClock


class Opened:
    """Makes journals on one file, and knows their connections."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connections: list[sqlite3.Connection] = []
        self.journals: list[SqliteJournal] = []

    def __call__(self, **options: Any) -> SqliteJournal:
        """One more; its connection is kept."""
        file = SqliteFile(self.path, connect=self._connect, **options)
        self.journals.append(SqliteJournal(file, clock=ManualClock(), rng=CountedRandom()))
        return self.journals[-1]

    def _connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        self.connections.append(sqlite3.connect(*arguments, **options))
        return self.connections[-1]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Journals that are closed with the test."""
    made = Opened(tmp_path / "guardian.db")
    yield made
    for journal in made.journals:
        journal.close()


def test_a_lock_that_somebody_keeps_is_unavailable(opened: Opened, tmp_path: Path) -> None:
    """After the time that SQLite waits, the sentence says whom to look for; later it works."""
    journal = opened(busy_s=0.05)
    shell = sqlite3.connect(tmp_path / "guardian.db", isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match=r"another process kept it locked.*stuck guardian"):
        journal.open_lease("a")
    assert journal.live() == []
    shell.execute("ROLLBACK")
    shell.close()
    assert journal.open_lease("a").owner == "a"


@pytest.mark.parametrize("instead", [False, True])
def test_a_file_that_was_moved_away_is_unavailable_until_it_is_back(
    opened: Opened, tmp_path: Path, instead: bool
) -> None:
    """Nobody else would read what is written there; another file in its place changes nothing."""
    journal, path, away = opened(), tmp_path / "guardian.db", tmp_path / "away.db"
    path.rename(away)
    if instead:
        path.touch()
    for act in (lambda: journal.open_lease("a"), journal.live):
        with pytest.raises(Unavailable, match=r"no longer the file that was opened.*restart"):
            act()
    away.replace(path)
    assert journal.open_lease("a").owner == "a"


def test_a_lock_that_is_known_of_is_not_waited_for_in_full_again(
    opened: Opened, tmp_path: Path
) -> None:
    """One time-out after another would keep a rollback waiting; the first write ends the haste."""
    journal = opened(busy_s=0.2)
    (connection,) = opened.connections

    def patience_ms() -> int:
        return int(connection.execute("PRAGMA busy_timeout").fetchone()[0])

    shell = sqlite3.connect(tmp_path / "guardian.db", isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="kept it locked"):
        journal.open_lease("a")
    assert patience_ms() == 50
    shell.execute("ROLLBACK")
    shell.close()
    assert journal.live() == []
    assert patience_ms() == 50, "reading is no sign: a writer locks no reader out"
    journal.open_lease("a")
    assert patience_ms() == 200
