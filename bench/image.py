"""`python -m bench.image`: what the image costs to pull, to start, at rest and with much to do.

It measures the image that `make image` left on this machine, by podman, beside a simulated AWS.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench.table import Row, least_and_median
from guardian.clock import SystemClock
from tests.packaging.container import (
    IMAGE,
    Container,
    alive,
    beside,
    inspected,
    once,
    podman,
    running,
    simulated,
    volume,
    wait_for,
)

CLOCK, PAUSE = SystemClock(), threading.Event()
RUNS: Final = 7
SERVICES: Final = 100
SETTLE_S: Final = 120.0
"""At rest after so long."""
LIVE_S: Final = 300.0
"""Ten polls of every rollout."""
SERVICE = """\
  fn-{number}:
    router: {{type: lambda_alias, function: fn-{number}, alias: live}}
    rules: ["preset:lambda"]
    steps: [{{weight: 10%, bake: 4h}}, {{weight: 100%, bake: 10m}}]
"""
HEAD = """\
version: 1
environment: production
aws: {account_id: "333333333333", region: us-east-1}
notify: [{to: console, on: all}]
services:
"""
START_ALL = """\
import contextlib, sys
from guardian.cli.main import run
for number in range(int(sys.argv[1])):
    with contextlib.suppress(SystemExit):
        run(["rollout", "start", f"fn-{number}", "--to", "42", "--timeout", "60s"])
"""


def rows() -> Iterator[Row]:
    """Every measurement, as it comes."""
    yield Row("The image, unpacked", f"{inspected()['Size'] / 1e6:.0f} MB", "on Debian's packages")
    yield Row("The image, to pull", f"{_packed_mb():.0f} MB", "`podman save`, an OCI archive")
    empty = [_took_ms(lambda: once("-c", "exit", options=["--entrypoint=sh", IMAGE]))]
    empty += [
        _took_ms(lambda: once("-c", "exit", options=["--entrypoint=sh", IMAGE]))
        for _ in range(RUNS)
    ]
    how = f"container included, least / median of {RUNS}"
    yield Row("A container that does nothing", least_and_median(empty[1:]), how)
    version = [_took_ms(lambda: once(IMAGE, "version")) for _ in range(RUNS)]
    yield Row("`guardian version` in a new container", least_and_median(version), how)
    for services in (1, SERVICES):
        yield from _daemon(services)


def _daemon(services: int) -> Iterator[Row]:
    with simulated(1, SERVICES, 1.0) as aws, volume() as state, _files(services) as folder:
        options = [
            *beside(aws),
            f"--volume={folder}:/etc/guardian:ro",
            f"--volume={state}:/var/lib/guardian",
        ]
        began = CLOCK.monotonic()
        with running(IMAGE, options=options, network=f"container:{aws.name}") as daemon:
            wait_for(lambda: alive(daemon), 120, daemon.logs)
            ready_s = CLOCK.monotonic() - began
            what = f"`guardian run` for {services} service{'s' * (services > 1)}"
            yield Row(f"{what}, until it is healthy", f"{ready_s:.1f} s", "container included")
            asked = [_took_ms(lambda: daemon.run("guardian", "healthcheck")) for _ in range(RUNS)]
            yield Row("`guardian healthcheck`", least_and_median(asked), "`podman exec` included")
            PAUSE.wait(SETTLE_S)
            yield _cost(daemon, f"{what}, at rest")
            if services > 1:
                yield from _at_work(daemon, what)


def _at_work(daemon: Container, what: str) -> Iterator[Row]:
    daemon.run("python", "-c", START_ALL, str(SERVICES), timeout=900)
    listed = daemon.run("guardian", "rollout", "list").stdout.splitlines()
    live = sum("fn-" in line for line in listed)
    PAUSE.wait(LIVE_S)
    yield _cost(daemon, f"{what}, {live} live rollouts")


def _cost(daemon: Container, what: str) -> Row:
    """Memory now and at its highest, and the processor's share over a minute."""
    pid = int(daemon.state("Pid"))
    before = _processor_s(pid)
    PAUSE.wait(60.0)
    share = (_processor_s(pid) - before) / 60.0
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    lines = dict(line.split(":", 1) for line in status.splitlines())
    now, most = (int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    load = os.getloadavg()[0]
    how = (
        f"resident set; processor over a minute, load average {load:.0f} on {os.cpu_count()} cores"
    )
    return Row(what, f"{now:.0f} MiB, at most {most:.0f} MiB; {share * 1000:.0f} m", how)


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _took_ms(call: Callable[[], object]) -> float:
    began = CLOCK.monotonic()
    call()
    return (CLOCK.monotonic() - began) * 1e3


def _packed_mb() -> float:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "image.tar"
        podman("save", "--format", "oci-archive", "-o", archive, IMAGE)
        return archive.stat().st_size / 1e6


@contextmanager
def _files(services: int) -> Iterator[Path]:
    """A configuration, where the image looks for it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").mkdir()
        text = HEAD + "".join(SERVICE.format(number=number) for number in range(services))
        (folder / "config" / "production.yaml").write_text(text, encoding="utf-8")
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield folder


if __name__ == "__main__":
    for row in rows():
        print(f"| {row.what} | {row.result} | {row.how} |", flush=True)
