"""What every notifier that speaks HTTP promises: subclass `NotifierContract`."""

from __future__ import annotations

import gc
import logging
import socket
import threading
import traceback
from abc import ABC, abstractmethod
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from guardian.answers import LONGEST_WAIT_S
from guardian.clock import SystemClock
from guardian.core.model import Reason
from guardian.ports import Notifier, NotifyError
from tests.notifiers.certificate import self_signed
from tests.notifiers.raw_server import raw, tls_server
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
ENDLESS = [b"HTTP/1.1 200 OK\r\n", b'HTTP/1.1 200 OK\r\nContent-Length: 60000000\r\n\r\n{"ok": "']


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

    @pytest.mark.parametrize(
        "said", ["1893456000000", "9" * 400, "1e9", "-5", "NaN", "inf", "²", "soon"]
    )
    def test_an_absurd_wish_to_wait_holds_nothing_up(self, said: str) -> None:
        """Milliseconds since 1970, garbage of many digits, no number at all: a minute, or none."""
        asked = Answer(status=429, headers={"Retry-After": said})
        with vendor(lambda _: asked) as world:
            after_s = self.failed(self.notifier(world.url)).after_s
        assert after_s is None or 0.0 <= after_s <= LONGEST_WAIT_S

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(self, status: int) -> None:
        """Wherever it points, no token and no notice arrive there."""
        with vendor(self.accept) as elsewhere:
            there = {"Location": f"{elsewhere.url}/api/"}
            with vendor(lambda _: Answer(status=status, body=ECHO, headers=there)) as world:
                self.failed(self.notifier(world.url))
                assert len(world.received) == 1
            assert elsewhere.received == []
        gc.collect()  # An answer that nobody has closed warns here, and not in some later test.

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

    def test_what_is_told_beside_the_entries_holds_back_no_later_notice(self) -> None:
        """An "unguarded" page tells after an entry; the next entry is told as ever."""
        with vendor(self.accept) as world:
            notifier = self.notifier(world.url)
            handle = notifier.send(NOTICE, handle=None)
            for later in (replace(NOTICE, beside="unguarded"), replace(NOTICE, seq=NOTICE.seq + 1)):
                before = len(world.received)
                notifier.send(later, handle=handle)
                assert len(world.received) > before

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


class TransportContract(NotifierContract):
    """What holds for those that bring their own transport; AWS's clients have theirs of `aws`."""

    @pytest.mark.parametrize("head", ENDLESS)
    def test_an_endless_answer_is_not_read_to_its_end(self, head: bytes) -> None:
        """Headers or body: a few megabytes at most are taken in."""
        sent: list[int] = []

        def stream(taken: socket.socket, released: threading.Event) -> None:
            taken.sendall(head)
            while not released.is_set():
                sent.append(taken.send(b"x-a: b\r\n" * 8192))

        with raw(stream) as world:
            error = self.failed(self.notifier(world.url))
        assert error.retryable
        assert sum(sent) < 16 * 1024 * 1024

    @pytest.mark.parametrize("head", ENDLESS)
    def test_a_dripping_answer_has_one_deadline(self, head: bytes) -> None:
        """A byte now and then resets no time-out: the answer is whole in time, or late."""

        def drip(taken: socket.socket, released: threading.Event) -> None:
            taken.sendall(head)
            while not released.wait(0.1):
                taken.sendall(b"x")

        with raw(drip) as world:
            started = SystemClock().monotonic()
            error = self.failed(self.notifier(world.url, timeout_s=0.5))
            assert SystemClock().monotonic() - started < 5.0
        assert (error.reason, error.retryable) == (Reason.TIMEOUT, True)

    def test_a_compressed_answer_is_not_unpacked(self) -> None:
        """A megabyte of it may become a gigabyte."""
        packed = Answer(body="x", headers={"Content-Encoding": "gzip"})
        with vendor(lambda _: packed) as world:
            assert self.failed(self.notifier(world.url)).retryable

    def test_a_redirect_is_a_refusal_that_says_so(self) -> None:
        """Somebody's setting is wrong, or somebody is in between."""
        there = {"Location": "http://elsewhere.example/"}
        with vendor(lambda _: Answer(status=302, body='{"ok": true}', headers=there)) as world:
            error = self.failed(self.notifier(world.url))
        assert (error.reason, error.retryable) == (Reason.INVALID, False)
        assert "redirects are not followed" in error.detail

    @pytest.mark.parametrize(
        ("host", "trusted", "arrives"),
        [("localhost", True, True), ("localhost", False, False), ("127.0.0.1", True, False)],
    )
    def test_nothing_is_sent_to_who_cannot_prove_its_name(
        self,
        host: str,
        trusted: bool,
        arrives: bool,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """An unknown certificate, or that of another host: no token arrives, no notice."""
        certificate = self_signed(tmp_path, "localhost")[0]
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        with tls_server(certificate) as server:
            notifier = self.notifier(server.url.replace("localhost", host))
            with suppress(NotifyError):
                notifier.send(NOTICE, handle=None)
        assert bool(server.request) is arrives
