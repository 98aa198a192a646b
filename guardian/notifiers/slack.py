"""One live Slack message for each rollout, a reply in its thread for each change."""

from __future__ import annotations

import http.client
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from guardian.answers import Encoded, TooLong, asked_wait_s, reason_of
from guardian.core.model import Reason
from guardian.core.notices import Notice
from guardian.core.scrub import scrub
from guardian.notifiers._delivered import Delivered
from guardian.notifiers._slack_blocks import live, plainly, reply
from guardian.ports import ConfigError, Context, Notifier, NotifyError
from guardian.ports.health import Health, Level

if TYPE_CHECKING:
    from slack_sdk import WebClient

PERMISSIONS: tuple[str, ...] = ()
SECRETS = {"slack_token": "a bot's token (xoxb-...)"}
ADDRESSES = {"slack_base_url": "instead of Slack's"}


class Options(BaseModel):
    """Where the messages go."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    channel: str = Field(
        min_length=1,
        max_length=80,
        description="The channel, `#name` or its id; the app must be a member of it.",
    )
    timeout_s: float = Field(
        default=5.0, ge=0.1, le=15.0, description="Longest wait for Slack's answer, in seconds."
    )


def build(options: Options, context: Context) -> Notifier:
    """A notifier for one channel; raises ConfigError when there is no bot token."""
    from guardian.notifiers._slack_client import client

    token = context.secret("slack_token")
    if not token:
        raise ConfigError(
            f"Slack channel {options.channel} is configured and there is no token:"
            " set GUARDIAN_SLACK_TOKEN to the app's bot token (xoxb-…)"
        )
    base_url = context.base_url("slack_base_url")
    return Slack(
        client(token, base_url=base_url, timeout_s=options.timeout_s, clock=context.clock),
        options.channel,
    )


class Slack:
    """Posts, updates and replies.

    The handle is `<channel id>:<ts>` of the live message. The one call that must not happen twice
    (the post, or the reply) is the last of each delivery, so a definite failure never leads to a
    double; only an answer that was lost (time-out, broken connection) can.
    """

    def __init__(self, client: WebClient, channel: str) -> None:
        self._client = client
        self._channel = channel
        self._delivered = Delivered()

    def send(self, notice: Notice, *, handle: str | None) -> str:
        """Update the live message and reply to it; without a handle, post it."""
        known = self._delivered.handle(notice)
        if known is None:
            known = self._deliver(notice, handle or self._delivered.thread(notice))
            self._delivered.keep(notice, known)
        return known

    def _deliver(self, notice: Notice, handle: str | None) -> str:
        channel, _, ts = (handle or "").partition(":")
        # A page may have overtaken it: the live message is that one's then.
        late = bool(ts) and self._delivered.overtaken(notice)
        if not ts or not (late or self._updated(notice, channel, ts)):
            return self._post(notice)
        self._call(
            self._client.chat_postMessage,
            channel=channel,
            thread_ts=ts,
            reply_broadcast=notice.final,
            blocks=reply(notice),
            unfurl_links=False,
            **plainly(notice),
        )
        return f"{channel}:{ts}"

    def _post(self, notice: Notice) -> str:
        answer = self._call(
            self._client.chat_postMessage,
            channel=self._channel,
            blocks=live(notice),
            unfurl_links=False,
            **plainly(notice),
        )
        return f"{answer.get('channel')}:{answer.get('ts')}"

    def _updated(self, notice: Notice, channel: str, ts: str) -> bool:
        """Bring the live message up to date; False when it is gone and must be posted anew."""
        try:
            self._call(
                self._client.chat_update,
                channel=channel,
                ts=ts,
                blocks=live(notice),
                **plainly(notice),
            )
        except _Refused as refused:
            if refused.code == "message_not_found":
                return False
            # A workspace may forbid edits after a while; the thread can still be told.
            if refused.code not in {"edit_window_closed", "cant_update_message"}:
                raise
        return True

    def _call(
        self,
        method: Callable[..., Any],
        *,
        wanted: Sequence[str] = ("ts", "channel"),
        **arguments: object,
    ) -> Mapping[str, Any]:
        """One call of the Web API, its failure put into our words: never Slack's, never ours."""
        from slack_sdk.errors import SlackApiError

        try:
            answer = method(**arguments)
        except SlackApiError as error:
            raise _refusal(error.response, self._channel) from None
        except (OSError, http.client.HTTPException) as error:
            raise _unreachable(error) from None
        except Exception:  # noqa: BLE001 - garbage in an answer breaks SDKs in any way
            raise _not_slack() from None
        data = answer.data
        if not isinstance(data, dict) or not all(_is_id(data.get(key)) for key in wanted):
            raise _not_slack()
        return data

    def examine(self) -> list[Health]:
        """Whether Slack takes the token; whether the app may write shows with the first message."""
        data = self._call(self._client.auth_test, wanted=("team_id",))
        team = scrub(str(data.get("team") or data["team_id"]), 80)
        return [Health(level=Level.OK, what=f"Slack takes the token (workspace {team})")]


