"""Notifiers that refuse: no page is lost, the others hear of it, and it is said."""

from __future__ import annotations

from dataclasses import replace

from guardian.core.model import Reason
from guardian.core.notices import Event, Page, Severity
from guardian.engine.outbox import (
    PAGES_LIVE_S,
    REFUSALS,
    REFUSED_S,
)
from guardian.ports import NotifyError, Retry
from tests.engine.letterbox import NOTICE, Post

PAGE = Page(key="guardian/production/agents-api/r1/stuck", severity=Severity.CRITICAL)
REFUSAL = NotifyError(Reason.AUTH, "pager says 403: the key is unknown", retryable=False)


def test_a_page_is_not_dropped_for_a_refusal() -> None:
    """It is tried again, with pauses that grow to minutes, and delivered when it is taken."""
    post = Post("pager")
    post.ears["pager"].error = REFUSAL
    post.put(replace(NOTICE, pages=(PAGE,)), "pager")
    for _ in range(20):
        post.outbox.step()
        post.clock.pass_s(REFUSED_S[1])
    assert post.journal.pending() == 1
    assert all(isinstance(verdict, Retry) for verdict in post.journal.settled)
    assert len(post.journal.settled) == 20
    post.ears["pager"].error = None
    post.outbox.step()
    assert post.ears["pager"].heard == [("r1", 2, None)]


def test_a_page_that_nobody_takes_is_given_up_after_days_and_that_is_said() -> None:
    """By then what it tells of was found in other ways."""
    post = Post("pager")
    post.ears["pager"].error = REFUSAL
    post.put(replace(NOTICE, pages=(PAGE,)), "pager")
    post.clock.pass_s(PAGES_LIVE_S)
    post.outbox.step()
    assert post.journal.pending() == 1
    post.clock.pass_s(REFUSED_S[1])
    post.outbox.step()
    assert post.journal.pending() == 0
    assert post.said[-1] == f"a page was given up after days ({REFUSAL.detail}): baking"


def test_the_other_notifiers_hear_once_that_one_refuses_pages_and_once_that_it_is_over() -> None:
    """Whatever they want to hear of else; the log says it as well, and so does the outbox."""
    post = Post("pager", "chat", "mail", events=frozenset({Event.COMPLETED}))
    post.ears["pager"].error = REFUSAL
    post.put(replace(NOTICE, pages=(PAGE,)), "pager")
    for _ in range(5):
        post.outbox.step()
        post.clock.pass_s(REFUSED_S[1])
    assert post.outbox.refusals == {"pager": REFUSAL.detail, "chat": "", "mail": ""}
    for other in ("chat", "mail"):
        (told,) = post.ears[other].notices
        assert told.title == "pager refuses guardian's pages"
        assert REFUSAL.detail in told.did
        assert [p.key for p in told.pages] == ["guardian/production/receiver-pager"]
    post.ears["pager"].error = None
    post.outbox.step()
    post.outbox.step()
    assert not any(post.outbox.refusals.values())
    for other in ("chat", "mail"):
        assert post.ears[other].notices[1].resolves == ("guardian/production/receiver-pager",)
        assert len(post.ears[other].notices) == 2
    assert [said.partition(":")[0] for said in post.said] == [
        "pager refuses what guardian tells",
        "pager takes what guardian tells again",
    ]
    assert [seq for _, seq, _ in post.ears["pager"].heard] == [2]


def test_a_message_that_is_refused_pages_nobody() -> None:
    """The others hear it, without being woken; it is dropped at last, so that later ones come."""
    post = Post("chat", "pager")
    post.ears["chat"].error = REFUSAL
    post.put(NOTICE, "chat")
    for _ in range(REFUSALS):
        assert post.journal.pending() == 1
        post.outbox.step()
        post.clock.pass_s(REFUSED_S[1])
    assert post.journal.pending() == 0
    (told,) = post.ears["pager"].notices
    assert (told.title, told.vital) == ("chat refuses guardian's messages", False)


def test_a_message_is_not_dropped_for_one_refusal() -> None:
    """A proxy may have said it."""
    post = Post("chat")
    post.ears["chat"].error = REFUSAL
    post.put(NOTICE, "chat")
    post.outbox.step()
    post.ears["chat"].error = None
    post.clock.pass_s(REFUSED_S[1])
    post.outbox.step()
    assert post.ears["chat"].heard == [("r1", 2, None)]


def test_what_no_journal_can_hold_takes_no_other_notice_along() -> None:
    """A notifier's handle that breaks the record is left out, and the next notice goes on."""
    post = Post("chat")
    post.journal.breaks = True
    post.put(NOTICE, "chat")
    post.put(replace(NOTICE, seq=3), "chat")
    for _ in range(3):
        post.outbox.step()
    assert [seq for _, seq, _ in post.ears["chat"].heard] == [2, 3]
    assert post.journal.pending() == 0
    assert "no record" in post.said[0]
