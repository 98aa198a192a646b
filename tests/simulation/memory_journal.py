"""The journal as a dictionary: what every real one must behave like. Values pass the codec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from guardian.core.codec import decode, decode_entry, encode, encode_entry
from guardian.core.model import Instant
from guardian.core.notices import Notice
from guardian.core.queue import leaving
from guardian.core.rollout.entries import Answer, Entry, Freeze, Order, RolloutStarted
from guardian.core.status import Look
from guardian.core.traffic import Snapshot
from guardian.ports import (
    Claim,
    Clock,
    Conflict,
    Dead,
    Ending,
    Fenced,
    Head,
    Lease,
    Outgoing,
    Pending,
    Record,
    Retry,
    Sent,
)

LIFE_S = 30.0


@lru_cache(maxsize=1000)
def _notice(text: str) -> Notice:
    """Asked for at each look at what is due, many times as often as it was written."""
    return decode(Notice, text)


@dataclass
class _Row:
    seq: int
    epoch: int
    entry: str
    txid: str


@dataclass
class _Out:
    id: str
    receiver: str
    notice: str
    rollout: str
    seq: int
    order: int
    due: Instant = 0.0
    attempts: int = 0
    state: str = "pending"
    error: str = ""


@dataclass
class _Store:
    beats: dict[str, tuple[str, float]] = field(default_factory=dict)
    targets: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    heads: dict[str, Head] = field(default_factory=dict)
    rows: dict[str, list[_Row]] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    freezes: dict[str, str] = field(default_factory=dict)
    looks: dict[str, str] = field(default_factory=dict)
    out: dict[str, _Out] = field(default_factory=dict)
    handles: dict[tuple[str, str], str] = field(default_factory=dict)
    snapshots: list[str] = field(default_factory=list)
    count: int = 0


class MemoryJournal:
    """One process's view of the store; `again` gives another process's."""

    def __init__(self, clock: Clock, store: _Store | None = None) -> None:
        self._clock = clock
        self._store = store or _Store()

    def again(self) -> MemoryJournal:
        """Another process's view of the same store."""
        return MemoryJournal(self._clock, self._store)

    def _alive(self, lease: str | None) -> bool:
        beat = self._store.beats.get(lease) if lease else None
        return beat is not None and self._clock.monotonic() - beat[1] < LIFE_S

    @property
    def unsure_s(self) -> float:
        """All read one clock."""
        return 0.0

    def open_lease(self, owner: str) -> Lease:
        """Begin to live."""
        self._store.count += 1
        lease = Lease(id=f"lease-{self._store.count}", owner=owner)
        self._store.beats[lease.id] = (owner, self._clock.monotonic())
        return lease

    def beat(self, lease: Lease) -> None:
        """Go on living."""
        if lease.id not in self._store.beats:
            raise Fenced(f"the lease of {lease.owner} is over")
        self._store.beats[lease.id] = (lease.owner, self._clock.monotonic())

    def close_lease(self, lease: Lease) -> None:
        """Stop living."""
        self._store.beats.pop(lease.id, None)

    def claim(self, lease: Lease, target: str, *, take_over: bool = False) -> Claim | None:
        """The right to act on a target."""
        if lease.id not in self._store.beats:
            raise Fenced("the lease is over")
        epoch, holder = self._store.targets.get(target, (0, None))
        if holder == lease.id:
            return Claim(target=target, epoch=epoch, lease=lease.id)
        if self._alive(holder) and not take_over:
            return None
        self._store.targets[target] = (epoch + 1, lease.id)
        return Claim(target=target, epoch=epoch + 1, lease=lease.id)

    def release(self, claim: Claim) -> None:
        """Give a target back."""
        if self._store.targets.get(claim.target) == (claim.epoch, claim.lease):
            self._store.targets[claim.target] = (claim.epoch, None)

    def holder(self, target: str) -> str | None:
        """Who holds a target."""
        _, lease = self._store.targets.get(target, (0, None))
        return self._store.beats[lease][0] if lease and self._alive(lease) else None

    def holds(self, claim: Claim) -> bool:
        """Whether a claim is still its target's newest."""
        held = self._store.targets.get(claim.target)
        return held == (claim.epoch, claim.lease) and claim.lease in self._store.beats

    def live(self) -> list[Head]:
        """Live rollouts, oldest first."""
        return [h for h in self._store.heads.values() if h.live]

    def history(self, service: str, *, limit: int = 20) -> list[Head]:
        """A service's rollouts, newest first."""
        heads = [h for h in self._store.heads.values() if h.service == service]
        return heads[::-1][:limit]

    def read(self, rollout: str) -> list[Record]:
        """All entries of a rollout."""
        return [
            Record(seq=r.seq, epoch=r.epoch, entry=decode_entry(r.entry), txid=r.txid)
            for r in self._store.rows.get(rollout, [])
        ]

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
        """Entries, orders and notices in one step."""
        store = self._store
        if ends is not None and not self._begun(txid, rollout):
            self._end(claim, ends, txid)
            try:
                return self.append(
                    claim,
                    rollout,
                    expected=expected,
                    entries=entries,
                    live=live,
                    outgoing=[*ends.outgoing, *outgoing],
                    answers=answers,
                    txid=txid,
                )
            except Conflict:
                del store.rows[ends.rollout][ends.expected :]
                last = replace(store.heads[ends.rollout], live=True, seq=ends.expected)
                store.heads[ends.rollout] = last
                raise
        held = store.targets.get(claim.target)
        if held != (claim.epoch, claim.lease) or claim.lease not in store.beats:
            raise Fenced(f"epoch {claim.epoch} of {claim.target} is over")
        rows = store.rows.get(rollout, [])
        if rows and rows[-1].txid == txid:
            return rows[-1].seq
        if len(rows) != expected:
            raise Conflict(f"{rollout} has {len(rows)} entries, not {expected}")
        if expected == 0:
            self._open(claim, rollout, entries)
        rows = store.rows.setdefault(rollout, [])
        for entry in entries:
            rows.append(_Row(len(rows) + 1, claim.epoch, encode_entry(entry), txid))
            store.heads[rollout] = replace(store.heads[rollout], seq=len(rows), last_at=entry.at)
        store.heads[rollout] = replace(store.heads[rollout], live=live)
        for out in outgoing:
            self._put(rollout, out)
        for answer in answers:
            self.answer(answer)
        return len(rows)

    def _begun(self, txid: str, rollout: str) -> bool:
        rows = self._store.rows.get(rollout, [])
        return bool(rows) and rows[-1].txid == txid

    def _end(self, claim: Claim, ends: Ending, txid: str) -> None:
        """The other rollout's part, without its notices."""
        self.append(
            claim, ends.rollout, expected=ends.expected, entries=[ends.entry], live=False, txid=txid
        )

    def _open(self, claim: Claim, rollout: str, entries: Sequence[Entry]) -> None:
        first = entries[0]
        assert isinstance(first, RolloutStarted)
        if any(h.live and h.target == claim.target for h in self._store.heads.values()):
            raise Conflict(f"{claim.target} has a live rollout")
        self._store.heads[rollout] = Head(
            rollout=rollout,
            service=first.plan.service,
            target=claim.target,
            live=True,
            seq=0,
            started_at=first.at,
            last_at=first.at,
        )

    def _put(self, rollout: str, out: Outgoing) -> None:
        key = f"{out.notice.id}/{out.receiver}"
        self._store.count += 1
        self._store.out.setdefault(
            key,
            _Out(key, out.receiver, encode(out.notice), rollout, out.notice.seq, self._store.count),
        )

    def order(self, order: Order) -> None:
        """Leave an order."""
        self._store.orders.setdefault(order.id, encode(order))

    def orders(self, rollouts: Sequence[str]) -> list[Order]:
        """Waiting orders."""
        waiting = [
            text for id_, text in self._store.orders.items() if id_ not in self._store.answers
        ]
        return [o for o in (decode(Order, text) for text in waiting) if o.rollout in rollouts]

    def answer(self, answer: Answer) -> None:
        """Finish an order; the first answer stands."""
        if answer.order in self._store.orders:
            self._store.answers.setdefault(answer.order, encode(answer))

    def answered(self, order: str) -> Answer | None:
        """What became of an order."""
        text = self._store.answers.get(order)
        return decode(Answer, text) if text is not None else None

    def freeze(self, freeze: Freeze) -> None:
        """Stop advances."""
        self._store.freezes[freeze.scope] = encode(freeze)

    def unfreeze(self, scope: str) -> bool:
        """End a freeze."""
        return self._store.freezes.pop(scope, None) is not None

    def freezes(self) -> list[Freeze]:
        """Every freeze, by scope."""
        return [decode(Freeze, text) for _, text in sorted(self._store.freezes.items())]

    def show(self, looks: Sequence[Look]) -> None:
        """Keep the newest look."""
        live = {head.rollout for head in self.live()}
        kept = {name: text for name, text in self._store.looks.items() if name in live}
        self._store.looks = kept | {look.rollout: encode(look) for look in looks}

    def shown(self, rollout: str) -> Look | None:
        """The newest look at a live rollout."""
        live = any(head.rollout == rollout for head in self.live())
        text = self._store.looks.get(rollout) if live else None
        return decode(Look, text) if text is not None else None

    def due(self, now: Instant, *, limit: int = 50) -> list[Pending]:
        """Notices to deliver."""
        waiting = [out for out in self._store.out.values() if out.state == "pending"]
        waiting.sort(key=lambda out: out.order)
        free = leaving([(out.receiver, _notice(out.notice)) for out in waiting])
        ready = [o for o, is_free in zip(waiting, free, strict=True) if is_free and o.due <= now]
        return [
            Pending(
                id=o.id,
                receiver=o.receiver,
                notice=_notice(o.notice),
                attempts=o.attempts,
                handle=self._store.handles.get((o.receiver, o.rollout)),
            )
            for o in ready[:limit]
        ]

    def claim_notice(self, pending: Pending, *, now: Instant, until: Instant) -> bool:
        """Keep it from others until then."""
        out = self._store.out.get(pending.id)
        if out is None or out.state != "pending":
            return False
        if out.attempts != pending.attempts or out.due > now:
            return False
        out.due = until
        return True

    def ack(self, pending: Pending, result: Sent | Retry | Dead) -> None:
        """What became of a notice."""
        out = self._store.out.get(pending.id)
        if out is None or out.state != "pending":
            return
        out.attempts += 1
        match result:
            case Sent(handle=handle):
                out.state = "sent"
                if handle is not None:
                    self._store.handles[out.receiver, out.rollout] = handle
            case Retry(at=at, error=error):
                out.due, out.error = at, error
            case Dead(error=error):
                out.state, out.error = "dead", error

    def pending(self) -> int:
        """How many notices wait."""
        return sum(o.state == "pending" for o in self._store.out.values())

    def save_snapshot(self, snapshot: Snapshot) -> None:
        """Remember what stable is."""
        self._store.snapshots.append(encode(snapshot))

    def snapshots(self, service: str, *, limit: int = 5) -> list[Snapshot]:
        """A service's snapshots, newest first."""
        found = [decode(Snapshot, s) for s in self._store.snapshots]
        return sorted(
            (s for s in found if s.service == service), key=lambda s: s.taken_at, reverse=True
        )[:limit]

    def close(self) -> None:
        """Nothing to let go of."""
