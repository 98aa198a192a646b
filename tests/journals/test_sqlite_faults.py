"""What the SQLite journal does when its file or its disk is not as it should be."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from guardian.journals._sqlite_file import SqliteFile, refuse_old
from guardian.journals.sqlite import SqliteJournal
from guardian.ports import (
    Claim,
    ConfigError,
    Journal,
    OutcomeUnknown,
    Unavailable,
)
from tests.contracts.journal_contract import begun, put
from tests.contracts.journal_values import (
    HOLD,
    LATER,
    CountedRandom,
    ManualClock,
    order,
    snapshot,
)
from tests.journals.sqlite_store import SqliteStore, altered


class Faulty(sqlite3.Connection):
    """A connection that can be told to fail, and whose instances tests can reach."""

    made: ClassVar[list[Faulty]] = []
    lie: ClassVar[list[tuple[bool, int]]] = []
    """For each coming COMMIT: whether it happens, and the error code that it ends with."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        Faulty.made.append(self)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """As SQLite does, but for a COMMIT that is told to fail."""
        if sql != "COMMIT" or not Faulty.lie:
            return super().execute(sql, parameters)
        happens, code = Faulty.lie.pop()
        if happens:
            super().execute(sql)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = code
        raise error


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """One file."""
    store = SqliteStore(tmp_path / "guardian.db")
    yield store
    store.close()


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[Callable[..., SqliteJournal]]:
    """Makes a journal on connections that can be told to fail."""
    made: list[SqliteJournal] = []

    def make(**options: Any) -> SqliteJournal:
        connect = partial(sqlite3.connect, factory=Faulty)
        file = SqliteFile(tmp_path / "guardian.db", connect=connect, **options)
        made.append(SqliteJournal(file, clock=ManualClock(), rng=CountedRandom()))
        return made[-1]

    Faulty.made.clear()
    Faulty.lie.clear()
    yield make
    for journal in made:
        journal.close()


# --- files that must not be used ----------------------------------------------------------------


def test_garbage_is_left_alone_and_named(store: SqliteStore) -> None:
    """A file that is no database is neither repaired nor replaced, and the reader is told more."""
    store.path.write_bytes(b"not a database, " * 1000)
    with pytest.raises(Unavailable, match=r"it is no SQLite database.*keep the file") as caught:
        store.open()
    assert str(store.path) in str(caught.value)
    assert store.path.read_bytes() == b"not a database, " * 1000


def test_a_damaged_database_is_left_alone_and_named(store: SqliteStore) -> None:
    """Pages of rubbish are found when the file is opened, and stay as they are."""
    journal = store.open()
    put(journal, begun(journal), 1, *LATER * 20)
    journal.close()
    whole = store.path.read_bytes()
    broken = whole[: 4096 * 4] + bytes([0xA5]) * (len(whole) - 4096 * 6) + whole[-8192:]
    store.path.write_bytes(broken)
    with pytest.raises(Unavailable, match=r"damaged.*does not repair a journal in silence"):
        store.open()
    assert store.path.read_bytes() == broken


def test_a_newer_schema_is_refused(store: SqliteStore) -> None:
    """The sentence names both versions and says what to use."""
    store.open().close()
    altered(store.path, "PRAGMA user_version = 5")
    with pytest.raises(ConfigError, match=r"has schema 5, and this guardian knows schema 4"):
        store.open()


def test_a_schema_that_changes_under_way_stops_writes(store: SqliteStore) -> None:
    """A newer guardian may upgrade the file while an older one still runs."""
    journal = store.open()
    claim = begun(journal)
    altered(store.path, "PRAGMA user_version = 5")
    with pytest.raises(Unavailable, match="schema 5"):
        put(journal, claim, 1, HOLD)
    assert len(journal.read("r1")) == 1


def test_another_programs_database_is_refused(store: SqliteStore) -> None:
    """Nothing is written into it."""
    connection = sqlite3.connect(store.path)
    connection.execute("CREATE TABLE songs (title TEXT)")
    connection.commit()
    connection.close()
    before = store.path.read_bytes()
    with pytest.raises(ConfigError, match="a database of another program"):
        store.open()
    assert store.path.read_bytes() == before


def test_an_sqlite_without_strict_tables_is_refused() -> None:
    """The sentence names both versions."""
    with pytest.raises(ConfigError, match=r"SQLite 3\.34\.1, and the journal needs 3\.37\.0"):
        refuse_old((3, 34, 1))
    refuse_old((3, 37, 0))


# --- disks that fail ----------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB of its own; needs the right to mount one."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or umount is None:
        pytest.skip("only root can mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = [mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield folder
    subprocess.run([umount, "--lazy", str(folder)], check=True)


def filled(journal: Journal, claim: Claim) -> int:
    """Append until the disk is full; the last acknowledged number."""
    seq = len(journal.read("r1"))
    said = ""
    for _ in range(5000):
        try:
            seq = put(journal, claim, seq, *LATER)
        except Unavailable as error:
            said = str(error)
            break
    assert re.search("the disk is full.*Nothing was written; free some", said)
    return seq


def test_a_full_disk_loses_nothing_and_recovers(disk: Path) -> None:
    """What was acknowledged stays readable, and the same journal goes on once there is room."""
    store = SqliteStore(disk / "guardian.db")
    journal = store.open()
    claim = begun(journal)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(400_000))
    seq = filled(journal, claim)
    assert len(journal.read("r1")) == seq
    ballast.unlink()
    assert put(journal, claim, seq, HOLD) == seq + 1
    assert len(store.open().read("r1")) == seq + 1
    store.close()


def test_a_full_file_loses_nothing_and_recovers(faulty: Callable[..., SqliteJournal]) -> None:
    """The same where SQLite's own limit says that there is no room."""
    journal = faulty()
    claim = begun(journal)
    connection = Faulty.made[-1]
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 10}")
    seq = filled(journal, claim)
    assert len(journal.read("r1")) == seq
    connection.execute("PRAGMA max_page_count = 1000000")
    assert put(journal, claim, seq, HOLD) == seq + 1


