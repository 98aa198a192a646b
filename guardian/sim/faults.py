"""What can go wrong on purpose, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

KINDS = frozenset(
    {
        "throttle",  # the service's own "too many requests"
        "access_denied",  # not allowed; for Slack and PagerDuty: a bad token or key
        "server_error",  # HTTP 500
        "conflict",  # another operation is under way (Lambda's 409)
        "not_found",  # the thing is gone
        "bad_request",  # the service finds the request invalid
        "garbage",  # HTTP 200 with a body nobody can parse
        "unreachable",  # nothing is done, the connection is closed
        "slow",  # done, and answered `delay_s` real seconds later
        "lost_answer",  # done, and the connection is closed
        "cut",  # done, and the connection is closed in the middle of the answer
        "drip",  # done, and answered with a byte every `delay_s` real seconds
        "huge",  # done, and answered with 16 MB too many
        "wrong_types",  # done, and each value of the answer is of another type
        "nan",  # done, and each number of the answer is none
        "surrogates",  # done, and each text of the answer ends in half a surrogate pair
        "redirect",  # nothing is done, HTTP 307 to `location`
        "apply_late",  # the connection is closed; done `after_s` seconds later (UpdateAlias)
        "ignored",  # answered as if done, and not done (UpdateAlias)
        "stale",  # reads show the state before the last write (GetAlias, Describe...)
        "wrong_account",  # done, and answered for account `account`
    }
)
QUERY_KINDS = frozenset({"internal_error", "forbidden", "silent"})
"""Faults of single queries within a GetMetricData call that itself succeeds; `silent` answers
`Complete` with no datapoints."""


@dataclass(slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong; `times=None` means until it is removed."""

    service: str = "*"
    operation: str = "*"
    kind: str
    times: int | None = None
    skip: int = 0
    """How many matching calls go through unharmed first."""
    delay_s: float = 1.0
    after_s: float = 30.0
    retry_after_s: int = 1
    account: str = "999999999999"
    location: str = "http://127.0.0.1:9/"
    namespace: str = "*"
    metric: str = "*"
    hits: int = field(default=0)
    """How often it struck."""

    def strikes(self) -> bool:
        """Whether it hits the call at hand, which is counted."""
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.hits += 1
        return True


class Faults:
    """The faults in force; several may match, the oldest one strikes."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._faults: list[Fault] = []

    def add(self, *, kind: str, **more: Any) -> Fault:
        """Arrange a fault, by the fields of `Fault`; `kind` is one of KINDS or QUERY_KINDS.

        Services are `cloudwatch`, `lambda`, `sts`, `slack`, `pagerduty`, `pagerduty_api`, and what
        the simulator hosts. `delay_s` and `retry_after_s` are real seconds, `after_s` is on the
        simulator's clock. Raises ValueError for an unknown kind, TypeError for an unknown field.
        """
        if kind not in KINDS | QUERY_KINDS:
            raise ValueError(f"no fault is called {kind!r}; choose from {sorted(KINDS)}")
        if kind in QUERY_KINDS:
            more |= {"service": "cloudwatch", "operation": "GetMetricData"}
        fault = Fault(kind=kind, **more)
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """End a fault; one that is not in force any more is no error."""
        with self._lock:
            self._faults = [other for other in self._faults if other is not fault]

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._faults.clear()

    def take(self, service: str, operation: str) -> Fault | None:
        """The fault that strikes this call, if any; counts it."""
        return self._first(
            lambda fault: (
                fault.kind in KINDS
                and fault.service in ("*", service)
                and fault.operation in ("*", operation)
            )
        )

    def take_query(self, namespace: str, metric: str) -> Fault | None:
        """The fault that strikes one query of a GetMetricData call, if any; counts it."""
        return self._first(
            lambda fault: (
                fault.kind in QUERY_KINDS
                and fault.namespace in ("*", namespace)
                and fault.metric in ("*", metric)
            )
        )

    def _first(self, hits: Callable[[Fault], bool]) -> Fault | None:
        with self._lock:
            return next((fault for fault in self._faults if hits(fault) and fault.strikes()), None)
