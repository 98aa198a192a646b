"""The journal in one SQLite file, for every process of one machine."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from guardian.core.codec import CodecError, encode, encode_entry, rfc3339
from guardian.core.model import Instant
from guardian.core.notices import Notice
from guardian.core.queue import leaving
from guardian.core.rollout.entries import Entry
from guardian.core.traffic import Snapshot
from guardian.journals import _sqlite_leases as leases
from guardian.journals import _sqlite_rows as stored
from guardian.journals._chain import GENESIS, intact, sha256, storable, verified
from guardian.journals._sqlite_file import SqliteFile
from guardian.journals._sqlite_orders import SqliteOrders, finish
from guardian.ports import (
    Answer,
    Claim,
    Clock,
    Conflict,
    Context,
    Damaged,
    Dead,
    Ending,
    Fenced,
    Head,
    Journal,
    Lease,
    OutcomeUnknown,
    Outgoing,
    Pending,
    Random,
    Record,
    Retry,
    Sent,
)

PERMISSIONS: tuple[str, ...] = ()
LOCAL = True
"""Only this machine can read it."""

MOST_WAITING: Final = 1000
"""Notices of one receiver that are looked at: far more than a receiver's backlog."""
_LOG = logging.getLogger(__name__)


class Options(BaseModel):
    """Where the file lies."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    path: Path = Field(
        strict=False,
        description="The database file, on a local disk; `~` is the home directory. Missing "
        "directories are made for this user alone.",
    )
    locks: bool = Field(
        default=True,
        description="Hold a locked file for each lease, so that a killed process is seen at once. "
        "Without it only 30 s of silence tell; for simulations.",
    )

    @field_validator("path")
    @classmethod
    def _a_file(cls, path: Path) -> Path:
        if str(path) in ("", ".") or str(path).startswith(":"):
            raise ValueError("write the path of a file: a journal has to outlive the process")
        return path


def build(options: Options, context: Context) -> Journal:
    """The journal, its file opened and checked. Raises ConfigError or Unavailable."""
    file = SqliteFile(options.path)
    return SqliteJournal(file, clock=context.clock, rng=context.rng, locks=options.locks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One rollout's part of a transaction."""

    rollout: str
    expected: int
    entries: Sequence[Entry]
    live: bool = False

    @property
    def bodies(self) -> list[str]:
        """Its entries as they are stored."""
        return [encode_entry(entry) for entry in self.entries]


