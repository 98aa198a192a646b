"""One AWS call of a notifier: its failure becomes a NotifyError that repeats nothing AWS said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from guardian.answers import asked_wait_s
from guardian.aws_errors import problem_of, quoted
from guardian.core.model import Reason
from guardian.ports import NotifyError

_LIMITS: Final = frozenset({"LimitExceededException", "ThrottlingException"})
CODE: Final = re.compile(r"[A-Za-z0-9.]{1,80}")


@contextmanager
def calling(action: str, where: str, *, advice: Mapping[str, str]) -> Iterator[None]:
    """Run one call; whatever it raises becomes a NotifyError.

    `advice` says what to do about an error code of this service. AWS's own message is left out:
    it names addresses and accounts.
    """
    try:
        yield
    except NotifyError:
        raise
    except Exception as exc:  # noqa: BLE001 - garbage in an answer breaks SDKs in any way
        raise _failure(exc, action, where, advice) from None


def _failure(exc: Exception, action: str, where: str, advice: Mapping[str, str]) -> NotifyError:
    response = getattr(exc, "response", None)
    answer: Mapping[str, Any] = response if isinstance(response, dict) else {}
    said = answer.get("Error", {})
    metadata = answer.get("ResponseMetadata", {})
    headers: Mapping[str, object] = metadata.get("HTTPHeaders", {})
    code, message = str(said.get("Code", "")), str(said.get("Message", ""))
    problem = problem_of(exc, action=action, where=where)
    reason, detail = problem.reason, problem.detail
    for text in (quoted(message), quoted(str(exc))):
        detail = detail.replace(text, "") if text else detail
    if not CODE.fullmatch(code):
        # An error code that is none may be anything, so the sentence that repeats it goes.
        detail = detail if not code else f"{action} {where} was refused"
    if code in _LIMITS:
        reason = Reason.THROTTLED
    if type(exc).__name__ == "ConnectTimeoutError":
        reason = Reason.TIMEOUT
    status = metadata.get("HTTPStatusCode")
    parts = [detail, advice.get(code, ""), f"HTTP {status}" if status else ""]
    return NotifyError(
        reason,
        "; ".join(part for part in parts if part),
        after_s=asked_wait_s(headers.items()) if reason is Reason.THROTTLED else None,
    )
