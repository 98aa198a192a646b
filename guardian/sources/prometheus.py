"""Reads Prometheus over HTTP, also Amazon Managed Prometheus: one range query for each series.

What PromQL gives at a period's end is the value of the period: at 12:01:00 with a period of a
minute that of 12:00, which is what `increase(...[1m])` counts. Absent stays absent and NaN is as
good as absent; what gives several series, an infinite value or a part of the data is a problem.
"""

from __future__ import annotations

import http.client
import json
import math
import ssl
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from guardian.answers import Encoded, TooLong, bounded, trusting
from guardian.core.model import Datapoint, Instant, Measurement, Problem, Query, Reason, ceil_to
from guardian.core.scrub import scrub
from guardian.ports import Ask, ConfigError, Context, EdgeError, SourceError
from guardian.ports.health import Health, Level
from guardian.sources._asks import merged, settled
from guardian.sources._promql import NAMED, TOLD, filled, strange

PERMISSIONS: tuple[str, ...] = ("aps:QueryMetrics", "aps:GetLabels")
SECRETS = {"prometheus_token": "lets read Prometheus", "prometheus_password": "of its user"}
ADDRESSES = {"prometheus_url": "where Prometheus is, when the file does not say"}

MOST_STEPS: Final = 10_000
"""Prometheus refuses a range query of more than 11,000 points."""
MOST_LATE: Final = 2
"""After so many answers that came too late in one read nothing more is asked."""
MOST_BYTES: Final = 8 * 1024 * 1024
KNOWN_S: Final = 14 * 86_400.0
"""How far back a series is looked for before it is taken as unknown."""
KNOWN_STEP_S: Final = 3600
_NO_TROUBLE: Final = "PromQL info"
"""Begins what is said of an expression and not of the data."""


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ValueError("write an address like https://prometheus.example.com, without a user")
    return text.rstrip("/")


class Options(BaseModel):
    """Where Prometheus is, and how guardian proves who it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, AfterValidator(_address)] | None = Field(
        default=None, description="Its address, without /api/v1; redirects are not followed."
    )
    user: str | None = Field(
        default=None, description="Of basic authentication; the password is a secret variable."
    )
    sigv4: bool = Field(
        default=False, description="Sign for Amazon Managed Prometheus, in the service's account."
    )
    ca_file: Annotated[Path, Field(strict=False)] | None = Field(
        default=None, description="Certificates (PEM) to trust instead of the system's."
    )
    timeout_s: float = Field(
        default=4.0, ge=0.1, le=10.0, description="Longest wait for each answer, in seconds."
    )


def build(options: Options, context: Context) -> Prometheus:
    """The source of all its queries; ConfigError where nothing says where it is."""
    url = options.url or context.base_url("prometheus_url")
    if url is None:
        raise ConfigError(
            "nothing says where Prometheus is: write sources: {prometheus: {url: ...}} in the"
            " configuration, or set GUARDIAN_PROMETHEUS_URL"
        )
    if options.sigv4 and context.sign is None:
        raise ConfigError("sigv4 needs an AWS account, and none is configured")
    tls = trusting(options.ca_file, "the ca_file") if url.startswith("https:") else None
    return Prometheus(url, options, context, tls)


def permissions(written: Mapping[str, object]) -> tuple[str, ...]:
    """What these options need, as they stand in the file: Amazon's alone needs any."""
    return PERMISSIONS if written.get("sigv4") else ()


class _Unreachable(SourceError):
    """There was no answer at all: the next question would have none either."""


