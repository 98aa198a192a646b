"""Pages people through PagerDuty's Events API v2, and marks starts and ends as change events."""

from __future__ import annotations

import logging
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from guardian import pagerduty
from guardian.core.codec import rfc3339
from guardian.core.model import Reason
from guardian.core.notices import Notice, Page
from guardian.core.scrub import scrub
from guardian.messages.notice_lines import step
from guardian.messages.verdict_lines import VerdictLine, line, worst_first
from guardian.ports import ConfigError, Context, Notifier, NotifyError
from guardian.ports.health import Health, Level

PERMISSIONS: tuple[str, ...] = ()
SECRETS = {"pagerduty_routing_key": "integration key of an Events API v2 integration"}
ADDRESSES = {"pagerduty_events_url": "instead of PagerDuty's"}
PAGES = True
"""Wakes people, and needs nothing but its secrets: who is told where the files are wrong."""

_LOG = logging.getLogger(__name__)

# developer.pagerduty.com, Events API v2: `summary` at most 1024 characters, an event 512 KB.
SUMMARY_CHARS: Final = 1024
DETAIL_CHARS: Final = 4000
NAME_CHARS: Final = 255
CRITERIA_SENT: Final = 100


class Options(BaseModel):
    """Which integration is paged."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    routing_key: SecretStr | None = Field(
        default=None,
        description="Integration key of an Events API v2 integration, as a secret reference;"
        " without it, GUARDIAN_PAGERDUTY_ROUTING_KEY.",
    )
    timeout_s: float = Field(
        default=5.0, ge=0.1, le=15.0, description="Longest wait for each answer, in seconds."
    )


def build(options: Options, context: Context) -> Notifier:
    """A notifier for one routing key; raises ConfigError when there is none."""
    given = options.routing_key.get_secret_value() if options.routing_key else ""
    key = given or context.secret("pagerduty_routing_key")
    if not key:
        raise ConfigError(
            "PagerDuty is configured and there is no routing key: set"
            " GUARDIAN_PAGERDUTY_ROUTING_KEY, or `routing_key: {env: NAME}` beside `to: pagerduty`"
        )
    url = context.base_url("pagerduty_events_url")
    return PagerDuty(
        pagerduty.events(key, url=url, timeout_s=options.timeout_s, clock=context.clock),
        pagerduty.change_events(key, url=url, timeout_s=options.timeout_s, clock=context.clock),
    )


class PagerDuty:
    """Opens and closes pages by key.

    The order within one notice is pages, resolutions, change event: a page is the most urgent, and
    only the last, the change event, has no key by which PagerDuty would recognise a repetition. It
    is tried once: trying again would hold up later pages, or open the page before it anew.
    """

    def __init__(self, events: Any, changes: Any) -> None:
        self._events = events
        self._changes = changes

    def send(self, notice: Notice, *, handle: str | None) -> str | None:
        """Send what the notice opens, closes and marks; sends nothing where it does none."""
        for page in notice.pages:
            self._trigger(notice, page)
        for key in notice.resolves:
            pagerduty.call(self._events.resolve, key)
        if notice.change:
            self._change(notice)
        return handle

    def examine(self) -> list[Health]:
        """Whether PagerDuty answers, by an event that it refuses: nobody is paged."""
        try:
            pagerduty.call(self._events.post, "/v2/enqueue", json={})
        except NotifyError as error:
            if error.reason not in (Reason.INVALID, Reason.AUTH):
                raise
        what = "PagerDuty answers; whether the routing key is right shows with the first page"
        return [Health(level=Level.OK, what=what)]

    def _trigger(self, notice: Notice, page: Page) -> None:
        pagerduty.call(
            self._events.trigger,
            _summary(notice),
            _name(notice.service),
            dedup_key=page.key,
            severity=page.severity.value,
            payload={
                "component": _name(notice.service),
                "group": _name(notice.environment),
                "class": notice.event.value,
                "timestamp": rfc3339(notice.at),
            },
            custom_details=_details(notice),
        )

    def _change(self, notice: Notice) -> None:
        """With the time it happened: pdpyras would stamp that of a perhaps late delivery."""
        try:
            pagerduty.call(
                self._changes.submit,
                _summary(notice),
                source=f"guardian {_name(notice.environment)}",
                custom_details=_details(notice),
                timestamp=rfc3339(notice.at),
            )
        except NotifyError as error:
            if notice.pages or notice.resolves:
                _LOG.warning("a change event was not delivered: %s", error.detail)
                return
            raise NotifyError(error.reason, error.detail, retryable=False) from None


def _summary(notice: Notice) -> str:
    return scrub(notice.title, SUMMARY_CHARS)


def _name(text: str) -> str:
    return scrub(text, NAME_CHARS)


def _details(notice: Notice) -> dict[str, object]:
    """What the incident shows below its summary; texts are bounded, so the event is too."""
    shown = worst_first(notice.verdicts)
    details: dict[str, object] = {
        "what_happened": scrub(notice.title, DETAIL_CHARS),
        "what_guardian_did": scrub(notice.did, DETAIL_CHARS),
        "what_you_can_do": scrub(notice.todo, DETAIL_CHARS),
        "service": _name(notice.service),
        "environment": _name(notice.environment),
        "stable": _name(notice.stable),
        "canary": _name(notice.canary),
        "weight": "" if notice.weight is None else str(notice.weight),
        "step": step(notice),
        "phase": _name(notice.phase),
        "rollout": _name(notice.rollout),
        "verdicts": [_row(line(v)) for v in shown[:CRITERIA_SENT]],
    }
    if len(shown) > CRITERIA_SENT:
        details["verdicts_not_shown"] = len(shown) - CRITERIA_SENT
    return details


def _row(line: VerdictLine) -> dict[str, str]:
    return {
        "criterion": line.criterion,
        "verdict": line.outcome,
        "value": line.value,
        "limit": line.limit or "none",
        "samples": line.samples,
        "window": line.window,
        "why": line.why,
    }
