"""A loopback HTTP server that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STS_XML = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    "<GetCallerIdentityResult><Arn>arn:aws:sts::{account}:assumed-role/guardian/x</Arn>"
    "<UserId>AROA:x</UserId><Account>{account}</Account></GetCallerIdentityResult>"
    "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: str

    @property
    def operation(self) -> str:
        """The operation: from AWS JSON's header, the query protocol's Action, or the path."""
        target = self.headers.get("x-amz-target", "")
        if target:
            return target.rpartition(".")[2]
        for part in self.body.split("&"):
            if part.startswith("Action="):
                return part.removeprefix("Action=")
        return f"{self.method} {self.path}"

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back; `drop` closes the connection instead."""

    status: int = 200
    body: str = "{}"
    type: str = "application/x-amz-json-1.0"
    drop: bool = False
    missing: int = 0
    """So many bytes of the body are announced and never sent."""
    drip_s: float = 0.0
    """Seconds between two bytes, of which each resets a time-out for one read."""


@dataclass(slots=True)
class Canned:
    """The server's address, its script, and its memory."""

    url: str
    answer: Callable[[Asked], Answer]
    asked: list[Asked] = field(default_factory=list)

    def operations(self) -> list[str]:
        """The operations in the order they came."""
        return [asked.operation for asked in self.asked]


def account_answer(account: str) -> Answer:
    """What STS says about who we are."""
    return Answer(body=STS_XML.format(account=account), type="text/xml")


@contextmanager
def canned(answer: Callable[[Asked], Answer]) -> Iterator[Canned]:
    """Serve on a free loopback port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked = Asked(
                method=self.command,
                path=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                body=self.rfile.read(length).decode(),
            )
            world.asked.append(asked)
            reply = world.answer(asked)
            if reply.drop:
                self.close_connection = True
                return
            if reply.drip_s:
                self._drip(reply.drip_s)
                return
            data = reply.body.encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.type)
            self.send_header("Content-Length", str(len(data) + reply.missing))
            self.close_connection = self.close_connection or bool(reply.missing)
            self.end_headers()
            self.wfile.write(data)

        def _drip(self, drip_s: float) -> None:
            self.close_connection = True
            head = b"HTTP/1.1 200 OK\r\nX-Drip: " + b"x" * 10_000
            for byte in head:
                if stopping.wait(drip_s):
                    return
                self.wfile.write(bytes([byte]))

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - http.server calls these names

    stopping = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    world = Canned(url=f"http://127.0.0.1:{server.server_address[1]}", answer=answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield world
    finally:
        stopping.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
