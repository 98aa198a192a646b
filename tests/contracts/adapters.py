"""What adapter contracts run with: an AWS environment on loopback, and a Context for it."""

from __future__ import annotations

import pytest

from guardian.aws import Account, Sessions
from guardian.clock import SystemClock, SystemRandom
from guardian.ports import Clock, Context, Metrics

ACCOUNT = "333333333333"
REGION = "us-east-1"
SECRET_KEY = "x" * 12 + "SeCrEtKeyOfNobodyAtAll" + "y" * 8
TOKEN = "SessionTokenOfNobody" * 4


def use_endpoint(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Point every AWS client that is made from here on at `url`, with keys of nobody."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ENDPOINT_URL_STS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SESSION_TOKEN": TOKEN,
        "AWS_CONFIG_FILE": "/nonexistent/config",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)


def account_for(
    sessions: Sessions, *, account_id: str | None = ACCOUNT, role_arn: str | None = None
) -> Account:
    """An account in the test's region."""
    return sessions.account(
        region=REGION, account_id=account_id, role_arn=role_arn, environment="test"
    )


def context_for(
    account: Account, *, clock: Clock | None = None, metrics: Metrics | None = None
) -> Context:
    """A Context as the composition root builds it, for one account."""
    return Context(
        clock=clock or SystemClock(),
        rng=SystemRandom(),
        client=account.client,
        check_account=account.check_account,
        account_id=account.account_id or ACCOUNT,
        region=account.region,
        environment="test",
        secret=lambda _: None,
        base_url=lambda _: None,
        metrics=metrics or Metrics(),
    )


class Bill(Metrics):
    """Adds up what CloudWatch was asked for, as AWS bills it."""

    def __init__(self) -> None:
        self.total = 0

    def cloudwatch(self, metrics: int) -> None:
        """That many metrics more."""
        self.total += metrics


class StillClock:
    """A wall clock that a test sets; monotonic time is the machine's."""

    def __init__(self, now: float) -> None:
        self.time = now
        self._machine = SystemClock()

    def now(self) -> float:
        """What the test set."""
        return self.time

    def monotonic(self) -> float:
        """The machine's."""
        return self._machine.monotonic()

    def real_s(self, wall_s: float) -> float:
        """One to one."""
        return wall_s

    def sleep(self, real_s: float) -> None:
        """As long as the machine's."""
        self._machine.sleep(real_s)
