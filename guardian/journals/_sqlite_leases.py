"""Who lives: a beat in the database and a locked file for each lease of this machine."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

from guardian.ports import Clock, Fenced, Lease, Unavailable

LIFE_S: Final = 30.0
"""A lease whose last beat is this old is dead."""

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Leases:
    """The life of leases: a beat less than 30 s ago, in this boot, and a lock that is held.

    The kernel lets go of a lock when its process ends, however it ends. Beats are read off
    CLOCK_MONOTONIC, which all processes of one boot share, so that no change of the wall clock
    makes or breaks a lease. Without a `folder` there are no lock files: beats alone count.
    """

    def __init__(self, clock: Clock, folder: Path | None) -> None:
        self._clock = clock
        self._folder = folder
        self._held: dict[str, int] = {}
        self._boot = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""

    def open(self, db: sqlite3.Connection, owner: str, token: str) -> Lease:
        """Insert a living lease, whose id is never used again, and bury the dead without claims."""
        claimless = "SELECT * FROM leases WHERE id NOT IN (SELECT lease FROM claims)"
        for row in db.execute(claimless).fetchall():
            if not self.lives(row):
                db.execute("DELETE FROM leases WHERE id = ?", (row["id"],))
                self.drop(row["id"])
        beat = self._clock.monotonic()
        number = db.execute(
            "INSERT INTO leases (id, owner, boot, beat) VALUES ('', ?, ?, ?)",
            (owner, self._boot, beat),
        ).lastrowid
        lease = Lease(id=f"{number}-{token}", owner=owner)
        self._take(lease.id)
        db.execute("UPDATE leases SET id = ? WHERE n = ?", (lease.id, number))
        return lease

    def check(self, db: sqlite3.Connection, lease: str) -> None:
        """Raise Fenced when the lease was given up, or buried.

        One that was merely silent may go on: whatever was taken from it has a newer epoch, which
        fences it there, and what nobody took is still its own.
        """
        if find(db, lease) is None:
            raise Fenced(
                f"lease {lease} was given up, or it was silent for {LIFE_S:g} s and taken for dead:"
                " open a new one and read every rollout again before acting"
            )

    def beat(self, db: sqlite3.Connection, lease: str) -> None:
        """Go on living, also after a silence; raises Fenced for the buried."""
        self.check(db, lease)
        db.execute("UPDATE leases SET beat = ? WHERE id = ?", (self._clock.monotonic(), lease))

    def lives(self, row: sqlite3.Row) -> bool:
        """Whether a row's lease lives. A beat of another boot, or one far ahead, proves nothing."""
        silent_s = abs(self._clock.monotonic() - float(row["beat"]))
        return bool(row["boot"] == self._boot and silent_s < LIFE_S and self._locked(row["id"]))

    def drop(self, lease: str) -> None:
        """Let go of a lease's lock and remove its file; idempotent."""
        if lease in self._held:
            os.close(self._held.pop(lease))
        if self._folder is not None:
            with suppress(OSError):
                self._path(lease).unlink()

    def close(self) -> None:
        """Let go of every lock of this process, which ends its leases."""
        for lease in list(self._held):
            self.drop(lease)

    def _path(self, lease: str) -> Path:
        assert self._folder is not None  # noqa: S101 - callers ask only where there are lock files
        return self._folder / f"{lease}.lock"

    def _take(self, lease: str) -> None:
        if self._folder is None:
            return
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            file = os.open(self._path(lease), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._held[lease] = file
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Unavailable(
                f"the lock file of a lease cannot be made in {self._folder}: {error.strerror}. "
                "Nothing was written; check the owner and the mode of that directory"
            ) from error

    def _locked(self, lease: str) -> bool:
        """Whether some process holds the lease's lock; a shared probe disturbs no other probe."""
        if self._folder is None or lease in self._held:
            return True
        try:
            file = os.open(self._path(lease), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError:
            return True  # It cannot be read, so its death is not proven: the beat decides.
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False


def find(db: sqlite3.Connection, lease: str) -> sqlite3.Row | None:
    """The row of a lease."""
    row: sqlite3.Row | None = db.execute("SELECT * FROM leases WHERE id = ?", (lease,)).fetchone()
    return row
