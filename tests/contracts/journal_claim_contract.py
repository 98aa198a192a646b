"""What every journal promises of leases and claims: who may act, and who may no longer."""

from __future__ import annotations

from typing import Protocol

import pytest

from guardian.ports import Claim, Fenced, Journal, Lease
from tests.contracts.journal_values import TARGET, ManualClock

OTHER = f"{TARGET}2"


class JournalStore(Protocol):
    """One store, seen by several processes, under one clock."""

    clock: ManualClock

    def open(self) -> Journal:
        """Another process's view; closed with the store."""
        ...

    def pass_s(self, seconds: float) -> None:
        """Let time pass, every process having looked around before it: who only now comes to a
        store that has no clock of its own cannot know how long another one has been silent.
        """
        ...

    def close(self) -> None:
        """End every process."""
        ...


def claimed(journal: Journal, lease: Lease, target: str = TARGET, *, over: bool = False) -> Claim:
    """A claim that must be granted."""
    claim = journal.claim(lease, target, take_over=over)
    assert claim is not None
    return claim


class ClaimContract:
    """Leases live by their beats; claims live by their lease; epochs only grow."""

    def test_leases_differ(self, store: JournalStore) -> None:
        """Each lease has an id of its own, in every process and after restarts."""
        ids = [store.open().open_lease("a").id for _ in range(5)]
        journal = store.open()
        gone = journal.open_lease("a")
        journal.close_lease(gone)
        assert len({*ids, gone.id, journal.open_lease("a").id}) == 7

    def test_a_free_target_is_granted(self, store: JournalStore) -> None:
        """The first claim names the target and the lease, and its epoch is at least 1."""
        journal = store.open()
        lease = journal.open_lease("a")
        claim = claimed(journal, lease)
        assert (claim.target, claim.lease) == (TARGET, lease.id)
        assert claim.epoch >= 1

    def test_the_holder_gets_its_present_claim_back(self, store: JournalStore) -> None:
        """Asking again changes nothing, not even with a take-over."""
        journal = store.open()
        lease = journal.open_lease("a")
        claim = claimed(journal, lease)
        assert journal.claim(lease, TARGET) == claim
        assert journal.claim(lease, TARGET, take_over=True) == claim

    def test_a_held_target_is_refused(self, store: JournalStore) -> None:
        """While a living lease holds it, another lease gets nothing."""
        journal, other = store.open(), store.open()
        claim = claimed(journal, journal.open_lease("a"))
        assert other.claim(other.open_lease("b"), TARGET) is None
        assert journal.holder(TARGET) == "a"
        assert claim.epoch == claimed(journal, Lease(id=claim.lease, owner="a")).epoch

    def test_two_leases_of_one_process_are_strangers(self, store: JournalStore) -> None:
        """A claim belongs to a lease, not to a process."""
        journal = store.open()
        claimed(journal, journal.open_lease("a"))
        assert journal.claim(journal.open_lease("b"), TARGET) is None

    def test_targets_are_claimed_independently(self, store: JournalStore) -> None:
        """Holding one target says nothing of another."""
        journal, other = store.open(), store.open()
        claimed(journal, journal.open_lease("a"))
        assert claimed(other, other.open_lease("b"), OTHER).target == OTHER

    def test_a_released_claim_can_be_taken_with_a_higher_epoch(self, store: JournalStore) -> None:
        """Giving back keeps the epoch, so that the next one is greater."""
        journal, other = store.open(), store.open()
        claim = claimed(journal, journal.open_lease("a"))
        journal.release(claim)
        assert journal.holder(TARGET) is None
        assert claimed(other, other.open_lease("b")).epoch > claim.epoch

    def test_the_releaser_too_gets_a_higher_epoch(self, store: JournalStore) -> None:
        """A change of hands from nobody is a change of hands."""
        journal = store.open()
        lease = journal.open_lease("a")
        claim = claimed(journal, lease)
        journal.release(claim)
        assert claimed(journal, lease).epoch > claim.epoch

    def test_releasing_twice_is_once(self, store: JournalStore) -> None:
        """A late release does not take the target from its next holder."""
        journal, other = store.open(), store.open()
        claim = claimed(journal, journal.open_lease("a"))
        journal.release(claim)
        claimed(other, other.open_lease("b"))
        journal.release(claim)
        assert journal.holder(TARGET) == "b"

    def test_closing_a_lease_gives_up_every_claim(self, store: JournalStore) -> None:
        """A process that leaves keeps nothing."""
        journal, other = store.open(), store.open()
        lease = journal.open_lease("a")
        first, second = claimed(journal, lease), claimed(journal, lease, OTHER)
        journal.close_lease(lease)
        newcomer = other.open_lease("b")
        assert claimed(other, newcomer).epoch > first.epoch
        assert claimed(other, newcomer, OTHER).epoch > second.epoch

    def test_closing_a_lease_twice_is_once(self, store: JournalStore) -> None:
        """Leaving is idempotent."""
        journal = store.open()
        lease = journal.open_lease("a")
        journal.close_lease(lease)
        journal.close_lease(lease)
        assert journal.holder(TARGET) is None

    def test_a_closed_lease_can_do_nothing(self, store: JournalStore) -> None:
        """It neither beats nor claims."""
        journal = store.open()
        lease = journal.open_lease("a")
        journal.close_lease(lease)
        with pytest.raises(Fenced):
            journal.beat(lease)
        with pytest.raises(Fenced):
            journal.claim(lease, TARGET)

    def test_beats_keep_a_lease_alive(self, store: JournalStore) -> None:
        """As long as it beats in time, nobody takes its claims."""
        journal, other = store.open(), store.open()
        lease = journal.open_lease("a")
        claim = claimed(journal, lease)
        for _ in range(6):
            store.pass_s(20)
            journal.beat(lease)
        assert other.claim(other.open_lease("b"), TARGET) is None
        assert journal.claim(lease, TARGET) == claim

    def test_a_lease_lives_almost_30_seconds_without_a_beat(self, store: JournalStore) -> None:
        """Two lost beats do not kill: who has been there for a while can tell."""
        journal, other = store.open(), store.open()
        store.pass_s(100)
        lease = journal.open_lease("a")
        claimed(journal, lease)
        store.pass_s(29.5)
        assert other.claim(other.open_lease("b"), TARGET) is None
        journal.beat(lease)

    def test_a_silent_lease_loses_its_claims(self, store: JournalStore) -> None:
        """After 30 s without a beat the target is free, under a higher epoch."""
        journal, other = store.open(), store.open()
        claim = claimed(journal, journal.open_lease("a"))
        store.pass_s(30.5)
        assert other.holder(TARGET) is None
        assert claimed(other, other.open_lease("b")).epoch > claim.epoch

    def test_a_silent_lease_lives_again_with_its_next_beat(self, store: JournalStore) -> None:
        """A process that was frozen goes on with what nobody took meanwhile."""
        journal = store.open()
        lease = journal.open_lease("a")
        claim = claimed(journal, lease)
        store.pass_s(30.5)
        assert journal.holder(TARGET) is None
        journal.beat(lease)
        assert journal.holder(TARGET) is not None
        assert journal.holds(claim)

    def test_a_frozen_process_does_not_hold_what_was_taken_from_it(
        self, store: JournalStore
    ) -> None:
        """It learns so before its next write."""
        journal, other = store.open(), store.open()
        lease = journal.open_lease("a")
        claim = claimed(journal, lease)
        store.pass_s(31)
        newer = claimed(other, other.open_lease("b"))
        journal.beat(lease)
        assert not journal.holds(claim)
        assert other.holds(newer)
        journal.close_lease(lease)
        assert other.holds(newer)

    def test_a_released_claim_is_not_held(self, store: JournalStore) -> None:
        """Nor one whose lease was given up."""
        journal = store.open()
        lease = journal.open_lease("a")
        claim = claimed(journal, lease)
        journal.release(claim)
        assert not journal.holds(claim)
        again = claimed(journal, lease)
        journal.close_lease(lease)
        assert not journal.holds(again)

    def test_a_silent_lease_without_claims_is_buried(self, store: JournalStore) -> None:
        """Whatever tidying a newcomer does, the dead are not revived by it."""
        journal, other = store.open(), store.open()
        lease = journal.open_lease("a")
        store.pass_s(31)
        claimed(other, other.open_lease("b"))
        with pytest.raises(Fenced):
            journal.beat(lease)

    @pytest.mark.parametrize("jump_s", [-63_072_000.0, 63_072_000.0])
    def test_the_wall_clock_neither_kills_nor_revives(
        self, store: JournalStore, jump_s: float
    ) -> None:
        """A step of two years changes nothing."""
        journal, other = store.open(), store.open()
        lease = journal.open_lease("a")
        claimed(journal, lease)
        store.clock.jump_s(jump_s)
        journal.beat(lease)
        assert other.claim(other.open_lease("b"), TARGET) is None
        store.pass_s(31)
        store.clock.jump_s(-jump_s)
        assert other.holder(TARGET) is None

    def test_a_take_over_raises_the_epoch_over_a_living_holder(self, store: JournalStore) -> None:
        """The emergency path does not wait for anybody."""
        journal, other = store.open(), store.open()
        lease = journal.open_lease("a")
        claim = claimed(journal, lease)
        taken = claimed(other, other.open_lease("b"), over=True)
        assert taken.epoch > claim.epoch
        assert other.holder(TARGET) == "b"
        assert journal.claim(lease, TARGET) is None

    def test_a_taken_over_claim_cannot_be_released(self, store: JournalStore) -> None:
        """Who lost a target gives nothing back."""
        journal, other = store.open(), store.open()
        claim = claimed(journal, journal.open_lease("a"))
        claimed(other, other.open_lease("b"), over=True)
        journal.release(claim)
        assert journal.holder(TARGET) == "b"

    def test_the_holder_is_known_to_every_process(self, store: JournalStore) -> None:
        """Its owner text is what a person reads; nobody holds what was never claimed."""
        journal, other = store.open(), store.open()
        claimed(journal, journal.open_lease("host 7, pid 12, run"))
        assert other.holder(TARGET) == "host 7, pid 12, run"
        assert other.holder(OTHER) is None

    def test_a_process_that_ended_loses_its_claims(self, store: JournalStore) -> None:
        """At the latest after 30 s somebody else can act."""
        journal, other = store.open(), store.open()
        claim = claimed(journal, journal.open_lease("a"))
        journal.close()
        store.pass_s(31)
        assert claimed(other, other.open_lease("b")).epoch > claim.epoch

    def test_epochs_only_grow(self, store: JournalStore) -> None:
        """Through releases, deaths and take-overs alike."""
        journal = store.open()
        epochs = []
        for round_ in range(9):
            lease = journal.open_lease(f"lease {round_}")
            claim = claimed(journal, lease, over=True)
            epochs.append(claim.epoch)
            if round_ % 3 == 0:
                journal.release(claim)
            elif round_ % 3 == 1:
                store.pass_s(40)
        assert epochs == sorted(set(epochs))
