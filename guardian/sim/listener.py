"""The simulator's HTTP server on loopback: requests in, replies out, also such as break off."""

from __future__ import annotations

import socket
import sys
import threading
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from guardian.sim.wire import HANG_UP, Reply, Request

_MAX_BODY = 1024 * 1024
"""CloudWatch takes at most 1 MB a request; no other service here takes more."""


class Listener(ThreadingHTTPServer):
    """Answers what `handle` says; knows its open connections, so that stopping closes them all."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, handle: Callable[[Request], Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.handle = handle
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._thread = threading.Thread(
            target=self.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="simulator",
            daemon=True,
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Listen on a free loopback port."""
        self._thread.start()

    def stop(self) -> None:
        """Close the listener and every open connection, and wait for their threads to end."""
        self.stopping.set()
        self.shutdown()
        self._thread.join(timeout=5.0)
        with self._changed:
            for connection in self._open:
                _half_close(connection)
            self._changed.wait_for(lambda: not self._open, timeout=5.0)
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note the connection, and serve it in a thread."""
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and forget it."""
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the trace of a bug; that a client goes away is its own business."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


def _half_close(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


_BODILESS = ("GET", "DELETE")


class _Handler(BaseHTTPRequestHandler):
    server: Listener
    protocol_version = "HTTP/1.1"
    # Headers and body leave in one packet: two small writes would wait for each other's
    # acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 60

    def do_POST(self) -> None:
        self._serve()

    do_GET = do_POST  # noqa: N815 - http.server finds methods by these names
    do_PUT = do_POST  # noqa: N815 - as above
    do_DELETE = do_POST  # noqa: N815 - as above

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the simulator's story is its events."""

    def _serve(self) -> None:
        named = self.headers.get("Content-Length", "0" if self.command in _BODILESS else None)
        length = int(named or 0)
        sent = self.rfile.read(length) if length <= _MAX_BODY else b""
        if named is None or len(sent) < length <= _MAX_BODY:
            self.close_connection = True  # Whoever sent it has died over it: it is no request.
            return
        body = self._unpacked(sent) if length <= _MAX_BODY else None
        if body is None:
            self.close_connection = True
            self._send(Reply(status=413, body=b"too large\n", content_type="text/plain"))
            return
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=parts.path,
            query=parse_qs(parts.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )
        reply = self.server.handle(request)
        if reply.delay_s and self.server.stopping.wait(reply.delay_s):
            reply = HANG_UP
        self._send(reply)

    def _unpacked(self, body: bytes) -> bytes | None:
        """A request's body as it was before it was packed; None when it is over the limit."""
        if self.headers.get("Content-Encoding") != "gzip":
            return body
        unpacked = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(body, _MAX_BODY + 1)
        return unpacked if len(unpacked) <= _MAX_BODY else None

    def _send(self, reply: Reply) -> None:
        if reply.hang_up:
            self.close_connection = True
            return
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.cut or reply.drip_s:
            self.close_connection = True
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if reply.drip_s:
            self._drip(reply)
            return
        self.wfile.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
        self.wfile.flush()

    def _drip(self, reply: Reply) -> None:
        self.wfile.flush()
        for byte in reply.body:
            if self.server.stopping.wait(reply.drip_s):
                return
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
