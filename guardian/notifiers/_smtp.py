"""A mail by SMTP: one attempt, TLS that is checked, one bound in time for all of it."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from guardian.answers import BoundedReader, trusting
from guardian.core.model import Reason
from guardian.notifiers._mail import Mail
from guardian.ports import Clock, NotifyError

_PORTS: Final = {"starttls": 587, "tls": 465, "none": 25}
_AUTH: Final = frozenset({530, 534, 535, 538})
"""RFC 4954, 6: authentication is needed, too weak, or was refused."""
REMEMBERED: Final = 256


class Smtp:
    """Carries mails to one server; who got a mail is remembered until everybody has it."""

    def __init__(
        self,
        *,
        host: str,
        port: int | None,
        security: Literal["starttls", "tls", "none"],
        login: tuple[str, str] | None,
        ca_file: Path | None,
        timeout_s: float,
        clock: Clock,
    ) -> None:
        self._host = host
        self._port = port or _PORTS[security]
        self._security = security
        self._login = login
        self._timeout_s = timeout_s
        self._clock = clock
        open_ = security == "none"
        self._tls = None if open_ else trusting(ca_file, "the mail server's ca_file")
        self._served: dict[str, frozenset[str]] = {}

    def carry(self, what: Mail) -> str:
        """Send it to whoever has not got it yet; NotifyError unless everybody has it then.

        A server takes each recipient by itself. After a partial success only the others are tried
        again.
        """
        served = self._served.get(what.message_id, frozenset())
        waiting = [address for address in what.addresses if address not in served]
        with self._failures():
            refused = self._deliver(what, waiting)
        self._served.pop(what.message_id, None)
        if refused:
            self._served[what.message_id] = served | (set(waiting) - refused.keys())
            if len(self._served) > REMEMBERED:
                del self._served[next(iter(self._served))]
            raise self._refused(refused, of=len(what.addresses))
        return what.message_id

    def _deliver(self, what: Mail, waiting: list[str]) -> dict[str, int]:
        """One session; the reply code of each recipient that was refused."""
        session = self._session()
        smtp = session.smtp
        try:
            self._introduce(session)
            session.must(smtp.mail, what.sender)
            codes = {address: session.say(smtp.rcpt, address) for address in waiting}
            refused = {address: code for address, code in codes.items() if code not in {250, 251}}
            if len(refused) < len(codes):
                session.must(smtp.data, _bytes(what))
            session.farewell()
        finally:
            smtp.close()
        return refused

    def _session(self) -> _Session:
        """Connected, and greeted by the server."""
        deadline = self._clock.monotonic() + self._timeout_s
        # Without a name of its own smtplib asks the DNS for one, without a bound in time.
        name = socket.gethostname()
        name = name if "." in name and name.isascii() else "[127.0.0.1]"
        read = partial(BoundedReader, clock=self._clock, deadline=deadline)
        where, timeout_s = (self._host, self._port, name), self._timeout_s
        smtp = (
            _Tls(*where, read=read, timeout=timeout_s, context=self._tls)
            if self._security == "tls"
            else _Client(*where, read=read, timeout=timeout_s)
        )
        return _Session(smtp, self._clock, deadline)

    def _introduce(self, session: _Session) -> None:
        """EHLO, TLS and AUTH, as far as they are wanted."""
        smtp = session.smtp
        session.must(smtp.ehlo_or_helo_if_needed)
        if self._security == "starttls":
            session.must(lambda: smtp.starttls(context=self._tls))
            session.must(smtp.ehlo_or_helo_if_needed)
        if self._login is not None:
            session.must(smtp.login, *self._login)

    # --- failures --------------------------------------------------------------------------------

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """What the server says is not repeated: it quotes addresses. Its reply code is."""
        try:
            yield
        except smtplib.SMTPNotSupportedError:
            raise self._unsupported() from None
        except smtplib.SMTPResponseException as error:
            raise self._reply(error.smtp_code) from None
        except (OSError, ValueError) as error:  # SMTPException is an OSError
            raise self._unreachable(error) from None

    def _reply(self, code: int) -> NotifyError:
        said = f"{self._host} did not take the mail (SMTP {code})"
        if code in _AUTH:
            detail = f"{said}: check `user` and `password`, and that this server offers AUTH"
            return NotifyError(Reason.AUTH, detail)
        if 400 <= code < 500:
            # RFC 5321, 4.2.1: 4yz is a passing condition; 450 to 454 is how servers slow a sender.
            throttled = 450 <= code <= 454
            reason = Reason.THROTTLED if throttled else Reason.UNAVAILABLE
            return NotifyError(reason, f"{said}: it cannot now; tried again")
        if 500 <= code < 600:
            detail = f"{said}: check `sender` and what the server allows; trying again is no use"
            return NotifyError(Reason.INVALID, detail)
        detail = f"{said}: that is no answer of SMTP's. Check `host`, `port` and `security`"
        return NotifyError(Reason.UNKNOWN, detail)

    def _refused(self, refused: dict[str, int], *, of: int) -> NotifyError:
        codes = sorted(set(refused.values()))
        said = ", ".join(f"SMTP {code}" for code in codes)
        detail = f"{self._host} refused {len(refused)} of {of} addresses ({said})"
        passing = [code for code in codes if code < 500]
        if passing:
            return NotifyError(Reason.UNAVAILABLE, f"{detail}; they are tried again")
        advice = "check `addresses`, and whether the server relays for this sender"
        return NotifyError(Reason.INVALID, f"{detail}: {advice}")

    def _unsupported(self) -> NotifyError:
        detail = (
            f"{self._host} does not offer what is needed (STARTTLS, or AUTH where there is a user):"
            " nothing was sent. Check `port` and `security`"
        )
        return NotifyError(Reason.INVALID, detail)

    def _unreachable(self, error: Exception) -> NotifyError:
        """Only the kind of the error is repeated; smtplib hides a time-out in "disconnected"."""
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            detail = f"{self._host} took longer than {self._timeout_s:g} s; the mail may have gone"
            return NotifyError(Reason.TIMEOUT, detail)
        advice = "check the name, the port, the network, and `security`"
        if isinstance(error, ssl.SSLCertVerificationError):
            advice = "its certificate is not trusted for this name: renew it, or set `ca_file`"
        detail = f"{self._host} cannot be reached ({type(error).__name__}): {advice}"
        return NotifyError(Reason.UNAVAILABLE, detail)


class _Client(smtplib.SMTP):
    """smtplib's client, with a bound on replies: it reads any number of lines for as long."""

    def __init__(
        self, *where: Any, read: Callable[[socket.socket], BoundedReader], **named: Any
    ) -> None:
        self._read = read
        super().__init__(*where, **named)

    def getreply(self) -> tuple[int, bytes]:
        """The next reply; smtplib forgets `file` whenever it has another socket."""
        if self.file is None and self.sock is not None:
            self.file = self._read(self.sock).makefile("rb")
        return super().getreply()


