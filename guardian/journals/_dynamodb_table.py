"""The door to one DynamoDB table: strong reads, guarded writes, and what may have gone wrong.

Every item has a partition key `pk` and a sort key `sk`; values are texts and whole numbers. Reads
are strongly consistent. A write is a transaction, or a single call where it changes one item (half
the price), and states what it expects to find: what is otherwise refuses all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from guardian.aws_errors import problem_of, talking
from guardian.core.model import Reason
from guardian.ports import (
    ConfigError,
    Context,
    EdgeError,
    JournalError,
    RouterError,
    Unavailable,
)

Item = dict[str, Any]
"""An item's attributes: texts and whole numbers."""
Key = tuple[str, str]
"""Partition key and sort key."""

MOST_CHANGES: Final = 100
"""Items of one transaction (Amazon DynamoDB Developer Guide, "Transactions")."""
MOST_KEYS: Final = 100
"""Keys of one BatchGetItem."""
MOST_PUTS: Final = 25
"""Items of one BatchWriteItem."""
TRIES: Final = 6
"""Attempts where AWS throttles, or another transaction is at work on the same item."""
_WAIT_S: Final = 0.05
"""The longest pause before the second attempt; each later one may be twice as long."""
_MAYBE: Final = frozenset({Reason.TIMEOUT, Reason.UNAVAILABLE, Reason.UNKNOWN})
"""AWS may have done what it was asked for, although it did not say so."""
_ACTIONS: Final = {"TransactWriteItems": "ConditionCheckItem, PutItem, UpdateItem and DeleteItem"}
"""What a role must be allowed, where it is not called like the operation."""
_BUSY: Final = frozenset(
    {
        "TransactionConflict",
        "TransactionConflictException",
        "TransactionInProgressException",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
    }
)


class Refused(Exception):
    """A write found something else than it expected: nothing of it was written."""


class NoTable(Unavailable):
    """The table is not there, or not any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One item's part of a write, and what it expects to find."""

    kind: Literal["Put", "Update", "Delete", "ConditionCheck"]
    key: Key
    values: Mapping[str, Any] = field(default_factory=dict)
    """What is put, or set."""
    add: Mapping[str, int] = field(default_factory=dict)
    """What is added to numbers, for an update."""
    there: bool | None = None
    """Whether the item must be there; None where it does not matter."""
    has: Mapping[str, Any] = field(default_factory=dict)
    """The values that it must have."""
    at_most: Mapping[str, Any] = field(default_factory=dict)
    """The values that it must not exceed."""

    def request(self, table: str) -> dict[str, Any]:
        """The parameters of PutItem, UpdateItem, DeleteItem, or of a transaction's part."""
        names: dict[str, str] = {}
        bound: dict[str, Any] = {}

        def name(attribute: str) -> str:
            names[f"#{attribute}"] = attribute
            return f"#{attribute}"

        def value(number: object) -> str:
            bound[mark := f":{len(bound)}"] = _out(number)
            return mark

        wanted = {True: ["attribute_exists(pk)"], False: ["attribute_not_exists(pk)"], None: []}
        terms = wanted[self.there]
        terms = [*terms, *(f"{name(k)} = {value(v)}" for k, v in self.has.items())]
        terms = [*terms, *(f"{name(k)} <= {value(v)}" for k, v in self.at_most.items())]
        key = dict(zip(("pk", "sk"), self.key, strict=True))
        asked: dict[str, Any] = {"TableName": table}
        if self.kind == "Put":
            asked["Item"] = marshalled({**key, **self.values})
        else:
            asked["Key"] = marshalled(key)
        if self.kind == "Update":
            sets = ", ".join(f"{name(k)} = {value(v)}" for k, v in self.values.items())
            adds = ", ".join(f"{name(k)} {value(v)}" for k, v in self.add.items())
            parts = [f"SET {sets}" if sets else "", f"ADD {adds}" if adds else ""]
            asked["UpdateExpression"] = " ".join(part for part in parts if part)
        if terms:
            asked["ConditionExpression"] = " AND ".join(terms)
        if names:
            asked["ExpressionAttributeNames"] = names
        if bound:
            asked["ExpressionAttributeValues"] = bound
        return asked


