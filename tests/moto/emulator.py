"""An AWS account in moto's server: one Lambda alias, its callers, and `guardian` beside them."""

from __future__ import annotations

import io
import json
import logging
import os
import threading
import urllib.request
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.session import Session

from guardian.clock import ScaledClock
from tests.cli.forks import started
from tests.cli.stage import ROOT, Ended, finish
from tests.pace import bearable

ACCOUNT = "123456789012"
"""The emulator's own account."""
REGION = "us-east-1"
SERVICE = "agents-api"
NAMESPACE = "Shop/Api"
SPEED = 200.0
PER_MINUTE = 600
"""Requests to the alias, over all versions."""

CONFIG = f"""\
version: 1
environment: production
aws: {{account_id: "{ACCOUNT}", region: {REGION}}}
services:
  {SERVICE}:
    router: {{type: lambda_alias, function: {SERVICE}, alias: live}}
    rules: [../rules/production.yaml]
    steps:
      - {{weight: 10%, bake: 5m}}
      - {{weight: 50%, bake: 5m}}
      - {{weight: 100%, bake: 5m}}
"""
RULES = f"""\
version: 1
name: production
criteria:
  - name: error-rate
    ratio:
      bad: {{namespace: {NAMESPACE}, metric: FailedRequests}}
      total: {{namespace: {NAMESPACE}, metric: Requests}}
      dimensions: {{Version: "${{canary}}"}}
    fail_if: {{above: 5%}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One request of a JSON service that fails."""

    operation: str
    code: str = "InternalServerError"
    status: int = 500
    done: bool = False
    """Whether the cloud does it all the same, so that only its answer is lost."""

    def answer(self, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """AWS's error, in its words."""
        headers = [("Content-Type", "application/x-amz-json-1.0")]
        start_response(f"{self.status} refused", headers)
        return [json.dumps({"__type": f"vendor#{self.code}", "message": "by a test"}).encode()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """A server of moto's, and every write of an alias that it was sent."""

    url: str
    writes: list[dict[str, Any]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    """What goes wrong with the next requests of these operations, the first one first."""

    def client(self, service: str) -> Any:
        """AWS's own client for it."""
        return Session().create_client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def reset(self) -> None:
        """An empty cloud: the emulator's state belongs to the process, whatever the server."""
        asked = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")  # noqa: S310 - loopback
        urllib.request.urlopen(asked, timeout=10).close()  # noqa: S310 - loopback
        self.writes.clear()


@contextmanager
def emulator(*, serial: bool = False) -> Iterator[Emulator]:
    """A server on a free loopback port.

    `serial`: one request after the other, where moto does not keep transactions apart.
    """
    # Its import asks for the service of a real cloud's metadata otherwise.
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from moto.moto_server import werkzeug_app as moto
        from werkzeug.serving import make_server
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    cloud = moto.DomainDispatcherApplication(moto.create_backend_app)
    writes: list[dict[str, Any]] = []
    failures: list[Failure] = []
    turn = threading.Lock() if serial else nullcontext()

    def listening(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "PUT" and "/aliases/" in environ["PATH_INFO"]:
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(body)
            writes.append(json.loads(body))
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        failure = failures.pop(0) if failures and failures[0].operation == operation else None
        with turn:
            if failure is None:
                answered: Iterable[bytes] = cloud(environ, start_response)
                return answered
            if failure.done:
                list(cloud(environ, lambda *_: None))
        return failure.answer(start_response)

    server = make_server(
        "127.0.0.1", 0, listening, threaded=True, request_handler=moto.MotoRequestHandler
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Emulator(
            url=f"http://127.0.0.1:{server.server_port}", writes=writes, failures=failures
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Shop:
    """One function with two published versions, an alias, and callers that follow its weights."""

    def __init__(self, cloud: Emulator, folder: Path, *, failing: dict[str, float]) -> None:
        self.cloud = cloud
        self.folder = folder
        self.clock = ScaledClock(origin=1_800_000_000.0, speed=bearable(SPEED))
        self.shares: list[dict[str, float]] = []
        """Each different state of the alias that its callers have met, in order."""
        self.failures: list[BaseException] = []
        self._failing = failing
        self._lambda = cloud.client("lambda")
        self._metrics = cloud.client("cloudwatch")
        self._closed = threading.Event()
        _create(self._lambda, cloud.client("iam"))
        for name, text in {"config": CONFIG, "rules": RULES}.items():
            (folder / name).mkdir()
            (folder / name / "production.yaml").write_text(text)

    def alias(self) -> dict[str, Any]:
        """The alias, as the emulator shows it to anybody."""
        answer: dict[str, Any] = self._lambda.get_alias(FunctionName=SERVICE, Name="live")
        return answer

    def shares_now(self) -> dict[str, float]:
        """Each version's share of the requests to the alias."""
        alias = self.alias()
        others = (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
        rest = round(1.0 - sum(others.values()), 6)
        return {
            version: s for version, s in {alias["FunctionVersion"]: rest, **others}.items() if s
        }

    def deploy(self, version: str) -> None:
        """Somebody else's deploy: all traffic on a version at once."""
        self._lambda.update_alias(FunctionName=SERVICE, Name="live", FunctionVersion=version)
        self.cloud.writes.clear()

    def guardian(self, *arguments: str) -> Ended:
        """Run `guardian` here to its end."""
        clock = self.clock
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "GUARDIAN_"))}
        kept.pop("ENVIRONMENT", None)
        environ = {
            **kept,
            "AWS_ENDPOINT_URL": self.cloud.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "GUARDIAN_JOURNAL": f"sqlite:{self.folder / 'guardian.db'}",
            "GUARDIAN_SIMULATED_CLOCK": f"{clock.origin},{clock.speed},{clock.started}",
            "PYTHONPATH": str(ROOT),
        }
        return finish(started(*arguments, cwd=self.folder, env=environ))

    @contextmanager
    def open(self) -> Iterator[Shop]:
        """Ten minutes of custom behind it, and customers until the end."""
        minute = int(self.clock.now() // 60) - 10
        customers = threading.Thread(target=self._serve, args=(minute,), daemon=True)
        customers.start()
        try:
            yield self
        finally:
            self._closed.set()
            customers.join()
        assert self.failures == []

    def _serve(self, minute: int) -> None:
        """Publish each minute when it is over, by the shares that its callers met."""
        try:
            while not self._closed.is_set():
                wait_s = self.clock.real_s((minute + 1) * 60 - self.clock.now())
                if wait_s > 0 and self._closed.wait(wait_s):
                    return
                shares = self.shares_now()
                if shares != (self.shares[-1] if self.shares else None):
                    self.shares.append(shares)
                self._publish(minute, shares)
                minute += 1
        except BaseException as error:  # noqa: BLE001 - told by `open`, in the test's own thread
            self.failures.append(error)

    def _publish(self, minute: int, shares: dict[str, float]) -> None:
        data = []
        for version, share in shares.items():
            requests = round(PER_MINUTE * share)
            failed = round(requests * self._failing.get(version, 0.0))
            for name, value in {"Requests": requests, "FailedRequests": failed}.items():
                data.append(
                    {
                        "MetricName": name,
                        "Dimensions": [{"Name": "Version", "Value": version}],
                        "Timestamp": minute * 60,
                        "Value": value,
                        "Unit": "Count",
                    }
                )
        self._metrics.put_metric_data(Namespace=NAMESPACE, MetricData=data)


def _create(functions: Any, roles: Any) -> None:
    """The role, the function, versions 1 and 2, and the alias on 1."""
    role = roles.create_role(RoleName="shop", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("shop.py", "def handler(event, context):\n    return 200\n")
    functions.create_function(
        FunctionName=SERVICE,
        Runtime="python3.12",
        Role=role,
        Handler="shop.handler",
        Code={"ZipFile": code.getvalue()},
    )
    for number in ("1", "2"):
        # Without a change there would be no new version to publish.
        functions.update_function_configuration(FunctionName=SERVICE, Description=number)
        assert functions.publish_version(FunctionName=SERVICE)["Version"] == number
    functions.create_alias(
        FunctionName=SERVICE, Name="live", FunctionVersion="1", Description="by CDK"
    )
