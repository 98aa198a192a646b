"""What every journal promises of orders, outgoing notices and snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from guardian.ports import Dead, Journal, Outgoing, Pending, Retry, Sent
from tests.contracts.journal_claim_contract import JournalStore, claimed
from tests.contracts.journal_values import (
    START,
    TARGET,
    notice,
    outgoing,
    snapshot,
    started,
)

NOW = START + 1000


def telling(journal: Journal, rollout: str, out: Sequence[Outgoing]) -> None:
    """A rollout on a target of its own that leaves these notices."""
    target = f"{TARGET}:{rollout}"
    claim = claimed(journal, journal.open_lease("a"), target)
    journal.append(
        claim,
        rollout,
        expected=0,
        entries=[started(rollout, target=target)],
        live=True,
        outgoing=out,
        txid="t1",
    )


def waiting(journal: Journal, now: float = NOW) -> list[tuple[str, str, int]]:
    """(receiver, rollout, seq) of what is due."""
    return [(p.receiver, p.notice.rollout, p.notice.seq) for p in journal.due(now)]


def only(journal: Journal, now: float = NOW) -> Pending:
    """The one notice that is due."""
    (pending,) = journal.due(now)
    return pending


class OutboxContract:
    """Notices leave at least once, in order, receiver by receiver; orders arrive once."""

    def test_a_notice_is_due_at_once_and_whole(self, store: JournalStore) -> None:
        """It comes out as it went in, with no attempts and no handle."""
        journal = store.open()
        telling(journal, "r1", outgoing("r1", 1))
        pending = only(store.open())
        assert (pending.receiver, pending.attempts, pending.handle) == ("slack", 0, None)
        assert pending.notice == notice("r1", 1)
        assert journal.pending() == 1

    def test_a_lane_tells_one_rollout_in_order(self, store: JournalStore) -> None:
        """Only the oldest notice is due; the next one once that is settled."""
        journal = store.open()
        telling(journal, "r1", outgoing("r1", 1, 2, 3))
        for seq in (1, 2, 3):
            assert waiting(journal) == [("slack", "r1", seq)]
            journal.ack(only(journal), Sent())
        assert waiting(journal) == []
        assert journal.pending() == 0

    def test_what_is_told_beside_an_entry_is_a_notice_of_its_own(self, store: JournalStore) -> None:
        """It takes the place of none; the same one twice is once."""
        journal = store.open()
        (own,) = outgoing("r1", 1)
        beside = replace(own, notice=replace(own.notice, beside="unguarded"))
        telling(journal, "r1", [own, beside, beside, *outgoing("r1", 2)])
        told = []
        while journal.pending():
            told.append(only(journal).notice.id)
            journal.ack(only(journal), Sent())
        assert told == ["r1/1", "r1/1/unguarded", "r1/2"]

    def test_a_page_overtakes_a_message_that_is_delayed(self, store: JournalStore) -> None:
        """What only informs may wait for a vendor's pause; who has to be woken may not."""
        journal = store.open()
        (message, page) = outgoing("r1", 1, 2)
        message = replace(message, notice=replace(message.notice, pages=()))
        telling(journal, "r1", [message, page])
        journal.ack(journal.due(NOW)[0], Retry(at=NOW + 60, error="busy"))
        assert waiting(journal) == [("slack", "r1", 2)]
        journal.ack(only(journal), Sent())
        assert waiting(journal) == []
        assert waiting(journal, NOW + 60) == [("slack", "r1", 1)]

    def test_looking_does_not_take(self, store: JournalStore) -> None:
        """A process that dies while it delivers loses nothing."""
        journal = store.open()
        telling(journal, "r1", outgoing("r1", 1))
        assert journal.due(NOW) == journal.due(NOW) == store.open().due(NOW)

    def test_one_of_two_takes_a_notice_and_has_it_until_then(self, store: JournalStore) -> None:
        """Both saw it; the other one gets it only when the time is over, and its followers wait."""
        one, other = store.open(), store.open()
        telling(one, "r1", outgoing("r1", 1, 2))
        first, second = only(one), only(other)
        assert one.claim_notice(first, now=NOW, until=NOW + 30)
        assert not other.claim_notice(second, now=NOW, until=NOW + 30)
        assert waiting(other, NOW + 29.999) == []
        assert other.claim_notice(only(other, NOW + 30), now=NOW + 30, until=NOW + 60)
        assert one.pending() == 2

    def test_what_was_told_or_tried_since_is_not_taken(self, store: JournalStore) -> None:
        """Of an older look nothing follows."""
        journal = store.open()
        telling(journal, "r1", outgoing("r1", 1, 2))
        seen = only(journal)
        journal.ack(seen, Retry(at=NOW + 5, error="busy"))
        assert not journal.claim_notice(seen, now=NOW + 5, until=NOW + 30)
        again = only(journal, NOW + 5)
        journal.ack(again, Sent())
        assert not journal.claim_notice(again, now=NOW + 5, until=NOW + 30)

    def test_what_was_taken_is_settled_as_ever(self, store: JournalStore) -> None:
        """Told, it lets the next one go at once."""
        journal = store.open()
        telling(journal, "r1", outgoing("r1", 1, 2))
        seen = only(journal)
        assert journal.claim_notice(seen, now=NOW, until=NOW + 30)
        journal.ack(seen, Sent())
        assert waiting(journal) == [("slack", "r1", 2)]

    def test_lanes_do_not_wait_for_each_other(self, store: JournalStore) -> None:
        """A silent Slack keeps no page back."""
        journal = store.open()
        telling(journal, "r1", [*outgoing("r1", 1, 2), *outgoing("r1", 1, 2, receiver="pagerduty")])
        slack, pagerduty = journal.due(NOW)
        journal.ack(slack, Retry(at=NOW + 60, error="busy"))
        journal.ack(pagerduty, Sent())
        assert waiting(journal) == [("pagerduty", "r1", 2)]

    def test_rollouts_do_not_wait_for_each_other(self, store: JournalStore) -> None:
        """One rollout's undeliverable notice is its own."""
        journal = store.open()
        telling(journal, "r1", outgoing("r1", 1, 2))
        telling(journal, "r2", outgoing("r2", 1))
        assert waiting(journal) == [("slack", "r1", 1), ("slack", "r2", 1)]
        journal.ack(journal.due(NOW)[0], Retry(at=NOW + 60, error="busy"))
        assert waiting(journal) == [("slack", "r2", 1)]

    def test_a_retry_waits_for_its_time(self, store: JournalStore) -> None:
        """It is due at its instant, not before, and knows its attempts."""
        journal = store.open()
        telling(journal, "r1", outgoing("r1", 1, 2))
        journal.ack(only(journal), Retry(at=NOW + 60, error="busy"))
        assert waiting(journal, NOW + 59.999) == []
        assert journal.pending() == 2
        again = only(journal, NOW + 60)
        assert (again.notice.seq, again.attempts) == (1, 1)

    def test_a_dead_notice_lets_the_next_one_go(self, store: JournalStore) -> None:
        """It waits no longer, and is not counted as waiting."""
        journal = store.open()
        telling(journal, "r1", outgoing("r1", 1, 2))
        journal.ack(only(journal), Dead(error="the channel is gone"))
        assert waiting(journal) == [("slack", "r1", 2)]
        assert journal.pending() == 1

    def test_a_handle_is_handed_to_the_next_notice(self, store: JournalStore) -> None:
        """Of the same receiver and rollout, and of no other."""
        journal = store.open()
        telling(journal, "r1", [*outgoing("r1", 1, 2), *outgoing("r1", 1, receiver="pagerduty")])
        telling(journal, "r2", outgoing("r2", 1))
        journal.ack(journal.due(NOW)[0], Sent(handle="thread-1"))
        handles = {(p.receiver, p.notice.rollout): p.handle for p in store.open().due(NOW)}
        assert handles == {
            ("slack", "r1"): "thread-1",
            ("pagerduty", "r1"): None,
            ("slack", "r2"): None,
        }

    def test_a_new_handle_replaces_and_none_keeps(self, store: JournalStore) -> None:
        """A delivery that names no thread does not lose the one there is."""
        journal = store.open()
        telling(journal, "r1", outgoing("r1", 1, 2, 3, 4))
        journal.ack(only(journal), Sent(handle="one"))
        journal.ack(only(journal), Sent(handle="two"))
        journal.ack(only(journal), Sent(handle=None))
        assert only(journal).handle == "two"

    @pytest.mark.parametrize("result", [Sent(), Retry(at=NOW + 60, error="x"), Dead(error="x")])
    def test_settling_twice_is_once(self, store: JournalStore, result: Sent | Retry | Dead) -> None:
        """The same result of the same attempt counts once."""
        journal = store.open()
        telling(journal, "r1", outgoing("r1", 1, 2))
        first = only(journal)
        journal.ack(first, result)
        journal.ack(first, result)
        after = only(journal, NOW + 60)
        expected = (1, 1) if isinstance(result, Retry) else (2, 0)
        assert (after.notice.seq, after.attempts) == expected

    def test_what_was_sent_stays_sent(self, store: JournalStore) -> None:
        """A late failure of a second deliverer brings nothing back, nor another's handle."""
        journal = store.open()
        telling(journal, "r1", outgoing("r1", 1, 2))
        first = only(journal)
        journal.ack(first, Sent(handle="one"))
        journal.ack(first, Retry(at=NOW, error="late"))
        journal.ack(first, Dead(error="late"))
        journal.ack(first, Sent(handle="two"))
        assert (only(journal).notice.seq, only(journal).handle) == (2, "one")

    def test_a_success_ends_a_retry(self, store: JournalStore) -> None:
        """Delivered once is delivered, whoever failed in between."""
        journal = store.open()
        telling(journal, "r1", outgoing("r1", 1))
        first = only(journal)
        journal.ack(first, Retry(at=NOW + 60, error="busy"))
        store.open().ack(first, Sent())
        assert journal.pending() == 0

    def test_the_same_notice_on_the_same_lane_is_once(self, store: JournalStore) -> None:
        """Rollout, seq and receiver identify it; the first text stays."""
        journal = store.open()
        again = [Outgoing(receiver="slack", notice=notice("r1", 1, title="other"))]
        telling(
            journal, "r1", [*outgoing("r1", 1), *again, *outgoing("r1", 1, receiver="pagerduty")]
        )
        assert journal.pending() == 2
        assert journal.due(NOW)[0].notice.title == "held"

    def test_what_is_due_is_bounded_and_oldest_first(self, store: JournalStore) -> None:
        """One look brings at most `limit` notices."""
        journal = store.open()
        for name in ("r3", "r1", "r2"):
            telling(journal, name, outgoing(name, 1))
        assert [p.notice.rollout for p in journal.due(NOW, limit=2)] == ["r3", "r1"]

    # --- snapshots ---------------------------------------------------------------------------

    def test_snapshots_come_newest_first(self, store: JournalStore) -> None:
        """By the time they were taken, each service's own, whole, at most `limit`."""
        journal = store.open()
        for minute in (3, 1, 2):
            journal.save_snapshot(snapshot(taken_at=START + minute * 60))
        journal.save_snapshot(snapshot("billing"))
        found = store.open().snapshots("agents-api")
        assert found == [snapshot(taken_at=START + minute * 60) for minute in (3, 2, 1)]
        assert store.open().snapshots("agents-api", limit=1) == found[:1]
        assert journal.snapshots("nobody") == []
