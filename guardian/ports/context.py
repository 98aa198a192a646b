"""Time, random numbers and concurrency; and what an adapter is built with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from guardian.core.model import Instant
from guardian.ports.metrics import Metrics


class Clock(Protocol):
    """Wall time, which a simulation may scale, and monotonic time, which nobody scales."""

    def now(self) -> Instant:
        """The wall clock: decisions, windows, displays."""
        ...

    def monotonic(self) -> float:
        """Seconds for I/O time-outs, heartbeats and back-off. Never scaled."""
        ...

    def real_s(self, wall_s: float) -> float:
        """How many real seconds `wall_s` seconds of the wall clock take (1:1 unless scaled)."""
        ...

    def sleep(self, real_s: float) -> None:
        """Let so many real seconds pass; a signal's handler may end it with an exception."""
        ...


class Random(Protocol):
    """Randomness: back-off jitter and ids."""

    def uniform(self) -> float:
        """A number in [0, 1)."""
        ...

    def token(self) -> str:
        """Eight random lower-case letters and digits."""
        ...


class CallPool(Protocol):
    """Runs vendors' calls side by side, so that the decision thread never waits inside one."""

    def run(
        self,
        calls: Mapping[str, Callable[[], object]],
        *,
        deadline_s: float,
        interruptible: bool = False,
        beside: bool = False,
    ) -> Mapping[str, object]:
        """Each call's result by its key; an exception, or lateness, comes back as an EdgeError.

        `deadline_s` is real seconds. A late call goes on in its thread; its result is dropped.
        A key whose earlier call is still under way is not started again: it is `Reason.TIMEOUT`;
        `beside`: a few of one key may be under way, each as good as the other.
        An interruptible run ends early when `interrupt` is called (a signal, an order).
        """
        ...

    def interrupt(self) -> None:
        """End the interruptible run under way, if any."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What an adapter may use of the process; built by `wiring`."""

    clock: Clock
    rng: Random
    client: Callable[[str], Any]
    """A boto3 client by service name, for this adapter's account and region; the account is
    checked when it is made. Writers call `check_account` before each write."""
    check_account: Callable[[], None]
    """Ask STS who we are; raises RouterError(AUTH) in any other than the configured account."""
    sign: Callable[[str, str, str, bytes], Mapping[str, str]] | None = None
    """By service (`aps`), method, address and body, the headers of a request to an AWS service that
    boto3 has no client for, signed for this adapter's account. None where there is no account."""
    account_id: str
    region: str
    environment: str
    service: str = ""
    """The service that a router is built for; empty for what several services share."""
    secret: Callable[[str], str | None]
    """A process secret by its name in the adapter's `SECRETS` (`slack_token`); never logged."""
    base_url: Callable[[str], str | None]
    """Another address by its name in `ADDRESSES` (`slack_base_url`), for tests and proxies."""
    metrics: Metrics = field(default_factory=Metrics)
