"""What of a foreign answer is taken in: how much of it, for how long, and what wait it may ask.

Vendors' clients read without a bound in length, and with one in time for each read alone, which a
server that drips never reaches. Whoever speaks HTTP here reads through these classes instead.
"""

from __future__ import annotations

import http.client
import io
import re
import ssl
from collections.abc import Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from socket import socket
from typing import Any, Final, cast

from guardian.core.model import Reason
from guardian.ports import Clock, ConfigError

MOST_BYTES: Final = 1024 * 1024
"""Headers and body of one answer together: far more than any that is needed."""
LONGEST_WAIT_S: Final = 60.0
"""Slack and PagerDuty count by the minute; who asks for more is asked again after that long."""
_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?")


class TooLong(OSError):
    """The answer is longer than what is read of any."""


class Encoded(OSError):
    """The answer is compressed, which nobody asked for: what it would become has no bound."""


class BoundedReader(io.RawIOBase):
    """What a socket brings, bounded in total length and total time, however slowly it drips."""

    def __init__(
        self, sock: socket, clock: Clock, *, deadline: float, most_bytes: int = MOST_BYTES
    ) -> None:
        self._sock = sock
        # It keeps the connection open for as long as this is read, whoever closes the socket.
        self._file = sock.makefile("rb", buffering=0)
        self._clock = clock
        self._deadline = deadline
        self._room = most_bytes

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What http.client reads an answer from."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """The next bytes; TimeoutError or TooLong at the bounds."""
        if self._room <= 0:
            raise TooLong
        self._sock.settimeout(left(self._clock, self._deadline))
        count = self._file.readinto(memoryview(buffer)[: self._room])
        self._room -= count or 0
        return count

    def close(self) -> None:
        """Let go of the connection."""
        self._file.close()
        super().close()


def left(clock: Clock, deadline: float) -> float:
    """Seconds until the deadline, a monotonic time; TimeoutError when it has passed."""
    seconds = deadline - clock.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def trusting(ca_file: Path | None, what: str) -> ssl.SSLContext:
    """TLS by the system's certificates, or by those of a file; ConfigError, which names `what`."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigError(
            f"{what} {ca_file} cannot be read as certificates in PEM form ({type(error).__name__})"
        ) from None


def bounded(
    clock: Clock, *, timeout_s: float, most_bytes: int = MOST_BYTES
) -> type[http.client.HTTPResponse]:
    """The class of answers of a client: whole within `timeout_s`, or not at all."""

    class Answer(http.client.HTTPResponse):
        def __init__(self, sock: socket, *arguments: Any, **named: Any) -> None:
            deadline = clock.monotonic() + timeout_s
            reader = BoundedReader(sock, clock, deadline=deadline, most_bytes=most_bytes)
            super().__init__(cast("socket", reader), *arguments, **named)

        def begin(self) -> None:
            super().begin()
            if self.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
                self.close()
                raise Encoded

    return Answer


def bounded_pools(
    pools: Mapping[str, Any], answers: type[http.client.HTTPResponse]
) -> dict[str, Any]:
    """urllib3's pools by scheme, as its PoolManager keeps them, for such answers."""
    return {scheme: _bounded_pool(pool, answers) for scheme, pool in pools.items()}


def _bounded_pool(pool: Any, answers: type[http.client.HTTPResponse]) -> Any:
    connection = pool.ConnectionCls
    if connection.response_class is answers:
        return pool
    connection = type("BoundedConnection", (connection,), {"response_class": answers})
    return type("BoundedPool", (pool,), {"ConnectionCls": connection})


def origins(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it was made of, the outermost first: SDKs wrap what really happened."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def reason_of(status: int) -> Reason:
    """What an HTTP status that is no success means (RFC 9110, 15; RFC 6585, 4)."""
    match status:
        case 401 | 403:
            return Reason.AUTH
        case 404 | 410:
            return Reason.NOT_FOUND
        case 408:
            return Reason.TIMEOUT
        case 429:
            return Reason.THROTTLED
    return Reason.UNAVAILABLE if status >= 500 else Reason.INVALID


def asked_wait_s(headers: Iterable[tuple[str, object]]) -> float | None:
    """How long the answer asks to wait, in seconds, within bounds; None where it says nothing.

    RFC 9110, 10.2.3: `Retry-After` is a number of seconds, or a date, which counts from the
    answer's own `Date`. PagerDuty's REST API says `ratelimit-reset`.
    """
    said = {str(name).lower(): str(value).strip() for name, value in headers}
    text = said.get("retry-after") or said.get("ratelimit-reset") or ""
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_WAIT_S)
    try:
        until, since = (parsedate_to_datetime(t) for t in (text, said.get("date", "")))
        seconds = (until - since).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return min(seconds, LONGEST_WAIT_S) if seconds > 0 else None
