"""The outbox: after the act, in order, again when it failed, never in another receiver's way."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from guardian.clock import SystemClock
from guardian.core.model import Reason
from guardian.core.notices import Event, Notice, Page, Severity
from guardian.engine.call_pool import ThreadCallPool
from guardian.engine.outbox import (
    ACT_FIRST_S,
    BACK_OFF_S,
    DIRECT_RETRY_S,
    INFORMATION_LIVES_S,
    REFUSALS,
    REFUSED_S,
    Outbox,
    Receiver,
)
from guardian.ports import Dead, NotifyError, Pending, Retry
from tests.engine.letterbox import NO_ANSWER, NOTICE, Ears, Post
from tests.simulation.serial import SerialCallPool


def test_a_notice_waits_until_the_act_was_tried() -> None:
    """Held back before it is recorded, told once it is released."""
    post = Post("chat")
    post.outbox.hold_back("r1", 2)
    post.put(NOTICE, "chat")
    post.outbox.step()
    assert post.ears["chat"].heard == []
    woken: list[bool] = []
    post.outbox.wake = lambda: woken.append(True)
    post.outbox.release("r1")
    assert woken == [True]
    post.outbox.step()
    assert post.ears["chat"].heard == [("r1", 2, None)]


def test_a_notice_waits_five_seconds_at_most_for_a_router_that_hangs() -> None:
    """People hear of the decision even when its act does not end."""
    post = Post("chat")
    post.outbox.hold_back("r1", 2)
    post.put(NOTICE, "chat")
    post.clock.pass_s(ACT_FIRST_S - 0.1)
    post.outbox.step()
    assert post.ears["chat"].heard == []
    post.clock.pass_s(0.1)
    post.outbox.step()
    assert post.ears["chat"].heard == [("r1", 2, None)]


def test_releasing_one_rollout_does_not_release_another() -> None:
    """Each waits for its own act."""
    post = Post("chat")
    post.outbox.hold_back("r1", 2)
    post.put(NOTICE, "chat")
    post.outbox.release("r2")
    post.outbox.step()
    assert post.ears["chat"].heard == []


def test_a_lane_hears_a_rollout_in_order_and_in_one_thread() -> None:
    """The second notice waits for the first, and carries its handle."""
    post = Post("chat")
    ears = post.ears["chat"]
    post.put(NOTICE, "chat")
    post.put(replace(NOTICE, seq=3), "chat")
    ears.error = NO_ANSWER
    post.outbox.step()
    post.outbox.step()
    ears.error = None
    post.clock.pass_s(BACK_OFF_S[1])
    while post.journal.pending():
        post.outbox.step()
    assert ears.heard == [("r1", 2, None), ("r1", 3, "thread of r1")]


def test_a_failing_lane_does_not_keep_another_from_hearing() -> None:
    """Chat is down; the pager goes off."""
    post = Post("chat", "pager")
    post.ears["chat"].error = NO_ANSWER
    post.put(NOTICE, "chat", "pager")
    post.put(replace(NOTICE, seq=3), "chat", "pager")
    for _ in range(4):
        post.outbox.step()
    assert [seq for _, seq, _ in post.ears["pager"].heard] == [2, 3]
    assert post.outbox.failed > 0
    assert post.outbox.last_error == "chat: no answer"


def test_a_hanging_lane_does_not_delay_another() -> None:
    """Each receiver has a stepper of its own: no page waits for a chat that hangs."""
    release = threading.Event()
    post = Post("chat", "pager", pool=ThreadCallPool(SystemClock()))

    class Hanging(Ears):
        def send(self, notice: Notice, *, handle: str | None) -> str | None:
            release.wait(20.0)
            return None

    steppers = Outbox(
        post.dependencies,
        receivers=[
            Receiver(name="chat", notifier=Hanging()),
            Receiver(name="pager", notifier=post.ears["pager"]),
        ],
        pool=ThreadCallPool(SystemClock()),
    ).steppers()
    for seq in range(2, 7):
        post.put(replace(NOTICE, seq=seq), "chat", "pager")
    chat = threading.Thread(target=steppers["outbox-chat"], daemon=True)
    chat.start()
    for _ in range(5):
        steppers["outbox-pager"]()
    assert chat.is_alive()
    assert [seq for _, seq, _ in post.ears["pager"].heard] == [2, 3, 4, 5, 6]
    release.set()
    chat.join(20.0)


def test_a_long_backlog_of_one_lane_does_not_hide_another() -> None:
    """A hundred rollouts wait for chat; the pager's one notice is still seen."""
    post = Post("chat", "pager")
    for number in range(100):
        post.put(replace(NOTICE, rollout=f"r{number}"), "chat")
    post.put(replace(NOTICE, rollout="bad"), "pager")
    post.outbox.steppers()["outbox-pager"]()
    assert post.ears["pager"].heard == [("bad", 2, None)]


