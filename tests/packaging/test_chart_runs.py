"""What the chart makes is what guardian takes: its files, variables and arguments, at work."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

from tests.cli.stage import SERVICE, Stage, stage
from tests.moto.emulator import emulator
from tests.packaging.chart import Document, loaded, one, rendered
from tests.packaging.kubelet import Kubelet
from tests.tooling import ROOT

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
        self.paths: list[str] = []
        self.started: list[subprocess.Popen[bytes]] = []

    def place(self, values: Mapping[str, Any], *given: Document) -> list[Document]:
        """Let the node have the chart with these values, and the files of the secrets' driver."""
        shared = {
            "aws": {"region": "us-east-1", "accountId": "333333333333", "identity": "none"},
            "secrets": {"existingSecret": "guardian", "providerClass": "guardian"},
        }
        documents = [*loaded(rendered({**shared, **values})), *given]
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

    def start(
        self, pod: Document, *more: str, log: Path, **outside: str
    ) -> subprocess.Popen[bytes]:
        """The image's entry point with the container's arguments and variables; empty ones go."""
        guardian = Path(sys.executable).parent / "guardian"
        environ = {**self.environ(pod), **outside}
        with log.open("wb") as out:
            process = subprocess.Popen(
                [guardian, *(more or pod["containers"][0]["args"])],
                cwd=self.node.root / "etc/guardian",
                env={name: text for name, text in environ.items() if text},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self.started.append(process)
        return process

    def wait_for(self, what: str, seen: Callable[[], bool]) -> None:
        """Wait until something is so; for the first daemon nobody waits when it has failed."""

        def so() -> bool:
            assert not (self.started[0].poll() or 0) > 0, f"it died while waiting for {what}"
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


@contextmanager
def node(folder: Path, *, speed: float) -> Iterator[Cluster]:
    """One with nothing on it."""
    with stage(folder, speed=speed) as made:
        found = Cluster(made, folder)
        try:
            yield found
        finally:
            found.close()


def rules() -> str:
    """The rule file that ships."""
    return (ROOT / "rules" / "production.yaml").read_text()


WHOLE: Final = {"config": CONFIG, "rules": {"production": rules()}}
ROLE: Final = "arn:aws:iam::333333333333:role/guardian"
KEYLESS: Final = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
"""What leaves nothing but what EKS brings."""


@contextmanager
def agent() -> Iterator[tuple[str, list[str]]]:
    """The EKS Pod Identity agent on loopback: its address, and the tokens that it was shown."""
    tokens: list[str] = []
    keys = {
        "AccessKeyId": "ASIASIMULATED",
        "SecretAccessKey": "simulated",
        "Token": "simulated",
        "Expiration": "2099-01-01T00:00:00Z",
    }

    class Agent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tokens.append(self.headers["Authorization"])
            body = json.dumps(keys).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Agent) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/credentials", tokens
        finally:
            server.shutdown()
            serving.join()


def examined(cluster: Cluster, documents: list[Document], **outside: str) -> None:
    """The pod of `helm test` ends well, and looked at the daemon's journal."""
    report = cluster.stage.folder / "report"
    words = (*doctor(documents)["containers"][0]["args"], "-o", "json")
    code = cluster.start(doctor(documents), *words, log=report, **outside).wait(timeout=60)
    found = json.loads(report.read_text().splitlines()[-1])["findings"]
    assert (code, [line for line in found if line["level"] == "FAIL"]) == (0, [])
    assert "the journal can be read and written" in report.read_text()


