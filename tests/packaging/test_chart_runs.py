"""What the chart makes is what guardian takes: its files, variables and arguments, at work."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cli.stage import SERVICE, Stage, stage
from tests.packaging.chart import FILES, Document, loaded, one, rendered
from tests.packaging.kubelet import Kubelet

CONFIG = """\
version: 1
environment: production
aws: {account_id: "333333333333"}
services:
  agents-api:
    router: {type: lambda_alias, function: agents-api, alias: live}
    rules: [../rules/production.yaml]
    vars: {pagerduty_service: PABC123}
    steps:
      - {weight: 10%, bake: 10m}
      - {weight: 100%, bake: 10m}
notify:
  - {to: slack, channel: "#deployments", on: all}
  - to: pagerduty
    routing_key: {file: /run/secrets/guardian/pagerduty-routing-key}
    on: [rolled_back, stuck, blind]
"""


class Cluster:
    """A node with the chart on it, and a simulated AWS beside it."""

    def __init__(self, a_stage: Stage, folder: Path) -> None:
        self.stage, self.node = a_stage, Kubelet(folder / "node")
        self.port = free_port()
        self.paths: list[str] = []
        self.started: list[subprocess.Popen[bytes]] = []

    def documents(self, config: str) -> list[Document]:
        """The chart with this config file."""
        values = {
            "config": config,
            "aws": {"region": "us-east-1", "accountId": "333333333333", "identity": "none"},
            "secrets": {"existingSecret": "guardian", "providerClass": "guardian"},
            "metrics.port": self.port,
        }
        return loaded(rendered(values, *FILES[2:]))

    def place(self, config: str) -> list[Document]:
        """Let the node have it: files first, those of the secrets' driver among them."""
        documents = self.documents(config)
        for pod in (daemon(documents), doctor(documents)):
            self.paths = self.node.mount(documents, pod)
        key = self.node.root / "run/secrets/guardian/pagerduty-routing-key"
        key.write_text(self.stage.simulator.pagerduty.routing_key + "\n")
        return documents

    def environ(self, pod: Document) -> dict[str, str]:
        """What the container has: the pod's variables, those of its secret, and where AWS is."""
        theirs = self.stage.environ()
        secret = ("GUARDIAN_SLACK_TOKEN", "GUARDIAN_PAGERDUTY_API_TOKEN")
        simulated = [
            name for name in theirs if name.startswith("AWS_") or name.endswith(("_URL", "_CLOCK"))
        ]
        outside = {name: theirs[name] for name in (*secret, *simulated, "PATH", "PYTHONPATH")}
        return {**outside, **self.node.variables(pod, self.paths)}

    def start(self, pod: Document, *more: str, log: Path) -> subprocess.Popen[bytes]:
        """The image's entry point with the container's arguments and variables."""
        guardian = Path(sys.executable).parent / "guardian"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [guardian, *pod["containers"][0]["args"], *more],
                cwd=self.node.root / "etc/guardian",
                env=self.environ(pod),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.started.append(process)
        return process

    def wait_for(self, what: str, seen: Callable[[], bool]) -> None:
        """Wait until something is so; for a daemon that died nobody waits."""

        def so() -> bool:
            assert self.started[0].poll() is None, f"the daemon died while waiting for {what}"
            return seen()

        self.stage.wait_for(what, so)

    def close(self) -> None:
        """End what a failed test left running."""
        for process in self.started:
            process.kill()
            process.wait()

    def answers(self, pod: Document, probe: str, code: int) -> bool:
        """Whether a probe of the pod gets this code."""
        asked = pod["containers"][0][probe]["httpGet"]
        assert asked["port"] == pod["containers"][0]["ports"][0]["name"]
        port = pod["containers"][0]["ports"][0]["containerPort"]
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{port}{asked['path']}", timeout=5
            ) as got:
                return bool(got.status == code)
        except urllib.error.HTTPError as error:
            return error.code == code
        except OSError:
            return False


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def daemon(documents: list[Document]) -> Document:
    """The pod of the Deployment."""
    found: Document = one(documents, "Deployment")["spec"]["template"]["spec"]
    return found


def doctor(documents: list[Document]) -> Document:
    """The pod of `helm test`."""
    found: Document = one(documents, "Pod", "guardian-doctor")["spec"]
    return found


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A node with nothing on it."""
    with stage(tmp_path, speed=1.0) as made:
        found = Cluster(made, tmp_path)
        try:
            yield found
        finally:
            found.close()


def test_the_rendered_pods_are_at_work(cluster: Cluster) -> None:
    """Ready by its own probes; `helm test` finds nothing amiss; it follows new files; it leaves."""
    documents = cluster.place(CONFIG)
    pod, test = daemon(documents), doctor(documents)
    log, report = cluster.stage.folder / "log", cluster.stage.folder / "report"
    process = cluster.start(pod, log=log)
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        cluster.wait_for(probe, partial(cluster.answers, pod, probe, 200))
    cluster.wait_for("the service", lambda: f"{SERVICE}: served here" in log.read_text())

    code = cluster.start(test, "-o", "json", log=report).wait(timeout=60)
    found = json.loads(report.read_text())["findings"]
    assert (code, [line for line in found if line["level"] == "FAIL"]) == (0, [])
    assert "the journal can be read and written" in report.read_text()
    assert (cluster.node.root / "var/lib/guardian/guardian.db").exists()

    cluster.place(CONFIG.replace("agents-api:\n", "billing-api:\n"))
    cluster.wait_for("new files", lambda: "billing-api: served here" in log.read_text())
    cluster.place(CONFIG.replace("lambda_alias", "lambda_alis"))
    cluster.wait_for("a complaint", lambda: "lambda_alis" in log.read_text())
    assert cluster.answers(pod, "livenessProbe", 200)

    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=pod["terminationGracePeriodSeconds"]) == 0
