"""`guardian run` over a source that its files describe no more, until they do again."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

from guardian.core.rollout.entries import Cause
from tests.cli.stage import SERVICE
from tests.cli.theatre import theatre

RULES = """\
version: 1
name: shop
defaults: {source: prometheus}
criteria:
  - name: failed-orders
    ratio:
      bad:   {query: 'sum(increase(failed{version="${canary}"}[1m]))'}
      total: {query: 'sum(increase(orders{version="${canary}"}[1m]))'}
    fail_if: {above: 5%}
"""
SPEED = 20.0


class Orders(ThreadingHTTPServer):
    """Speaks as Prometheus: 100 orders a minute, of which so many fail in 42."""

    failed = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One question."""

    server: Orders

    def do_POST(self) -> None:
        """A range: one series, with a value at each step."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        start, end, step = (float(form[name][0]) for name in ("start", "end", "step"))
        bad = self.server.failed if '"42"' in form["query"][0] else 0
        value = bad if "failed" in form["query"][0] else 100
        values = [[start + n * step, str(value)] for n in range(int((end - start) / step) + 1)]
        data = {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}
        body = json.dumps({"status": "success", "data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its own name
        """Quiet."""


@contextmanager
def orders() -> Iterator[Orders]:
    """The server, at work."""
    with Orders(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_a_blind_rollout_sees_again_when_its_source_is_in_the_files_again(tmp_path: Path) -> None:
    """Without a restart: what is bad by then goes back. Lost once more, it still sees."""
    with theatre(tmp_path, speed=SPEED) as t, orders() as server:
        config = t.stage.config
        (tmp_path / "rules" / "production.yaml").write_text(RULES)
        without = re.sub(r"    vars: .*\n", "", config.read_text())
        text = f"{without}sources: {{prometheus: {{url: '{server.url}'}}}}\n"
        config.write_text(text)
        first = t.daemon()
        t.serves()
        t.begin(SERVICE)
        t.wait_phase(SERVICE, "baking")
        first.kill()
        first.wait()
        config.write_text(without)
        second = t.daemon()
        blind = "cannot be read: nothing says where Prometheus is"
        t.wait_for("a daemon that is blind", lambda: blind in t.log())
        config.write_text(text)
        t.wait_for("sight", lambda: "all series can be read again" in t.log())
        config.write_text(without)
        second.send_signal(signal.SIGHUP)
        t.wait_for("the refusal", lambda: "reads what it did before: nothing says" in t.log())
        server.failed = 40
        t.wait_phase(SERVICE, "rolled_back")
        back = t.rollout(SERVICE).rollback
        assert back is not None
        assert back.cause is Cause.BREACH
