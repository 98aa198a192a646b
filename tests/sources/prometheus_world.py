"""A real Prometheus on loopback over samples that a test wrote, and a gate in front of it."""

from __future__ import annotations

import http.client
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs

from guardian.clock import SystemClock
from guardian.core.model import Query, floor_to
from guardian.sources import prometheus
from tests.contracts.adapters import StillClock
from tests.notifiers.samples import context
from tests.tooling import tool

CLOCK = SystemClock()
MINUTE = floor_to(CLOCK.now() - 3 * 3600, 60)
"""Begins the period in progress: long enough ago to be in a block, and within what is kept."""
NOW = MINUTE + 45
EVERY_S = 15
MINUTES = 10
START_S = 30.0
HANGS_S = 20.0


def samples() -> str:
    """In OpenMetrics: requests that rise by 8 in 15 seconds, a gauge, and what has no number."""
    lines = []
    count = 60 * (MINUTES + 5) // EVERY_S
    times = [MINUTE + 45 - EVERY_S * n for n in reversed(range(count))]
    series: dict[str, tuple[str, Callable[[int], object]]] = {
        "shop_requests_total": ("counter", lambda n: 8.0 * n),
        "shop_queue_age_seconds": ("gauge", lambda n: 7.5),
        "shop_nothing": ("gauge", lambda n: "NaN"),
        "shop_endless": ("gauge", lambda n: "+Inf"),
    }
    for name, (kind, value) in series.items():
        lines.append(f"# TYPE {name.removesuffix('_total')} {kind}")
        for pod in ("a", "b"):
            labels = f'{{version="10",pod="{pod}"}}'
            lines += [f"{name}{labels} {value(n)} {at}" for n, at in enumerate(times)]
    return "\n".join([*lines, *orders(), "# EOF", ""])


def orders() -> Iterator[str]:
    """An hour of orders: all that is well, and of version 42 two in five fail."""
    yield "# TYPE shop_orders counter"
    for version, code, rise in (("41", 200, 20), ("42", 200, 12), ("42", 500, 8), ("43", 200, 20)):
        for n in range(3600 // EVERY_S):
            at = MINUTE - 3600 + EVERY_S * n
            labels = f'{{version="{version}",code="{code}"}}'
            yield f"shop_orders_total{labels} {rise * n} {at}"


@contextmanager
def running(folder: Path) -> Iterator[int]:
    """A Prometheus over these samples; its port on loopback."""
    server, promtool = tool("prometheus"), tool("promtool")
    (folder / "samples.txt").write_text(samples(), encoding="utf-8")
    (folder / "prometheus.yml").write_text("global: {}\n", encoding="utf-8")
    blocks = ("tsdb", "create-blocks-from", "openmetrics", "samples.txt", "data")
    subprocess.run([promtool, *blocks], cwd=folder, check=True, capture_output=True, timeout=60)
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = subprocess.Popen(
        [
            server,
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ],
        cwd=folder,
    )
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(port: int) -> None:
    until = CLOCK.monotonic() + START_S
    while CLOCK.monotonic() < until:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/-/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            CLOCK.sleep(0.1)
        finally:
            connection.close()
    raise TimeoutError("Prometheus is not ready")


@dataclass
class Gate:
    """Stands before Prometheus: passes questions on, or answers in its place."""

    port: int
    status: int = 0
    """Answers everything with it, unless 0."""
    body: bytes = b"{}"
    location: str = ""
    forbidden: str = ""
    """An expression that may not be read."""
    flooding: str = ""
    """An expression with an endless answer."""
    hanging: str = ""
    """An expression without an answer."""
    closed: Event = field(default_factory=Event)
    asked: list[tuple[str, dict[str, list[str]], dict[str, str]]] = field(default_factory=list)
    """Path, form and headers of each question."""

    def answer(self, handler: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        """What Prometheus says, or what a test wants."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        form = parse_qs(body.decode())
        headers = {name: str(value) for name, value in handler.headers.items()}
        self.asked.append((handler.path, form, headers))
        if self.status:
            return self.status, self.body
        if self.forbidden and self.forbidden in "".join(form.get("query", [])):
            return 403, b'{"status": "error", "error": "not for you"}'
        if self.flooding and self.flooding in "".join(form.get("query", [])):
            return 200, b"x" * (prometheus.MOST_BYTES + 1)
        if self.hanging and self.hanging in "".join(form.get("query", [])):
            self.closed.wait(HANGS_S)
            return 503, b""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(handler.command, handler.path, body or None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@contextmanager
def gated(gate: Gate) -> Iterator[str]:
    """The gate's address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """One question."""
            status, body = gate.answer(self)
            self.send_response(status)
            if gate.location:
                self.send_header("Location", gate.location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815 - http.server calls it by this name

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
            """Quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Quiet: a reader that had enough closes."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        gate.closed.set()
        server.shutdown()
        thread.join()
        server.server_close()


def query(text: str, **values: str) -> Query:
    """An expression as rule files make it, bound."""
    return Query(
        source="prometheus",
        name=text,
        words=(("query", text), ("values", tuple(sorted(values.items())))),
        versioned=tuple(sorted(values)),
    )


def counted(name: str, version: str = "10") -> Query:
    """What a counter rose by in a minute, for one version."""
    return query(f'sum(increase({name}{{version="$(canary)"}}[1m]))', canary=version)


class World:
    """The contract's world."""

    now = NOW
    busy = counted("shop_requests_total")
    quiet = counted("shop_failures_total")
    of_another_version = counted("shop_requests_total", "never")
    misspelt = counted("shop_requestss_total")
    hint = "It has no metric shop_requestss_total; it lists shop_requests_total"
    settle_s = 120.0
    minutes = MINUTES

    def __init__(self, gate: Gate, url: str) -> None:
        self.gate = gate
        self.url = url
        self.secrets: dict[str, str] = {}

    def source(self, **options: Any) -> prometheus.Prometheus:
        """The source under test."""
        found = replace(context(), clock=StillClock(NOW), secret=self.secrets.get)
        return prometheus.build(prometheus.Options(url=self.url, **options), found)

    def forbid(self, query: Query) -> None:
        """HTTP 403 for this expression."""
        self.gate.forbidden = str(query.word("query")).split("{", maxsplit=1)[0]

    def break_down(self) -> None:
        """HTTP 500 for every question."""
        self.gate.status = 500

    def lock_out(self) -> None:
        """HTTP 401 for every question."""
        self.gate.status = 401
