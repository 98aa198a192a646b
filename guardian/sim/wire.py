"""One HTTP request and its answer, as the simulated services see them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias
from urllib.parse import parse_qs


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client sent; header names are lower case, the path is still percent-encoded."""

    method: str
    path: str
    query: Mapping[str, list[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def one(self, name: str) -> str | None:
        """The first value of a query parameter."""
        return next(iter(self.query.get(name, ())), None)

    def mapping(self) -> dict[str, Any]:
        """The body as a map: JSON, or a form. Raises ValueError when it is neither."""
        if "x-www-form-urlencoded" in self.headers.get("content-type", ""):
            form = parse_qs(self.body.decode(), keep_blank_values=True)
            return {name: values[-1] for name, values in form.items()}
        value = json.loads(self.body or b"{}")
        if not isinstance(value, dict):
            raise ValueError("the body is not a JSON object")  # noqa: TRY004 - text, not a type
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the client gets: an answer, later than it hoped, or no answer at all."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    """Real seconds to wait before anything is sent."""
    hang_up: bool = False
    """Close the connection instead of answering."""
    cut: bool = False
    """Close the connection in the middle of the body."""
    drip_s: float = 0.0
    """Real seconds between two bytes of the body."""

    def slower(self, delay_s: float) -> Reply:
        """The same answer, `delay_s` real seconds later."""
        return replace(self, delay_s=self.delay_s + delay_s)


HANG_UP = Reply(hang_up=True)


def as_json(
    value: object,
    *,
    status: int = 200,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """A JSON answer."""
    return Reply(
        status=status,
        body=json.dumps(value, separators=(",", ":")).encode(),
        content_type=content_type,
        headers=headers or {},
    )


Refusals: TypeAlias = Mapping[str, tuple[str, str, int]]
"""By the kind of fault, a service's error code, message and HTTP status."""


class Refused(Exception):
    """A service refuses a request: its own error code, for people a message, an HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
