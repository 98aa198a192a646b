"""AWS for notifiers that call it: an emulator on loopback, and clients that give up quickly."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.config import Config
from botocore.session import Session

from guardian.aws_wire import Wire
from guardian.ports import Context
from tests.contracts.notifier_contract import NotifierContract
from tests.notifiers.samples import SECRET, context

REGION = "us-east-1"
ACCOUNT = "123456789012"
"""The emulator's own, for keys that it does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulator:
    """Where it listens."""

    url: str

    def client(self, service: str) -> Any:
        """A client for it."""
        return quick_client(service, self.url, timeout_s=20.0)


def quick_client(service: str, url: str, *, timeout_s: float) -> Any:
    """A client as guardian makes them, one attempt and no more, with SECRET as its key."""
    made = Session().create_client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key=SECRET,
        config=Config(
            connect_timeout=timeout_s,
            read_timeout=timeout_s,
            retries={"mode": "standard", "total_max_attempts": 1},
        ),
    )
    wire = Wire(made._endpoint.http_session, deadline_s=timeout_s)
    made.meta.events.register("before-send", wire.send)
    return made


@contextmanager
def emulator() -> Iterator[Emulator]:
    """The emulator's server, on a free loopback port, empty at the start."""
    # Its import asks for the service of a real cloud's metadata otherwise.
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from moto.server import ThreadedMotoServer
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield Emulator(url=f"http://{host}:{port}")
    finally:
        server.stop()


def aws_context(emulated: Emulator) -> Context:
    """A Context whose clients talk to the emulator."""
    return replace(context(), client=emulated.client, account_id=ACCOUNT, region=REGION)


class AwsNotifierContract(NotifierContract):
    """The notifiers' contract over AWS's own client."""

    @pytest.fixture(autouse=True)
    def _the_sdk_is_quiet(self) -> Iterator[None]:
        """AWS's SDK writes whole answers to its debug log, so that log stays shut here."""
        loggers = [logging.getLogger(name) for name in ("botocore", "urllib3")]
        levels = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.WARNING)
        yield
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
