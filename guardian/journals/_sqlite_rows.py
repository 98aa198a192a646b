"""What rows mean: heads, the checks of an append, and the chain of hashes over a rollout."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from guardian.core.codec import CodecError, decode, decode_entry, from_rfc3339, rfc3339
from guardian.core.rollout.entries import Entry, RolloutStarted
from guardian.core.rollout.machine import IllegalEntry
from guardian.ports import Claim, Conflict, Head, Outgoing, Record

GENESIS: Final = "0" * 64
"""What a rollout's first entry names as the hash before it."""

T = TypeVar("T")


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
    first = entries[0] if entries else None
    if not isinstance(first, RolloutStarted):
        raise IllegalEntry(
            f"the journal of {rollout} begins with RolloutStarted, not {type(first).__name__}"
        )
    if (first.plan.rollout, first.plan.target) != (rollout, claim.target):
        raise IllegalEntry(
            f"the plan is of {first.plan.rollout} on {first.plan.target}, "
            f"and the append of {rollout} on {claim.target}"
        )
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
    prev: str = head["hash"]
    for seq, body in enumerate(bodies, start=head["seq"] + 1):
        row = {"seq": seq, "epoch": epoch, "txid": txid, "prev": prev, "sha256": sha256(body)}
        hash_ = link(head["id"], row)
        db.execute(
            "INSERT INTO entries (rollout, seq, epoch, txid, prev, sha256, body, hash) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (head["id"], *row.values(), body, hash_),
        )
        prev = hash_
    return prev


def link(rollout: str, row: sqlite3.Row | Mapping[str, Any]) -> str:
    """The hash that ties an entry to its place: everything but the body, which its own hash is."""
    names = ("prev", "seq", "epoch", "txid", "sha256")
    return sha256("\n".join([*(str(row[name]) for name in names), rollout]))


def leave(db: sqlite3.Connection, out: Outgoing, body: str) -> None:
    """Insert an outgoing notice; the same one twice is once."""
    told = out.notice
    db.execute(
        "INSERT INTO outbox (rollout, seq, beside, lane, body, sha256) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        (told.rollout, told.seq, told.beside, out.receiver, body, sha256(body)),
    )


def intact(kind: type[T], row: sqlite3.Row) -> T | CodecError:
    """The value of a row's body, or why it is not what was written."""
    if sha256(row["body"]) != row["sha256"]:
        return CodecError("its hash does not fit what it says", kind.__name__)
    try:
        return decode(kind, row["body"])
    except CodecError as error:
        return error


def sha256(text: str) -> str:
    """The hash of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def storable(text: str) -> str:
    """Text that SQLite takes: what is no Unicode (a foreign process's bytes) is written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def verified(rollout: str, rows: Sequence[sqlite3.Row]) -> list[Record]:
    """The records of a rollout's rows; raises CodecError where they are not what was written."""
    prev = GENESIS
    records = []
    for seq, row in enumerate(rows, start=1):
        sound = (
            (row["seq"], row["prev"]) == (seq, prev)
            and row["sha256"] == sha256(row["body"])
            and row["hash"] == link(rollout, row)
        )
        if not sound:
            raise CodecError("its hashes do not fit what it says", f"entry {seq}")
        try:
            entry = decode_entry(row["body"])
        except CodecError as error:
            raise CodecError(str(error), f"entry {seq}") from None
        records.append(Record(seq=seq, epoch=row["epoch"], entry=entry, txid=row["txid"]))
        prev = row["hash"]
    if rows and (rows[0]["last_seq"], rows[0]["last_hash"]) != (len(records), prev):
        raise CodecError("entries after it were lost", f"entry {len(records)}")
    return records
