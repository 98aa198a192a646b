"""One SQLite file: opening it safely, one transaction at a time, what errors mean."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, RLock
from typing import Any, Final

from guardian.journals._sqlite_places import mode_for, refuse_link, refuse_network
from guardian.journals._sqlite_schema import APPLICATION_ID, SCHEMA_VERSION, create, upgrade
from guardian.ports import ConfigError, JournalError, OutcomeUnknown, Unavailable

_LOG = logging.getLogger(__name__)

BUSY_S: Final = 5.0
"""How long SQLite itself waits for another process's transaction."""
KNOWN_BUSY_S: Final = 0.05
"""The same once it has waited in vain, until a write goes through: threads queue behind each."""
OLDEST_SQLITE: Final = (3, 37, 0)
"""The first release with STRICT tables (sqlite.org/stricttables.html)."""

_KEEP: Final = (
    "guardian does not repair a journal in silence: keep the file for inquiry, put back a backup, "
    "or move the file and its -wal and -shm neighbours away and let guardian start an empty one; "
    "with an empty journal, check by hand which version receives traffic"
)
_ADVICE: Final = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space"),
    sqlite3.SQLITE_BUSY: (
        "another process kept it locked",
        "look for a stuck guardian or an open sqlite3 shell",
    ),
    sqlite3.SQLITE_READONLY: (
        "it cannot be written",
        "check the owner and the mode of the file and of its directory",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "it cannot be opened",
        "check the owner and the mode of the file and of its directory",
    ),
    sqlite3.SQLITE_IOERR: ("the disk reported an error", "check the disk and the system log"),
    sqlite3.SQLITE_CORRUPT: ("it is damaged", _KEEP),
    sqlite3.SQLITE_NOTADB: ("it is no SQLite database", _KEEP),
}
_NEVER_COMMITTED: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY}
"""Errors of COMMIT after which the commit frame, which comes last, is surely not in the log."""
_REOPEN: Final = {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class SqliteFile:
    """A connection that threads share, made anew after a disk error.

    Raises ConfigError for a file that must not be used as it is (a network file system, a newer
    schema, somebody else's database), Unavailable for one that cannot be.
    """

    def __init__(
        self,
        path: Path,
        *,
        mounts: Path = Path("/proc/self/mounts"),
        connect: Callable[..., sqlite3.Connection] = sqlite3.connect,
        busy_s: float = BUSY_S,
    ) -> None:
        try:
            self.path = path.expanduser().resolve()
        except RuntimeError as error:
            raise ConfigError(f"the journal {path}: {error}; write its path in full") from error
        self._connect = connect
        self._busy_s = busy_s
        self._known_busy = False
        """Another process has kept the file locked for too long, and may still do so."""
        self._lock = RLock()
        self._closed = False
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        """Device and inode of the file that the connection is on."""
        refuse_old(sqlite3.sqlite_version_info)
        refuse_link(path.expanduser())
        refuse_network(self.path, mounts)
        self._mode = mode_for(self.path, mounts)
        self._prepare()
        self._connection = self._open()

    def rows(self, doing: str, sql: str, *values: object) -> list[sqlite3.Row]:
        """The rows of one SELECT; `doing` completes "the journal could not ..."."""
        with self._lock, self._explained(doing) as connection:
            return connection.execute(sql, values).fetchall()

    @contextmanager
    def write(
        self, doing: str, *, unknown: type[JournalError] = Unavailable
    ) -> Iterator[sqlite3.Connection]:
        """One transaction, all or nothing; `unknown` is raised when COMMIT's effect is unknown."""
        with self._lock:
            with self._explained(doing) as connection:
                connection.execute("BEGIN IMMEDIATE")
            try:
                with self._explained(doing):
                    self._check_version(connection)
                    yield connection
            except BaseException:
                _roll_back(connection)
                raise
            self._commit(connection, doing, unknown)
            if self._known_busy:
                self._wait_for_others(known_busy=False)

    def _wait_for_others(self, *, known_busy: bool) -> None:
        """How long from now on: a rollback must not wait for one time-out after another."""
        self._known_busy = known_busy
        busy_s = min(KNOWN_BUSY_S, self._busy_s) if known_busy else self._busy_s
        if self._connection is not None:
            self._connection.execute(f"PRAGMA busy_timeout = {round(busy_s * 1000)}")

    def close(self) -> None:
        """Let go of the file; idempotent. Whatever is asked afterwards is Unavailable."""
        with self._lock:
            self._closed = True
            self._drop()

    def _commit(
        self, connection: sqlite3.Connection, doing: str, unknown: type[JournalError]
    ) -> None:
        try:
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            _roll_back(connection)
            if _code(error) in _NEVER_COMMITTED:
                raise self._unavailable(doing, error) from error
            self._drop()
            again = (
                "read the rollout and compare by txid"
                if unknown is OutcomeUnknown
                else "trying again is safe"
            )
            raise unknown(
                f"the journal {self.path} may or may not have managed to {doing}: the disk "
                f"reported {error} while it was being made durable; {again}"
            ) from error

    @contextmanager
    def _explained(self, doing: str) -> Iterator[sqlite3.Connection]:
        if self._closed:
            raise Unavailable(f"the journal could not {doing}: {self.path} was closed")
        self._check_place(doing)
        if self._connection is None:
            try:
                self._connection = self._open()
            except ConfigError as error:
                raise Unavailable(str(error)) from error
        try:
            yield self._connection
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.Error as error:
            if _code(error) in _REOPEN:
                self._drop()
            if _code(error) == sqlite3.SQLITE_BUSY:
                self._wait_for_others(known_busy=True)
            raise self._unavailable(doing, error) from error

    def _check_place(self, doing: str) -> None:
        """What is written into a file that was moved away nobody reads, and no error would say."""
        if self._place() != self._opened:
            raise Unavailable(
                f"the journal could not {doing}: {self.path} is no longer the file that was opened."
                " Put that one back, or restart guardian to go on with what is there"
            )

    def _place(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _unavailable(self, doing: str, error: sqlite3.Error) -> Unavailable:
        known = _ADVICE.get(_code(error))
        what, todo = known or (str(error), "look at the file with the sqlite3 tool")
        return Unavailable(
            f"the journal {self.path} could not {doing}: {what} ({error}). "
            f"Nothing was written; {todo}"
        )

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    # --- opening -----------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Directories of mode 0700 where they are missing, and a file that only we can read.

        The file is opened by hand only when it does not exist yet: closing any descriptor of an
        SQLite file would drop the locks of this process's other connections to it.
        """
        try:
            for folder in reversed(self.path.parents):
                if not folder.exists():
                    folder.mkdir(mode=0o700, exist_ok=True)
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
                # A misspelt path would else be a journal that knows nothing, without a word.
                _LOG.warning("guardian: there was no journal at %s: made a new one", self.path)
            mode = self.path.stat().st_mode
        except OSError as error:
            raise Unavailable(
                f"the journal {self.path} cannot be opened: {error.strerror}. Choose a path in a "
                "directory that guardian may write to, or change the directory's owner"
            ) from error
        if not stat.S_ISREG(mode):
            raise ConfigError(
                f"the journal {self.path} is a folder, a device or a pipe: name a file, which "
                "need not exist yet"
            )

    def _keep_private(self) -> None:
        """Take other people's rights away, once the file is known to be guardian's."""
        with suppress(OSError):
            found = self.path.stat()
            if stat.S_IMODE(found.st_mode) & 0o077 and found.st_uid == os.geteuid():
                self.path.chmod(0o600)

    def _open(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = None
        try:
            connection = self._connect(
                str(self.path), timeout=self._busy_s, isolation_level=None, check_same_thread=False
            )
            self._opened = self._place()
            self._configure(connection)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if isinstance(error, sqlite3.Error):
                raise self._unavailable("be opened", error) from error
            raise
        return connection

    def _configure(self, connection: sqlite3.Connection) -> None:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA foreign_keys = ON")
        found = self._identify(connection)
        self._keep_private()
        self._use_mode(connection)
        connection.execute("PRAGMA synchronous = FULL")
        if found is None:
            with _transaction(connection):
                if self._identify(connection) is None:
                    create(connection)
        rows = connection.execute("PRAGMA quick_check(3)").fetchall()
        faults = " ".join("; ".join(str(row[0]) for row in rows).split())
        if faults != "ok":
            raise Unavailable(f"the journal {self.path} is damaged ({faults}): {_KEEP}")
        if found not in (None, SCHEMA_VERSION):
            # Another process may be faster. A guardian of the older schema that is at work finds
            # its next write refused, stops advancing, and still puts traffic back.
            with _transaction(connection):
                upgrade(connection, self._identify(connection) or SCHEMA_VERSION)

    def _identify(self, connection: sqlite3.Connection) -> int | None:
        """The file's schema; None when it is empty. Raises ConfigError when it is not ours."""
        if _number(connection, "SELECT count(*) FROM sqlite_schema") == 0:
            return None
        if _number(connection, "PRAGMA application_id") != APPLICATION_ID:
            raise ConfigError(
                f"{self.path} is a database of another program: choose another path for the journal"
            )
        version = _number(connection, "PRAGMA user_version")
        if not 1 <= version <= SCHEMA_VERSION:
            raise ConfigError(self._other_version(version))
        return version

    def _check_version(self, connection: sqlite3.Connection) -> None:
        version = _number(connection, "PRAGMA user_version")
        if version != SCHEMA_VERSION:
            raise Unavailable(self._other_version(version))

    def _other_version(self, version: int) -> str:
        return (
            f"the journal {self.path} has schema {version}, and this guardian knows schema "
            f"{SCHEMA_VERSION}: use the guardian that wrote it, or a newer one, or another path"
        )

    def _use_mode(self, connection: sqlite3.Connection) -> None:
        """Switch to the write-ahead log, where that is safe.

        SQLite does not wait by itself when two do so at once.
        """
        for attempt in range(100):
            try:
                mode = connection.execute(f"PRAGMA journal_mode = {self._mode}").fetchone()[0]
            except sqlite3.OperationalError as error:
                if _code(error) != sqlite3.SQLITE_BUSY or attempt == 99:
                    raise
                Event().wait(self._busy_s / 100)
                continue
            if mode != self._mode:
                raise ConfigError(
                    f"the file system of {self.path} has no shared memory for SQLite's "
                    f"write-ahead log (it stays in mode {mode}): choose a path on a local disk"
                )
            return


def refuse_old(version: tuple[int, ...]) -> None:
    """Raise ConfigError when this release of SQLite cannot make the journal's tables."""
    if version < OLDEST_SQLITE:
        raise ConfigError(
            f"Python was built with SQLite {'.'.join(map(str, version))}, and the journal needs "
            f"{'.'.join(map(str, OLDEST_SQLITE))} or newer: use a newer Python image"
        )


def _number(connection: sqlite3.Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; the extended one holds it in its low byte."""
    code: Any = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else code & 0xFF


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


def _roll_back(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")
