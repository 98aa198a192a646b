"""The journal in one DynamoDB table, for machines that share nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from guardian.core.codec import CodecError, encode_entry, from_rfc3339, rfc3339
from guardian.core.rollout.entries import Entry
from guardian.journals._chain import GENESIS, beginning, linked, verified
from guardian.journals._dynamodb_leases import CLAIMS, LEASES, DynamoDbLeases
from guardian.journals._dynamodb_orders import HEAD, LIVE, finishing, order_key, rollout_key
from guardian.journals._dynamodb_outbox import DynamoDbOutbox
from guardian.journals._dynamodb_table import Change, Item, NoTable, Refused, Table
from guardian.ports import (
    Answer,
    Claim,
    ConfigError,
    Conflict,
    Context,
    Damaged,
    Ending,
    Fenced,
    Head,
    Journal,
    OutcomeUnknown,
    Outgoing,
    Record,
    Unavailable,
)

PERMISSIONS: tuple[str, ...] = (
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
)
SCHEMA_VERSION: Final = 1
"""Of the items; a table that says a greater one was written by a newer guardian."""
_TRIES: Final = 5
"""Attempts of an append where what it rests on changes between the look and the write."""
_SCHEMA: Final = ("SCHEMA", "SCHEMA")


class Options(BaseModel):
    """Which table."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    table: str = Field(
        pattern=r"^[A-Za-z0-9_.-]{3,255}$",
        description="The table's name, in the account and region of the configuration file's "
        "`aws`; `guardian journal init` makes it.",
    )


def resources(options: Options, *, account_id: str, region: str) -> dict[str, tuple[str, ...]]:
    """The one table."""
    kind = {"cn": "-cn", "us-gov": "-us-gov"}.get(region.rsplit("-", 2)[0], "")
    table = f"arn:aws{kind}:dynamodb:{region}:{account_id}:table/{options.table}"
    return dict.fromkeys(PERMISSIONS, (table,))


def build(options: Options, context: Context) -> Journal:
    """The journal, its table asked once. Raises ConfigError or Unavailable."""
    table = Table(context, options.table)
    try:
        found = _schema(table)
    except NoTable as error:
        raise ConfigError(str(error)) from None
    if found != SCHEMA_VERSION:
        raise ConfigError(
            f"the journal's table {options.table} has schema {found}, and this guardian"
            f" knows {SCHEMA_VERSION}: use the guardian that wrote it, or a newer one"
        )
    return DynamoDbJournal(table, context)


def _schema(table: Table) -> object:
    """The number that stands in the table; a new one says ours."""
    (schema,) = table.get(_SCHEMA)
    if schema is None:
        new = Change(kind="Put", key=_SCHEMA, values={"version": SCHEMA_VERSION}, there=False)
        with suppress(Refused):
            table.write(new)
        (schema,) = table.get(_SCHEMA)
    return None if schema is None else schema.get("version")


def make(options: Options, context: Context) -> bool:
    """Make the table; False where it is there already. Raises EdgeError."""
    return Table(context, options.table).make()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One rollout's part of a transaction, and its head as it was found."""

    rollout: str
    expected: int
    entries: Sequence[Entry]
    live: bool
    head: Item | None