def test_a_read_only_disk_is_unavailable(disk: Path) -> None:
    """The sentence names the path and says what to check."""
    mount = shutil.which("mount")
    assert mount is not None
    command = [mount, "-o", "remount,ro", str(disk)]
    subprocess.run(command, check=True)
    with pytest.raises(Unavailable, match=r"cannot be opened.*Choose a path"):
        SqliteStore(disk / "guardian.db").open()


def test_a_path_through_a_file_is_unavailable(tmp_path: Path) -> None:
    """A wrong path ends in a sentence, whoever runs guardian."""
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=r"cannot be opened.*Choose a path"):
        SqliteStore(tmp_path / "file" / "guardian.db").open()


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_refused_and_left_as_it_is(tmp_path: Path, kind: str) -> None:
    """SQLite would write into a device, and making /dev/null private would take it from all."""
    place = tmp_path / "guardian.db"
    if kind == "folder":
        place.mkdir()
    else:
        os.mkfifo(place, mode=0o640)
    before = place.stat().st_mode
    with pytest.raises(ConfigError, match="a folder, a device or a pipe: name a file"):
        SqliteStore(place).open()
    assert place.stat().st_mode == before
    assert list(tmp_path.iterdir()) == [place]


def test_the_file_of_another_program_keeps_its_mode(tmp_path: Path) -> None:
    """It is refused before anything of it is changed."""
    place = tmp_path / "theirs.db"
    with sqlite3.connect(place) as db:
        db.execute("CREATE TABLE theirs (a)")
    db.close()
    place.chmod(0o644)
    with pytest.raises(ConfigError, match="database of another program"):
        SqliteStore(place).open()
    assert place.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("happens", [True, False])
