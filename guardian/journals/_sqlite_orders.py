"""What people leave in the SQLite journal: orders, their answers, and freezes."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from typing import TypeVar

from guardian.core.codec import CodecError, encode
from guardian.core.status import Look
from guardian.journals._chain import intact, sha256
from guardian.journals._sqlite_file import SqliteFile
from guardian.ports import Answer, Freeze, Order, Unavailable

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


class SqliteOrders:
    """The part of the journal that any process may write without a claim."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._unreadable: set[str] = set()

    def order(self, order: Order) -> None:
        """Leave an order; needs no claim. The same id twice is once."""
        body = encode(order)
        with self._file.write(f"take an order for {order.rollout}") as db:
            db.execute(
                "INSERT INTO orders (id, rollout, body, sha256) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (order.id, order.rollout, body, sha256(body)),
            )

    def orders(self, rollouts: Sequence[str]) -> list[Order]:
        """Waiting orders of these rollouts, oldest first; unreadable ones are logged, once."""
        marks = ", ".join("?" * len(rollouts))
        rows = self._file.rows(
            "list orders",
            f"SELECT * FROM orders WHERE done = 0 AND rollout IN ({marks}) ORDER BY n",  # noqa: S608 - question marks only
            *rollouts,
        )
        found = [(row["id"], intact(Order, row)) for row in rows]
        for id_, order in found:
            if isinstance(order, CodecError) and id_ not in self._unreadable:
                self._unreadable.add(id_)
                _LOG.error("order %s cannot be read and is passed over: %s", id_, order)
        return [order for _, order in found if isinstance(order, Order)]

    def answer(self, answer: Answer) -> None:
        """Finish an order without an entry; the first answer stands, an unknown order is none."""
        with self._file.write(f"answer order {answer.order}") as db:
            finish(db, [answer])

    def answered(self, order: str) -> Answer | None:
        """What became of an order; None while it waits, or when it is not known.

        An order that an earlier guardian finished has no answer on record, and is None too.
        """
        rows = self._file.rows(
            f"say what became of order {order}",
            "SELECT answer AS body, answer_sha256 AS sha256 FROM orders "
            "WHERE id = ? AND answer IS NOT NULL",
            order,
        )
        if not rows:
            return None
        advice = "What the rollout's entries say is what happened"
        return self._trusted(Answer, rows[0], f"the answer to order {order}", advice)

    def freeze(self, freeze: Freeze) -> None:
        """Stop advances; replaces an earlier freeze of the same scope. Needs no claim."""
        body = encode(freeze)
        with self._file.write("record a freeze") as db:
            db.execute(
                "INSERT INTO freezes (scope, body, sha256) VALUES (?, ?, ?) ON CONFLICT (scope) "
                "DO UPDATE SET body = excluded.body, sha256 = excluded.sha256",
                (freeze.scope, body, sha256(body)),
            )

    def unfreeze(self, scope: str) -> bool:
        """End the freeze of a scope; whether there was one."""
        with self._file.write("end a freeze") as db:
            return db.execute("DELETE FROM freezes WHERE scope = ?", (scope,)).rowcount > 0

    def freezes(self) -> list[Freeze]:
        """Every freeze that was not ended, also those whose time is over, by scope.

        Raises Unavailable for one that cannot be read: what it stopped must not go on by mistake.
        """
        advice = "End it with `guardian unfreeze`, or freeze again"
        rows = self._file.rows("list freezes", "SELECT * FROM freezes ORDER BY scope")
        return [self._trusted(Freeze, r, f"the freeze of {r['scope']}", advice) for r in rows]

    def show(self, looks: Sequence[Look]) -> None:
        """Keep the newest look at each of these live rollouts, for other processes to see."""
        with self._file.write("keep what was seen") as db:
            db.execute(
                "DELETE FROM looks WHERE rollout NOT IN (SELECT id FROM rollouts WHERE live)"
            )
            for look in looks:
                body = encode(look)
                db.execute(
                    "INSERT INTO looks (rollout, body, sha256) VALUES (?, ?, ?) ON CONFLICT"
                    " (rollout) DO UPDATE SET body = excluded.body, sha256 = excluded.sha256",
                    (look.rollout, body, sha256(body)),
                )

    def shown(self, rollout: str) -> Look | None:
        """The newest look at a live rollout; None where there is none that can be read."""
        sql = (
            "SELECT l.* FROM looks l JOIN rollouts r ON r.id = l.rollout"
            " WHERE l.rollout = ? AND r.live"
        )
        for row in self._file.rows("say what was seen", sql, rollout):
            look = intact(Look, row)
            return None if isinstance(look, CodecError) else look
        return None

    def _trusted(self, kind: type[T], row: sqlite3.Row, what: str, advice: str) -> T:
        """The value of a row; Unavailable, with what to do, where it is not what was written."""
        found = intact(kind, row)
        if isinstance(found, CodecError):
            raise Unavailable(
                f"{what} in the journal {self._file.path} cannot be trusted: {found}. {advice}"
            ) from found
        return found


def finish(db: sqlite3.Connection, answers: Sequence[Answer]) -> None:
    """Write answers beside their orders, where there is none yet."""
    for answer in answers:
        body = encode(answer)
        db.execute(
            "UPDATE orders SET done = 1, answer = ?, answer_sha256 = ? WHERE id = ? AND done = 0",
            (body, sha256(body), answer.order),
        )