class Table:
    """One table, through one account's client. Thread-safe.

    Every method raises Unavailable where AWS did not do what it was asked.
    """

    def __init__(self, context: Context, name: str) -> None:
        self.name = name
        self._context = context

    def get(self, *keys: Key) -> list[Item | None]:
        """These items, in this order; each read is strong, the whole of them is no snapshot."""
        found: dict[Key, Item] = {}
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), MOST_KEYS):
            asked = [marshalled({"pk": p, "sk": s}) for p, s in wanted[start : start + MOST_KEYS]]
            for attempt in range(TRIES):
                if not asked:
                    break
                self._pause(attempt)
                request = {self.name: {"Keys": asked, "ConsistentRead": True}}
                answer = self._ask("BatchGetItem", RequestItems=request)
                for item in map(unmarshalled, answer.get("Responses", {}).get(self.name, [])):
                    found[item["pk"], item["sk"]] = item
                asked = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            if asked:
                raise Unavailable(f"the journal's table {self.name} is throttled: not all was read")
        return [found.get(key) for key in keys]

    def query(self, pk: str, *, newest_first: bool = False, limit: int = 0) -> Iterator[Item]:
        """The items of a partition, in the order of their sort keys."""
        asked: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": marshalled({":pk": pk}),
            "ConsistentRead": True,
            "ScanIndexForward": not newest_first,
        }
        if limit:
            asked["Limit"] = limit
        given = 0
        while True:
            answer = self._ask("Query", **asked)
            for item in answer.get("Items", []):
                yield unmarshalled(item)
                given += 1
            if "LastEvaluatedKey" not in answer or given >= limit > 0:
                return
            asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def count(self, pk: str) -> int:
        """How many items a partition has."""
        return sum(1 for _ in self.query(pk))

    def numbers(self, counter: str, count: int = 1) -> int:
        """The first of so many numbers that nobody was given before; gaps do no harm."""
        more = Change(kind="Update", key=("COUNTER", counter), add={"n": count})
        return int(self.update(more)["n"]) - count + 1

    def update(self, change: Change) -> Item:
        """Change one item; what it is now. Raises Refused."""
        answer = self._guarded("UpdateItem", **change.request(self.name), ReturnValues="ALL_NEW")
        return unmarshalled(answer.get("Attributes", {}))

    def delete(self, key: Key) -> Item | None:
        """Delete one item; what it was."""
        change = Change(kind="Delete", key=key)
        answer = self._ask("DeleteItem", **change.request(self.name), ReturnValues="ALL_OLD")
        return unmarshalled(answer["Attributes"]) if answer.get("Attributes") else None

    def put_all(self, items: Sequence[Item]) -> None:
        """Put items whatever is there; what AWS leaves over under load is not tried again."""
        puts = [{"PutRequest": {"Item": marshalled(item)}} for item in items]
        for start in range(0, len(puts), MOST_PUTS):
            self._ask("BatchWriteItem", RequestItems={self.name: puts[start : start + MOST_PUTS]})

    def write(self, *changes: Change, unknown: type[JournalError] = Unavailable) -> None:
        """All of these changes, or none.

        Raises Refused where one finds something else than it expects, and `unknown` where AWS did
        not say what became of them.
        """
        if len(changes) > MOST_CHANGES:
            raise Unavailable(
                f"{len(changes)} changes in one transaction are more than DynamoDB takes "
                f"({MOST_CHANGES}): nothing was written"
            )
        if len(changes) == 1 and changes[0].kind != "ConditionCheck":
            asked = changes[0].request(self.name)
            self._guarded(f"{changes[0].kind}Item", unknown=unknown, **asked)
            return
        parts = [{change.kind: change.request(self.name)} for change in changes]
        self._guarded("TransactWriteItems", unknown=unknown, TransactItems=parts)

    def make(self) -> bool:
        """Make the table, on demand, protected from deletion and with backups of each moment.

        False where it was there. Returns when it can be used; again finishes what was begun.
        """
        client = self._context.client("dynamodb")
        with talking("dynamodb:CreateTable", self._where, EdgeError):
            try:
                client.create_table(
                    TableName=self.name,
                    BillingMode="PAY_PER_REQUEST",
                    KeySchema=[
                        {"AttributeName": "pk", "KeyType": "HASH"},
                        {"AttributeName": "sk", "KeyType": "RANGE"},
                    ],
                    AttributeDefinitions=[
                        {"AttributeName": "pk", "AttributeType": "S"},
                        {"AttributeName": "sk", "AttributeType": "S"},
                    ],
                    DeletionProtectionEnabled=True,
                )
                made = True
            except client.exceptions.ResourceInUseException:
                made = False
            client.get_waiter("table_exists").wait(
                TableName=self.name, WaiterConfig={"Delay": 2, "MaxAttempts": 60}
            )
            self._back_up(client)
        return made

    def _back_up(self, client: Any) -> None:
        """Keep backups of each moment; of a new table AWS says for a while that it cannot."""
        for attempt in range(30):
            try:
                client.update_continuous_backups(
                    TableName=self.name,
                    PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
                )
            except client.exceptions.ContinuousBackupsUnavailableException:
                if attempt == 29:
                    raise
                self._context.clock.sleep(2.0)
            else:
                return

    # --- asking ------------------------------------------------------------------------------

    def _ask(self, operation: str, **asked: Any) -> Any:
        try:
            return self._guarded(operation, **asked)
        except Refused as error:  # It states no condition, so that nothing can be refused.
            raise Unavailable(f"dynamodb:{operation} on table {self.name}: {error}") from error

    def _guarded(
        self, operation: str, *, unknown: type[JournalError] = Unavailable, **asked: Any
    ) -> Any:
        """One call, again while the table is busy."""
        for attempt in range(TRIES):
            self._pause(attempt)
            try:
                return self._call(operation)(**asked)
            except ConfigError:  # There is no account.
                raise
            except RouterError as error:  # The client could not be made.
                raise self._failed(error, Unavailable) from None
            except Exception as error:  # noqa: BLE001 - garbage in an answer breaks SDKs in any way
                codes = _codes(error)
                if "ConditionalCheckFailed" in codes:
                    raise Refused(", ".join(codes)) from None
                action = f"dynamodb:{_ACTIONS.get(operation, operation)}"
                problem = problem_of(error, action=action, where=self._where)
                busy = problem.reason is Reason.THROTTLED or bool(_BUSY & set(codes))
                if busy and attempt + 1 < TRIES:
                    continue
                if busy:
                    raise Unavailable(
                        f"the journal's table {self.name} is busy or throttled "
                        f"({', '.join(codes)}): nothing was written"
                    ) from None
                maybe = problem.reason in _MAYBE
                cause = RouterError(problem.reason, problem.detail)
                raise self._failed(cause, unknown if maybe else Unavailable) from None
        raise AssertionError("unreachable: the last attempt returns or raises")

    @property
    def _where(self) -> str:
        return f"on the journal's table {self.name} in {self._context.region}"

    def _call(self, operation: str) -> Callable[..., Any]:
        client = self._context.client("dynamodb")
        methods = {
            "BatchGetItem": client.batch_get_item,
            "BatchWriteItem": client.batch_write_item,
            "DeleteItem": client.delete_item,
            "PutItem": client.put_item,
            "Query": client.query,
            "TransactWriteItems": client.transact_write_items,
            "UpdateItem": client.update_item,
        }
        method: Callable[..., Any] = methods[operation]
        return method

    def _failed(self, error: RouterError, kind: type[JournalError]) -> JournalError:
        if error.reason is Reason.NOT_FOUND:
            return NoTable(
                f"there is no table {self.name} for the journal in {self._context.account_id} "
                f"{self._context.region}: make it with `guardian journal init`, or correct the "
                "journal's address"
            )
        return kind(f"the journal: {error.detail}")

    def _pause(self, attempt: int) -> None:
        if attempt:
            most_s = _WAIT_S * 2.0**attempt
            self._context.clock.sleep(most_s * self._context.rng.uniform())


def _codes(error: Exception) -> list[str]:
    """Why DynamoDB refused, one for each part of a transaction."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return []
    reasons = response.get("CancellationReasons") or []
    codes = [str(reason.get("Code", "")) for reason in reasons]
    code = str(response.get("Error", {}).get("Code", ""))
    return [c for c in (*codes, code.removesuffix("Exception")) if c not in ("", "None")]


# --- values ----------------------------------------------------------------------------------


def marshalled(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as DynamoDB takes it."""
    return {name: _out(value) for name, value in item.items()}


def unmarshalled(item: Mapping[str, Any]) -> Item:
    """An item as DynamoDB gives it; what guardian never wrote becomes its text."""
    return {name: _in(value) for name, value in item.items()}


def _in(value: Mapping[str, Any]) -> str | int:
    try:
        return int(value["N"])
    except (KeyError, ValueError):
        return str(value.get("S", value))


def _out(value: object) -> dict[str, str]:
    return {"N": str(value)} if isinstance(value, int) else {"S": str(value)}
