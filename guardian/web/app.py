"""The listener for metrics and health: answers three questions, writes nothing, asks no vendor.

The standard library's server, with bounds: on connections, on headers, and on how long a client may
take. It runs in threads of its own and reads only what the engine has already published, so that
no client can hold up a tick.
"""

from __future__ import annotations

import errno
import logging
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from http.client import LineTooLong
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

from guardian.clock import SystemClock
from guardian.ports import Clock, ConfigError
from guardian.ports.daemon_status import DaemonStatus

if TYPE_CHECKING:
    from guardian.web.metrics import PrometheusMetrics

LOOPBACK: Final = "127.0.0.1"
MAX_CONNECTIONS: Final = 32
"""Beyond them the oldest is closed for the newest; beyond twice as many the newest is refused."""
MAX_HEAD: Final = 16 * 1024
"""Bytes of a request's first line and headers."""
SILENCE_S: Final = 5
"""Real seconds that a client may take for one read or for taking in an answer."""
LIFE_S: Final = 10.0
"""Real seconds after which a connection is closed, whatever it is doing."""

_LOG = logging.getLogger(__name__)
_TEXT: Final = {"Content-Type": "text/plain; charset=utf-8"}
_MISDIRECTED: Final = (
    b"this is not served under that name: ask by address, or list the name in"
    b" GUARDIAN_METRICS_HOSTS\n"
)
_PATHS: Final = "/metrics, /livez, /readyz"


