"""A real Prometheus reads what a real daemon says while a bad version is taken back."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from guardian.core.rollout.entries import Order, OrderKind, for_service
from guardian.sim.simulated_traffic import Behaviour
from tests.cli.forks import Process
from tests.cli.stage import SERVICE, Stage, stage
from tests.cli.theatre import journal_of
from tests.tooling import tool
from tests.web.scraping import ask, listening

SCRAPES = """\
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: guardian
    static_configs: [{{targets: ["{address}"]}}]
"""


# --- promtool ----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [[], ["--extended"]], ids=["lint", "extended"])
def test_promtool_finds_nothing_to_improve(options: list[str]) -> None:
    """Names, units, help texts, types: of the page as it comes over the socket."""
    promtool = tool("promtool")
    with listening() as listener:
        _, _, body = ask(listener, "/metrics")
    found = subprocess.run(
        [str(promtool), "check", "metrics", *options],
        input=body,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, b"")
    assert options == [] or b"guardian_rollout_phase" in found.stdout


# --- the daemon and its scraper ----------------------------------------------------------------


@contextmanager
def ending(process: Process) -> Iterator[Process]:
    """End a process of this test with the test."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def logged(on: Stage, log: Path, pattern: str) -> str:
    """Wait until a process has logged something, and return its group."""

    def found() -> re.Match[str] | None:
        return re.search(pattern, log.read_text(errors="replace"))

    on.wait_for(f"{pattern} in {log.name}", found)
    match = found()
    assert match is not None
    return match[1]


@dataclass(frozen=True, kw_only=True)
class Prometheus:
    """A running one."""

    address: str

    def query(self, expr: str) -> dict[str, float]:
        """An instant query: values by what tells the series apart here."""
        url = f"http://{self.address}/api/v1/query?{urllib.parse.urlencode({'query': expr})}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            found = json.load(answer)["data"]["result"]
        labels = ("service", "criterion", "phase", "operation", "outcome", "verdict", "region")
        return {
            " ".join(one["metric"][name] for name in labels if name in one["metric"]): float(
                one["value"][1]
            )
            for one in found
        }

    def says(self, expr: str, wanted: dict[str, float]) -> Callable[[], bool]:
        """Whether a query has this answer now."""
        return lambda: self.query(expr) == wanted


@contextmanager
def prometheus(on: Stage, target: str) -> Iterator[Prometheus]:
    """A Prometheus that scrapes one address five times a second."""
    file, log = on.folder / "prometheus.yaml", on.folder / "prometheus.log"
    file.write_text(SCRAPES.format(address=target))
    command = [
        str(tool("prometheus")),
        f"--config.file={file}",
        f"--storage.tsdb.path={on.folder / 'tsdb'}",
        "--web.listen-address=127.0.0.1:0",
    ]
    with log.open("w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, text=True)
    with ending(process):
        address = logged(on, log, r'msg="Listening on"[^\n]* address=(127\.0\.0\.1:[1-9]\d*)')
        logged(on, log, "(Server is ready)")
        yield Prometheus(address=address)


@contextmanager
def daemon(on: Stage) -> Iterator[str]:
    """A daemon for the stage's service; its metrics address."""
    log = on.folder / "guardian.log"
    process = on.start("run", "--metrics-listen", "127.0.0.1:0", to=log)
    with ending(process):
        yield logged(on, log, r"metrics and health on (127\.0\.0\.1:\d+)")


def start(on: Stage, version: str) -> None:
    """Order a rollout from another terminal."""
    with closing(journal_of(on)) as journal:
        journal.order(
            Order(
                id="order-1",
                rollout=for_service(SERVICE),
                kind=OrderKind.START,
                actor="alice",
                reason="a test",
                at=on.clock.now(),
                subject=version,
            )
        )


def test_prometheus_sees_a_bad_version_come_and_go(tmp_path: Path) -> None:
    """From rest over 10 % to rolled back: phase, weight, evidence, counts, and their end."""
    tool("prometheus")
    with (
        stage(tmp_path, speed=60.0) as s,
        daemon(s) as address,
        prometheus(s, address) as p,
    ):
        s.behave("42", Behaviour(failure_rate=0.08))
        at_rest = {f"{SERVICE} {o}": 0.0 for o in ("rolled_back", "completed", "aborted")}
        outcomes = 'guardian_rollouts_total{outcome=~"rolled_back|completed|aborted"}'
        s.wait_for("a service at rest", p.says(outcomes, at_rest))
        s.wait_for("its claim", p.says("guardian_claim_held", {SERVICE: 1.0}))
        assert p.query("guardian_criterion_verdict") == {}
        start(s, "42")
        back = {**at_rest, f"{SERVICE} rolled_back": 1.0}
        s.wait_for("the rollback", p.says(outcomes, back), timeout_s=80.0)
        assert p.query("max_over_time(guardian_canary_weight_ratio[5m])") == {SERVICE: 0.1}
        baked = p.query('max_over_time(guardian_rollout_phase{phase=~"baking|held"}[5m])')
        assert baked == {f"{SERVICE} baking": 1.0, f"{SERVICE} held": 0.0}
        evidence = p.query("max_over_time(guardian_evidence_ratio[5m])")
        assert evidence[f"{SERVICE} error-rate"] > 0.0
        value = p.query('max_over_time(guardian_criterion_value{criterion="error-rate"}[5m])')
        assert 0.03 < value[f"{SERVICE} error-rate"] < 0.3
        s.wait_for("the end of its series", p.says("guardian_criterion_verdict", {}))
        took = p.query("guardian_rollback_duration_seconds_sum")
        assert (took[""] >= 0.0, p.query("guardian_rollback_duration_seconds_count")) == (
            True,
            {"": 1.0},
        )
        counted = p.query('guardian_aws_requests_total{outcome="ok"}')
        assert counted["lambda UpdateAlias ok"] >= 2.0
        requests = s.simulator.calls("cloudwatch", "GetMetricData")
        assert 0.0 < counted["cloudwatch GetMetricData ok"] <= requests
        cost = p.query("guardian_cloudwatch_cost_usd_total")[""]
        asked = p.query("guardian_cloudwatch_metrics_requested_total")[""]
        assert cost == pytest.approx(asked * 0.00001, rel=0.2)
        assert p.query("guardian_last_tick_timestamp_seconds > 0").keys() == {"us-east-1"}
        assert p.query("guardian_tick_duration_seconds_count")[""] > 5.0
        assert p.query("sum(min_over_time(up[5m]))") == {"": 1.0}
