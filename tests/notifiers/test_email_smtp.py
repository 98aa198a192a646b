"""Mail by SMTP: sessions, TLS, refusals and silence, over real sockets."""

from __future__ import annotations

import socket
import ssl
import threading
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from guardian.core.model import Reason
from guardian.notifiers import _smtp as _smtp_module
from guardian.notifiers import email
from guardian.notifiers._mail import Mail, mail
from guardian.ports import Notifier, NotifyError
from tests.notifiers.certificate import self_signed
from tests.notifiers.mail_server import MailServer, mail_server
from tests.notifiers.raw_server import talker
from tests.notifiers.samples import HOSTILE, NOTICE, QUIET, SECRET, context

SENDER = "guardian@example.com"
ONCALL = "oncall@example.com"
SECOND = "second@example.com"


def _smtp(server: MailServer, **options: Any) -> Notifier:
    usual: dict[str, Any] = {
        "addresses": [ONCALL],
        "sender": SENDER,
        "via": "smtp",
        "host": "localhost",
        "port": server.port,
        "security": "none",
    }
    return email.build(email.Options.model_validate(usual | options), context())


def _error(notifier: Notifier) -> NotifyError:
    with pytest.raises(NotifyError) as caught:
        notifier.send(NOTICE, handle=None)
    for text in (ONCALL, SECOND, SENDER, SECRET):
        assert text not in caught.value.detail
    return caught.value


def _written(notice: Any = NOTICE, first: str | None = None) -> Mail:
    return mail(notice, sender=SENDER, addresses=(ONCALL,), first=first)


def _read(server: MailServer) -> list[EmailMessage]:
    found = [message_from_bytes(raw, policy=policy.default) for raw in server.mails]
    assert all(isinstance(one, EmailMessage) for one in found)
    return found


def test_a_mail_arrives_by_smtp_as_text_and_html() -> None:
    """Both forms hold the notice; machines are told not to answer."""
    with mail_server() as server:
        handle = _smtp(server, addresses=[ONCALL, SECOND]).send(NOTICE, handle=None)
    (read,) = _read(server)
    assert server.envelopes == [(SENDER, [ONCALL, SECOND])]
    assert read["From"] == f"guardian <{SENDER}>"
    assert read["To"] == f"{ONCALL}, {SECOND}"
    assert read["Subject"] == "[production] agents-api: 42 was rolled back, traffic is 41 100%"
    assert read["Message-ID"] == handle
    assert read["Auto-Submitted"] == "auto-generated"
    text, html = read.get_body(("plain",)), read.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().splitlines() == _written().text.splitlines()
    assert html.get_content().splitlines() == _written().html.splitlines()


def test_later_mails_answer_the_first() -> None:
    """In-Reply-To and References name the mail that the handle is of."""
    with mail_server() as server:
        notifier = _smtp(server)
        handle = notifier.send(QUIET, handle=None)
        assert notifier.send(replace(NOTICE, seq=6), handle=handle) == handle
        assert _smtp(server).send(replace(NOTICE, seq=7), handle=handle) == handle
    first, *later = _read(server)
    assert first["In-Reply-To"] is None
    for read in later:
        assert read["In-Reply-To"] == handle
        assert read["References"] == f"{first['References']} {handle}"
    assert len({read["Message-ID"] for read in (first, *later)}) == 3


def test_the_same_notice_is_mailed_once() -> None:
    """A record that was lost after the delivery leads to no second mail."""
    with mail_server() as server:
        notifier = _smtp(server)
        handle = notifier.send(NOTICE, handle=None)
        assert notifier.send(NOTICE, handle=None) == handle
        assert notifier.send(NOTICE, handle=handle) == handle
    assert len(server.mails) == 1


def test_a_hostile_notice_arrives_with_our_headers_only() -> None:
    """No header, no recipient and no second mail comes out of other people's text."""
    evil = replace(HOSTILE, title="a\r\nBcc: evil@example.com\r\n\r\n.\r\nQUIT")
    with mail_server() as server:
        _smtp(server).send(evil, handle=None)
    (read,) = _read(server)
    assert server.envelopes == [(SENDER, [ONCALL])]
    assert read["Bcc"] is None
    assert all(len(line) <= 998 for line in server.mails[0].splitlines())


