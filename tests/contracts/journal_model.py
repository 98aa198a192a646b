"""A journal compared with dictionaries, step by step, over random histories."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from guardian.core.rollout.entries import Answer, Entry, Freeze
from guardian.ports import (
    Claim,
    Conflict,
    Dead,
    Fenced,
    JournalError,
    Lease,
    Retry,
    Sent,
)
from tests.contracts.journal_claim_contract import JournalStore
from tests.contracts.journal_values import (
    LATER,
    START,
    freeze,
    order,
    outgoing,
    started,
)

LIFE_S = 30.0
TARGETS = ("t1", "t2")
ROLLOUTS = ("r1", "r2", "r3")
LANES = ("pagerduty", "slack")


@dataclass
class Kept:
    """A rollout as the model remembers it."""

    target: str
    live: bool
    entries: list[Entry] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)


@dataclass
class Told:
    """A notice as the model remembers it."""

    receiver: str
    rollout: str
    seq: int
    due_at: float = 0.0
    attempts: int = 0


@dataclass
class Model:
    """What a journal holds, in dictionaries."""

    beats: dict[str, float] = field(default_factory=dict)
    claims: dict[str, tuple[int, str]] = field(default_factory=dict)
    rollouts: dict[str, Kept] = field(default_factory=dict)
    outbox: list[Told] = field(default_factory=list)
    handles: dict[tuple[str, str], str] = field(default_factory=dict)
    orders: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    freezes: dict[str, Freeze] = field(default_factory=dict)

    def lives(self, lease: str, now: float) -> bool:
        """Whether a lease beat less than 30 s ago."""
        return lease in self.beats and now - self.beats[lease] < LIFE_S

    def due(self, now: float) -> list[Told]:
        """The oldest notice of each receiver and rollout, if its time has come."""
        first: dict[tuple[str, str], Told] = {}
        for told in self.outbox:
            first.setdefault((told.receiver, told.rollout), told)
        return [told for told in first.values() if told.due_at <= now]

    def refusal(
        self, claim: Claim, rollout: str, expected: int, *, live: bool, now: float
    ) -> type[JournalError] | None:
        """The error that an append must end with."""
        kept = self.rollouts.get(rollout)
        held = self.claims.get(claim.target) == (claim.epoch, claim.lease)
        if not held or claim.lease not in self.beats:
            return Fenced
        if kept is not None and kept.target != claim.target:
            return Fenced
        if expected != (len(kept.entries) if kept else 0):
            return Conflict
        others = (k for name, k in self.rollouts.items() if name != rollout)
        if live and any(k.live and k.target == claim.target for k in others):
            return Conflict
        return None


class JournalMachine(RuleBasedStateMachine):
    """Two processes use one store; a model says what each must see."""

    stores: Callable[[], JournalStore]
    leases = Bundle("leases")
    claims = Bundle("claims")
    side = st.integers(0, 1)
    target = st.sampled_from(TARGETS)
    rollout = st.sampled_from(ROLLOUTS)

    def __init__(self) -> None:
        super().__init__()
        self.store = type(self).stores()
        self.sides = (self.store.open(), self.store.open())
        self.model = Model()
        self.txids = 0

    def teardown(self) -> None:
        """End both processes."""
        self.store.close()

    @property
    def uptime(self) -> float:
        """The monotonic clock."""
        return self.store.clock.monotonic()

    @initialize(target=claims)
    def start(self) -> object:
        """Each side holds a target, so that histories need not begin with that."""
        found = []
        for side, name in enumerate(TARGETS):
            lease = self.sides[side].open_lease(f"side {side}")
            self.model.beats[lease.id] = self.uptime
            found.append(self.sides[side].claim(lease, name))
            self.model.claims[name] = (found[-1].epoch if found[-1] else 0, lease.id)
        return multiple(*found)

    @rule(target=leases, side=side)
    def open_lease(self, side: int) -> Lease:
        """A process begins to live, and buries the dead that hold nothing."""
        holders = {holder for _, holder in self.model.claims.values()}
        for name in list(self.model.beats):
            if name not in holders and not self.model.lives(name, self.uptime):
                del self.model.beats[name]
        lease = self.sides[side].open_lease(f"side {side}")
        self.model.beats[lease.id] = self.uptime
        return lease

    @rule(lease=leases, side=side)
    def beat(self, lease: Lease, side: int) -> None:
        """A process goes on living, if it may."""
        try:
            self.sides[side].beat(lease)
        except Fenced:
            assert lease.id not in self.model.beats
        else:
            assert lease.id in self.model.beats
            self.model.beats[lease.id] = self.uptime

    @rule(side=side, seconds=st.sampled_from([5.0, 20.0]))
    def live_on(self, side: int, seconds: float) -> None:
        """Time passes, and whoever lives beats."""
        self.store.pass_s(seconds)
        for lease in [name for name in self.model.beats if self.model.lives(name, self.uptime)]:
            self.beat(Lease(id=lease, owner=""), side)

    @rule(lease=leases, side=side)
    def close_lease(self, lease: Lease, side: int) -> None:
        """A process leaves."""
        self.sides[side].close_lease(lease)
        self.model.beats.pop(lease.id, None)
        for name, (epoch, holder) in self.model.claims.items():
            if holder == lease.id:
                self.model.claims[name] = (epoch, "")

    @rule(seconds=st.sampled_from([1.0, 9.0, 25.0]), jump_s=st.sampled_from([0.0, -900.0, 900.0]))
    def pass_time(self, seconds: float, jump_s: float) -> None:
        """Time passes, and somebody may set the wall clock."""
        self.store.pass_s(seconds)
        self.store.clock.jump_s(jump_s)

    @rule(target=claims, lease=leases, side=side, name=target, take_over=st.booleans())
    def claim(self, lease: Lease, side: int, name: str, take_over: bool) -> object:
        """A process asks for a target."""
        lives = lease.id in self.model.beats
        epoch, holder = self.model.claims.get(name, (0, ""))
        try:
            found = self.sides[side].claim(lease, name, take_over=take_over)
        except Fenced:
            assert not lives
            return multiple()
        assert lives
        if holder == lease.id:
            assert found == Claim(target=name, epoch=epoch, lease=lease.id)
            return found
        if self.model.lives(holder, self.uptime) and not take_over:
            assert found is None
            return multiple()
        assert found is not None
        assert (found.target, found.lease) == (name, lease.id)
        assert found.epoch > epoch
        self.model.claims[name] = (found.epoch, lease.id)
        return found

    @rule(claim=claims, side=side)
    def release(self, claim: Claim, side: int) -> None:
        """A process gives a target back."""
        self.sides[side].release(claim)
        if self.model.claims[claim.target] == (claim.epoch, claim.lease):
            self.model.claims[claim.target] = (claim.epoch, "")

    @rule(
        claim=claims,
        side=side,
        name=rollout,
        behind=st.sampled_from([0, 0, 0, 1, -1]),
        later=st.lists(st.sampled_from(LATER), min_size=1, max_size=3),
        receivers=st.sets(st.sampled_from(LANES)),
        live=st.booleans(),
        twice=st.booleans(),
    )
    def append(
        self,
        *,
        claim: Claim,
        side: int,
        name: str,
        behind: int,
        later: list[Entry],
        receivers: set[str],
        live: bool,
        twice: bool,
    ) -> None:
        """A process records what happened, perhaps not knowing the newest, perhaps twice."""
        kept = self.model.rollouts.get(name)
        expected = max(0, (len(kept.entries) if kept else 0) - behind)
        entries = later if expected else [started(name, target=claim.target), *later]
        self.txids += 1
        out = [
            o
            for receiver in sorted(receivers)
            for o in outgoing(name, expected + 1, receiver=receiver)
        ]
        answers = [
            Answer(order=o, rollout=f"x{self.txids}")
            for o, r in [*self.model.orders.items(), ("nobody's", name)]
            if r == name
        ]
        refusal = self.model.refusal(claim, name, expected, live=live, now=self.uptime)
        outcome: type[JournalError] | int
        for _ in range(2 if twice else 1):
            try:
                outcome = self.sides[side].append(
                    claim,
                    name,
                    expected=expected,
                    entries=entries,
                    live=live,
                    outgoing=out,
                    answers=answers,
                    txid=f"x{self.txids}",
                )
            except JournalError as error:
                outcome = type(error)
            assert outcome == (refusal or expected + len(entries))
        if refusal is not None:
            return
        kept = self.model.rollouts.setdefault(name, Kept(target=claim.target, live=live))
        kept.live = live
        kept.entries += entries
        kept.epochs += [claim.epoch] * len(entries)
        self.model.outbox += [
            Told(receiver=o.receiver, rollout=name, seq=o.notice.seq) for o in out
        ]
        for answer in answers:
            self.answered(answer)

    @rule(side=side, id_=st.sampled_from("abcd"), name=rollout)
    def order(self, side: int, id_: str, name: str) -> None:
        """A person asks for something, perhaps again."""
        self.sides[side].order(order(id_, name))
        if id_ not in self.model.answers:
            self.model.orders.setdefault(id_, name)

    @rule(side=side, id_=st.sampled_from("abcd"), refused=st.sampled_from(["", "not now"]))
    def answer(self, side: int, id_: str, refused: str) -> None:
        """Somebody answers, perhaps late, perhaps what was never asked."""
        self.sides[side].answer(Answer(order=id_, refused=refused))
        self.answered(Answer(order=id_, refused=refused))

    def answered(self, answer: Answer) -> None:
        """The first answer to a known order stands."""
        if self.model.orders.pop(answer.order, None) is not None:
            self.model.answers[answer.order] = answer

    @rule(side=side, scope=st.sampled_from(["*", "a"]), until=st.sampled_from([START, 2 * START]))
    def freeze(self, side: int, scope: str, until: float) -> None:
        """A person stops advances."""
        self.model.freezes[scope] = freeze(scope, until=until)
        self.sides[side].freeze(self.model.freezes[scope])

    @rule(side=side, scope=st.sampled_from(["*", "a"]))
    def unfreeze(self, side: int, scope: str) -> None:
        """A person lets advances go on."""
        there = self.model.freezes.pop(scope, None) is not None
        assert self.sides[side].unfreeze(scope) == there

    @rule(side=side, which=st.integers(0, 5), how=st.sampled_from(["sent", "retry", "dead"]))
    def deliver(self, side: int, which: int, how: str) -> None:
        """A notice is tried."""
        now = START + 1e6 + self.uptime
        due = self.sides[side].due(now)
        if not due:
            return
        pending = due[which % len(due)]
        key = (pending.receiver, pending.notice.rollout)
        told = next(t for t in self.model.outbox if (t.receiver, t.rollout) == key)
        handle = f"thread {told.seq}"
        results: dict[str, Sent | Retry | Dead] = {
            "sent": Sent(handle=handle),
            "retry": Retry(at=now + 10, error="busy"),
            "dead": Dead(error="gone"),
        }
        for _ in range(2):
            self.sides[side].ack(pending, results[how])
        if how == "retry":
            told.attempts, told.due_at = told.attempts + 1, now + 10
            return
        self.model.outbox.remove(told)
        if how == "sent":
            self.model.handles[key] = handle

    @invariant()
    def both_sides_see_what_the_model_holds(self) -> None:
        """Rollouts, claims, orders and notices, from either process."""
        model, journal = self.model, self.sides[self.txids % 2]
        for name in ROLLOUTS:
            kept = model.rollouts.get(name, Kept(target="", live=False))
            records = journal.read(name)
            assert [record.entry for record in records] == kept.entries
            assert [record.epoch for record in records] == kept.epochs
        assert {h.rollout for h in journal.live()} == {
            n for n, k in model.rollouts.items() if k.live
        }
        for target in TARGETS:
            _, holder = model.claims.get(target, (0, ""))
            assert (journal.holder(target) is not None) == model.lives(holder, self.uptime)
        assert [o.id for o in journal.orders(ROLLOUTS)] == list(model.orders)
        assert {i: a for i in "abcd" if (a := journal.answered(i))} == model.answers
        assert journal.freezes() == [model.freezes[scope] for scope in sorted(model.freezes)]
        assert journal.pending() == len(model.outbox)
        now = START + 1e6 + self.uptime
        assert [
            (p.receiver, p.notice.rollout, p.notice.seq, p.attempts, p.handle)
            for p in journal.due(now)
        ] == [
            (t.receiver, t.rollout, t.seq, t.attempts, model.handles.get((t.receiver, t.rollout)))
            for t in model.due(now)
        ]


def agrees_with_a_model(stores: Callable[[], JournalStore], *, examples: int = 60) -> None:
    """Run random histories against stores made by `stores`; AssertionError on a difference."""
    machine = type("Machine", (JournalMachine,), {"stores": staticmethod(stores)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
