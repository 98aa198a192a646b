"""What is decided of a rollback under way: confirmed, by whom, stuck, or asserted again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.rollout.decide import decide
from guardian.core.rollout.desired import Verb, must_write
from guardian.core.rollout.entries import (
    Cause,
    Entry,
    HoldReason,
    RollbackConfirmed,
    RollbackStarted,
    RollbackStuck,
)
from guardian.core.rollout.machine import Phase, Rollout, apply
from guardian.core.rollout.progress import Observation
from guardian.core.traffic import Traffic
from tests.core.rollouts import (
    BACK,
    FAIL,
    PASS,
    ROLLOUT_ID,
    STABLE,
    T0,
    TEN,
    WATCH,
    held,
    in_phase,
    reading,
    saw,
)

STILL_TEN = Traffic(primary="41", secondary="42", weight=TEN)


def entry(seen: Observation, *, at: float = 0.0, state: Rollout | None = None) -> Entry | None:
    """What is decided of a rollback that began at T0."""
    return decide(state or in_phase(Phase.ROLLING_BACK), seen, T0 + at).entry


def test_an_acknowledged_write_that_is_read_back_confirms() -> None:
    """Guardian wrote, and the router shows stable."""
    decided = entry(replace(saw(found=STABLE), wrote=True))
    assert decided == RollbackConfirmed(at=T0, by_guardian=True, detail="read back: 41 100%")


def test_our_stamp_confirms_a_write_whose_answer_was_lost() -> None:
    """The stamp proves whose write it was, for a new process too."""
    stamped = replace(saw(), reading=reading(STABLE, stamped_by=ROLLOUT_ID))
    decided = entry(stamped)
    assert isinstance(decided, RollbackConfirmed)
    assert decided.by_guardian


def test_another_stamp_is_not_ours() -> None:
    """A stamp of another rollout says nothing of this one's write."""
    assert entry(replace(saw(), reading=reading(STABLE, stamped_by="r-other"))) is None


def test_stable_without_a_try_of_ours_is_not_yet_confirmed() -> None:
    """A rollback always writes: an earlier write of ours could still be on its way."""
    state = in_phase(Phase.ROLLING_BACK)
    assert entry(saw(found=STABLE)) is None
    wanted = must_write(state, reading(STABLE), fenced=True, wrote=False)
    assert wanted is not None
    assert wanted.verb is Verb.RESTORE


def test_stable_after_a_vain_try_was_somebody_else() -> None:
    """Who could not write and finds stable was helped."""
    decided = entry(replace(saw(found=STABLE), tried=True))
    assert isinstance(decided, RollbackConfirmed)
    assert not decided.by_guardian
    assert decided.detail == "somebody else put it back: 41 100%"


def test_what_was_never_moved_was_put_back_by_nobody() -> None:
    """A shift was tried, none was ever read back, and stable has what it had."""
    unmoved = replace(in_phase(Phase.ROLLING_BACK), confirmed=())
    decided = entry(replace(saw(found=STABLE), tried=True), state=unmoved)
    assert isinstance(decided, RollbackConfirmed)
    assert not decided.by_guardian
    assert decided.detail == "it was never seen moved: 41 100%"


@pytest.mark.parametrize("found", [STILL_TEN, None], ids=["other", "unread"])
def test_nothing_is_confirmed_before_it_is_read_back(found: Traffic | None) -> None:
    """An acknowledged write alone is no confirmation."""
    assert entry(replace(saw(FAIL, found=found), wrote=True, tried=True), at=59) is None


def test_a_rollback_is_asserted_again_until_it_is_read_back() -> None:
    """Other weights than the snapshot's are written over, whatever was acknowledged."""
    state = in_phase(Phase.ROLLING_BACK)
    assert must_write(state, reading(STILL_TEN), fenced=True, wrote=True) is not None


def test_a_stuck_rollback_pages_once_at_each_of_two_times() -> None:
    """After 60 seconds, and after 5 minutes; never more."""
    state = in_phase(Phase.ROLLING_BACK)
    told = []
    for second in range(0, 3600, 10):
        decided = entry(saw(found=STILL_TEN), at=second, state=state)
        if decided is not None:
            assert isinstance(decided, RollbackStuck)
            state = apply(state, decided)
            told.append((second, decided.level))
    assert told == [(60, 1), (300, 2)]


def test_both_pages_of_a_rollback_seen_late_go_out() -> None:
    """A process that comes back after a day pages at both levels, one after the other."""
    state = in_phase(Phase.ROLLING_BACK)
    for level in (1, 2):
        decided = entry(saw(), at=86400, state=state)
        assert isinstance(decided, RollbackStuck)
        assert decided.level == level
        state = apply(state, decided)
    assert entry(saw(), at=86400, state=state) is None


def test_a_page_says_what_stands_in_the_way() -> None:
    """The last error and what was found, or that nothing was."""
    unread = entry(replace(saw(), trouble="AccessDenied"), at=60)
    assert isinstance(unread, RollbackStuck)
    assert unread.detail == "AccessDenied; the traffic cannot be read"
    other = entry(saw(found=STILL_TEN), at=60)
    assert isinstance(other, RollbackStuck)
    assert other.detail == "not read back yet; found 41 90%, 42 10%"


def test_a_state_without_its_rollback_counts_from_the_last_entry() -> None:
    """A state that no journal can produce still pages."""
    state = replace(in_phase(Phase.ROLLING_BACK), rollback=None)
    assert isinstance(entry(saw(), at=60, state=state), RollbackStuck)


def test_a_watch_confirms_its_rollback_alike() -> None:
    """The snapshot is what counts, not what was found."""
    state = in_phase(Phase.BAKING, BACK, plan=WATCH)
    decided = entry(replace(saw(found=STABLE), wrote=True), state=state)
    assert isinstance(decided, RollbackConfirmed)


@pytest.mark.parametrize("why", [None, HoldReason.PERSON, HoldReason.CONFLICT, HoldReason.BLIND])
def test_all_traffic_put_back_by_hand_is_a_rollback(why: HoldReason | None) -> None:
    """There is nothing left to wait for, baking or held: it ends, and says whose doing it was."""
    state = in_phase(Phase.BAKING, *([held(why)] if why else []))
    decided = entry(saw(PASS, found=STABLE), state=state)
    assert isinstance(decided, RollbackStarted)
    assert decided.cause is Cause.ABORTED
    assert decided.actor == "somebody else"


def test_a_rollback_that_a_person_stopped_is_not_begun_again_by_what_is_found() -> None:
    """The brake holds until it is let go."""
    stopped = in_phase(Phase.ROLLING_BACK, held(HoldReason.PERSON))
    assert entry(saw(found=STABLE), state=stopped) is None