def test_a_commit_of_unknown_outcome_says_so_and_can_be_tried_again(
    faulty: Callable[..., SqliteJournal], happens: bool
) -> None:
    """Whether or not it was written, the same transaction tried again is written once."""
    journal = faulty()
    claim = begun(journal)
    Faulty.lie.append((happens, sqlite3.SQLITE_IOERR_FSYNC))
    with pytest.raises(OutcomeUnknown, match=r"may or may not.*compare by txid"):
        put(journal, claim, 1, HOLD)
    assert len(journal.read("r1")) == (2 if happens else 1)
    assert put(journal, claim, 1, HOLD) == 2
    assert len(journal.read("r1")) == 2


@pytest.mark.parametrize("happens", [True, False])
def test_other_writes_of_unknown_outcome_are_unavailable(
    faulty: Callable[..., SqliteJournal], happens: bool
) -> None:
    """All of them may be tried again: leases, claims, orders and the rest."""
    journal = faulty()
    for act in (
        lambda: journal.open_lease("a"),
        lambda: journal.order(order("o1", "r1")),
        lambda: journal.save_snapshot(snapshot()),
    ):
        Faulty.lie.append((happens, sqlite3.SQLITE_IOERR_FSYNC))
        with pytest.raises(Unavailable, match="trying again is safe"):
            act()
        act()
    assert (len(journal.orders(["r1"])), len(journal.snapshots("agents-api"))) == (1, 1)


def test_a_commit_that_found_no_room_was_not_written(
    faulty: Callable[..., SqliteJournal],
) -> None:
    """Its outcome is known."""
    journal = faulty()
    claim = begun(journal)
    Faulty.lie.append((False, sqlite3.SQLITE_FULL))
    with pytest.raises(Unavailable, match="Nothing was written"):
        put(journal, claim, 1, HOLD)
    assert put(journal, claim, 1, HOLD) == 2


def test_a_schema_that_changed_before_a_reconnection_is_unavailable(
    faulty: Callable[..., SqliteJournal], tmp_path: Path
) -> None:
    """After a disk error the file is opened, and checked, anew."""
    journal = faulty()
    begun(journal)
    Faulty.lie.append((True, sqlite3.SQLITE_IOERR_FSYNC))
    with pytest.raises(Unavailable):
        journal.save_snapshot(snapshot())
    altered(tmp_path / "guardian.db", "PRAGMA user_version = 5")
    with pytest.raises(Unavailable, match="schema 5"):
        journal.read("r1")
    altered(tmp_path / "guardian.db", "PRAGMA user_version = 4")
    assert len(journal.read("r1")) == 1


def test_tables_that_could_not_be_made_are_made_the_next_time(
    faulty: Callable[..., SqliteJournal],
) -> None:
    """A first start that failed half way leaves nothing half made."""
    Faulty.lie.append((False, sqlite3.SQLITE_FULL))
    with pytest.raises(Unavailable, match="could not be opened: the disk is full"):
        faulty()
    assert faulty().live() == []


def test_a_closed_journal_is_unavailable(store: SqliteStore) -> None:
    """Whatever is asked after its end, and closing twice is once."""
    journal = store.open()
    journal.close()
    journal.close()
    for act in (lambda: journal.open_lease("a"), lambda: journal.read("r1"), journal.live):
        with pytest.raises(Unavailable, match="was closed"):
            act()


def test_a_lease_without_a_lock_file_is_not_opened(store: SqliteStore) -> None:
    """Where lock files cannot be made, nothing of the lease stays."""
    store.path.with_name("guardian.db.leases").touch()
    journal = store.open()
    with pytest.raises(Unavailable, match="lock file"):
        journal.open_lease("a")
    store.path.with_name("guardian.db.leases").unlink()
    assert journal.open_lease("a").owner == "a"


def test_a_home_that_nobody_has_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A uid without a passwd entry has no `~`."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="write its path in full"):
        SqliteFile(Path("~nobody-of-that-name/guardian.db"))
    assert list(tmp_path.iterdir()) == []