def test_pages_leave_before_what_only_informs() -> None:
    """Of several rollouts that wait for one receiver, the one that needs a person comes first."""
    post = Post("chat")
    page = Page(key="guardian/x", severity=Severity.CRITICAL)
    post.put(NOTICE, "chat")
    post.put(replace(NOTICE, rollout="r2", pages=(page,)), "chat")
    post.outbox.step()
    assert [rollout for rollout, _, _ in post.ears["chat"].heard] == ["r2"]


@pytest.mark.parametrize("attempts", [0, 3, 50])
def test_back_off_is_bounded_and_grows(attempts: int) -> None:
    """From about a second to a minute, never more, however often it failed."""
    post = Post("chat")
    now = post.clock.now()
    pending = Pending(
        id="x", receiver="chat", notice=replace(NOTICE, at=now), attempts=attempts, handle=None
    )
    verdict = post.outbox._verdict(pending, NO_ANSWER, now)
    assert isinstance(verdict, Retry)
    full = min(BACK_OFF_S[1], BACK_OFF_S[0] * 2.0**attempts)
    assert full / 2 <= verdict.at - now <= full


def test_the_vendors_wish_to_wait_is_honoured() -> None:
    """Retry-After outweighs the back-off."""
    post = Post("chat")
    post.put(NOTICE, "chat")
    post.ears["chat"].error = NotifyError(
        Reason.THROTTLED, "slow down", retryable=True, after_s=120.0
    )
    post.outbox.step()
    post.ears["chat"].error = None
    post.clock.pass_s(119.0)
    post.outbox.step()
    assert post.ears["chat"].heard == []
    post.clock.pass_s(1.0)
    post.outbox.step()
    assert post.ears["chat"].heard != []


def test_information_dies_of_age_and_a_page_never_does() -> None:
    """An hour-old "step 2 begins" helps nobody; an hour-old page does."""
    page = Page(key="guardian/x", severity=Severity.CRITICAL)
    for notice, dies in (
        (NOTICE, True),
        (replace(NOTICE, pages=(page,)), False),
        (replace(NOTICE, resolves=("guardian/x",)), False),
    ):
        post = Post("chat")
        post.ears["chat"].error = NO_ANSWER
        post.put(notice, "chat")
        post.clock.pass_s(INFORMATION_LIVES_S + 1)
        post.outbox.step()
        assert (post.journal.pending() == 0) is dies


def test_a_final_error_is_kept_as_dead_and_the_next_notice_goes_on() -> None:
    """A channel that does not exist will not exist in an hour either."""
    post = Post("chat")
    post.put(NOTICE, "chat")
    post.put(replace(NOTICE, seq=3), "chat")
    post.ears["chat"].error = NotifyError(Reason.NOT_FOUND, "no such channel", retryable=False)
    for _ in range(REFUSALS):
        post.outbox.step()
        post.clock.pass_s(REFUSED_S[1])
    post.ears["chat"].error = None
    post.outbox.step()
    assert isinstance(post.journal.settled[REFUSALS - 1], Dead)
    assert [seq for _, seq, _ in post.ears["chat"].heard] == [3]


def test_a_message_for_an_unknown_lane_is_dead_when_it_is_old() -> None:
    """Until then another guardian on the journal may deliver it; after it, it is cleared away."""
    post = Post("chat")
    post.put(NOTICE, "gone")
    post.outbox.steppers()["outbox"]()
    assert post.journal.pending() == 1
    post.clock.pass_s(2 * 3600.0)
    post.outbox.steppers()["outbox"]()
    assert post.journal.settled == [Dead(error="no notifier is configured here for gone")]


