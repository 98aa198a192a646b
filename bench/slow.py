"""A CloudWatch on loopback that takes its time: it has a datapoint for every minute asked for.

A process of its own, so that its work is not counted as guardian's.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from guardian.clock import SystemClock
from guardian.core.model import ceil_to, floor_to

CLOCK, PAUSE = SystemClock(), threading.Event()
CALL_S = 0.3
PUBLISHED_AFTER_S = 60.0
BAD_SUFFIX = "Bad"
BAD, TOTAL = 1.0, 300.0
"""In each minute, of a metric whose name ends in `Bad`, and of any other."""


class _Handler(BaseHTTPRequestHandler):
    """GetMetricData, for any series."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer, `CALL_S` after the question came."""
        due = CLOCK.monotonic() + CALL_S
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = _answer(asked)
        PAUSE.wait(max(0.0, due - CLOCK.monotonic()))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the table goes to standard output."""


def _answer(asked: dict[str, Any]) -> bytes:
    """One page, and the same minutes for each of its series."""
    begin = ceil_to(asked["StartTime"], 60.0)
    end = floor_to(min(asked["EndTime"], CLOCK.now() - PUBLISHED_AFTER_S), 60.0)
    minutes = max(0, round((end - begin) / 60.0))
    at = json.dumps([begin + 60.0 * minute for minute in range(minutes)])
    values = {value: json.dumps([value] * minutes) for value in (BAD, TOTAL)}
    results = ",".join(
        f'{{"Id": "{query["Id"]}", "StatusCode": "Complete", "Timestamps": {at},'
        f' "Values": {values[_value(query)]}}}'
        for query in asked["MetricDataQueries"]
    )
    return f'{{"MetricDataResults": [{results}], "Messages": []}}'.encode()


def _value(query: dict[str, Any]) -> float:
    return BAD if query["MetricStat"]["Metric"]["MetricName"].endswith(BAD_SUFFIX) else TOTAL


@contextmanager
def slow() -> Iterator[str]:
    """Its address, while it runs."""
    command = [sys.executable, "-m", "bench.slow"]
    folder = Path(__file__).parent.parent
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def main() -> None:
    """Say the port, and serve until whoever started this is gone."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
