"""Each reply of a mail server, gone wrong in every way that SMTP knows, over real sockets."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from guardian.notifiers import email
from guardian.ports import Notifier, NotifyError
from tests.faults.ground import HASTY_S
from tests.notifiers.samples import NOTICE, context

REPLIES: Final = {
    "greeting": b"220 here\r\n",
    "EHLO": b"250 here\r\n",
    "MAIL": b"250 OK\r\n",
    "RCPT": b"250 OK\r\n",
    "DATA": b"354 go on\r\n",
    "mail": b"250 taken\r\n",
}
WRONGS: Final = {
    "4xx once": b"451 not now\r\n",
    "5xx": b"554 no\r\n",
    "not SMTP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "wrong types": b"2e2 OK\r\n",
    "huge": b"250-" + b"a" * 3_000_000 + b"\r\n",
    "surrogates": b"250 \xed\xa0\xbd\r\n",
    "cut": b"25",
    "no answer": b"",
    "drip": b"250-" + b"a" * 1000,
    "time-out": None,
}


class Office(socketserver.ThreadingTCPServer):
    """A mail server one of whose replies is wrong as long as `wrong` names a kind."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Counter)
        self.at = self.wrong = ""
        self.mails = self.hits = 0
        self.released = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up has its reasons."""


class _Counter(socketserver.StreamRequestHandler):
    server: Office

    def handle(self) -> None:
        """One session."""
        if not self._say("greeting"):
            return
        for line in self.rfile:
            verb = line[:4].decode("ascii", "replace").upper()
            if verb not in REPLIES or not self._say(verb):
                return
            if verb == "DATA":
                while self.rfile.readline() not in {b".\r\n", b""}:
                    pass
                self.server.mails += 1
                if not self._say("mail"):
                    return

    def _say(self, what: str) -> bool:
        """Whether the session goes on."""
        office = self.server
        if not office.wrong or office.at != what:
            self.wfile.write(REPLIES[what])
            return True
        office.hits += 1
        reply = WRONGS[office.wrong]
        if reply is None:
            office.released.wait(30)
        elif office.wrong == "drip":
            for byte in reply:
                if office.released.wait(0.02):
                    return False
                self.wfile.write(bytes([byte]))
        else:
            self.wfile.write(reply)
        return office.wrong in {"4xx once", "5xx", "surrogates"}


@contextmanager
def office() -> Iterator[Office]:
    """It listens until the block ends."""
    with Office() as found:
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield found
        finally:
            found.released.set()
            found.shutdown()
            thread.join(10)


def refusal(notifier: Notifier) -> str:
    """Why the mail did not go; empty when it went."""
    try:
        notifier.send(NOTICE, handle=None)
    except NotifyError as error:
        return error.detail
    return ""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("at", REPLIES)
@pytest.mark.parametrize("wrong", WRONGS)
def test_a_reply_that_goes_wrong_ends_with_a_reason_and_the_next_mail_goes_through(
    at: str, wrong: str
) -> None:
    """A success is a mail that the server took; addresses are not repeated."""
    options: dict[str, Any] = {
        "addresses": ["oncall@example.com"],
        "sender": "guardian@example.com",
        "via": "smtp",
        "host": "127.0.0.1",
        "security": "none",
        "timeout_s": HASTY_S if wrong in {"drip", "time-out"} else 5.0,
    }
    with office() as there:
        options["port"] = there.server_address[1]
        notifier = email.build(email.Options.model_validate(options), context())
        there.at, there.wrong = at, wrong
        detail = refusal(notifier)
        assert "example.com" not in detail
        assert detail or there.mails == 1
        assert there.hits == 1
        there.wrong = ""
        assert "" in (refusal(notifier) for _ in range(20))
        assert there.mails >= 1