class Prometheus:
    """One HTTP request for each query, over one connection for each read."""

    has_history = True

    def __init__(
        self, url: str, options: Options, context: Context, tls: ssl.SSLContext | None
    ) -> None:
        self._url = _address(url)
        self._parts = urlsplit(self._url)
        self._options = options
        self._context = context
        self._tls = tls
        self._answers = bounded(context.clock, timeout_s=options.timeout_s, most_bytes=MOST_BYTES)

    def read(self, asks: Sequence[Ask], *, now: Instant) -> Mapping[Query, Measurement]:
        """One measurement for every query, the period in progress included where it was asked.

        A query that is asked twice is read once over both windows. Raises SourceError when nothing
        could be read, unless that is each expression's own fault.
        """
        found: dict[Query, Measurement] = {}
        failed: list[SourceError] = []
        connection = self._connection()
        try:
            for ask in merged(asks).values():
                try:
                    if (given_up := _given_up(failed)) is not None:
                        raise given_up
                    points = tuple(self._points(connection, ask, now))
                    found[ask.query] = Measurement(points=points, settled_before=settled(ask, now))
                except SourceError as error:
                    failed.append(error)
                    detail = f"{ask.query.name}: {error.detail}"
                    found[ask.query] = Measurement(
                        settled_before=settled(ask, now),
                        problem=Problem(reason=error.reason, detail=detail),
                    )
        finally:
            connection.close()
        theirs = [error for error in failed if error.reason is not Reason.INVALID]
        if theirs and len(failed) == len(found):
            raise theirs[0]
        return found

    def unknown(self, queries: Sequence[Query], *, now: Instant) -> Mapping[Query, str]:
        """Those that gave nothing in two weeks for any version, and what resembles them."""
        connection = self._connection()
        try:
            silent = [q for q in dict.fromkeys(queries) if not self._spoke(connection, q, now)]
            names = self._names(connection, now) if silent else []
        finally:
            connection.close()
        return {query: strange(query, names) for query in silent}

    def corrected_s(self, query: Query) -> float:
        """What was scraped stays as it is."""
        del query
        return 0.0

    def percentile(self, query: Query, percentile: float) -> Query | None:
        """None: a histogram's buckets are counted."""
        del query, percentile
        return None

    def examine(self) -> list[Health]:
        """Whether it answers."""
        connection = self._connection()
        try:
            self._asked(connection, "query", {"query": "vector(1)"})
        finally:
            connection.close()
        return [Health(level=Level.OK, what=f"Prometheus answers at {self._parts.netloc}")]

    # --- questions -------------------------------------------------------------------------------

    def _points(
        self, connection: http.client.HTTPConnection, ask: Ask, now: Instant
    ) -> Iterator[Datapoint]:
        """The datapoints of the window that have begun, labelled by their beginning."""
        period = ask.query.period_s
        first, end = ask.start + period, min(ask.end, ceil_to(now + 0.001, period))
        while first <= end:
            last = min(end, first + (MOST_STEPS - 1) * period)
            asked = {"query": filled(ask.query), "start": first, "end": last, "step": period}
            series = _one(self._asked(connection, "query_range", asked))
            for at, value in series:
                if math.isinf(value):
                    raise SourceError(Reason.INVALID, "a value is infinite: does it divide by 0?")
                if not math.isnan(value):
                    yield Datapoint(at - period, value)
            first = last + period

    def _spoke(self, connection: http.client.HTTPConnection, query: Query, now: Instant) -> bool:
        """Whether it gave anything in the last hour, or at any full hour of two weeks."""
        text, end = filled(query, any_version=True), ceil_to(now, KNOWN_STEP_S)
        looks = ((now - KNOWN_STEP_S, now, query.period_s), (end - KNOWN_S, end, KNOWN_STEP_S))
        return any(
            _result(
                self._asked(
                    connection,
                    "query_range",
                    {"query": text, "start": start, "end": until, "step": step},
                )
            )
            for start, until, step in looks
        )

    def _names(self, connection: http.client.HTTPConnection, now: Instant) -> list[str]:
        """Every metric that there was of late."""
        asked = {"start": now - KNOWN_S, "end": now}
        found = self._asked(connection, "label/__name__/values", asked, method="GET")
        return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []

    def _connection(self) -> http.client.HTTPConnection:
        host, timeout_s = self._parts.hostname or "", self._options.timeout_s
        connection = (
            http.client.HTTPConnection(host, self._parts.port, timeout=timeout_s)
            if self._tls is None
            else http.client.HTTPSConnection(
                host, self._parts.port, timeout=timeout_s, context=self._tls
            )
        )
        connection.response_class = self._answers
        return connection

    def _asked(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        asked: Mapping[str, object],
        *,
        method: str = "POST",
    ) -> Any:
        """The data of an answer. Raises SourceError."""
        url, form = f"{self._url}/api/v1/{path}", urlencode(asked)
        body = form.encode() if method == "POST" else b""
        if method == "GET":
            url = f"{url}?{form}"
        try:
            target = url.removeprefix(f"{self._parts.scheme}://{self._parts.netloc}")
            connection.request(method, target, body or None, self._headers(method, url, body))
            answer = connection.getresponse()
            text = answer.read()
        except TimeoutError:
            connection.close()  # The next question opens it again.
            raise SourceError(Reason.TIMEOUT, "Prometheus gave no answer in time") from None
        except (TooLong, Encoded):
            connection.close()
            what = f"the answer is longer than {MOST_BYTES >> 20} MB, or compressed unasked"
            raise SourceError(Reason.INVALID, f"{what}: does it hold many series?") from None
        except (OSError, http.client.HTTPException) as error:
            what = f"Prometheus cannot be reached at {self._parts.netloc}: {_kind(error)}"
            raise _Unreachable(Reason.UNAVAILABLE, what) from None
        return _data(answer.status, text)

    def _headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """What proves who asks."""
        plain = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept-Encoding": "identity",
        }
        if self._options.sigv4 and self._context.sign is not None:
            try:
                return plain | dict(self._context.sign("aps", method, url, body))
            except EdgeError as error:
                raise SourceError(error.reason, error.detail) from None
        token = self._context.secret("prometheus_token")
        password = self._context.secret("prometheus_password")
        if self._options.user is not None:
            pair = b64encode(f"{self._options.user}:{password or ''}".encode()).decode()
            return plain | {"Authorization": f"Basic {pair}"}
        return plain | ({"Authorization": f"Bearer {token}"} if token else {})


