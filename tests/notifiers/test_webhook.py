"""The webhook notifier: signed, bounded, and never led to an address it should not reach."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from guardian.clock import SystemClock
from guardian.core.model import Reason
from guardian.notifiers import webhook
from guardian.notifiers._notice_json import delivery_id, encoded
from guardian.ports import ConfigError, Notifier, NotifyError
from tests.contracts.notifier_contract import TransportContract
from tests.notifiers.raw_server import Act, raw
from tests.notifiers.samples import NOTICE, QUIET, SECRET, context, hidden, texts
from tests.notifiers.vendor import Answer, Received, Vendor, vendor

REDIRECTS = [301, 302, 303, 307, 308]


def _options(url: str, **options: Any) -> webhook.Options:
    usual = {"url": url, "secret": SECRET, "allow_private": True, "allow_http": True}
    return webhook.Options.model_validate(usual | options, strict=False)


def _notifier(url: str, **options: Any) -> Notifier:
    return webhook.build(_options(url, **options), context())


def _receipt(received: Received) -> Answer:
    return Answer(body=json.dumps({"received": received.body["id"]}))


def _error(notifier: Notifier) -> NotifyError:
    with pytest.raises(NotifyError) as caught:
        notifier.send(NOTICE, handle=None)
    return caught.value


class TestWebhookContract(TransportContract):
    """A webhook that asks for receipts keeps the notifiers' contract."""

    def notifier(self, url: str, *, timeout_s: float = 5.0) -> Notifier:
        """The notifier under test."""
        return _notifier(f"{url}/hook?key={SECRET}", timeout_s=timeout_s, receipt=True)

    def accept(self, received: Received) -> Answer:
        """A receiver that confirms what it took."""
        return _receipt(received)

    def openings(self, requests: list[Received]) -> set[str]:
        """A receiver knows a repetition by the delivery's id."""
        return {received.headers["guardian-delivery"] for received in requests}

    def is_harmless(self, world: Vendor) -> None:
        """Not even line ends are left in the texts."""
        super().is_harmless(world)
        for received in world.received:
            for text in texts(received.body):
                assert hidden(text) == set()


# --- what is sent ------------------------------------------------------------------------------


def test_a_receiver_can_verify_the_signature() -> None:
    """HMAC-SHA256 over timestamp, dot and the body's very bytes, as the page says."""
    with raw(b"HTTP/1.1 204 No Content\r\n\r\n") as server:
        notifier = _notifier(server.url)
        assert notifier.send(NOTICE, handle="kept") == "kept"
    head, _, body = server.request.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    signed = headers["Guardian-Timestamp"].encode() + b"." + body
    wanted = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["Guardian-Signature"] == f"v1={wanted}"
    assert headers["Content-Type"] == "application/json"
    assert headers["Guardian-Delivery"] == delivery_id(NOTICE)
    assert abs(int(headers["Guardian-Timestamp"]) - SystemClock().now()) < 60
    assert body.decode() == encoded(NOTICE)


def test_another_body_secret_or_time_has_another_signature() -> None:
    """Nothing of what is signed can be changed on the way."""
    parts = [
        (secret, timestamp, body)
        for secret in ("a" * 16, "b" * 16)
        for timestamp in ("1", "12")
        for body in (b"{}", b"2.{}")
    ]
    assert len({webhook.signature(*part) for part in parts}) == len(parts)


def test_each_notice_has_an_id_of_its_own() -> None:
    """Entries of one rollout, and rollouts, are told apart."""
    others = (replace(NOTICE, seq=6), replace(NOTICE, rollout="r-2"), NOTICE)
    assert len({delivery_id(notice) for notice in others}) == 3


def test_the_whole_address_is_used() -> None:
    """Path and query reach the receiver; without a path it is the root."""
    with vendor(lambda _: Answer()) as world:
        _notifier(f"{world.url}/a/b?c=d").send(NOTICE, handle=None)
        _notifier(f"{world.url}?c=d").send(QUIET, handle=None)
        assert [received.path for received in world.received] == ["/a/b?c=d", "/?c=d"]


# --- what is answered --------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [Answer(body="thanks"), Answer(status=202), Answer(body="[]")])
def test_any_success_is_a_delivery_unless_receipts_are_asked_for(answer: Answer) -> None:
    """Most receivers say nothing but 2xx; whoever asks for receipts gets no less."""
    with vendor(lambda _: answer) as world:
        _notifier(world.url).send(NOTICE, handle=None)
        error = _error(_notifier(world.url, receipt=True))
    assert (error.reason, error.retryable) == (Reason.UNKNOWN, True)


def test_a_receipt_of_another_delivery_is_none() -> None:
    """A cached answer confirms nothing."""
    answer = Answer(body=json.dumps({"received": delivery_id(QUIET) + "x"}))
    with vendor(lambda _: answer) as world:
        error = _error(_notifier(world.url, receipt=True))
    assert (error.reason, error.retryable) == (Reason.UNKNOWN, True)


