"""Notices and snapshots in the table."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import islice
from typing import Final

from guardian.core.codec import CodecError, encode, rfc3339
from guardian.core.model import Instant
from guardian.core.notices import Notice
from guardian.core.queue import leaving
from guardian.core.traffic import Snapshot
from guardian.journals._chain import intact, sha256, storable
from guardian.journals._dynamodb_orders import DynamoDbOrders
from guardian.journals._dynamodb_table import Change, Item, Key, Refused
from guardian.ports import Dead, Outgoing, Pending, Retry, Sent

OUTBOX = "OUTBOX"
MOST_WAITING: Final = 5000
"""Notices that are looked at: far more than a backlog."""
_LOG = logging.getLogger(__name__)


class DynamoDbOutbox(DynamoDbOrders):
    """The part of the journal about what people are told, and what stable was."""

    def due(self, now: Instant, *, limit: int = 50) -> list[Pending]:
        """Notices to deliver: those that wait for none before them, and only once due.

        One that cannot be read is logged and counts as dead: it must not stop the others.
        """
        items = list(islice(self._table.query(OUTBOX), MOST_WAITING))
        waiting = [(item, notice) for item in items if (notice := self._readable(item)) is not None]
        free = leaving([(item["receiver"], notice) for item, notice in waiting])
        due = [
            (item, notice)
            for (item, notice), is_free in zip(waiting, free, strict=True)
            if is_free and item["due_at"] <= rfc3339(now)
        ][:limit]
        handles = self._table.get(*(_handle(i["receiver"], n.rollout) for i, n in due))
        return [
            Pending(
                id=str(item["sk"]),
                receiver=item["receiver"],
                notice=notice,
                attempts=item["attempts"],
                handle=None if handle is None else handle["handle"],
            )
            for (item, notice), handle in zip(due, handles, strict=True)
        ]

    def _readable(self, item: Item) -> Notice | None:
        whole = {"receiver", "notice", "attempts", "due_at"} <= item.keys()
        notice = intact(Notice, item) if whole else CodecError("a part is missing", "Notice")
        if isinstance(notice, Notice):
            return notice
        receiver, name = item.get("receiver", ""), item.get("notice", "")
        _LOG.error("notice %s of %s cannot be read: %s", item["sk"], name, notice)
        if receiver and name:
            self._end(item["sk"], _notice(receiver, name), Dead(error=str(notice)))
        else:
            self._table.delete((OUTBOX, item["sk"]))
        return None

    def claim_notice(self, pending: Pending, *, now: Instant, until: Instant) -> bool:
        """Keep a due notice from every other process until then; False where one has it already."""
        change = Change(
            kind="Update",
            key=(OUTBOX, pending.id),
            values={"due_at": rfc3339(until)},
            has={"attempts": pending.attempts},
            at_most={"due_at": rfc3339(now)},
        )
        try:
            self._table.update(change)
        except Refused:
            return False
        return True

    def ack(self, pending: Pending, result: Sent | Retry | Dead) -> None:
        """Record what became of a notice; the same result of the same attempt twice is once."""
        if not isinstance(result, Retry):
            told = _notice(pending.receiver, pending.notice.id)
            handle = _handle(pending.receiver, pending.notice.rollout)
            self._end(pending.id, told, result, handle)
            return
        change = Change(
            kind="Update",
            key=(OUTBOX, pending.id),
            values={"due_at": rfc3339(result.at), "error": storable(result.error)},
            add={"attempts": 1},
            has={"attempts": pending.attempts},
        )
        try:
            self._table.update(change)
        except Refused:
            return

    def _end(self, place: str, notice: Key, result: Sent | Dead, handle: Key | None = None) -> None:
        """Take a notice off the queue, if it is still there, and note why."""
        error = storable(result.error) if isinstance(result, Dead) else ""
        values = {"state": type(result).__name__.lower(), "error": error}
        changes = [
            Change(kind="Delete", key=(OUTBOX, place), there=True),
            Change(kind="Update", key=notice, values=values),
        ]
        if handle is not None and isinstance(result, Sent) and result.handle is not None:
            changes.append(
                Change(kind="Put", key=handle, values={"handle": storable(result.handle)})
            )
        try:
            self._table.write(*changes)
        except Refused:
            return

    def pending(self) -> int:
        """How many notices wait."""
        return self._table.count(OUTBOX)

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Remember what stable is; the same snapshot twice is once."""
        body = encode(snapshot)
        key = (f"SNAPSHOT#{snapshot.service}", f"{rfc3339(snapshot.taken_at)}#{sha256(body)}")
        self._table.write(
            Change(kind="Put", key=key, values={"body": body, "sha256": sha256(body)})
        )

    def snapshots(self, service: str, *, limit: int = 5) -> list[Snapshot]:
        """A service's snapshots, newest first."""
        advice = "Name the stable version yourself with --to"
        items = self._table.query(f"SNAPSHOT#{service}", newest_first=True, limit=limit)
        return [
            self._trusted(Snapshot, item, f"a snapshot of {service}", advice)
            for item in islice(items, limit)
        ]

    # --- beside entries ----------------------------------------------------------------------

    def leaving(self, outgoing: Sequence[Outgoing]) -> list[Change]:
        """What puts those of these notices on the queue that were never on it."""
        wanted: dict[Key, Outgoing] = {}
        for out in outgoing:
            wanted.setdefault(_notice(out.receiver, out.notice.id), out)
        known = self._table.get(*wanted)
        new = [it for it, found in zip(wanted.items(), known, strict=True) if found is None]
        first = self._table.numbers("notices", len(new)) if new else 0
        changes = []
        for number, (key, out) in enumerate(new, start=first):
            place, body = f"{number:012d}", encode(out.notice)
            values = {
                "receiver": out.receiver,
                "notice": out.notice.id,
                "body": body,
                "sha256": sha256(body),
                "attempts": 0,
                "due_at": "",
            }
            changes.append(Change(kind="Put", key=(OUTBOX, place), values=values, there=False))
            changes.append(Change(kind="Put", key=key, values={"place": place}, there=False))
        return changes


def _notice(receiver: str, notice: str) -> Key:
    return (f"NOTICE#{notice}", receiver)


def _handle(receiver: str, rollout: str) -> Key:
    return (f"HANDLE#{rollout}", receiver)
