"""Puts each notice on an EventBridge bus as one JSON event, for whatever listens there."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from guardian.core.model import Reason
from guardian.core.notices import Notice
from guardian.notifiers._aws_call import CODE, calling
from guardian.notifiers._notice_json import encoded
from guardian.ports import ConfigError, Context, Notifier, NotifyError

PERMISSIONS: tuple[str, ...] = ("events:PutEvents",)

DETAIL_TYPE: Final = "Guardian Rollout State Change"
_BUS: Final = re.compile(
    r"[A-Za-z0-9._/-]{1,256}"
    r"|arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9._/-]{1,256}"
)
_SOURCE: Final = re.compile(r"(?!aws\.)[A-Za-z0-9._/-]{1,256}")
# EventBridge API, PutEventsResultEntry, "ErrorCode".
_REFUSED: Final = {
    "InternalFailure": Reason.UNAVAILABLE,
    "InternalException": Reason.UNAVAILABLE,
    "ThrottlingException": Reason.THROTTLED,
    "AccessDeniedException": Reason.AUTH,
    "NotAuthorizedForSourceException": Reason.AUTH,
    "NotAuthorizedForDetailTypeException": Reason.AUTH,
    "InvalidAccountIdException": Reason.INVALID,
    "InvalidArgument": Reason.INVALID,
    "MalformedDetail": Reason.INVALID,
    "ResourceNotFoundException": Reason.NOT_FOUND,
}
_DO: Final = {
    Reason.UNAVAILABLE: "EventBridge has trouble; guardian tries again by itself",
    Reason.THROTTLED: "the account's quota of PutEvents is used up; guardian tries again by itself",
    Reason.AUTH: "allow events:PutEvents on the bus to the role that guardian runs as, and look at"
    " the bus's own policy",
    Reason.INVALID: "check `bus` and `source`; the same event would be refused again",
    Reason.NOT_FOUND: "check `bus`, the account and the region",
    Reason.UNKNOWN: "guardian tries again by itself",
}


def _bus(text: str) -> str:
    if not _BUS.fullmatch(text):
        raise ValueError("this is not an event bus: write its name, or its ARN")
    return text


def _source(text: str) -> str:
    if not _SOURCE.fullmatch(text):
        raise ValueError(
            "this is not an event source: use letters, digits and . _ / -, not beginning with aws."
        )
    return text


class Options(BaseModel):
    """Which bus the events go to."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    bus: Annotated[str, AfterValidator(_bus)] = Field(
        default="default", description="The event bus, by name, or by ARN in another account."
    )
    source: Annotated[str, AfterValidator(_source)] = Field(
        default="guardian", description="The events' `source`, for rules to match."
    )


def build(options: Options, context: Context) -> Notifier:
    """A notifier for one bus; raises ConfigError when no AWS account is configured for it."""
    if not context.account_id:
        raise ConfigError(
            "EventBridge is configured and there is no AWS account: write `aws:` with account_id"
            " and region at the top of the file"
        )
    return EventBridge(options, lambda: context.client("events"))


class EventBridge:
    """One PutEvents with one entry for each notice.

    EventBridge has no key by which it would recognise a repetition: a listener does, by the
    detail's `id`.
    """

    def __init__(self, options: Options, client: Callable[[], Any]) -> None:
        self._bus = options.bus
        self._source = options.source
        self._client = client

    def send(self, notice: Notice, *, handle: str | None) -> str | None:
        """Put the event; NotifyError when the call or its one entry failed."""
        entry = {
            "Time": datetime.fromtimestamp(notice.at, tz=UTC),
            "Source": self._source,
            "DetailType": DETAIL_TYPE,
            "Detail": encoded(notice),
            "EventBusName": self._bus,
        }
        with calling("events:PutEvents", f"on the bus {self._bus}", advice={}):
            answer = self._client().put_events(Entries=[entry])
            self._check(answer)
        return handle

    def _check(self, answer: Any) -> None:
        """HTTP 200 only says that the call was understood: each entry has its own result."""
        entries = answer.get("Entries") or []
        result = entries[0] if len(entries) == 1 else {}
        if result.get("EventId") and not answer.get("FailedEntryCount"):
            return
        code = str(result.get("ErrorCode", ""))
        if not code:
            raise NotifyError(
                Reason.UNKNOWN,
                "the answer to an event is not EventBridge's: is a proxy in between?",
            )
        reason = _REFUSED.get(code, Reason.UNKNOWN)
        shown = code if CODE.fullmatch(code) else "an unknown code"
        raise NotifyError(
            reason,
            f"EventBridge did not take the event for the bus {self._bus} ({shown}): {_DO[reason]}",
        )
