"""The only importer of pdpyras: quiet, bounded sessions, and its failures in our words."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPResponse
from typing import Any, Final

from guardian.answers import (
    MOST_BYTES,
    TooLong,
    asked_wait_s,
    bounded,
    bounded_pools,
    origins,
    reason_of,
)
from guardian.core.model import Reason
from guardian.ports import Clock, EdgeError, NotifyError, SourceError

EVENTS_URL: Final = "https://events.pagerduty.com"
API_URL: Final = "https://api.pagerduty.com"
MOST_LISTED_BYTES: Final = 8 * MOST_BYTES
"""A page of 100 incidents, each with all that PagerDuty tells of it."""
_LOADING: Final = threading.Lock()


def load() -> Any:
    """The module pdpyras, without the notice that its successor is to be preferred.

    Warning filters belong to the whole process, and putting them back is not safe while other
    threads change them: call this where an adapter is built, before threads are started.
    """
    with _LOADING:
        if "pdpyras" not in sys.modules:
            with warnings.catch_warnings():
                warnings.filterwarnings(
                    "ignore", message='The package "pdpyras" is deprecated', category=UserWarning
                )
                import pdpyras  # noqa: F401, PLC0415 - heavy, and only needed by who uses PagerDuty
    return sys.modules["pdpyras"]


def events(routing_key: str, *, url: str | None, timeout_s: float, clock: Clock) -> Any:
    """An EventsAPISession (`trigger`, `resolve`) that makes one attempt and never sleeps."""
    session = load().EventsAPISession(routing_key)
    return _bounded(session, url or EVENTS_URL, bounded(clock, timeout_s=timeout_s), timeout_s)


def change_events(routing_key: str, *, url: str | None, timeout_s: float, clock: Clock) -> Any:
    """A ChangeEventsAPISession (`submit`) that makes one attempt and never sleeps."""
    session = load().ChangeEventsAPISession(routing_key)
    return _bounded(session, url or EVENTS_URL, bounded(clock, timeout_s=timeout_s), timeout_s)


def rest(api_token: str, *, url: str | None, timeout_s: float, clock: Clock) -> Any:
    """An APISession for `fetch` that makes one attempt and never sleeps."""
    answers = bounded(clock, timeout_s=timeout_s, most_bytes=MOST_LISTED_BYTES)
    session = _bounded(load().APISession(api_token), url or API_URL, answers, timeout_s)
    session.postprocess = partial(_refuse, _READ)
    return session


def _bounded(session: Any, url: str, answers: type[HTTPResponse], timeout_s: float) -> Any:
    """Take pdpyras's own retries away, and every way in which an answer could lead it astray.

    As built, a session repeats 429 without end, 5xx up to six times and network errors three
    times, with time-outs of 60 s and sleeps that double. A `retry` count of 0 means "default", so
    429 cannot be switched off there: `postprocess` sees each answer first and raises instead.
    A redirect would take the token along to wherever it points.
    """
    session.url = url
    session.timeout = timeout_s
    session.max_network_attempts = 0
    session.retry = {}
    session.sleep_timer = 0.1
    session.postprocess = partial(_refuse, _EVENT)
    session.get_redirect_target = lambda _: None
    session.headers["Accept-Encoding"] = "identity"
    for adapter in session.adapters.values():
        _bound_pools(adapter.poolmanager, answers)
        adapter.proxy_manager_for = _bounded_proxies(adapter.proxy_manager_for, answers)
    return session


def _bounded_proxies(
    managers: Callable[..., Any], answers: type[HTTPResponse]
) -> Callable[..., Any]:
    return lambda *proxy, **named: _bound_pools(managers(*proxy, **named), answers)


def _bound_pools(manager: Any, answers: type[HTTPResponse]) -> Any:
    """Let every connection of a pool manager of urllib3's, which requests uses, read those."""
    manager.pool_classes_by_scheme = bounded_pools(manager.pool_classes_by_scheme, answers)
    return manager


def call(method: Callable[..., object], *arguments: object, **named: object) -> None:
    """Call a session's method; raises NotifyError and nothing else that a vendor can cause."""
    with _talking(_EVENT):
        method(*arguments, **named)


