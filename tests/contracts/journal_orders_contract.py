"""What every journal promises about orders, their answers, and freezes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.rollout.entries import Answer, Cancelled, Freeze, OrderKind, for_service
from guardian.ports import Claim, Conflict, Journal
from tests.contracts.journal_claim_contract import JournalStore, claimed
from tests.contracts.journal_values import HOLD, START, freeze, look, order, started

REFUSED = Answer(order="o1", refused="it is held; resume it first")


def begun(journal: Journal) -> Claim:
    """The claim under which a rollout was started."""
    claim = claimed(journal, journal.open_lease("a"))
    first = [started("r1")]
    journal.append(claim, "r1", expected=0, entries=first, live=True, txid="t1")
    return claim


class OrdersContract:
    """What people leave is kept, and answered once."""

    def test_an_order_needs_no_claim_and_comes_whole(self, store: JournalStore) -> None:
        """What one process leaves another one reads."""
        left = order("o1", "r1", at=START + 0.25)
        store.open().order(left)
        assert store.open().orders(["r1"]) == [left]

    def test_the_same_order_twice_is_once(self, store: JournalStore) -> None:
        """The first one counts."""
        journal = store.open()
        journal.order(order("o1", "r1"))
        journal.order(replace(order("o1", "r1"), reason="again"))
        assert journal.orders(["r1"]) == [order("o1", "r1")]

    def test_orders_come_oldest_first_and_only_those_asked_for(self, store: JournalStore) -> None:
        """Each rollout's own, in the order in which they were left."""
        journal = store.open()
        for second, (id_, rollout) in enumerate([("c", "r1"), ("a", "r2"), ("b", "r1")]):
            journal.order(order(id_, rollout, at=START + second))
        assert [o.id for o in journal.orders(["r2", "r1"])] == ["c", "a", "b"]
        assert [o.id for o in journal.orders(["r1"])] == ["c", "b"]
        assert journal.orders([]) == journal.orders(["r3"]) == []

    def test_a_finished_order_does_not_come_back(self, store: JournalStore) -> None:
        """Not even when it is left again."""
        journal = store.open()
        claim = claimed(journal, journal.open_lease("a"))
        first = [started("r1")]
        journal.append(claim, "r1", expected=0, entries=first, live=True, txid="t1")
        journal.order(order("o1", "r1"))
        journal.order(order("o2", "r1"))
        journal.append(
            claim,
            "r1",
            expected=1,
            entries=[HOLD],
            live=True,
            answers=[Answer(order="o1")],
            txid="t2",
        )
        journal.order(order("o1", "r1"))
        assert [o.id for o in journal.orders(["r1"])] == ["o2"]

    def test_an_order_can_be_finished_without_an_entry(self, store: JournalStore) -> None:
        """A refused order is done although nothing happened."""
        journal = store.open()
        claim = claimed(journal, journal.open_lease("a"))
        first = [started("r1")]
        journal.append(claim, "r1", expected=0, entries=first, live=True, txid="t1")
        journal.order(order("o1", "r1"))
        seq = journal.append(
            claim, "r1", expected=1, entries=[], live=True, answers=[Answer(order="o1")], txid="t2"
        )
        assert (seq, len(journal.read("r1")), journal.orders(["r1"])) == (1, 1, [])
        assert journal.answered("o1") == Answer(order="o1")

    def test_an_order_comes_with_all_that_it_says(self, store: JournalStore) -> None:
        """Also one to a service, with a version and options."""
        left = replace(
            order("o1", for_service("agents-api")),
            kind=OrderKind.START,
            subject="42",
            full=True,
            again=True,
            fixes=("PQ1", "PQ2"),
        )
        store.open().order(left)
        assert store.open().orders(["@agents-api"]) == [left]

    # --- answers -----------------------------------------------------------------------------

    def test_an_answer_finishes_an_order_and_is_kept(self, store: JournalStore) -> None:
        """Whoever left the order can read, later and elsewhere, what became of it."""
        journal = store.open()
        journal.order(order("o1", "r1"))
        assert journal.answered("o1") is None
        journal.answer(REFUSED)
        assert journal.orders(["r1"]) == []
        assert store.open().answered("o1") == REFUSED

    def test_an_answer_can_come_with_an_entry(self, store: JournalStore) -> None:
        """In its transaction; the same transaction again changes nothing."""
        journal = store.open()
        claim = begun(journal)
        journal.order(order("o1", "r1"))
        for _ in range(2):
            journal.append(
                claim, "r1", expected=1, entries=[HOLD], live=True, answers=[REFUSED], txid="t2"
            )
        assert (journal.answered("o1"), len(journal.read("r1"))) == (REFUSED, 2)

    def test_the_first_answer_stands(self, store: JournalStore) -> None:
        """A later one, however it comes, says nothing."""
        journal = store.open()
        claim = begun(journal)
        journal.order(order("o1", "r1"))
        journal.answer(REFUSED)
        journal.answer(Answer(order="o1", rollout="r2"))
        later = [Answer(order="o1")]
        journal.append(claim, "r1", expected=1, entries=[], live=True, answers=later, txid="t2")
        assert journal.answered("o1") == REFUSED

    def test_an_answer_to_an_unknown_order_is_nothing(self, store: JournalStore) -> None:
        """It does not answer an order of that id that comes later."""
        journal = store.open()
        claim = begun(journal)
        journal.answer(REFUSED)
        journal.append(claim, "r1", expected=1, entries=[], live=True, answers=[REFUSED], txid="t2")
        assert journal.answered("o1") is None
        journal.order(order("o1", "r1"))
        assert [o.id for o in journal.orders(["r1"])] == ["o1"]

    def test_an_answered_order_left_again_keeps_its_answer(self, store: JournalStore) -> None:
        """Asking twice is not doing twice."""
        journal = store.open()
        journal.order(order("o1", "r1"))
        journal.answer(REFUSED)
        journal.order(order("o1", "r1"))
        assert (journal.orders(["r1"]), journal.answered("o1")) == ([], REFUSED)

    def test_an_answer_of_a_refused_transaction_is_not_kept(self, store: JournalStore) -> None:
        """The order still waits."""
        journal = store.open()
        claim = begun(journal)
        journal.order(order("o1", "r1"))
        with pytest.raises(Conflict):
            journal.append(
                claim, "r1", expected=9, entries=[HOLD], live=True, answers=[REFUSED], txid="t2"
            )
        assert (journal.answered("o1"), len(journal.orders(["r1"]))) == (None, 1)

    # --- freezes -----------------------------------------------------------------------------

    def test_the_newest_look_at_a_live_rollout_is_kept(self, store: JournalStore) -> None:
        """Another process sees it; the ended one's is dropped."""
        journal = store.open()
        claim = begun(journal)
        assert journal.shown("r1") is None
        for minute in (1, 2):
            journal.show([look("r1", at=START + 60 * minute), look("gone", at=START)])
        assert store.open().shown("r1") == look("r1", at=START + 120)
        assert journal.shown("gone") is None
        over = Cancelled(at=START + 180, detail="for a test")
        journal.append(claim, "r1", expected=1, entries=[over], live=False, txid="t2")
        assert store.open().shown("r1") is None

    def test_a_freeze_survives_and_comes_whole(self, store: JournalStore) -> None:
        """Another process sees it, and needs no claim either."""
        store.open().freeze(freeze("agents-api", rollbacks_too=True))
        assert store.open().freezes() == [freeze("agents-api", rollbacks_too=True)]

    def test_freezes_come_by_scope_also_those_that_are_over(self, store: JournalStore) -> None:
        """Whether a freeze is in force is the reader's to say."""
        journal = store.open()
        left: list[Freeze] = [freeze("b"), freeze("*"), freeze("a", until=START - 60)]
        for one in left:
            journal.freeze(one)
        assert [f.scope for f in journal.freezes()] == ["*", "a", "b"]
        assert journal.freezes()[1].until == START - 60

    def test_a_freeze_replaces_the_earlier_one_of_its_scope(self, store: JournalStore) -> None:
        """One scope, one freeze."""
        journal = store.open()
        journal.freeze(freeze("a"))
        journal.freeze(freeze("a", until=START + 7200, rollbacks_too=True))
        assert journal.freezes() == [freeze("a", until=START + 7200, rollbacks_too=True)]

    def test_ending_a_freeze_says_whether_there_was_one(self, store: JournalStore) -> None:
        """Others stay."""
        journal = store.open()
        journal.freeze(freeze("a"))
        journal.freeze(freeze("*"))
        assert journal.unfreeze("a")
        assert not journal.unfreeze("a")
        assert [f.scope for f in journal.freezes()] == ["*"]
