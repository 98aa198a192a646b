"""Slack's Web API: posting, updating, threads."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from guardian.core.model import Instant
from guardian.sim.faults import Fault
from guardian.sim.wire import Refusals, Refused, Reply, Request, as_json
from guardian.sim.world import World

_TEAM = {"url": "https://simulated.slack.com/", "team": "Simulated", "team_id": "T00000001"}
_BOT = {"user": "guardian", "user_id": "U00000001", "bot_id": "B00000001"}


@dataclass(slots=True, kw_only=True)
class Message:
    """A message as the channel shows it now; `edits` counts its updates."""

    seq: int
    at: Instant
    channel: str
    """The name or id that the poster gave."""
    channel_id: str
    ts: str
    text: str
    blocks: list[Any] = field(default_factory=list)
    thread_ts: str | None = None
    broadcast: bool = False
    edits: int = 0


_REFUSALS: Refusals = {
    "throttle": ("ratelimited", "", 429),
    "server_error": ("internal_error", "", 500),
    "access_denied": ("invalid_auth", "", 200),
    "not_found": ("channel_not_found", "", 200),
    "other": ("invalid_arguments", "", 200),
}


class Slack:
    """Serves chat.postMessage, chat.update and auth.test. One token is right."""

    name = "slack"
    refusals = _REFUSALS

    def __init__(self, world: World) -> None:
        self._world = world
        self.token = "xoxb-simulated"
        self.channels: set[str] | None = None
        """The channels that exist, by name or id; None for any."""
        self._messages: list[Message] = []
        self._ids: dict[str, str] = {}

    @property
    def messages(self) -> list[Message]:
        """All messages in the order posted, as they are now; the list is a copy."""
        with self._world.lock:
            return list(self._messages)

    def thread(self, ts: str) -> list[Message]:
        """The replies to a message, in order."""
        return [message for message in self.messages if message.thread_ts == ts]

    def operation(self, request: Request) -> str:
        """The method's name."""
        return request.path.removeprefix("/slack/api/")

    def error(self, refused: Refused) -> Reply:
        """An error; most of Slack's come with HTTP 200."""
        body = {"ok": False, "error": refused.code}
        status = refused.status if refused.status == 429 or refused.status >= 500 else 200
        return as_json(body, status=status)

    def answer(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """Do what is asked. Raises Refused."""
        del fault
        given = _arguments(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or given.get(
            "token"
        )
        if not token:
            raise Refused("not_authed", "")
        if token != self.token:
            raise Refused("invalid_auth", "")
        match operation:
            case "auth.test":
                return as_json({"ok": True, **_TEAM, **_BOT})
            case "chat.postMessage":
                return self._post(given)
            case "chat.update":
                return self._update(given)
        raise Refused("unknown_method", "")

    def _post(self, given: dict[str, Any]) -> Reply:
        channel = str(given.get("channel", ""))
        if not channel or (self.channels is not None and channel not in self.channels):
            raise Refused("channel_not_found", "")
        _require_content(given)
        channel_id = self._channel_id(channel)
        thread_ts = given.get("thread_ts")
        if thread_ts is not None and self._find(channel_id, str(thread_ts)) is None:
            raise Refused("thread_not_found", "")
        event = self._world.log("slack.post", {"channel": channel, **_shown(given)})
        message = Message(
            seq=event.seq,
            at=event.at,
            channel=channel,
            channel_id=channel_id,
            ts=f"{int(event.at)}.{event.seq:06d}",
            text=str(given.get("text", "")),
            blocks=list(given.get("blocks") or []),
            thread_ts=thread_ts,
            broadcast=_true(given.get("reply_broadcast")),
        )
        self._messages.append(message)
        return as_json(_posted(message))

    def _update(self, given: dict[str, Any]) -> Reply:
        # Unlike chat.postMessage, chat.update takes no channel names: only the id of the answer.
        channel_id = str(given.get("channel", ""))
        if channel_id not in self._ids.values():
            raise Refused("channel_not_found", "")
        message = self._find(channel_id, str(given.get("ts", "")))
        if message is None:
            raise Refused("message_not_found", "")
        _require_content(given)
        data = {"channel": message.channel, "ts": message.ts, **_shown(given)}
        self._world.log("slack.update", data)
        message.text = str(given.get("text", message.text))
        message.blocks = list(given.get("blocks") or [])
        message.edits += 1
        return as_json(_posted(message))

    def _channel_id(self, channel: str) -> str:
        if channel.startswith("C") and channel.isalnum() and channel.isupper():
            return self._ids.setdefault(channel, channel)
        return self._ids.setdefault(channel.removeprefix("#"), f"C{len(self._ids) + 1:08d}")

    def _find(self, channel_id: str, ts: str) -> Message | None:
        for message in self._messages:
            if message.channel_id == channel_id and message.ts == ts:
                return message
        return None


def _arguments(request: Request) -> dict[str, Any]:
    """A method's arguments; in a form, structured ones are JSON texts."""
    given = request.mapping() if request.body else {}
    for name in ("blocks", "attachments", "metadata"):
        if isinstance(given.get(name), str):
            given[name] = json.loads(given[name])
    return given


def _require_content(given: dict[str, Any]) -> None:
    if not given.get("text") and not given.get("blocks"):
        raise Refused("no_text", "")
    if len(given.get("blocks") or []) > 50:
        raise Refused("invalid_blocks", "")


def _shown(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "text": given.get("text", ""),
        "thread_ts": given.get("thread_ts"),
        "broadcast": _true(given.get("reply_broadcast")),
    }


def _true(value: object) -> bool:
    """Booleans travel as JSON or, in a form, as text."""
    return value in (True, "true", "True", "1", 1)


def _posted(message: Message) -> dict[str, Any]:
    inner = {"type": "message", "text": message.text, "ts": message.ts, **_BOT}
    if message.thread_ts is not None:
        inner["thread_ts"] = message.thread_ts
    return {
        "ok": True,
        "channel": message.channel_id,
        "ts": message.ts,
        "text": message.text,
        "message": inner,
    }