def test_a_page_for_an_unknown_lane_waits_for_a_guardian_that_knows_it() -> None:
    """Another configuration on the same journal must not lose somebody's page."""
    post = Post("chat")
    post.put(replace(NOTICE, resolves=("guardian/production/agents-api/r1/stuck",)), "gone")
    post.clock.pass_s(2 * 3600.0)
    post.outbox.steppers()["outbox"]()
    assert post.journal.pending() == 1


def test_a_delivered_notice_is_not_delivered_again_while_the_journal_is_full() -> None:
    """A journal that can be read and not written must not become a storm of messages."""
    post = Post("chat")
    post.put(NOTICE, "chat")
    post.journal.full = True
    delays = [post.outbox.step() for _ in range(5)]
    assert post.ears["chat"].heard == [("r1", 2, None)]
    assert min(delays[1:]) >= 1.0
    post.journal.full = False
    post.outbox.step()
    assert post.ears["chat"].heard == [("r1", 2, None)]
    assert post.journal.pending() == 0


def test_a_notice_that_another_process_is_telling_is_left_to_it() -> None:
    """Also when that one dies with it: then it is told a little later, by whoever is there."""
    post = Post("chat")
    post.put(NOTICE, "chat")
    (pending,) = post.journal.due(post.clock.now())
    until = post.clock.now() + 30.0
    assert post.journal.claim_notice(pending, now=post.clock.now(), until=until)
    post.outbox.step()
    assert post.ears["chat"].heard == []
    post.clock.pass_s(30.0)
    post.outbox.step()
    assert post.ears["chat"].heard == [("r1", 2, None)]


def test_two_processes_tell_a_notice_once() -> None:
    """Both saw that it is due before either told it."""
    post = Post("chat")
    post.put(NOTICE, "chat")
    (seen,) = post.journal.due(post.clock.now())
    post.outbox.step()
    assert post.ears["chat"].heard == [("r1", 2, None)]
    assert not post.journal.claim_notice(seen, now=post.clock.now(), until=post.clock.now() + 30.0)


def test_the_direct_word_goes_to_every_lane_once_it_is_heard() -> None:
    """With the journal down it is sent at once, again after a while, and not after it was heard."""
    post = Post("chat", "pager")
    post.ears["chat"].error = NO_ANSWER
    post.outbox.tell_now(NOTICE)
    post.outbox.tell_now(NOTICE)
    assert len(post.ears["pager"].heard) == 1
    post.ears["chat"].error = None
    post.clock.pass_s(DIRECT_RETRY_S)
    post.outbox.tell_now(NOTICE)
    post.clock.pass_s(DIRECT_RETRY_S)
    post.outbox.tell_now(NOTICE)
    assert len(post.ears["chat"].heard) == len(post.ears["pager"].heard) == 1


def test_a_lane_takes_only_the_events_and_services_it_wants() -> None:
    """Nothing to tell is nothing to send."""
    post = Post()
    receivers = [
        Receiver(name="all", notifier=Ears()),
        Receiver(name="stuck", notifier=Ears(), events=frozenset({Event.STUCK})),
        Receiver(name="other", notifier=Ears(), services=frozenset({"web"})),
    ]
    outbox = Outbox(post.dependencies, receivers=receivers, pool=SerialCallPool())
    assert [o.receiver for o in outbox.route(NOTICE)] == ["all"]
    assert [o.receiver for o in outbox.route(replace(NOTICE, event=Event.STUCK))] == [
        "all",
        "stuck",
    ]
    assert outbox.route(None) == []


def test_a_lane_that_was_taken_out_still_delivers_what_it_was_given() -> None:
    """Nothing new leaves by it; a receiver that is still there may be another notifier by now."""
    post = Post("chat", "pager")
    post.put(NOTICE, "chat", "pager")
    other = Ears()
    assert post.outbox.replace([Receiver(name="chat", notifier=other)]) == ["pager"]
    assert [o.receiver for o in post.outbox.route(NOTICE)] == ["chat"]
    assert set(post.outbox.steppers()) == {"outbox-chat", "outbox-pager", "outbox"}
    for step in post.outbox.steppers().values():
        step()
    assert len(other.heard) == len(post.ears["pager"].heard) == 1
    assert post.ears["chat"].heard == []
    assert post.journal.pending() == 0
    assert post.outbox.replace([Receiver(name="pager", notifier=other)]) == ["chat"]
    assert [o.receiver for o in post.outbox.route(NOTICE)] == ["pager"]
