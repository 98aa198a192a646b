"""Who lives, and who may act on what, on a table that has no clock.

A lease counts its beats. Whoever watches it takes it for dead when the count has not changed for
`LIFE_S` of the watcher's own monotonic clock: no clock of one machine is compared with another's,
as in Amazon's lock client for DynamoDB. A newcomer has to watch a silent lease first; the wall
clock only tells it which ones are worth watching: those that beat last some time ago.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Final

from guardian.core.codec import CodecError, from_rfc3339, rfc3339
from guardian.journals._chain import storable
from guardian.journals._dynamodb_table import Change, Item, Refused, Table
from guardian.ports import Claim, Clock, Fenced, Lease, Random, Unavailable

LIFE_S: Final = 30.0
"""A lease whose beats have not been counted on for so long is dead."""
DOUBT_S: Final = 15.0
"""Who lives has beaten by the wall clock since then: beats come each 10 s."""
NEW_S: Final = 60.0
"""Who has come so recently waits where it cannot know yet whether a lease is alive."""
LEASES, CLAIMS = "LEASE", "CLAIM"
_TRIES: Final = 5
"""Attempts where others claim the same target at the same moment."""


class DynamoDbLeases:
    """The part of the journal about leases and claims."""

    def __init__(self, table: Table, *, clock: Clock, rng: Random) -> None:
        self._table = table
        self._clock = clock
        self._rng = rng
        self._lock = threading.Lock()
        self._since = clock.monotonic()
        self._seen: dict[str, tuple[int, float]] = {}
        """The beats of each lease, and since when, by the monotonic clock, it has had so many."""

    @property
    def unsure_s(self) -> float:
        """A silence that is shorter is no reason to watch."""
        return DOUBT_S + 1.0

    def open_lease(self, owner: str) -> Lease:
        """Begin to live. Leases of the dead that hold nothing are buried on the way."""
        self._bury()
        number = self._table.numbers("leases")
        lease = Lease(id=f"{number}-{self._rng.token()}", owner=owner)
        values = {"owner": storable(owner), "beats": 1, "beat_at": rfc3339(self._clock.now())}
        self._table.write(Change(kind="Put", key=(LEASES, lease.id), values=values, there=False))
        self._silent_s({"sk": lease.id, **values})
        return lease

    def beat(self, lease: Lease) -> None:
        """Go on living, and look who else does. Raises Fenced when it was given up, or buried."""
        change = Change(
            kind="Update",
            key=(LEASES, lease.id),
            values={"beat_at": rfc3339(self._clock.now())},
            add={"beats": 1},
            there=True,
        )
        try:
            self._table.update(change)
        except Refused:
            raise _given_up(lease.id) from None
        with suppress(Unavailable):  # It has beaten, whoever else can be seen.
            self.look()

    def close_lease(self, lease: Lease) -> None:
        """Give up every claim and the lease; idempotent. A claim is worth what its lease is."""
        self._table.delete((LEASES, lease.id))

    def claim(self, lease: Lease, target: str, *, take_over: bool = False) -> Claim | None:
        """The right to act on a target, with a new epoch; None while a living lease holds it."""
        for _ in range(_TRIES):
            held, own = self._table.get((CLAIMS, target), (LEASES, lease.id))
            if own is None:
                raise _given_up(lease.id)
            if held is not None and held["lease"] == lease.id:
                return Claim(target=target, epoch=held["epoch"], lease=lease.id)
            holder = self._lease(held)
            if not take_over and self._lives(holder):
                return None
            epoch = 1 if held is None else held["epoch"] + 1
            try:
                self._table.write(*_taking(lease, target, epoch, held, holder))
            except Refused:
                continue
            return Claim(target=target, epoch=epoch, lease=lease.id)
        raise Unavailable(f"others claim {target} at the same moment: nothing was claimed")

    def release(self, claim: Claim) -> None:
        """Give one target back; the epoch is kept. Idempotent."""
        has = {"epoch": claim.epoch, "lease": claim.lease}
        free = Change(kind="Update", key=(CLAIMS, claim.target), values={"lease": ""}, has=has)
        try:
            self._table.update(free)
        except Refused:
            return

    def holder(self, target: str) -> str | None:
        """The owner text of the living lease that holds a target, if any."""
        (held,) = self._table.get((CLAIMS, target))
        lease = self._lease(held)
        return str(lease["owner"]) if lease is not None and self._lives(lease) else None

    def holds(self, claim: Claim) -> bool:
        """Whether the claim is still its target's newest one."""
        held, lease = self._table.get((CLAIMS, claim.target), (LEASES, claim.lease))
        mine = held is not None and (held["epoch"], held["lease"]) == (claim.epoch, claim.lease)
        return mine and lease is not None

    def _lease(self, held: Item | None) -> Item | None:
        """The lease that holds a claim; None where nobody does, or where it was given up."""
        if held is None or not held["lease"]:
            return None
        (lease,) = self._table.get((LEASES, held["lease"]))
        return lease

    def look(self) -> None:
        """Note how often each lease has beaten by now."""
        there = {str(item["sk"]): item for item in self._table.query(LEASES)}
        for item in there.values():
            self._silent_s(item)
        with self._lock:
            self._seen = {lease: seen for lease, seen in self._seen.items() if lease in there}

    def _lives(self, lease: Item | None) -> bool:
        """Whether a lease lives; a newcomer watches one that seems silent, for 30 s at most."""
        first = None if lease is None else lease.get("beats")
        while lease is not None and self._silent_s(lease) < LIFE_S:
            if lease.get("beats") != first or not self._doubtful(lease):
                return True
            self._clock.sleep(1.0)
            (lease,) = self._table.get((LEASES, lease["sk"]))
        return False

    def _doubtful(self, lease: Item) -> bool:
        """Whether this process is too new to know that a lease lives, and the wall clock doubts."""
        try:
            beat_at = from_rfc3339(lease["beat_at"])
        except (CodecError, KeyError):
            return True
        silent_s = abs(self._clock.real_s(self._clock.now() - beat_at))
        new = self._clock.monotonic() - self._since < NEW_S
        return new and max(silent_s, self._silent_s(lease)) > DOUBT_S

    def _silent_s(self, lease: Item) -> float:
        """For how long this process has seen the same count of its beats; 0 at the first look."""
        now, id_ = self._clock.monotonic(), str(lease["sk"])
        with self._lock:
            beats, since = self._seen.get(id_, (0, now))
            if beats != lease.get("beats", 0):
                beats, since = lease.get("beats", 0), now
            self._seen[id_] = (beats, since)
            return now - since

    def _bury(self) -> None:
        """Remove leases that this process has seen die, and that hold nothing."""
        dead = [item for item in self._table.query(LEASES) if self._silent_s(item) >= LIFE_S]
        holders = {item["lease"] for item in self._table.query(CLAIMS)} if dead else set()
        for item in dead:
            if item["sk"] in holders:
                continue
            has = {"beats": item.get("beats", 0)}
            try:
                self._table.write(Change(kind="Delete", key=(LEASES, str(item["sk"])), has=has))
            except Refused:
                continue  # It lives after all.


def _taking(
    lease: Lease, target: str, epoch: int, held: Item | None, holder: Item | None
) -> list[Change]:
    """The claim's new holder, if nothing has changed since it was looked at."""
    there = False if held is None else None
    has = {} if held is None else {"epoch": held["epoch"], "lease": held["lease"]}
    values = {"epoch": epoch, "lease": lease.id}
    changes = [
        Change(kind="Put", key=(CLAIMS, target), values=values, there=there, has=has),
        Change(kind="ConditionCheck", key=(LEASES, lease.id), there=True),
    ]
    if holder is not None:  # Who beats again meanwhile has not died.
        same = {"beats": holder.get("beats", 0)}
        changes.append(Change(kind="ConditionCheck", key=(LEASES, holder["sk"]), has=same))
    return changes


def _given_up(lease: str) -> Fenced:
    return Fenced(
        f"lease {lease} was given up, or it was silent for {LIFE_S:g} s and taken for dead:"
        " open a new one and read every rollout again before acting"
    )
