"""What people leave in the table: orders, their answers, freezes, and the newest look."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TypeVar

from guardian.core.codec import CodecError, encode
from guardian.core.status import Look
from guardian.journals._chain import intact, sha256
from guardian.journals._dynamodb_table import Change, Item, Key, Refused, Table
from guardian.ports import Answer, Freeze, Order, Unavailable

_LOG = logging.getLogger(__name__)
T = TypeVar("T")

WAITING, FREEZES, LIVE = "WAITING", "FREEZE", "LIVE"


class DynamoDbOrders:
    """The part of the journal that any process may write without a claim."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._unreadable: set[str] = set()

    def order(self, order: Order) -> None:
        """Leave an order; needs no claim. The same id twice is once."""
        place = f"{self._table.numbers('orders'):012d}"
        values = {"rollout": order.rollout, **_kept(encode(order))}
        try:
            self._table.write(
                Change(
                    kind="Put",
                    key=order_key(order.id),
                    values={**values, "place": place, "done": 0},
                    there=False,
                ),
                Change(kind="Put", key=(WAITING, place), values={**values, "id": order.id}),
            )
        except Refused:
            return

    def orders(self, rollouts: Sequence[str]) -> list[Order]:
        """Waiting orders of these rollouts, oldest first; unreadable ones are logged, once."""
        found = []
        for item in self._table.query(WAITING) if rollouts else ():
            order = intact(Order, item)
            if isinstance(order, Order):
                found += [order] if order.rollout in rollouts else []
            elif (name := str(item.get("id", item["sk"]))) not in self._unreadable:
                self._unreadable.add(name)
                _LOG.error("order %s cannot be read and is passed over: %s", name, order)
        return found

    def answer(self, answer: Answer) -> None:
        """Finish an order without an entry; the first answer stands, an unknown order is none."""
        changes = finishing(self._table.get(order_key(answer.order)), [answer])
        try:
            self._table.write(*changes) if changes else None
        except Refused:
            return  # Somebody has answered it meanwhile.

    def answered(self, order: str) -> Answer | None:
        """What became of an order; None while it waits, or when it is not known."""
        (item,) = self._table.get(order_key(order))
        if item is None or not item["done"]:
            return None
        row = {"body": item["answer"], "sha256": item["answer_sha256"]}
        advice = "What the rollout's entries say is what happened"
        return self._trusted(Answer, row, f"the answer to order {order}", advice)

    def freeze(self, freeze: Freeze) -> None:
        """Stop advances; replaces an earlier freeze of the same scope. Needs no claim."""
        values = _kept(encode(freeze))
        self._table.write(Change(kind="Put", key=(FREEZES, freeze.scope), values=values))

    def unfreeze(self, scope: str) -> bool:
        """End the freeze of a scope; whether there was one."""
        return self._table.delete((FREEZES, scope)) is not None

    def freezes(self) -> list[Freeze]:
        """Every freeze that was not ended, also those whose time is over, by scope.

        Raises Unavailable for one that cannot be read: what it stopped must not go on by mistake.
        """
        advice = "End it with `guardian unfreeze`, or freeze again"
        items = self._table.query(FREEZES)
        return [self._trusted(Freeze, i, f"the freeze of {i['sk']}", advice) for i in items]

    def show(self, looks: Sequence[Look]) -> None:
        """Keep the newest look at each of these live rollouts, for other processes to see."""
        live = {item["rollout"] for item in self._table.query(LIVE)} if looks else set()
        kept = {look.rollout: encode(look) for look in looks if look.rollout in live}
        items = [{"pk": rollout_key(r), "sk": "LOOK", **_kept(body)} for r, body in kept.items()]
        self._table.put_all(items)

    def shown(self, rollout: str) -> Look | None:
        """The newest look at a live rollout; None where there is none that can be read."""
        head, kept = self._table.get((rollout_key(rollout), HEAD), (rollout_key(rollout), "LOOK"))
        if head is None or not head["live"] or kept is None:
            return None
        look = intact(Look, kept)
        return None if isinstance(look, CodecError) else look

    def _trusted(self, kind: type[T], row: Item, what: str, advice: str) -> T:
        """The value of an item; Unavailable, with what to do, where it is not what was written."""
        found = intact(kind, row)
        if isinstance(found, CodecError):
            raise Unavailable(
                f"{what} in the journal's table {self._table.name} cannot be trusted: {found}. "
                f"{advice}"
            ) from found
        return found


HEAD = "#"
"""A rollout's head is read before its entries, so that it never names one that was not read."""


def rollout_key(rollout: str) -> str:
    """The partition of a rollout."""
    return f"ROLLOUT#{rollout}"


def order_key(order: str) -> Key:
    """Where an order lies for good."""
    return (f"ORDER#{order}", "ORDER")


def finishing(items: Sequence[Item | None], answers: Sequence[Answer]) -> list[Change]:
    """Write answers beside their orders, as these were read, where there is none yet."""
    changes: list[Change] = []
    finished: set[str] = set()
    for item, answer in zip(items, answers, strict=True):
        if item is None or item["done"] or answer.order in finished:
            continue
        finished.add(answer.order)
        body = encode(answer)
        values = {"done": 1, "answer": body, "answer_sha256": sha256(body)}
        key = order_key(answer.order)
        changes.append(Change(kind="Update", key=key, values=values, has={"done": 0}))
        changes.append(Change(kind="Delete", key=(WAITING, item["place"])))
    return changes


def _kept(body: str) -> dict[str, str]:
    return {"body": body, "sha256": sha256(body)}