@pytest.fixture
def proof(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    """What localhost proves itself with, and the file that makes it trusted."""
    chain, key = self_signed(tmp_path, "localhost")
    proof = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    proof.load_cert_chain(chain, key)
    return proof, str(chain)


LOGIN = {"user": "guardian", "password": SECRET}


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_goes_over_tls_with_a_password(
    security: str, proof: tuple[ssl.SSLContext, str]
) -> None:
    """STARTTLS and TLS from the first byte; the password is the one that was configured."""
    context, ca_file = proof
    with mail_server(tls=context, security=security, login=("guardian", SECRET)) as server:
        _smtp(server, security=security, ca_file=ca_file, **LOGIN).send(NOTICE, handle=None)
        assert len(server.mails) == 1
        wrong = LOGIN | {"password": "wrong"}
        error = _error(_smtp(server, security=security, ca_file=ca_file, **wrong))
    assert (error.reason, error.retryable) == (Reason.AUTH, False)
    assert server.encrypted == [True]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_that_cannot_prove_its_name_gets_nothing(
    security: str, proof: tuple[ssl.SSLContext, str]
) -> None:
    """An untrusted certificate ends the session before the password and the mail."""
    with mail_server(tls=proof[0], security=security, login=("guardian", SECRET)) as server:
        error = _error(_smtp(server, security=security, **LOGIN))
    assert (error.reason, error.retryable) == (Reason.UNAVAILABLE, True)
    assert "certificate" in error.detail
    assert (server.mails, server.logins) == ([], 0)


def test_a_server_without_starttls_gets_nothing() -> None:
    """Nobody on the way can talk guardian out of TLS."""
    with mail_server() as server:
        error = _error(_smtp(server, security="starttls"))
    assert (error.reason, error.retryable) == (Reason.INVALID, False)
    assert "STARTTLS" in error.detail
    assert server.mails == []


@pytest.mark.parametrize(
    ("reply", "reason", "retryable"),
    [
        ("421 busy", Reason.UNAVAILABLE, True),
        ("451 later", Reason.THROTTLED, True),
        ("454 Throttling failure: Maximum sending rate exceeded", Reason.THROTTLED, True),
        ("530 Authentication required", Reason.AUTH, False),
        ("552 too much", Reason.INVALID, False),
        (f"554 Message rejected: not verified: {SENDER}", Reason.INVALID, False),
    ],
)
@pytest.mark.parametrize("at", ["MAIL", "DATA"])
def test_the_servers_reply_code_says_whether_to_try_again(
    at: str, reply: str, reason: Reason, retryable: bool
) -> None:
    """4yz passes, 5yz stays (RFC 5321); the code is told, the server's text is not."""
    with mail_server(replies={at: reply}) as server:
        error = _error(_smtp(server))
    assert (error.reason, error.retryable) == (reason, retryable)
    assert f"SMTP {reply[:3]}" in error.detail


def test_only_who_was_refused_is_tried_again() -> None:
    """A server that takes one address and greylists another does not cause a double."""
    with mail_server(replies={SECOND: "450 greylisted"}) as server:
        notifier = _smtp(server, addresses=[ONCALL, SECOND])
        error = _error(notifier)
        assert (error.reason, error.retryable) == (Reason.UNAVAILABLE, True)
        assert "1 of 2" in error.detail
        server.replies.clear()
        notifier.send(NOTICE, handle=None)
    assert server.envelopes == [(SENDER, [ONCALL]), (SENDER, [SECOND])]


def test_addresses_that_are_refused_for_good_are_counted() -> None:
    """The others have the mail; who is left out has to be corrected by a person."""
    with mail_server(replies={SECOND: f"550 no such user {SECOND}"}) as server:
        error = _error(_smtp(server, addresses=[ONCALL, SECOND]))
    assert (error.reason, error.retryable) == (Reason.INVALID, False)
    assert "1 of 2" in error.detail
    assert server.envelopes == [(SENDER, [ONCALL])]


def test_a_mail_that_everybody_refuses_is_not_sent() -> None:
    """Without a recipient there is no DATA."""
    with mail_server(replies={ONCALL: "550 no such user"}) as server:
        assert "1 of 1" in _error(_smtp(server)).detail
    assert server.mails == []


def test_who_got_a_mail_is_remembered_for_so_many_mails_only() -> None:
    """Partial successes that nobody repeats are forgotten in the end."""
    with mail_server(replies={SECOND: "450 later"}) as server:
        notifier = _smtp(server, addresses=[ONCALL, SECOND])
        for seq in range(_smtp_module.REMEMBERED + 1):
            with pytest.raises(NotifyError):
                notifier.send(replace(NOTICE, seq=seq), handle=None)
        server.replies.clear()
        notifier.send(replace(NOTICE, seq=0), handle=None)
    assert server.envelopes[-1] == (SENDER, [ONCALL, SECOND])


@pytest.mark.parametrize("at", ["greeting", "EHLO", "MAIL", "DATA"])
def test_a_silent_server_is_given_up_within_the_bound(at: str) -> None:
    """Whenever it falls silent, that is TIMEOUT."""
    with mail_server(replies={at: "hang"}) as server:
        error = _error(_smtp(server, timeout_s=0.3))
    assert (error.reason, error.retryable) == (Reason.TIMEOUT, True)


@pytest.mark.parametrize("at", ["greeting", "EHLO", "MAIL", "DATA"])
def test_a_dropped_connection_is_tried_again(at: str) -> None:
    """The server hangs up, or nobody listens any more."""
    with mail_server(replies={at: "drop"}) as server:
        error = _error(_smtp(server))
        assert (error.reason, error.retryable) == (Reason.UNAVAILABLE, True)
    gone = _error(_smtp(server))
    assert (gone.reason, gone.retryable) == (Reason.UNAVAILABLE, True)


@pytest.mark.parametrize("pause_s", [0.0, 0.05])
def test_a_reply_without_end_is_given_up(pause_s: float) -> None:
    """However many lines it has, and however slowly they come."""
    sent: list[int] = []

    def greet(taken: socket.socket, released: threading.Event) -> None:
        while not released.wait(pause_s):
            sent.append(taken.send(b"220-still greeting\r\n" * (1 if pause_s else 4096)))

    with talker(greet) as port:
        error = _error(_smtp(MailServer(port=port), timeout_s=0.5 if pause_s else 10.0))
    assert error.retryable
    assert sum(sent) < 16 * 1024 * 1024