@pytest.mark.parametrize("status", REDIRECTS)
def test_a_redirect_is_refused_and_not_followed(status: int) -> None:
    """A signed notice goes to no address but the configured one."""
    with vendor(lambda _: Answer()) as other:
        answer = Answer(status=status, headers={"Location": f"{other.url}/{SECRET}"})
        with vendor(lambda _: answer) as world:
            error = _error(_notifier(world.url))
            assert len(world.received) == 1
        assert other.received == []
    assert (error.reason, error.retryable) == (Reason.INVALID, False)
    assert "redirects are not followed" in error.detail
    assert SECRET not in error.detail


@pytest.mark.parametrize(
    ("status", "reason", "retryable"),
    [
        (408, Reason.TIMEOUT, True),
        (409, Reason.INVALID, False),
        (410, Reason.NOT_FOUND, False),
        (413, Reason.INVALID, False),
    ],
)
def test_other_statuses_have_their_reasons_too(
    status: int, reason: Reason, retryable: bool
) -> None:
    """What the receiver will refuse again is not sent again."""
    with vendor(lambda _: Answer(status=status)) as world:
        error = _error(_notifier(world.url))
    assert (error.reason, error.retryable) == (reason, retryable)


@pytest.mark.parametrize(("said", "after_s"), [("7", 7.0), ("9" * 30, 60.0), ("-1", None)])
def test_a_receiver_in_trouble_may_say_when_to_come_back(said: str, after_s: float | None) -> None:
    """Retry-After counts with 503 as well, and at most for a minute."""
    answer = Answer(status=503, headers={"Retry-After": said})
    with vendor(lambda _: answer) as world:
        assert _error(_notifier(world.url)).after_s == after_s


# --- bounds ------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n{"])
def test_a_server_that_drips_is_given_up_as_one_that_is_silent(start: bytes) -> None:
    """The bound is for the whole answer: a byte now and then does not stretch it."""

    def drip(taken: socket.socket, released: threading.Event) -> None:
        taken.sendall(start)
        for _ in range(1000):
            taken.sendall(b" " if start.endswith(b"{") else b"X")
            if released.wait(0.02):
                return

    with raw(drip) as server:
        error = _error(_notifier(server.url, receipt=True, timeout_s=0.3))
    assert (error.reason, error.retryable) == (Reason.TIMEOUT, True)


def _flood(start: bytes, chunk: bytes) -> Act:
    def flood(taken: socket.socket, released: threading.Event) -> None:
        taken.sendall(start)
        for _ in range(100_000):
            taken.sendall(chunk)

    return flood


@pytest.mark.parametrize(
    ("start", "chunk"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b" " * 4096),
        (b"HTTP/1.1 200 OK\r\n", b"A: " + b"x" * 4000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nA: ", b"x" * 4096),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
)
def test_an_endless_answer_is_read_to_a_bound(start: bytes, chunk: bytes) -> None:
    """Memory is safe from a receiver that never stops, in its headers or its body."""
    with raw(_flood(start, chunk)) as server:
        error = _error(_notifier(server.url, receipt=True, timeout_s=10))
    assert error.retryable
    assert error.reason in {Reason.UNKNOWN, Reason.UNAVAILABLE}


def test_an_oversized_success_is_a_delivery_where_no_receipt_is_asked_for() -> None:
    """It was taken; the rest of the answer is not read."""
    with raw(_flood(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 4096)) as server:
        assert _notifier(server.url).send(NOTICE, handle=None) is None


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.6\r\n", b"", b"HTTP/1.1 99999 no\r\n\r\n"])
def test_what_does_not_speak_http_is_unavailable(answer: bytes) -> None:
    """Another service on that port is told apart from a receiver."""
    with raw(answer) as server:
        error = _error(_notifier(server.url))
    assert (error.reason, error.retryable) == (Reason.UNAVAILABLE, True)


# --- options -----------------------------------------------------------------------------------


def test_plain_http_must_be_meant() -> None:
    """Otherwise it is refused when the file is read."""
    with pytest.raises(ValidationError, match="allow_http"):
        _options("http://example.com/", allow_http=False)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.net/hook",
        "ftp://example.com/",
        "https://user:word@example.com/",
        "https://example.com/a b",
        "https://example.com/\r\nX: y",
        "https://exämple.com/",
        "https://example.com:99999/",
        "https://example.com\\@evil.example/",
    ],
)
def test_an_address_that_could_be_misread_is_refused(url: str) -> None:
    """And it is not repeated, since it may hold a key."""
    with pytest.raises(ValidationError) as caught:
        _options(url)
    assert not url or url not in str(caught.value)


def test_a_short_secret_is_a_configuration_error() -> None:
    """A signature is worth what its secret is worth; the secret is not repeated."""
    with pytest.raises(ConfigError, match="16 characters") as caught:
        _notifier("https://example.com/", secret="hunter2")
    assert "hunter2" not in str(caught.value)


def test_the_options_show_neither_address_nor_secret() -> None:
    """Their repr may end up in a log."""
    shown = repr(_options("https://example.com/hook?key=1234567"))
    assert SECRET not in shown
    assert "1234567" not in shown