# --- failures ----------------------------------------------------------------------------------


class _Refused(NotifyError):
    """Slack said no, with its error code."""

    def __init__(
        self, reason: Reason, detail: str, *, code: str, after_s: float | None = None
    ) -> None:
        super().__init__(reason, detail, after_s=after_s)
        self.code = code


# docs.slack.dev/reference/methods/chat.postMessage and chat.update, "Errors".
_REASONS: Final = {
    "invalid_auth": Reason.AUTH,
    "not_authed": Reason.AUTH,
    "token_revoked": Reason.AUTH,
    "token_expired": Reason.AUTH,
    "account_inactive": Reason.AUTH,
    "missing_scope": Reason.AUTH,
    "no_permission": Reason.AUTH,
    "access_denied": Reason.AUTH,
    "ekm_access_denied": Reason.AUTH,
    "org_login_required": Reason.AUTH,
    "not_allowed_token_type": Reason.AUTH,
    "channel_not_found": Reason.NOT_FOUND,
    "not_in_channel": Reason.NOT_FOUND,
    "is_archived": Reason.NOT_FOUND,
    "internal_error": Reason.UNAVAILABLE,
    "fatal_error": Reason.UNAVAILABLE,
    "service_unavailable": Reason.UNAVAILABLE,
    "request_timeout": Reason.UNAVAILABLE,
    "team_added_to_org": Reason.UNAVAILABLE,
    "ratelimited": Reason.THROTTLED,
    "rate_limited": Reason.THROTTLED,
    "message_limit_exceeded": Reason.THROTTLED,
}
_ADVICE: Final = {
    "channel_not_found": "the channel does not exist, or is private and the app is not in it:"
    " check the name, and invite the app with /invite",
    "not_in_channel": "the app is not a member of the channel: invite it with /invite",
    "is_archived": "the channel is archived: unarchive it or configure another one",
    Reason.AUTH: "check GUARDIAN_SLACK_TOKEN; the app needs the scope chat:write",
    Reason.NOT_FOUND: "check GUARDIAN_SLACK_BASE_URL",
    Reason.UNAVAILABLE: "Slack has trouble",
    Reason.THROTTLED: "too many messages",
    Reason.INVALID: "trying the same again would not help",
}
"""By Slack's code where it has some of its own, else by the reason."""
_NOT_SLACK: Final = "the answer to a Slack message is not Slack's: is a proxy in between?"
_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,80}")
_CODE: Final = re.compile(r"[a-z0-9_]{1,60}")


def _is_id(value: object) -> bool:
    """Whether it may be kept as a handle: a channel's id, a message's time stamp."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _refusal(response: Any, channel: str) -> NotifyError:
    """What an error answer means: its reason, whether to try again, what to do."""
    status, data = int(response.status_code), response.data
    said = str(data.get("error", "")) if isinstance(data, dict) else ""
    # An unreadable body ends up in this field too: only a code is repeated.
    code = said if _CODE.fullmatch(said) else ""
    if not code and status < 300:
        return _not_slack()
    reason = _REASONS.get(code) or reason_of(status)
    if reason is Reason.TIMEOUT:
        return _late()
    redirected = "redirects are not followed; check GUARDIAN_SLACK_BASE_URL"
    usual = redirected if 300 <= status < 400 else _ADVICE[reason]
    where = f"Slack refused the message to {channel} (HTTP {status}{', ' if code else ''}{code})"
    detail = f"{where}: {_ADVICE.get(code, usual)}"
    after_s = asked_wait_s(response.headers.items())
    return _Refused(reason, detail, code=code, after_s=after_s)


def _not_slack() -> NotifyError:
    return NotifyError(Reason.UNKNOWN, _NOT_SLACK)


def _late() -> NotifyError:
    return NotifyError(
        Reason.TIMEOUT, "Slack did not answer in time; the message may or may not have arrived"
    )


def _unreachable(error: Exception) -> NotifyError:
    """Only the kind of the error is repeated: its text may hold an address or a header."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return _late()
    if isinstance(cause, TooLong | Encoded):
        return _not_slack()
    return NotifyError(
        Reason.UNAVAILABLE,
        f"Slack cannot be reached ({type(cause).__name__}): check the network and any proxy",
    )
