"""A mail server on loopback, by aiosmtpd, that has good and bad days and remembers what came in."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(slots=True, kw_only=True)
class MailServer:
    """What it answers from now on, and what it received."""

    port: int = 0
    replies: dict[str, str] = field(default_factory=dict)
    """By command (`greeting`, `EHLO`, `MAIL`, `DATA`) or recipient: a reply, `hang` or `drop`."""
    mails: list[bytes] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    """For each mail, whether it came over TLS."""
    logins: int = 0
    """How often a password was offered."""


class _Handler:
    """aiosmtpd's hooks."""

    def __init__(self, world: MailServer) -> None:
        self._world = world

    async def _reply(self, server: SMTP, what: str) -> str | None:
        """The scripted reply; None on a good day."""
        reply = self._world.replies.get(what)
        if reply == "drop" and server.transport is not None:
            server.transport.close()
        if reply in ("hang", "drop"):
            await asyncio.sleep(3600)
        return reply

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, host: str, responses: list[str]
    ) -> list[str]:
        """EHLO."""
        await self._reply(server, "EHLO")
        session.host_name = host
        return responses

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """MAIL FROM."""
        reply = await self._reply(server, "MAIL")
        if reply is None:
            envelope.mail_from = address
        return reply or "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """RCPT TO."""
        reply = await self._reply(server, address)
        if reply is None:
            envelope.rcpt_tos.append(address)
        return reply or "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """The end of DATA."""
        reply = await self._reply(server, "DATA")
        if reply is None:
            assert isinstance(envelope.content, bytes)
            self._world.mails.append(envelope.content)
            self._world.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
            transport = server.transport
            assert transport is not None
            self._world.encrypted.append(transport.get_extra_info("ssl_object") is not None)
        return reply or "250 OK"


class _Mute(asyncio.Protocol):
    """Says nothing at all, or hangs up."""

    def __init__(self, what: str) -> None:
        self._what = what

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected."""
        if self._what == "drop":
            transport.close()


@contextmanager
def mail_server(
    *,
    replies: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    security: str = "none",
    login: tuple[str, str] | None = None,
) -> Iterator[MailServer]:
    """Serve on a free loopback port until the block ends; AUTH is offered over TLS alone."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    world = MailServer(replies=dict(replies or {}))

    def check(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        world.logins += 1
        assert isinstance(data, LoginPassword)
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == login, handled=False)

    def protocol() -> asyncio.BaseProtocol:
        if "greeting" in world.replies:
            return _Mute(world.replies["greeting"])
        return SMTP(
            _Handler(world),
            hostname="localhost",
            tls_context=tls if security == "starttls" else None,
            authenticator=check if login else None,
            # It would not count TLS from the first byte as TLS.
            auth_require_tls=security != "tls",
            loop=loop,
        )

    loop = asyncio.new_event_loop()
    served = loop.run_until_complete(
        loop.create_server(protocol, "127.0.0.1", 0, ssl=tls if security == "tls" else None)
    )
    world.port = served.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield world
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        served.close()
        loop.run_until_complete(_ended())
        loop.close()


async def _ended() -> None:
    """Cancel what still runs, and let connections close."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.05)
