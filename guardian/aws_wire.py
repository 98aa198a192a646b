"""The door for AWS's answers: bounded in time and size, and of the types that the API names.

botocore's own time-outs hold for one read from the socket, so that a peer which sends a byte every
few seconds is waited for without end; its parsers believe whatever JSON says, so that a version
can be a number, and text can be what no file takes.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from guardian.core.scrub import clean

MOST_BYTES: Final = 8 * 1024 * 1024
"""Of one answer. A full page of GetMetricData, 100,800 datapoints, is about half of it."""
MOST_HANGING: Final = 32
"""Calls of one client that were given up and have not ended; no more are begun beside them."""
_LATEST: Final = 1e11
"""Seconds since the epoch that no timestamp reaches: the year 5138."""
_LONG: Final = 2**63


# --- time and size -------------------------------------------------------------------------------


class Wire:
    """Sends one client's requests; each is over within the deadline, whatever the peer does.

    The handler of botocore's `before-send` event: what it returns is taken in place of botocore's
    own sending, and what it raises for that one's failure.
    """

    def __init__(self, session: Any, *, deadline_s: float) -> None:
        self._session = session
        pools = session._pool_classes_by_scheme  # noqa: SLF001 - botocore has no other way in
        pools.update({scheme: _unfollowing(pool) for scheme, pool in pools.items()})
        self._deadline_s = deadline_s
        self._slots = threading.BoundedSemaphore(MOST_HANGING)

    def send(self, request: Any, **_: Any) -> Any:
        """The answer, read whole. Raises what botocore's own sending does."""
        from botocore.exceptions import ReadTimeoutError

        late, done = threading.Event(), queue.SimpleQueue[Any]()
        if not self._slots.acquire(blocking=False):
            raise ReadTimeoutError(endpoint_url=request.url)
        name = f"aws-{request.method}"
        threading.Thread(
            target=self._exchange, args=(request, late, done), name=name, daemon=True
        ).start()
        try:
            answer = done.get(timeout=self._deadline_s)
        except queue.Empty:
            late.set()
            raise ReadTimeoutError(endpoint_url=request.url) from None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _exchange(self, request: Any, late: threading.Event, done: queue.SimpleQueue[Any]) -> None:
        try:
            done.put(self._answer(request, late))
        except BaseException as error:  # noqa: BLE001 - the caller's thread raises it
            done.put(error)
        finally:
            self._slots.release()

    def _answer(self, request: Any, late: threading.Event) -> Any:
        from botocore.awsrequest import AWSResponse

        request.stream_output = True
        answer = self._session.send(request)
        try:
            body = _Body(b"".join(_read(answer.raw, late)))
        except Exception as error:  # noqa: BLE001 - raised again, in botocore's words
            answer.raw.close()
            raise _named(error, request.url) from None
        answer.raw.release_conn()
        return AWSResponse(answer.url, answer.status_code, answer.headers, body)


def _unfollowing(pool: Any) -> Any:
    """The class of pools for which a redirect is an answer as any other.

    botocore has urllib3 follow none, and lets it prepare for one all the same. It fails over
    botocore's headers then where the status is 303, and nobody closes the answer.
    """

    class Unfollowing(pool):  # type: ignore[misc] # urllib3's, by botocore
        def urlopen(self, *arguments: Any, **named: Any) -> Any:
            return super().urlopen(*arguments, **named, redirect=False)

    return Unfollowing


class _Body:
    """An answer's body that was read already."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        """All of it."""
        yield self._body


def _read(raw: Any, late: threading.Event) -> Iterator[bytes]:
    """The body as it comes in.

    Raises TimeoutError; EOFError when it breaks off; ResponseParserError when it is too large.
    """
    size = 0
    while piece := raw.read1(65_536):
        size += len(piece)
        if size > MOST_BYTES:
            raise _unreadable(f"an answer of more than {MOST_BYTES} bytes")
        if late.is_set():
            raise TimeoutError
        yield piece
    if raw.length_remaining:
        raise EOFError


def _unreadable(what: str) -> Any:
    from botocore.parsers import ResponseParserError

    return ResponseParserError(what)


def _named(error: Exception, url: str) -> Any:
    """The exception that botocore's own sending raises for a failure in the middle of a body."""
    from botocore import exceptions as vendor
    from botocore.parsers import ResponseParserError

    if isinstance(error, ResponseParserError):
        return error
    if type(error).__name__ in {"ReadTimeoutError", "TimeoutError"}:  # urllib3's, or ours
        return vendor.ReadTimeoutError(endpoint_url=url)
    return vendor.ConnectionClosedError(error=error, endpoint_url=url)


# --- types ---------------------------------------------------------------------------------------


def checked(http_response: Any, parsed: Any, model: Any, **_: Any) -> None:
    """Refuse an answer that is not of the model's types; the handler of botocore's `after-call`.

    Text that cannot be stored loses what cannot. Raises botocore's ResponseParserError.
    """
    if http_response.status_code < 300 and model.output_shape is not None:
        _check_form(http_response.content, model.service_model.resolved_protocol)
        _check(parsed, model.output_shape)


def _check_form(body: bytes, protocol: str) -> None:
    """What is no JSON object passes for an empty one with botocore: nothing listed, nothing set."""
    text = body.strip()
    if protocol.endswith("json") and not (text.startswith(b"{") and text.endswith(b"}")):
        raise _unreadable("the answer is not a JSON object")


def _check(value: Any, shape: Any) -> Any:
    """The value, as it may come in; containers are changed in place."""
    match shape.type_name:
        case "structure" if isinstance(value, dict):
            for name in shape.members.keys() & value.keys():
                value[name] = _check(value[name], shape.members[name])
        case "list" if isinstance(value, list):
            value[:] = [_check(item, shape.member) for item in value]
        case "map" if isinstance(value, dict):
            kept = {_check(k, shape.key): _check(v, shape.value) for k, v in value.items()}
            value.clear()
            value.update(kept)
        case "string" if isinstance(value, str):
            return value if _stored(value) else clean(value)
        case kind if not _fits(kind, value):
            raise _unreadable(f"{shape.name} is a {type(value).__name__}")
    return value


def _stored(text: str) -> bool:
    """Whether text can be written down at all: half a surrogate pair cannot."""
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)


def _fits(kind: str, value: Any) -> bool:
    match kind:
        case "integer" | "long":
            return type(value) is int and abs(value) < _LONG
        case "float" | "double":
            return type(value) is float or (type(value) is int and abs(value) < _LONG)
        case "boolean":
            return type(value) is bool
        case "timestamp":
            known = isinstance(value, int | float) and not isinstance(value, bool)
            return isinstance(value, datetime) or (known and 0 <= value < _LATEST)
        case "structure" | "list" | "map" | "string":
            return False
    return True