class SqliteJournal(SqliteOrders):
    """The Journal port on SQLite; may be used from several threads."""

    def __init__(self, file: SqliteFile, *, clock: Clock, rng: Random, locks: bool = True) -> None:
        super().__init__(file)
        self._rng = rng
        folder = file.path.with_name(f"{file.path.name}.leases")
        self._leases = leases.Leases(clock, folder if locks else None)

    @property
    def unsure_s(self) -> float:
        """All read one machine's clock."""
        return 0.0

    # --- leases and claims ---------------------------------------------------------------------

    def open_lease(self, owner: str) -> Lease:
        """Begin to live."""
        lease: Lease | None = None
        try:
            with self._file.write("open a lease") as db:
                lease = self._leases.open(db, storable(owner), self._rng.token())
        except BaseException:
            if lease is not None:
                self._leases.drop(lease.id)
            raise
        return lease

    def beat(self, lease: Lease) -> None:
        """Go on living. Raises Fenced when the lease was given up or taken for dead."""
        with self._file.write("note a heartbeat") as db:
            self._leases.beat(db, lease.id)

    def close_lease(self, lease: Lease) -> None:
        """Give up every claim and the lease; idempotent."""
        with self._file.write("close a lease") as db:
            db.execute("UPDATE claims SET lease = '' WHERE lease = ?", (lease.id,))
            db.execute("DELETE FROM leases WHERE id = ?", (lease.id,))
        self._leases.drop(lease.id)

    def claim(self, lease: Lease, target: str, *, take_over: bool = False) -> Claim | None:
        """The right to act on a target, with a new epoch; None while a living lease holds it."""
        with self._file.write(f"claim {target}") as db:
            self._leases.check(db, lease.id)
            row = db.execute("SELECT * FROM claims WHERE target = ?", (target,)).fetchone()
            if row is not None and row["lease"] == lease.id:
                return Claim(target=target, epoch=row["epoch"], lease=lease.id)
            holder = leases.find(db, row["lease"]) if row is not None else None
            if holder is not None and self._leases.lives(holder) and not take_over:
                return None
            epoch = 1 if row is None else row["epoch"] + 1
            db.execute(
                "INSERT INTO claims (target, epoch, lease) VALUES (?, ?, ?) "
                "ON CONFLICT (target) DO UPDATE SET epoch = excluded.epoch, lease = excluded.lease",
                (target, epoch, lease.id),
            )
            return Claim(target=target, epoch=epoch, lease=lease.id)

    def release(self, claim: Claim) -> None:
        """Give one target back; the epoch is kept. Idempotent."""
        with self._file.write(f"release {claim.target}") as db:
            db.execute(
                "UPDATE claims SET lease = '' WHERE target = ? AND epoch = ? AND lease = ?",
                (claim.target, claim.epoch, claim.lease),
            )

    def holder(self, target: str) -> str | None:
        """The owner text of the living lease that holds a target, if any."""
        rows = self._file.rows(
            f"say who holds {target}",
            "SELECT l.* FROM claims c JOIN leases l ON l.id = c.lease WHERE c.target = ?",
            target,
        )
        return next((str(row["owner"]) for row in rows if self._leases.lives(row)), None)

    def holds(self, claim: Claim) -> bool:
        """Whether the claim is still its target's newest one."""
        rows = self._file.rows(
            f"say whether the claim on {claim.target} holds",
            "SELECT 1 FROM claims c JOIN leases l ON l.id = c.lease"
            " WHERE c.target = ? AND c.epoch = ? AND c.lease = ?",
            claim.target,
            claim.epoch,
            claim.lease,
        )
        return bool(rows)

    def _fence(self, db: sqlite3.Connection, claim: Claim, target: str) -> None:
        """Raise Fenced unless the claim is the newest one of `target` and its lease lives."""
        if claim.target != target:
            raise Fenced(f"a claim on {claim.target} gives no right to act on {target}")
        row = db.execute("SELECT * FROM claims WHERE target = ?", (target,)).fetchone()
        if row is None or (row["epoch"], row["lease"]) != (claim.epoch, claim.lease):
            now = "nobody's" if row is None or not row["lease"] else f"lease {row['lease']}'s"
            raise Fenced(
                f"{target} is {now} now, at epoch {row['epoch'] if row else 0}, and this process "
                f"acts under epoch {claim.epoch}: stop acting on it"
            )
        self._leases.check(db, claim.lease)

    # --- rollouts ------------------------------------------------------------------------------

    def live(self) -> list[Head]:
        """Rollouts that are not ended, oldest first."""
        sql = "SELECT * FROM rollouts WHERE live = 1 ORDER BY started_at, n"
        return [stored.head(row) for row in self._file.rows("list what is live", sql)]

    def history(self, service: str, *, limit: int = 20) -> list[Head]:
        """A service's rollouts, newest first."""
        sql = "SELECT * FROM rollouts WHERE service = ? ORDER BY started_at DESC, n DESC LIMIT ?"
        return [stored.head(row) for row in self._file.rows("list rollouts", sql, service, limit)]

    def read(self, rollout: str) -> list[Record]:
        """All entries of a rollout in order, their hashes verified; empty when unknown.

        Raises Damaged when an entry is not what was written, or cannot be understood.
        """
        rows = self._file.rows(
            f"read rollout {rollout}",
            "SELECT e.*, r.seq AS last_seq, r.hash AS last_hash FROM rollouts r "
            "LEFT JOIN entries e ON e.rollout = r.id WHERE r.id = ? ORDER BY e.seq",
            rollout,
        )
        try:
            written = [row for row in rows if row["seq"] is not None]
            last = (rows[0]["last_seq"], rows[0]["last_hash"]) if rows else (0, GENESIS)
            return verified(rollout, written, last=last)
        except CodecError as error:
            raise Damaged(
                f"rollout {rollout} in the journal {self._file.path} cannot be trusted: {error}. "
                "guardian does not repair a journal: check the traffic by hand, keep the file for "
                "inquiry, and put back a backup or move the file away"
            ) from error

    def append(
        self,
        claim: Claim,
        rollout: str,
        *,
        expected: int,
        entries: Sequence[Entry],
        live: bool,
        outgoing: Sequence[Outgoing] = (),
        answers: Sequence[Answer] = (),
        ends: Ending | None = None,
        txid: str,
    ) -> int:
        """Entries, answered orders and outgoing notices in one transaction; the new last seq.

        The same entries under the same `txid` are written once. Raises IllegalEntry when a first
        append does not begin with its own RolloutStarted; see the port for the rest.
        """
        main = _Part(rollout=rollout, expected=expected, entries=entries, live=live)
        parts = [main]
        if ends is not None:
            last = _Part(rollout=ends.rollout, expected=ends.expected, entries=[ends.entry])
            parts, outgoing = [last, main], [*ends.outgoing, *outgoing]
        notices = [(out, encode(out.notice)) for out in outgoing]
        with self._file.write(f"append to {rollout}", unknown=OutcomeUnknown) as db:
            self._head(db, claim, rollout)
            written = stored.written(db, rollout, txid, main.bodies)
            if written is not None:
                return written
            for part in parts:
                self._put(db, claim, part, txid)
            finish(db, answers)
            for out, body in notices:
                stored.leave(db, out, body)
            return expected + len(entries)

    def _head(self, db: sqlite3.Connection, claim: Claim, rollout: str) -> sqlite3.Row | None:
        """A rollout's row, if it has begun. Raises Fenced unless the claim is on its target."""
        sql = "SELECT * FROM rollouts WHERE id = ?"
        head: sqlite3.Row | None = db.execute(sql, (rollout,)).fetchone()
        self._fence(db, claim, head["target"] if head is not None else claim.target)
        return head

    def _put(self, db: sqlite3.Connection, claim: Claim, part: _Part, txid: str) -> None:
        """Write one rollout's part of a transaction."""
        head = self._head(db, claim, part.rollout)
        found = head["seq"] if head is not None else 0
        if found != part.expected:
            raise Conflict(
                f"rollout {part.rollout} has {found} entries by now, not {part.expected}"
            )
        if part.live:
            stored.refuse_second(db, part.rollout, claim.target)
        if head is None:
            stored.begin(db, claim, part.rollout, part.entries)
            head = self._head(db, claim, part.rollout)
        assert head is not None  # noqa: S101 - it has just begun
        last = stored.chain(db, head, claim.epoch, txid, part.bodies)
        at = max([head["last_at"], *(rfc3339(entry.at) for entry in part.entries)])
        db.execute(
            "UPDATE rollouts SET seq = ?, hash = ?, live = ?, last_at = ? WHERE id = ?",
            (part.expected + len(part.entries), last, int(part.live), at, part.rollout),
        )

    # --- notices, snapshots --------------------------------------------------------------------

    def due(self, now: Instant, *, limit: int = 50) -> list[Pending]:
        """Notices to deliver: those that wait for none before them, and only once due.

        One that cannot be read is logged and counts as dead: it must not stop the others.
        """
        rows = self._file.rows(
            "list notices",
            "SELECT o.*, h.handle FROM (SELECT *, row_number() OVER (PARTITION BY lane ORDER BY n) "
            "AS place FROM outbox WHERE state = 'pending') o "
            "LEFT JOIN handles h ON h.lane = o.lane AND h.rollout = o.rollout "
            "WHERE o.place <= ? ORDER BY o.n",
            max(limit, MOST_WAITING),
        )
        waiting = [(row, notice) for row in rows if (notice := self._readable(row)) is not None]
        free = leaving([(row["lane"], notice) for row, notice in waiting])
        due_by = rfc3339(now)
        return [
            Pending(
                id=str(row["n"]),
                receiver=row["lane"],
                notice=notice,
                attempts=row["attempts"],
                handle=row["handle"],
            )
            for (row, notice), is_free in zip(waiting, free, strict=True)
            if is_free and row["due_at"] <= due_by
        ][:limit]

    def _readable(self, row: sqlite3.Row) -> Notice | None:
        notice = intact(Notice, row)
        if isinstance(notice, CodecError):
            _LOG.error("notice %s of %s cannot be read: %s", row["n"], row["rollout"], notice)
            self._settle(int(row["n"]), row["attempts"], Dead(error=str(notice)))
            return None
        return notice

    def claim_notice(self, pending: Pending, *, now: Instant, until: Instant) -> bool:
        """Keep a due notice from every other process until then; False where one has it already."""
        with self._file.write("take a notice") as db:
            row = db.execute(
                "UPDATE outbox SET due_at = ? WHERE n = ? AND state = 'pending' AND attempts = ? "
                "AND due_at <= ? RETURNING n",
                (rfc3339(until), int(pending.id), pending.attempts, rfc3339(now)),
            ).fetchone()
        return row is not None

    def ack(self, pending: Pending, result: Sent | Retry | Dead) -> None:
        """Record what became of a notice; idempotent for the same attempt."""
        self._settle(int(pending.id), pending.attempts, result)

    def _settle(self, n: int, attempts: int, result: Sent | Retry | Dead) -> None:
        state = {Sent: "sent", Retry: "pending", Dead: "dead"}[type(result)]
        error = None if isinstance(result, Sent) else storable(result.error)
        due_at = rfc3339(result.at) if isinstance(result, Retry) else ""
        with self._file.write("record a notice's delivery") as db:
            row = db.execute(
                "UPDATE outbox SET state = ?, error = ?, due_at = ?, attempts = attempts + 1 "
                "WHERE n = ? AND state = 'pending' AND (attempts = ? OR ? <> 'pending') "
                "RETURNING lane, rollout",
                (state, error, due_at, n, attempts, state),
            ).fetchone()
            if row is not None and isinstance(result, Sent):
                db.execute(
                    "INSERT INTO handles (lane, rollout, handle) VALUES (?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET handle = coalesce(excluded.handle, handle)",
                    (row["lane"], row["rollout"], result.handle),
                )

    def pending(self) -> int:
        """How many notices wait."""
        sql = "SELECT count(*) FROM outbox WHERE state = 'pending'"
        return int(self._file.rows("count notices", sql)[0][0])

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Remember what stable is; the same snapshot twice is once."""
        body = encode(snapshot)
        with self._file.write(f"save a snapshot of {snapshot.service}") as db:
            db.execute(
                "INSERT INTO snapshots (service, taken_at, body, sha256) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (snapshot.service, rfc3339(snapshot.taken_at), body, sha256(body)),
            )

    def snapshots(self, service: str, *, limit: int = 5) -> list[Snapshot]:
        """A service's snapshots, newest first."""
        sql = "SELECT * FROM snapshots WHERE service = ? ORDER BY taken_at DESC, n DESC LIMIT ?"
        advice = "Name the stable version yourself with --to"
        rows = self._file.rows("list snapshots", sql, service, limit)
        return [
            self._trusted(Snapshot, row, f"snapshot {row['n']} of {service}", advice)
            for row in rows
        ]

    def close(self) -> None:
        """Let go of files and connections; leases that are still open end at once."""
        self._leases.close()
        self._file.close()