def fetch(session: Any, path: str, asked: Mapping[str, str | Sequence[str]]) -> dict[str, Any]:
    """Read one resource of the REST API; raises SourceError and nothing else."""
    with _talking(_READ):
        found = session.get(path, params={k: _listed(v) for k, v in asked.items()}).json()
        if not isinstance(found, dict):
            raise _strange(_READ)
        return found


def _listed(value: str | Sequence[str]) -> str | list[str]:
    return value if isinstance(value, str) else list(value)


# --- failures ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is asked of PagerDuty, and the error and the words in which it fails.

    The words never hold a key or a vendor's text.
    """

    error: type[EdgeError]
    refused: str
    url: str
    """Where the address is set."""
    advice: Mapping[Reason, str]
    late: str
    strange: str


_TROUBLE: Final = "PagerDuty has trouble"
_EVENT: Final = _Asked(
    error=NotifyError,
    refused="PagerDuty refused the event",
    url="GUARDIAN_PAGERDUTY_EVENTS_URL",
    advice={
        Reason.THROTTLED: "too many events for this routing key",
        Reason.UNAVAILABLE: _TROUBLE,
        Reason.AUTH: "check the routing key (an Events API v2 integration key)",
        Reason.NOT_FOUND: "check GUARDIAN_PAGERDUTY_EVENTS_URL",
        Reason.INVALID: "check that the routing key belongs to an Events API v2 integration that"
        " still exists; the same event would be refused again",
    },
    late="PagerDuty did not answer in time; the event may or may not have arrived",
    strange="the answer to a PagerDuty event is not PagerDuty's: is a proxy in between?",
)
_READ: Final = _Asked(
    error=SourceError,
    refused="PagerDuty does not show its incidents",
    url="GUARDIAN_PAGERDUTY_API_URL",
    advice={
        Reason.THROTTLED: "too many requests with this API token",
        Reason.UNAVAILABLE: _TROUBLE,
        Reason.AUTH: "check GUARDIAN_PAGERDUTY_API_TOKEN (a REST API key that may read)",
        Reason.NOT_FOUND: "there is no such thing; check GUARDIAN_PAGERDUTY_API_URL and the ids",
        Reason.INVALID: "it takes the question for wrong",
    },
    late="PagerDuty did not tell of its incidents in time",
    strange="what answers in PagerDuty's place does not speak its language: is a proxy in between?",
)


def _refuse(asked: _Asked, response: Any) -> None:
    """Raise for every answer that is not a 2xx.

    developer.pagerduty.com, Events API v2: 400 the event or the key is wrong, 429 too many, 5xx
    try again; REST API, errors.
    """
    response.encoding = "utf-8"  # Else requests guesses, at a price that the body sets.
    status = int(response.status_code)
    if 200 <= status < 300:
        return
    reason = reason_of(status)
    if reason is Reason.TIMEOUT:
        raise asked.error(reason, asked.late)
    followed = f"redirects are not followed; check {asked.url}"
    advice = followed if status < 400 else asked.advice[reason]
    detail = f"{asked.refused} (HTTP {status}): {advice}"
    raise asked.error(reason, detail, after_s=asked_wait_s(response.headers.items()))


@contextmanager
def _talking(asked: _Asked) -> Iterator[None]:
    """Whatever a vendor can cause becomes the error of what is asked."""
    pdpyras = load()
    try:
        yield
    except EdgeError as error:
        raise error from None
    except pdpyras.PDHTTPError:
        raise _strange(asked) from None
    except pdpyras.PDClientError as error:
        raise _unreachable(error, asked) from None
    except Exception:  # noqa: BLE001 - garbage in an answer breaks SDKs in any way
        raise _strange(asked) from None


def _strange(asked: _Asked) -> EdgeError:
    return asked.error(Reason.UNKNOWN, asked.strange)


def _unreachable(error: BaseException, asked: _Asked) -> EdgeError:
    """Only the kind of the error is repeated: its text may hold an address or a body."""
    kinds = [type(e).__name__ for e in origins(error)]
    if any(kind.endswith(("Timeout", "TimeoutError")) for kind in kinds):
        return asked.error(Reason.TIMEOUT, asked.late)
    if TooLong.__name__ in kinds:
        return _strange(asked)
    return asked.error(
        Reason.UNAVAILABLE,
        f"PagerDuty cannot be reached ({kinds[min(1, len(kinds) - 1)]}): check the network and any"
        " proxy",
    )