def test_the_rendered_pods_are_at_work(tmp_path: Path) -> None:
    """Ready by its own probes; `helm test` finds nothing amiss; it follows new files; it leaves."""
    with node(tmp_path, speed=1.0) as cluster:
        values = {**WHOLE, "metrics.port": free_port()}
        documents = cluster.place(values)
        pod, log = daemon(documents), tmp_path / "log"
        process = cluster.start(pod, log=log)
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            cluster.wait_for(probe, partial(cluster.answers, pod, probe, 200))
        cluster.wait_for("the service", lambda: f"{SERVICE}: served here" in log.read_text())
        examined(cluster, documents)
        assert (cluster.node.root / "var/lib/guardian/guardian.db").exists()

        cluster.place({**values, "config": CONFIG.replace("agents-api:\n", "billing-api:\n")})
        cluster.wait_for("new files", lambda: "billing-api: served here" in log.read_text())
        cluster.place({**values, "config": CONFIG.replace("lambda_alias", "lambda_alis")})
        cluster.wait_for("a complaint", lambda: "lambda_alis" in log.read_text())
        assert cluster.answers(pod, "livenessProbe", 200)

        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=pod["terminationGracePeriodSeconds"]) == 0


def test_files_of_a_config_map_of_yours_lie_beside_each_other(tmp_path: Path) -> None:
    """Its guardian.yaml is the config file, and names rules without a folder."""
    with node(tmp_path, speed=1.0) as cluster:
        data = {"guardian.yaml": CONFIG.replace("../rules/", ""), "production.yaml": rules()}
        yours = {"kind": "ConfigMap", "metadata": {"name": "yours"}, "data": data}
        examined(cluster, cluster.place({"existingConfigMap": "yours"}, yours))


def test_a_role_comes_by_the_token_that_irsa_brings(tmp_path: Path) -> None:
    """By what EKS adds to a pod whose service account has the chart's annotation."""
    with node(tmp_path, speed=1.0) as cluster, emulator() as sts:
        aws = {"region": "us-east-1", "accountId": "333333333333", "roleArn": ROLE}
        documents = cluster.place({**WHOLE, "aws": aws})
        annotations = one(documents, "ServiceAccount")["metadata"]["annotations"]
        (tmp_path / "token").write_text("a token of the cluster's")
        given = {
            "AWS_ROLE_ARN": annotations["eks.amazonaws.com/role-arn"],
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ENDPOINT_URL_STS": sts.url,
        }
        examined(cluster, documents, **KEYLESS, **given)


def test_a_role_comes_from_the_agent_of_pod_identity(tmp_path: Path) -> None:
    """Asked with the pod's token, as EKS tells each pod to."""
    with node(tmp_path, speed=1.0) as cluster, agent() as (address, tokens):
        aws = {"region": "us-east-1", "accountId": "333333333333", "identity": "pod-identity"}
        documents = cluster.place({**WHOLE, "aws": aws})
        (tmp_path / "token").write_text("a token of the pod's")
        given = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": address,
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "token"),
        }
        examined(cluster, documents, **KEYLESS, **given)
        assert set(tokens) == {"a token of the pod's"}


def test_a_second_replica_stands_by_on_a_shared_journal(tmp_path: Path) -> None:
    """Of two pods on one table one serves; when it is killed the other one does."""
    with node(tmp_path, speed=20.0) as cluster, emulator() as databases:
        values = {**WHOLE, "replicas": 2, "journal.address": "dynamodb:guardian"}
        table = {"AWS_ENDPOINT_URL_DYNAMODB": databases.url}
        first, second = (
            daemon(cluster.place({**values, "metrics.port": free_port()})) for _ in range(2)
        )
        made = cluster.start(first, "journal", "init", log=tmp_path / "made", **table)
        assert made.wait(timeout=60) == 0, (tmp_path / "made").read_text()

        one_log, other_log = tmp_path / "one", tmp_path / "other"
        serving = cluster.start(first, log=one_log, **table)
        cluster.wait_for("one", lambda: f"{SERVICE}: served here" in one_log.read_text())
        cluster.start(second, log=other_log, **table)
        cluster.wait_for("the other", lambda: "standing by" in other_log.read_text())
        serving.kill()
        cluster.wait_for("a change", lambda: f"{SERVICE}: served here" in other_log.read_text())
        assert cluster.answers(second, "readinessProbe", 200)
