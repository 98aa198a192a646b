"""What rows mean: heads, the checks of an append, and the chain of hashes over a rollout."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from guardian.core.codec import from_rfc3339, rfc3339
from guardian.core.rollout.entries import Entry
from guardian.journals._chain import GENESIS, beginning, linked, sha256
from guardian.ports import Claim, Conflict, Head, Outgoing


def head(row: sqlite3.Row) -> Head:
    """A rollout as the list shows it."""
    return Head(
        rollout=row["id"],
        service=row["service"],
        target=row["target"],
        live=bool(row["live"]),
        seq=row["seq"],
        started_at=from_rfc3339(row["started_at"]),
        last_at=from_rfc3339(row["last_at"]),
    )


def begin(db: sqlite3.Connection, claim: Claim, rollout: str, entries: Sequence[Entry]) -> None:
    """Insert a rollout's row; raises IllegalEntry when the entries do not begin it."""
    first = beginning(claim, rollout, entries)
    at = rfc3339(first.at)
    db.execute(
        "INSERT INTO rollouts (id, service, target, live, seq, hash, started_at, last_at) "
        "VALUES (?, ?, ?, 0, 0, ?, ?, ?)",
        (rollout, first.plan.service, claim.target, GENESIS, at, at),
    )


def refuse_second(db: sqlite3.Connection, rollout: str, target: str) -> None:
    """Raise Conflict when another rollout of the target is live."""
    sql = "SELECT id FROM rollouts WHERE target = ? AND live = 1 AND id <> ?"
    other = db.execute(sql, (target, rollout)).fetchone()
    if other is not None:
        raise Conflict(f"{target} has a live rollout already: {other['id']}")


def written(db: sqlite3.Connection, rollout: str, txid: str, bodies: list[str]) -> int | None:
    """The last seq of these entries when `txid` has written them before."""
    sql = "SELECT seq, body FROM entries WHERE rollout = ? AND txid = ? ORDER BY seq"
    rows = db.execute(sql, (rollout, txid)).fetchall()
    if not rows:
        return None
    if [row["body"] for row in rows] != bodies:
        raise Conflict(f"transaction {txid} has written other entries to {rollout} before")
    return int(rows[-1]["seq"])


def chain(
    db: sqlite3.Connection, head: sqlite3.Row, epoch: int, txid: str, bodies: list[str]
) -> str:
    """Insert entries after the head; each names the hash before it. The last hash."""
    last: str = head["hash"]
    rows = linked(head["id"], (head["seq"], last), epoch=epoch, txid=txid, bodies=bodies)
    for row in rows:
        db.execute(
            "INSERT INTO entries (rollout, seq, epoch, txid, prev, sha256, body, hash) "
            "VALUES (:rollout, :seq, :epoch, :txid, :prev, :sha256, :body, :hash)",
            row,
        )
        last = row["hash"]
    return last


def leave(db: sqlite3.Connection, out: Outgoing, body: str) -> None:
    """Insert an outgoing notice; the same one twice is once."""
    told = out.notice
    db.execute(
        "INSERT INTO outbox (rollout, seq, beside, lane, body, sha256) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        (told.rollout, told.seq, told.beside, out.receiver, body, sha256(body)),
    )