class _Tls(_Client, smtplib.SMTP_SSL):
    """The same, with TLS from the first byte."""


class _Session:
    """smtplib's client with a deadline: each exchange gets what time is left, and no more."""

    def __init__(self, smtp: smtplib.SMTP, clock: Clock, deadline: float) -> None:
        self.smtp = smtp
        self._clock = clock
        self._deadline = deadline

    def say(self, exchange: Callable[..., tuple[int, bytes] | None], *arguments: object) -> int:
        """One exchange; its reply code. TimeoutError when the deadline has passed."""
        left = self._deadline - self._clock.monotonic()
        if left <= 0:
            raise TimeoutError
        if self.smtp.sock is not None:
            self.smtp.sock.settimeout(left)
        reply = exchange(*arguments)
        return 250 if reply is None else reply[0]

    def must(self, exchange: Callable[..., tuple[int, bytes] | None], *arguments: object) -> None:
        """One exchange that the mail depends on."""
        code = self.say(exchange, *arguments)
        if not 200 <= code < 300:
            raise smtplib.SMTPResponseException(code, "")

    def farewell(self) -> None:
        """QUIT, which changes nothing any more: the server has the mail or has refused it."""
        with suppress(OSError, ValueError):
            self.say(self.smtp.quit)


def _bytes(what: Mail) -> bytes:
    """The mail as SMTP carries it: 7 bits, lines of at most 998 characters."""
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["From"] = f"guardian <{what.sender}>"
    message["To"] = ", ".join(what.addresses)
    message["Subject"] = what.subject
    message["Message-ID"] = what.message_id
    for name, value in what.headers.items():
        message[name] = value
    message.set_content(what.text)
    message.add_alternative(what.html, subtype="html")
    return message.as_bytes()
