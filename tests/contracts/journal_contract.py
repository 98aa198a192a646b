"""What every journal promises: subclass `JournalContract` and give it stores.

Claims and leases are in `journal_claim_contract`, orders and freezes in
`journal_orders_contract`, notices and snapshots in `journal_outbox_contract`; here are rollouts,
and the comparison with a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from guardian.core.rollout.entries import Entry, RolloutStarted
from guardian.core.rollout.machine import IllegalEntry
from guardian.ports import Answer, Claim, Conflict, Ending, Fenced, Head, Journal, JournalError
from tests.contracts.journal_claim_contract import OTHER, ClaimContract, JournalStore, claimed
from tests.contracts.journal_model import agrees_with_a_model
from tests.contracts.journal_orders_contract import OrdersContract
from tests.contracts.journal_outbox_contract import OutboxContract
from tests.contracts.journal_values import (
    HOLD,
    LATER,
    START,
    TARGET,
    CountedRandom,
    order,
    outgoing,
    started,
)

ENDED = LATER[10]
MANY = 25


def begun(journal: Journal, rollout: str = "r1", *, target: str = TARGET) -> Claim:
    """The claim under which a rollout was started."""
    claim = claimed(journal, journal.open_lease("a"), target)
    first = [started(rollout, target=target)]
    assert journal.append(claim, rollout, expected=0, entries=first, live=True, txid="t1") == 1
    return claim


def put(
    journal: Journal,
    claim: Claim,
    expected: int,
    *entries: Entry,
    rollout: str = "r1",
    live: bool = True,
    txid: str = "",
) -> int:
    """Append, with a txid made of `expected`."""
    return journal.append(
        claim,
        rollout,
        expected=expected,
        entries=entries,
        live=live,
        txid=txid or f"t{expected + 1}",
    )


def kept(journal: Journal, rollout: str = "r1") -> list[Entry]:
    """The entries of a rollout; their numbers must count from 1 without gaps."""
    records = journal.read(rollout)
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    return [record.entry for record in records]


class RolloutContract:
    """Entries are kept in order, once, by the one who may, or not at all."""

    def test_a_rollout_is_read_by_another_process(self, store: JournalStore) -> None:
        """What was acknowledged is there: entry, number, epoch and transaction."""
        claim = begun(store.open())
        (record,) = store.open().read("r1")
        assert (record.seq, record.epoch, record.txid) == (1, claim.epoch, "t1")
        assert record.entry == started("r1")

    @pytest.mark.parametrize("entry", LATER, ids=lambda entry: type(entry).__name__)
    def test_every_kind_of_entry_is_read_back_equal(
        self, store: JournalStore, entry: Entry
    ) -> None:
        """The journal loses nothing of what it is given."""
        journal = store.open()
        assert put(journal, begun(journal), 1, entry) == 2
        assert kept(store.open()) == [started("r1"), entry]

    def test_several_entries_are_numbered_in_order(self, store: JournalStore) -> None:
        """One transaction may hold many; its answer is the last number."""
        journal = store.open()
        assert put(journal, begun(journal), 1, *LATER) == 1 + len(LATER)
        assert kept(journal) == [started("r1"), *LATER]

    def test_an_unknown_rollout_is_empty(self, store: JournalStore) -> None:
        """Reading what is not there is no error."""
        assert store.open().read("r1") == []
        assert store.open().live() == []

    @pytest.mark.parametrize("expected", [0, 1, 3])
    def test_a_wrong_expectation_conflicts(self, store: JournalStore, expected: int) -> None:
        """Who has not read the newest entry must not write; nothing is written."""
        journal = store.open()
        claim = begun(journal)
        put(journal, claim, 1, HOLD)
        with pytest.raises(Conflict):
            put(journal, claim, expected, LATER[3], txid="other")
        assert len(kept(journal)) == 2

    def test_an_unknown_rollout_cannot_be_continued(self, store: JournalStore) -> None:
        """Its first number is 1."""
        journal = store.open()
        claim = claimed(journal, journal.open_lease("a"))
        with pytest.raises(Conflict):
            put(journal, claim, 1, HOLD)

    @pytest.mark.parametrize(
        "entries",
        [[], [HOLD], [started("r2")], [started("r1", target=OTHER)]],
        ids=["nothing", "another kind", "another rollout", "another target"],
    )
    def test_a_rollout_begins_with_its_own_start(
        self, store: JournalStore, entries: Sequence[Entry]
    ) -> None:
        """Anything else is a bug, and leaves nothing behind."""
        journal = store.open()
        claim = claimed(journal, journal.open_lease("a"))
        with pytest.raises(IllegalEntry):
            put(journal, claim, 0, *entries)
        assert (journal.read("r1"), journal.live()) == ([], [])

    def test_a_second_live_rollout_on_a_target_conflicts(self, store: JournalStore) -> None:
        """One target, one rollout; nothing of the second one stays."""
        journal = store.open()
        claim = begun(journal)
        with pytest.raises(Conflict):
            put(journal, claim, 0, started("r2"), rollout="r2")
        assert journal.read("r2") == []
        assert [head.rollout for head in journal.live()] == ["r1"]

    def test_another_target_may_have_its_own_rollout(self, store: JournalStore) -> None:
        """Targets do not know of each other."""
        journal = store.open()
        begun(journal)
        begun(journal, "r2", target=OTHER)
        assert [head.rollout for head in journal.live()] == ["r1", "r2"]

    def test_after_an_end_a_new_rollout_may_start(self, store: JournalStore) -> None:
        """The old one is history, not live."""
        journal = store.open()
        claim = begun(journal)
        put(journal, claim, 1, ENDED, live=False)
        put(journal, claim, 0, started("r2", at=START + 60), rollout="r2")
        assert [head.rollout for head in journal.live()] == ["r2"]

    def test_an_ended_rollout_does_not_return_beside_another(self, store: JournalStore) -> None:
        """Taking a completed rollout back conflicts while a newer one is live."""
        journal = store.open()
        claim = begun(journal)
        put(journal, claim, 1, ENDED, live=False)
        put(journal, claim, 0, started("r2", at=START + 60), rollout="r2")
        with pytest.raises(Conflict):
            put(journal, claim, 2, LATER[4], live=True)
        put(journal, claim, 1, ENDED, rollout="r2", live=False)
        assert put(journal, claim, 2, LATER[4], live=True) == 3

    # --- fencing -----------------------------------------------------------------------------

    def test_a_taken_over_claim_is_fenced(self, store: JournalStore) -> None:
        """From the moment of a take-over the old holder writes nothing more."""
        journal, other = store.open(), store.open()
        claim = begun(journal)
        taken = claimed(other, other.open_lease("b"), over=True)
        with pytest.raises(Fenced):
            put(journal, claim, 1, HOLD)
        assert put(other, taken, 1, HOLD) == 2
        assert [record.epoch for record in journal.read("r1")] == [claim.epoch, taken.epoch]

    def test_a_released_claim_is_fenced(self, store: JournalStore) -> None:
        """What was given back gives no right, even if nobody took it."""
        journal = store.open()
        claim = begun(journal)
        journal.release(claim)
        with pytest.raises(Fenced):
            put(journal, claim, 1, HOLD)

    def test_a_closed_lease_is_fenced(self, store: JournalStore) -> None:
        """A process that has left writes nothing more."""
        journal = store.open()
        lease = journal.open_lease("a")
        claim = claimed(journal, lease)
        journal.close_lease(lease)
        with pytest.raises(Fenced):
            put(journal, claim, 0, started("r1"))

    def test_a_silent_process_goes_on_with_what_nobody_took(self, store: JournalStore) -> None:
        """A frozen process that wakes up is fenced by a newer epoch, and by nothing else."""
        journal, other = store.open(), store.open()
        claim = begun(journal)
        store.pass_s(31)
        assert journal.holds(claim)
        assert put(journal, claim, 1, HOLD) == 2
        assert other.claim(other.open_lease("b"), claim.target) is not None
        assert not journal.holds(claim)
        with pytest.raises(Fenced):
            put(journal, claim, 2, HOLD)

    def test_a_claim_on_another_target_is_fenced(self, store: JournalStore) -> None:
        """A right ends at its target."""
        journal = store.open()
        claim = begun(journal)
        other = claimed(journal, journal.open_lease("b"), OTHER)
        with pytest.raises(Fenced):
            put(journal, other, 1, HOLD)
        with pytest.raises(Fenced):
            put(journal, replace(claim, lease=other.lease), 1, HOLD)

    @pytest.mark.parametrize("step", [-1, 1])
    def test_another_epoch_is_fenced(self, store: JournalStore, step: int) -> None:
        """Neither an old epoch nor one that nobody was given is good."""
        journal = store.open()
        claim = begun(journal)
        with pytest.raises(Fenced):
            put(journal, replace(claim, epoch=claim.epoch + step), 1, HOLD)

    # --- transactions ------------------------------------------------------------------------

    def test_the_same_transaction_twice_is_once(self, store: JournalStore) -> None:
        """After an unknown outcome the writer may simply try again."""
        journal = store.open()
        claim = begun(journal)
        assert put(journal, claim, 1, HOLD, LATER[3]) == 3
        assert put(journal, claim, 1, HOLD, LATER[3]) == 3
        assert put(journal, claim, 0, started("r1"), txid="t1") == 1
        assert len(kept(journal)) == 3

    def test_a_transactions_name_is_not_reused(self, store: JournalStore) -> None:
        """Other entries under the same name conflict."""
        journal = store.open()
        claim = begun(journal)
        put(journal, claim, 1, HOLD, txid="t2")
        with pytest.raises(Conflict):
            put(journal, claim, 1, LATER[1], txid="t2")

    def test_what_conflicts_leaves_nothing_behind(self, store: JournalStore) -> None:
        """Neither notices nor finished orders survive a refused transaction."""
        journal = store.open()
        claim = begun(journal)
        journal.order(order("o1", "r1"))
        with pytest.raises(Conflict):
            journal.append(
                claim,
                "r1",
                expected=5,
                entries=[HOLD],
                live=False,
                outgoing=outgoing("r1", 2),
                answers=[Answer(order="o1")],
                txid="t2",
            )
        assert (journal.pending(), len(journal.orders(["r1"])), len(journal.live())) == (0, 1, 1)
        assert journal.answered("o1") is None

    def test_one_rollout_ends_for_another_in_one_transaction(self, store: JournalStore) -> None:
        """The end and the start are there together, with the notices of both; again is once."""
        journal = store.open()
        claim = begun(journal)
        ends = Ending(rollout="r1", expected=1, entry=ENDED, outgoing=outgoing("r1", 2))
        for _ in range(2):
            last = journal.append(
                claim,
                "r2",
                expected=0,
                entries=[started("r2", at=START + 60), HOLD],
                live=True,
                outgoing=outgoing("r2", 1),
                ends=ends,
                txid="t2",
            )
            assert last == 2
        assert kept(journal)[1:] == [ENDED]
        assert [type(entry) for entry in kept(journal, "r2")] == [RolloutStarted, type(HOLD)]
        assert [head.rollout for head in journal.live()] == ["r2"]
        assert journal.pending() == len(outgoing("r1", 2)) + len(outgoing("r2", 1))

    @pytest.mark.parametrize(("ending", "beginning"), [(4, 0), (1, 7)])
    def test_neither_is_written_where_one_conflicts(
        self, store: JournalStore, ending: int, beginning: int
    ) -> None:
        """The live rollout stays live, and nothing of the other one is there."""
        journal = store.open()
        claim = begun(journal)
        ends = Ending(rollout="r1", expected=ending, entry=ENDED, outgoing=outgoing("r1", 2))
        with pytest.raises(Conflict):
            journal.append(
                claim,
                "r2",
                expected=beginning,
                entries=[started("r2", at=START + 60)],
                live=True,
                ends=ends,
                txid="t2",
            )
        assert (len(kept(journal)), kept(journal, "r2"), journal.pending()) == (1, [], 0)
        assert [head.rollout for head in journal.live()] == ["r1"]

    def test_of_many_writers_one_wins(self, store: JournalStore) -> None:
        """Threads that expect the same number never both succeed."""
        journal = store.open()
        claim = begun(journal)

        def attempt(number: int) -> int:
            try:
                return put(journal, claim, 1, replace(HOLD, detail=str(number)), txid=f"x{number}")
            except JournalError:
                return 0

        with ThreadPoolExecutor(4) as pool:
            results = sorted(pool.map(attempt, range(MANY)))
        assert results == [0] * (MANY - 1) + [2]
        assert len(kept(journal)) == 2

    # --- lists -------------------------------------------------------------------------------

    def test_live_rollouts_come_oldest_first(self, store: JournalStore) -> None:
        """With what is needed to find them."""
        journal = store.open()
        for name, minute in (("b", 2), ("a", 1), ("c", 3)):
            target = f"{TARGET}:{name}"
            claim = claimed(journal, journal.open_lease("x"), target)
            first = started(name, at=START + minute * 60, target=target)
            put(journal, claim, 0, first, rollout=name)
        assert [head.rollout for head in journal.live()] == ["a", "b", "c"]
        assert journal.live()[0] == Head(
            rollout="a",
            service="agents-api",
            target=f"{TARGET}:a",
            live=True,
            seq=1,
            started_at=START + 60,
            last_at=START + 60,
        )

    def test_history_comes_newest_first(self, store: JournalStore) -> None:
        """A service's own rollouts, live or not, at most `limit`."""
        journal = store.open()
        claim = claimed(journal, journal.open_lease("x"))
        for number in range(3):
            name = f"r{number}"
            put(journal, claim, 0, started(name, at=START + number), rollout=name)
            put(journal, claim, 1, ENDED, rollout=name, live=False)
        put(journal, claim, 0, started("s", at=START, service="billing"), rollout="s")
        assert [head.rollout for head in journal.history("agents-api")] == ["r2", "r1", "r0"]
        assert [head.rollout for head in journal.history("agents-api", limit=1)] == ["r2"]
        assert [head.live for head in journal.history("billing")] == [True]
        assert journal.history("nobody") == []

    def test_a_head_follows_its_rollout(self, store: JournalStore) -> None:
        """Number, state and time are those of the last entry; the time never goes back."""
        journal = store.open()
        claim = begun(journal)
        put(journal, claim, 1, replace(HOLD, at=START + 90.5))
        (head,) = journal.live()
        assert (head.seq, head.started_at, head.last_at) == (2, START, START + 90.5)
        put(journal, claim, 2, replace(ENDED, at=START + 5), live=False)
        (head,) = journal.history("agents-api")
        assert (head.seq, head.live, head.last_at) == (3, False, START + 90.5)


class JournalContract(RolloutContract, ClaimContract, OrdersContract, OutboxContract):
    """Every promise of `ports.Journal`; the subclass gives a fixture that makes stores."""

    @pytest.fixture
    def stores(self) -> Callable[[], JournalStore]:
        """Makes an empty store at each call; overridden by the subclass."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, stores: Callable[[], JournalStore]) -> Iterator[JournalStore]:
        """One empty store, ended after the test."""
        store = stores()
        yield store
        store.close()

    def test_it_agrees_with_a_model(self, stores: Callable[[], JournalStore]) -> None:
        """Whatever is done in whatever order, it answers as a dictionary would."""
        agrees_with_a_model(stores)

    def test_luck_that_repeats_does_no_harm(self, store: JournalStore) -> None:
        """Leases differ even where two processes draw the same tokens."""
        assert CountedRandom().token() == CountedRandom().token()
        assert store.open().open_lease("a").id != store.open().open_lease("b").id
