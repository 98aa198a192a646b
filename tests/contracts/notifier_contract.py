"""What every notifier that speaks HTTP promises: subclass `NotifierContract`."""

from __future__ import annotations

import logging
import socket
import traceback
from abc import ABC, abstractmethod
from contextlib import ExitStack

import pytest

from guardian.core.model import Reason
from guardian.ports import Notifier, NotifyError
from tests.notifiers.samples import HOSTILE, NOTICE, SECRET, hidden, texts
from tests.notifiers.vendor import Answer, Received, Vendor, vendor

STATUSES = [
    (400, Reason.INVALID, False),
    (401, Reason.AUTH, False),
    (403, Reason.AUTH, False),
    (404, Reason.NOT_FOUND, False),
    (429, Reason.THROTTLED, True),
    (500, Reason.UNAVAILABLE, True),
    (503, Reason.UNAVAILABLE, True),
]
ECHO = f'{{"ok": false, "error": "{SECRET}", "message": "{SECRET}"}}'
"""An unfriendly vendor repeats the secret in its answers."""


class NotifierContract(ABC):
    """The behaviour that the outbox relies on, over real sockets."""

    @abstractmethod
    def notifier(self, url: str, *, timeout_s: float = 5.0) -> Notifier:
        """The notifier, pointed at `url`, with SECRET as its secret."""

    @abstractmethod
    def accept(self, received: Received) -> Answer:
        """The vendor's answer on a good day."""

    @abstractmethod
    def openings(self, requests: list[Received]) -> set[str]:
        """What was opened by these requests: one name for each incident or message."""

    def failed(self, notifier: Notifier) -> NotifyError:
        """The error of one delivery that must fail."""
        with pytest.raises(NotifyError) as caught:
            notifier.send(NOTICE, handle=None)
        self.leaks_nothing(caught.value)
        return caught.value

    def leaks_nothing(self, error: NotifyError) -> None:
        """No form in which an error is shown holds the secret."""
        shown = "".join(traceback.format_exception(error))
        for text in (str(error), repr(error), error.detail, shown):
            assert SECRET not in text

    def test_a_notice_is_delivered(self) -> None:
        """On a good day nothing is raised and something arrives."""
        with vendor(self.accept) as world:
            self.notifier(world.url).send(NOTICE, handle=None)
            assert world.received

    @pytest.mark.parametrize(("status", "reason", "retryable"), STATUSES)
    def test_a_status_has_a_reason_and_says_whether_to_try_again(
        self, status: int, reason: Reason, retryable: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        """One attempt is made, whatever the vendor's client would like; nothing secret leaks."""
        caplog.set_level(logging.DEBUG)
        with vendor(lambda _: Answer(status=status, body=ECHO)) as world:
            notifier = self.notifier(world.url)
            error = self.failed(notifier)
            assert (error.reason, error.retryable) == (reason, retryable)
            assert len(world.received) == 1
            assert str(status) in str(error)
        assert SECRET not in caplog.text
        assert SECRET not in repr(notifier)

    def test_a_throttled_notice_waits_as_long_as_the_vendor_asks(self) -> None:
        """Retry-After reaches the outbox; nothing sleeps in the notifier."""
        asked = Answer(status=429, headers={"Retry-After": "7"})
        with vendor(lambda _: asked) as world:
            assert self.failed(self.notifier(world.url)).after_s == 7.0
        odd = Answer(status=429, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})
        with vendor(lambda _: odd) as world:
            assert self.failed(self.notifier(world.url)).after_s is None

    def test_a_refused_connection_is_tried_again(self) -> None:
        """Nobody listens: the vendor cannot be reached."""
        with vendor(self.accept) as world:
            url = world.url
        error = self.failed(self.notifier(url))
        assert (error.reason, error.retryable) == (Reason.UNAVAILABLE, True)

    def test_a_dropped_connection_is_tried_again(self) -> None:
        """The vendor hangs up without an answer."""
        with vendor(lambda _: Answer(drop=True)) as world:
            error = self.failed(self.notifier(world.url))
        assert (error.reason, error.retryable) == (Reason.UNAVAILABLE, True)

    def test_an_answer_that_breaks_off_is_tried_again(self) -> None:
        """The connection ends in the middle of the body."""
        with vendor(lambda _: Answer(body="{", missing=10)) as world:
            error = self.failed(self.notifier(world.url))
        assert (error.reason, error.retryable) == (Reason.UNAVAILABLE, True)

    def test_a_silent_vendor_is_given_up_within_the_notifiers_own_bound(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A server that never answers ends in TIMEOUT after one attempt."""
        caplog.set_level(logging.DEBUG)
        with vendor(lambda _: Answer(hang=True)) as world:
            error = self.failed(self.notifier(world.url, timeout_s=0.2))
            assert (error.reason, error.retryable) == (Reason.TIMEOUT, True)
            assert len(world.received) == 1
        assert SECRET not in caplog.text

    def test_a_vendor_that_does_not_even_take_the_call_is_given_up_too(self) -> None:
        """Connecting hangs while a listener's queue is full: that is TIMEOUT as well."""
        with ExitStack() as held:
            listener = held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
            for _ in range(4):
                caller = held.enter_context(socket.socket())
                caller.settimeout(0)
                caller.connect_ex(listener.getsockname())
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            error = self.failed(self.notifier(url, timeout_s=0.2))
        assert (error.reason, error.retryable) == (Reason.TIMEOUT, True)

    @pytest.mark.parametrize("body", ["<html>log in</html>", "", "[]", "{}"])
    def test_an_answer_that_is_not_the_vendors_is_no_delivery(self, body: str) -> None:
        """A proxy's page with status 200 must not count as told."""
        with vendor(lambda _: Answer(body=body)) as world:
            error = self.failed(self.notifier(world.url))
        assert (error.reason, error.retryable) == (Reason.UNKNOWN, True)

    def test_the_same_notice_twice_opens_nothing_twice(self) -> None:
        """At-least-once delivery needs this: with the old handle and with the returned one."""
        with vendor(self.accept) as world:
            notifier = self.notifier(world.url)
            handle = notifier.send(NOTICE, handle=None)
            first = self.openings(world.received)
            assert len(first) == 1
            notifier.send(NOTICE, handle=None)
            notifier.send(NOTICE, handle=handle)
            assert self.openings(world.received) == first

    def test_hostile_text_is_harmless(self) -> None:
        """Mentions, escapes, bidirectional marks and length lose their power; it is delivered."""
        with vendor(self.accept) as world:
            notifier = self.notifier(world.url)
            handle = notifier.send(HOSTILE, handle=None)
            notifier.send(HOSTILE, handle=handle)
            self.is_harmless(world)

    def is_harmless(self, world: Vendor) -> None:
        """What holds for every vendor; subclasses add their vendor's limits."""
        for received in world.received:
            for text in texts(received.body):
                assert hidden(text, lines=True) == set()
                assert len(text) <= 4000
