"""What every journal that keeps rows does alike: hashes over what is kept, and what begins it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeVar

from guardian.core.codec import CodecError, decode, decode_entry
from guardian.core.rollout.entries import Entry, RolloutStarted
from guardian.core.rollout.machine import IllegalEntry
from guardian.ports import Claim, Record

GENESIS: Final = "0" * 64
"""What a rollout's first entry names as the hash before it."""

T = TypeVar("T")


class Row(Protocol):
    """What a store gives back: values by the names of columns or attributes."""

    def __getitem__(self, name: str, /) -> Any:
        """One value."""
        ...


def beginning(claim: Claim, rollout: str, entries: Sequence[Entry]) -> RolloutStarted:
    """The entry that begins a rollout; raises IllegalEntry when these entries do not."""
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
    return first


def linked(
    rollout: str, last: tuple[int, str], *, epoch: int, txid: str, bodies: Sequence[str]
) -> list[dict[str, Any]]:
    """The rows of entries after the one with this number and hash; each names the hash before."""
    rows = []
    before, prev = last
    for seq, body in enumerate(bodies, start=before + 1):
        row = {"seq": seq, "epoch": epoch, "txid": txid, "prev": prev, "sha256": sha256(body)}
        prev = link(rollout, row)
        rows.append({"rollout": rollout, **row, "body": body, "hash": prev})
    return rows


def link(rollout: str, row: Row) -> str:
    """The hash that ties an entry to its place: everything but the body, which its own hash is."""
    names = ("prev", "seq", "epoch", "txid", "sha256")
    return sha256("\n".join([*(str(row[name]) for name in names), rollout]))


def intact(kind: type[T], row: Row) -> T | CodecError:
    """The value of a row's body, or why it is not what was written."""
    try:
        body, digest = row["body"], row["sha256"]
    except (IndexError, KeyError):
        return CodecError("its text or its hash is missing", kind.__name__)
    if not isinstance(body, str) or sha256(body) != digest:
        return CodecError("its hash does not fit what it says", kind.__name__)
    try:
        return decode(kind, body)
    except CodecError as error:
        return error


def sha256(text: str) -> str:
    """The hash of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def storable(text: str) -> str:
    """Text that a database takes: what is no Unicode (a foreign process's bytes) is written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def verified(rollout: str, rows: Sequence[Row], *, last: tuple[int, str]) -> list[Record]:
    """The records of a rollout's rows; raises CodecError where they are not what was written.

    `last` is the number and the hash of its last entry, as its head has them.
    """
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
    if last != (len(records), prev):
        raise CodecError("entries after it were lost", f"entry {len(records)}")
    return records
