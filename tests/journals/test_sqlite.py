"""The SQLite journal keeps every promise of the port, and guards its file."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from guardian.clock import SystemClock
from guardian.journals._sqlite_schema import SCHEMA_VERSION
from guardian.journals.sqlite import PERMISSIONS, Options, build
from tests.contracts.journal_contract import JournalContract
from tests.journals.sqlite_store import SqliteStore, context


def numbered(folder: Path, *, locks: bool) -> Iterator[Callable[[], SqliteStore]]:
    """Makes stores in files of their own, and closes what a test left open."""
    made: list[SqliteStore] = []

    def make() -> SqliteStore:
        made.append(SqliteStore(folder / f"{len(made)}.db", locks=locks))
        return made[-1]

    yield make
    for store in made:
        store.close()


class TestSqliteJournal(JournalContract):
    """The contract with a lock file for each lease."""

    @pytest.fixture
    def stores(self, tmp_path: Path) -> Iterator[Callable[[], SqliteStore]]:
        """Files in a directory of the test."""
        yield from numbered(tmp_path, locks=True)


class TestSqliteJournalByBeatsAlone(JournalContract):
    """The contract without lock files, as simulations use it."""

    @pytest.fixture
    def stores(self, tmp_path: Path) -> Iterator[Callable[[], SqliteStore]]:
        """Files in a directory of the test."""
        yield from numbered(tmp_path, locks=False)


class TestFile:
    """What lies on the disk."""

    def test_options_are_strict_and_the_path_may_be_text(self, tmp_path: Path) -> None:
        """Files hold paths as text; unknown options are refused; AWS is not asked for anything."""
        assert Options.model_validate({"path": str(tmp_path / "a.db")}).path == tmp_path / "a.db"
        with pytest.raises(ValidationError, match="Extra inputs"):
            Options.model_validate({"path": "a.db", "paht": "b.db"})
        assert PERMISSIONS == ()

    def test_only_the_owner_can_read_it(self, tmp_path: Path) -> None:
        """The file, its neighbours and the directories made for it are closed to others."""
        journal = build(Options(path=tmp_path / "a" / "b" / "guardian.db"), context(SystemClock()))
        journal.open_lease("a")
        found = {path: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
        assert {mode for path, mode in found.items() if path.is_dir()} == {0o700}
        assert {mode for path, mode in found.items() if path.is_file()} == {0o600}
        assert len(found) == 7  # a, b, the database, -wal, -shm, the leases and one lock
        journal.close()

    def test_a_file_that_was_open_to_others_is_closed_to_them(self, tmp_path: Path) -> None:
        """An earlier copy by hand does not leak what it holds."""
        path = tmp_path / "guardian.db"
        path.touch(mode=0o644)
        build(Options(path=path), context(SystemClock())).close()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_directory_that_exists_is_left_as_it_is(self, tmp_path: Path) -> None:
        """Its mode is its owner's business."""
        tmp_path.chmod(0o755)
        build(Options(path=tmp_path / "guardian.db"), context(SystemClock())).close()
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755

    def test_every_commit_waits_for_the_disk(self, tmp_path: Path) -> None:
        """The log is written ahead, and the file says whose it is and in which schema."""
        store = SqliteStore(tmp_path / "guardian.db")
        store.open()
        connection = sqlite3.connect(store.path)
        pragmas = ("journal_mode", "application_id", "user_version")
        found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]
        assert found == ["wal", 0x67756172, SCHEMA_VERSION]
        connection.close()
        store.close()

    def test_lock_files_are_tidied_away(self, tmp_path: Path) -> None:
        """Closed leases at once, those of the dead with the next newcomer."""
        store = SqliteStore(tmp_path / "guardian.db")
        folder = tmp_path / "guardian.db.leases"
        journal = store.open()
        journal.close_lease(journal.open_lease("a"))
        assert list(folder.iterdir()) == []
        journal.open_lease("b")
        journal.close()
        store.open().open_lease("c")
        assert len(list(folder.iterdir())) == 1
        store.close()


def test_a_journal_that_had_to_be_made_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A misspelt path would else be a journal that knows nothing, without a word."""
    path = tmp_path / "guardian.db"
    for _ in range(2):
        build(Options(path=path), context(SystemClock())).close()
    assert [record.getMessage() for record in caplog.records] == [
        f"guardian: there was no journal at {path}: made a new one"
    ]