def _given_up(failed: Sequence[SourceError]) -> SourceError | None:
    """Why nothing more is asked: nobody is there, or is too slow again and again."""
    gone = [error for error in failed if isinstance(error, _Unreachable)]
    late = [error for error in failed if error.reason is Reason.TIMEOUT]
    return gone[0] if gone else late[0] if len(late) >= MOST_LATE else None


# --- answers -------------------------------------------------------------------------------------


def _kind(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return f"{type(error).__name__}{f' ({scrub(str(reason), TOLD)})' if reason else ''}"


def _data(status: int, text: bytes) -> Any:
    """The data of a whole answer. Raises SourceError."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    told = answer if isinstance(answer, dict) else {}
    said = scrub(str(told.get("error") or ""), TOLD)
    if status != 200 or told.get("status") != "success":
        raise SourceError(*_refusal(status, said, theirs=bool(told)))
    warned = told.get("warnings") or []
    warnings = [str(w) for w in warned] if isinstance(warned, list) else [str(warned)]
    serious = [w for w in warnings if not w.startswith(_NO_TROUBLE)]
    if serious:
        what = f"Prometheus does not vouch for all of the data: {scrub(serious[0], TOLD)}"
        raise SourceError(Reason.UNAVAILABLE, what)
    return told.get("data")


def _refusal(status: int, said: str, *, theirs: bool) -> tuple[Reason, str]:
    """What a status means (Prometheus, HTTP API)."""
    because = f": {said}" if said else ""
    match status:
        case 400 | 422:
            return Reason.INVALID, f"Prometheus does not take the expression{because}"
        case 401 | 403:
            what = f"Prometheus does not let guardian read (HTTP {status}){because}"
            return Reason.AUTH, f"{what}: check GUARDIAN_PROMETHEUS_TOKEN, or user, or sigv4"
        case 404:
            what = "nothing like Prometheus is at that address (HTTP 404)"
            return Reason.NOT_FOUND, f"{what}: write url without /api/v1"
        case 429:
            return Reason.THROTTLED, f"Prometheus wants to be asked less often{because}"
        case 200 if not theirs:
            what = "the answer is not Prometheus's: is a proxy in between, or a page to log in?"
            return Reason.UNKNOWN, what
        case _ if 300 <= status < 400:
            return Reason.INVALID, f"a redirect (HTTP {status}) is not followed: correct url"
        case _:
            return Reason.UNAVAILABLE, f"Prometheus failed (HTTP {status}){because}"


def _result(data: Any) -> list[Any]:
    """The series of a range query."""
    result = data.get("result") if isinstance(data, dict) else None
    if not isinstance(result, list) or not all(isinstance(one, dict) for one in result):
        raise SourceError(Reason.UNKNOWN, "Prometheus's answer does not look like its API's")
    return result


def _one(data: Any) -> list[tuple[float, float]]:
    """The one series there is, as (time, value); nothing where there is none."""
    result = _result(data)
    if len(result) > 1:
        labels = "; ".join(str(one.get("metric")) for one in result[:NAMED])
        raise SourceError(
            Reason.INVALID,
            f"the expression gives {len(result)} series, like {scrub(labels, TOLD)}: make one of"
            " them, with sum(...) or more labels",
        )
    try:
        values = chain.from_iterable(one["values"] for one in result)
        return [(float(at), float(value)) for at, value in values]
    except (KeyError, TypeError, ValueError):
        what = "the expression gives no plain numbers: native histograms need histogram_count(...)"
        raise SourceError(Reason.INVALID, what) from None