def serve(
    listen: str,
    *,
    overview: Callable[[], DaemonStatus],
    metrics: PrometheusMetrics,
    clock: Clock | None = None,
    hosts: Collection[str] = (),
) -> HttpServer:
    """Answer `/metrics`, `/livez` and `/readyz` on `listen` from now on, in threads of its own.

    `hosts` are names under which clients may ask beside addresses, `localhost`, and the name that
    `listen` or the machine itself has: another name may be a page's in somebody's browser, which
    had it lead here (DNS rebinding). `overview` must neither wait nor ask a vendor. Raises
    ConfigError when `listen` is no address, or none that this process can listen on.
    """
    host, port = parse_listen(listen)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        server = HttpServer(family, address, overview, metrics, clock or SystemClock())
        server.hosts = frozenset(
            name.lower() for name in (host, "localhost", socket.gethostname(), *hosts)
        )
    except OSError as error:
        raise ConfigError(
            f"metrics cannot be served on {listen}: {_why(error)}. Set GUARDIAN_METRICS_LISTEN to"
            " another address"
        ) from None
    server.thread.start()
    return server


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port of `host:port`, `[::1]:port`, or `:port` (loopback). Raises ConfigError."""
    host, colon, port = text.strip().rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    numeric = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535
    if not colon or not numeric or ("[" in host or "]" in host or ":" in host) != bracketed:
        raise ConfigError(
            f"{text!r} is not an address to listen on: write it as HOST:PORT, [IPV6]:PORT, or"
            " :PORT for this machine alone, e.g. 127.0.0.1:9464"
        )
    return (host[1:-1] if bracketed else host) or LOOPBACK, int(port)


def _why(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    match error.errno:
        case errno.EADDRINUSE:
            return "another program listens there already"
        case errno.EADDRNOTAVAIL:
            return "this machine does not have that address"
        case errno.EACCES:
            return "this user may not listen on that port"
        case _:
            return error.strerror or type(error).__name__


class HttpServer(ThreadingHTTPServer):
    """A listener in a thread of its own, which knows its connections and how old they are."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        family: int,
        address: Any,
        overview: Callable[[], DaemonStatus],
        metrics: PrometheusMetrics,
        clock: Clock,
    ) -> None:
        self.address_family = family
        self.overview = overview
        self.metrics = metrics
        self.hosts: frozenset[str] = frozenset()
        """Names under which clients may ask; an address always may."""
        self.rendering = threading.Lock()
        """One page at a time: scrapers together take no more of the processor than one."""
        self._clock = clock
        self._lock = threading.Lock()
        self._opened: dict[socket.socket, float] = {}
        """Oldest first."""
        self._paused = threading.Event()
        super().__init__(address, _Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.2,), daemon=True)

    @property
    def address(self) -> str:
        """Where it listens, `host:port`, with the port that port 0 became."""
        host, port = self.server_address[:2]
        text = str(host)
        return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"

    def stop(self) -> None:
        """Close the listener and every connection; idempotent."""
        if self.thread.is_alive():
            self.shutdown()
            self.thread.join(timeout=5.0)
        with self._lock:
            for connection in self._opened:
                _hang_up(connection)
        self.server_close()

    def server_bind(self) -> None:
        """Without HTTPServer's look at the host's name, which can take as long as DNS takes."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "guardian", self.server_address[1]

    def get_request(self) -> Any:
        """The next client."""
        try:
            return super().get_request()
        except OSError:
            # Out of file handles: the client stays in the queue, and asking at once would spin.
            self._paused.wait(timeout=0.2)
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - the base class's
        """Whether a client is let in: not beyond what is open at the most."""
        with self._lock:
            if len(self._opened) >= 2 * MAX_CONNECTIONS:
                return False
            if len(self._opened) >= MAX_CONNECTIONS:
                _hang_up(next(iter(self._opened)))
            self._opened[request] = self._clock.monotonic()
        return True

    def shutdown_request(self, request: Any) -> None:
        """A client was answered."""
        with self._lock:
            self._opened.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Several times a second: a client that sends a byte now and then is not silent."""
        too_old = self._clock.monotonic() - LIFE_S
        with self._lock:
            for connection, since in self._opened.items():
                if since < too_old:
                    _hang_up(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's
        """Say what is no client's doing."""
        error = sys.exception()
        if not isinstance(error, OSError | LineTooLong):
            _LOG.error("a request for metrics or health failed", exc_info=error)


def _hang_up(connection: socket.socket) -> None:
    """End a connection under its handler's hands; the handler then closes it."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


class _Head:
    """A request's lines, up to `MAX_HEAD` bytes of them."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._left = MAX_HEAD
        self.close = stream.close

    def readline(self, size: int = -1) -> bytes:
        line: bytes = self._stream.readline(min(size, self._left + 1))
        self._left -= len(line)
        if self._left < 0:
            raise LineTooLong("head")
        return line


class _Handler(BaseHTTPRequestHandler):
    """One request a connection."""

    server: HttpServer
    timeout = SILENCE_S
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.rfile: Any = _Head(self.rfile)

    def version_string(self) -> str:
        return "guardian"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: scrapes are many."""

    def do_GET(self) -> None:
        try:
            if not _is_ours(self.headers.get("Host", ""), self.server.hosts):
                self._send(421, _MISDIRECTED, _TEXT)
                return
            status, body, headers = self._answer(self.path.partition("?")[0])
        except Exception:  # noqa: BLE001 - a page that fails must not take the listener along
            _LOG.exception("%s could not be answered", self.path.partition("?")[0])
            status, body, headers = 500, b"guardian failed to answer: see its log\n", _TEXT
        self._send(status, body, headers)

    do_HEAD = do_GET  # noqa: N815 - http.server finds methods by these names

    def _answer(self, path: str) -> tuple[int, bytes, Mapping[str, str]]:
        match path:
            case "/metrics":
                return self._metrics()
            case "/livez":
                return _health(self.server.overview().alive)
            case "/readyz":
                overview = self.server.overview()
                return _health(overview.ready, _remarks(overview))
            case _:
                return 404, f"there is nothing here; ask for {_PATHS}\n".encode(), _TEXT

    def _metrics(self) -> tuple[int, bytes, Mapping[str, str]]:
        if not self.server.rendering.acquire(timeout=SILENCE_S):
            return 503, b"other scrapes are still under way\n", _TEXT
        try:
            body, headers = self.server.metrics.page(
                self.server.overview(),
                accept=", ".join(self.headers.get_all("Accept", ())),
                encodings=", ".join(self.headers.get_all("Accept-Encoding", ())),
            )
        finally:
            self.server.rendering.release()
        return 200, body, headers

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses, as one line of text that repeats nothing of the request."""
        del message, explain
        if code == 501:  # what the base class says to a method that it does not find here
            self._send(405, b"this address is only read: use GET or HEAD\n", _TEXT)
        else:
            self._send(code, b"this is no request that can be answered\n", _TEXT)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status == 405:
            self.send_header("Allow", "GET, HEAD")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _is_ours(host: str, names: Collection[str]) -> bool:
    """Whether a request's Host is an address, or a name of ours; absent before HTTP/1.1."""
    name = host.strip().lower()
    if not name:
        return True
    if not name.startswith("["):
        name = name.partition(":")[0]
    try:
        ip_address(name.partition("]")[0].removeprefix("["))
    except ValueError:
        return name in names
    return True


def _remarks(overview: DaemonStatus) -> str:
    """What is amiss outside of this process: no reason to end or to replace it."""
    unseen = {f"{s}: its target cannot be seen": why for s, why in sorted(overview.unseen.items())}
    refusing = {f"{name} refuses what it is given": why for name, why in overview.notifiers.items()}
    found = {**unseen, **refusing}
    return "".join(f"{what}: {' '.join(why.split())}\n" for what, why in found.items() if why)


def _health(trouble: str, remarks: str = "") -> tuple[int, bytes, Mapping[str, str]]:
    """200 `ok`, or 503 with why not; the remarks below change neither."""
    first = trouble or "ok"
    return 503 if trouble else 200, f"{first}\n{remarks}".encode(), _TEXT