class DynamoDbJournal(DynamoDbOutbox, DynamoDbLeases):
    """The Journal port on DynamoDB; may be used from several threads."""

    def __init__(self, table: Table, context: Context) -> None:
        DynamoDbOutbox.__init__(self, table)
        DynamoDbLeases.__init__(self, table, clock=context.clock, rng=context.rng)

    def live(self) -> list[Head]:
        """Rollouts that are not ended, oldest first."""
        keys = [(rollout_key(item["rollout"]), HEAD) for item in self._table.query(LIVE)]
        heads = [_shown(item) for item in self._table.get(*keys) if item is not None]
        return sorted(heads, key=lambda head: (head.started_at, head.rollout))

    def history(self, service: str, *, limit: int = 20) -> list[Head]:
        """A service's rollouts, newest first."""
        begun = self._table.query(f"SERVICE#{service}", newest_first=True, limit=limit)
        keys = [(rollout_key(item["rollout"]), HEAD) for item in islice(begun, limit)]
        return [_shown(item) for item in self._table.get(*keys) if item is not None]

    def read(self, rollout: str) -> list[Record]:
        """All entries of a rollout in order, their hashes verified; empty when unknown.

        Raises Damaged when an entry is not what was written, or cannot be understood.
        """
        items = list(self._table.query(rollout_key(rollout)))
        heads = [item for item in items if item["sk"] == HEAD]
        entries = [item for item in items if item["sk"].startswith(_ENTRY)]
        try:
            if not heads:
                return verified(rollout, entries, last=(0, GENESIS))
            # One that came while this was read stands behind what the head says.
            known = entries[: heads[0]["seq"]]
            return verified(rollout, known, last=(heads[0]["seq"], heads[0]["hash"]))
        except (AttributeError, CodecError, KeyError, TypeError) as error:
            raise Damaged(
                f"rollout {rollout} in the journal's table {self._table.name} cannot be trusted: "
                f"{error}. guardian does not repair a journal: check the traffic by hand, and "
                "restore the table to a point in time before, or name another one"
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

        What the transaction rests on is read before, and held to in it; where it has changed in
        between, it is read again, which says what became of it.
        """
        bodies = [encode_entry(entry) for entry in entries]
        told = [*(ends.outgoing if ends is not None else ()), *outgoing]
        for _ in range(_TRIES):
            names = [rollout] if ends is None else [rollout, ends.rollout]
            held, lease, running, *heads = self._table.get(
                (CLAIMS, claim.target),
                (LEASES, claim.lease),
                (LIVE, claim.target),
                *((rollout_key(name), HEAD) for name in names),
            )
            _fence(claim, held, lease, heads)
            main = _Part(
                rollout=rollout, expected=expected, entries=entries, live=live, head=heads[0]
            )
            written = self._written(main, txid, bodies)
            if written is not None:
                return written
            parts = [main]
            if ends is not None:
                last = _Part(
                    rollout=ends.rollout,
                    expected=ends.expected,
                    entries=[ends.entry],
                    live=False,
                    head=heads[1],
                )
                parts = [last, main]
            waiting = self._table.get(*(order_key(answer.order) for answer in answers))
            changes = [
                *_holding(claim),
                *(change for part in parts for change in _appending(part, claim, txid)),
                *_running(parts, claim.target, running),
                *finishing(waiting, answers),
                *self.leaving(told),
            ]
            try:
                self._table.write(*changes, unknown=OutcomeUnknown)
            except Refused:
                continue
            return expected + len(entries)
        raise Unavailable(f"others write to {rollout} at the same moment: nothing was written")

    def _written(self, part: _Part, txid: str, bodies: Sequence[str]) -> int | None:
        """The last seq of these entries when `txid` has written them before.

        Where the rollout is as it was expected to be, nothing has been written since.
        """
        if part.head is None or part.head["seq"] == part.expected:
            return None
        items = self._table.query(rollout_key(part.rollout))
        before = [item for item in items if item.get("txid") == txid]
        if not before:
            return None
        if [item["body"] for item in before] != list(bodies):
            raise Conflict(f"transaction {txid} has written other entries to {part.rollout} before")
        return int(before[-1]["seq"])

    def close(self) -> None:
        """Nothing is held that has to be let go of: leases end by silence, or by being closed."""


_ENTRY: Final = "ENTRY#"


def _fence(
    claim: Claim, held: Item | None, lease: Item | None, heads: Sequence[Item | None]
) -> None:
    """Raise Fenced unless the claim is the newest one of its target and its lease lives."""
    for head in heads:
        if head is not None and head["target"] != claim.target:
            raise Fenced(f"a claim on {claim.target} gives no right to act on {head['target']}")
    if held is None or (held["epoch"], held["lease"]) != (claim.epoch, claim.lease):
        now = "nobody's" if held is None or not held["lease"] else f"lease {held['lease']}'s"
        raise Fenced(
            f"{claim.target} is {now} now, at epoch {held['epoch'] if held else 0}, and this "
            f"process acts under epoch {claim.epoch}: stop acting on it"
        )
    if lease is None:
        raise Fenced(
            f"lease {claim.lease} was given up, or taken for dead: open a new one and read every "
            "rollout again before acting"
        )


def _holding(claim: Claim) -> list[Change]:
    """That nobody has taken the target, in the same transaction."""
    has = {"epoch": claim.epoch, "lease": claim.lease}
    return [
        Change(kind="ConditionCheck", key=(CLAIMS, claim.target), has=has),
        Change(kind="ConditionCheck", key=(LEASES, claim.lease), there=True),
    ]


def _appending(part: _Part, claim: Claim, txid: str) -> list[Change]:
    """One rollout's entries and head. Raises Conflict or IllegalEntry."""
    found = part.head["seq"] if part.head is not None else 0
    if found != part.expected:
        raise Conflict(f"rollout {part.rollout} has {found} entries by now, not {part.expected}")
    before = _begun(part, claim) if part.head is None else part.head
    bodies = [encode_entry(entry) for entry in part.entries]
    last = (found, before["hash"])
    rows = linked(part.rollout, last, epoch=claim.epoch, txid=txid, bodies=bodies)
    after = {
        **{name: value for name, value in before.items() if name not in ("pk", "sk")},
        "live": int(part.live),
        "seq": found + len(rows),
        "hash": rows[-1]["hash"] if rows else before["hash"],
        "last_at": max([before["last_at"], *(rfc3339(entry.at) for entry in part.entries)]),
    }
    key = rollout_key(part.rollout)
    changes = [
        Change(kind="Put", key=(key, f"{_ENTRY}{row['seq']:09d}"), values=row, there=False)
        for row in rows
    ]
    if part.head is None:
        place = (f"SERVICE#{after['service']}", f"{after['started_at']}#{part.rollout}")
        changes.append(Change(kind="Put", key=(key, HEAD), values=after, there=False))
        changes.append(Change(kind="Put", key=place, values={"rollout": part.rollout}))
        return changes
    changes.append(Change(kind="Put", key=(key, HEAD), values=after, has={"seq": found}))
    return changes if part.live else [*changes, Change(kind="Delete", key=(key, "LOOK"))]


def _begun(part: _Part, claim: Claim) -> Item:
    """The head of a rollout that begins with these entries. Raises IllegalEntry."""
    first = beginning(claim, part.rollout, part.entries)
    at = rfc3339(first.at)
    return {
        "rollout": part.rollout,
        "service": first.plan.service,
        "target": claim.target,
        "hash": GENESIS,
        "started_at": at,
        "last_at": at,
    }


def _running(parts: Sequence[_Part], target: str, running: Item | None) -> list[Change]:
    """Which rollout of the target is live afterwards. Raises Conflict when another one is."""
    key, main = (LIVE, target), parts[-1].rollout
    if running is None:
        put = Change(kind="Put", key=key, values={"rollout": main}, there=False)
        return [put] if parts[-1].live else []
    now = {"rollout": running["rollout"]}
    mine = running["rollout"] in {part.rollout for part in parts}
    if not parts[-1].live:
        return [Change(kind="Delete", key=key, has=now)] if mine else []
    if not mine:
        raise Conflict(f"{target} has a live rollout already: {running['rollout']}")
    if running["rollout"] == main:
        return []
    return [Change(kind="Put", key=key, values={"rollout": main}, has=now)]


def _shown(item: Item) -> Head:
    """A rollout as the list shows it."""
    return Head(
        rollout=item["rollout"],
        service=item["service"],
        target=item["target"],
        live=bool(item["live"]),
        seq=item["seq"],
        started_at=from_rfc3339(item["started_at"]),
        last_at=from_rfc3339(item["last_at"]),
    )
