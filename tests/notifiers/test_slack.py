"""The Slack notifier: one live message, a thread, harmless text, errors with something to do."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from guardian.clock import SystemClock
from guardian.core.model import Reason
from guardian.core.notices import Event
from guardian.notifiers import slack
from guardian.notifiers._delivered import REMEMBERED
from guardian.notifiers._slack_blocks import CRITERIA_SHOWN, fit, live, reply
from guardian.ports import ConfigError, Notifier, NotifyError
from guardian.sim.server import Simulator
from tests.contracts.notifier_contract import TransportContract
from tests.notifiers.raw_server import raw
from tests.notifiers.samples import HOSTILE, NOTICE, QUIET, SECRET, VERDICT, context, texts
from tests.notifiers.vendor import Answer, Received, Script, Vendor, vendor


def _notifier(url: str, *, timeout_s: float = 5.0, token: str = SECRET) -> Notifier:
    options = slack.Options(channel="#deployments", timeout_s=timeout_s)
    return slack.build(
        options, context(secrets={"slack_token": token}, urls={"slack_base_url": f"{url}/api"})
    )


def _says(code: str) -> Answer:
    return Answer(body=json.dumps({"ok": False, "error": code}))


class Workspace:
    """Answers as Slack does, and refuses one method for once when told to."""

    def __init__(self) -> None:
        self._stamps = itertools.count(1)
        self.refuse: dict[str, Answer] = {}

    def __call__(self, received: Received) -> Answer:
        """The answer to one call."""
        method = received.path.removeprefix("/api/")
        if method == "chat.postMessage" and "thread_ts" in received.body:
            method = "reply"
        if method in self.refuse:
            return self.refuse.pop(method)
        ts = received.body.get("ts") or f"1790000000.{next(self._stamps):06d}"
        return Answer(body=json.dumps({"ok": True, "channel": "C0000001", "ts": ts}))


def _told(world: Vendor) -> list[str]:
    """What was done, in order: post, update or reply."""
    return [
        "update"
        if received.path.endswith("chat.update")
        else "reply"
        if "thread_ts" in received.body
        else "post"
        for received in world.received
    ]


@pytest.fixture
def workspace() -> Workspace:
    """A Slack workspace in good order."""
    return Workspace()


@pytest.fixture
def world(workspace: Workspace) -> Iterator[Vendor]:
    """The workspace's server."""
    with vendor(workspace) as served:
        yield served


@pytest.mark.parametrize("odd", ["\ud800", "", 7, None, {}, [1], "x" * 10_000, "1.2\n3", "C1:2"])
@pytest.mark.parametrize("key", ["ts", "channel"])
def test_only_what_can_be_kept_is_a_handle(key: str, odd: object) -> None:
    """A lone surrogate in an answer, or anything else that is no id, is not Slack's."""
    body = {"ok": True, "channel": "C0000001", "ts": "1790000000.000001"} | {key: odd}
    answer = Answer(body=json.dumps(body))
    with vendor(lambda _: answer) as world, pytest.raises(NotifyError) as caught:
        _notifier(world.url).send(NOTICE, handle=None)
    assert (caught.value.reason, caught.value.retryable) == (Reason.UNKNOWN, True)


def test_a_workspaces_name_is_scrubbed() -> None:
    """It is shown on a terminal."""
    body = {"ok": True, "team_id": "T1", "team": "\x1b[31mred\ud800" + "x" * 1000}
    answer = f"HTTP/1.1 200 OK\r\n\r\n{json.dumps(body)}".encode()
    with raw(answer) as server:
        notifier = _notifier(server.url)
        assert isinstance(notifier, slack.Slack)
        (health,) = notifier.examine()
    assert health.what.isprintable()
    assert len(health.what) < 200


class TestSlackContract(TransportContract):
    """Slack keeps the notifiers' contract."""

    script: Script = staticmethod(Workspace())

    def notifier(self, url: str, *, timeout_s: float = 5.0) -> Notifier:
        """The notifier under test."""
        return _notifier(url, timeout_s=timeout_s)

    def accept(self, received: Received) -> Answer:
        """A workspace in good order."""
        return self.script(received)

    def openings(self, requests: list[Received]) -> set[str]:
        """Each post opens a message; each reply is one too."""
        posts = [r for r in requests if r.path.endswith("chat.postMessage")]
        return {str(number) for number, _ in enumerate(posts)}

    def is_harmless(self, world: Vendor) -> None:
        """No mention and no link survives, and every block is within Slack's limits."""
        super().is_harmless(world)
        for received in world.received:
            for text in texts(received.body):
                assert "<" not in text
                assert ">" not in text
            assert received.body["parse"] == "none"
            assert received.body["link_names"] is False
            _check_limits(received.body["blocks"])


def _check_limits(blocks: list[dict[str, Any]]) -> None:
    """Slack's own limits, as its reference states them."""
    assert len(blocks) <= 50
    for block in blocks:
        match block["type"]:
            case "header":
                assert len(block["text"]["text"]) <= 150
                assert block["text"]["emoji"] is False
            case "context":
                assert len(block["elements"]) <= 10
        for part in [block.get("text"), *block.get("fields", []), *block.get("elements", [])]:
            if part is not None and part["type"] == "mrkdwn":
                assert len(part["text"]) <= (2000 if "fields" in block else 3000)
                assert part["verbatim"] is True
        assert len(block.get("fields", [])) <= 10


def test_a_rollout_has_one_live_message_and_a_thread(world: Vendor) -> None:
    """The first notice posts; each later one updates that message and replies to it."""
    notifier = _notifier(world.url)
    handle = notifier.send(replace(QUIET, seq=1), handle=None)
    assert handle == "C0000001:1790000000.000001"
    assert notifier.send(replace(QUIET, seq=2), handle=handle) == handle
    assert notifier.send(replace(NOTICE, seq=3), handle=handle) == handle
    assert _told(world) == ["post", "update", "reply", "update", "reply"]
    assert world.received[0].body["channel"] == "#deployments"
    assert world.received[1].body["ts"] == "1790000000.000001"
    assert world.received[2].body["thread_ts"] == "1790000000.000001"
    assert world.received[2].body["channel"] == "C0000001"


def test_only_the_end_is_shown_to_the_whole_channel(world: Vendor) -> None:
    """Replies stay in the thread until the final one is broadcast."""
    notifier = _notifier(world.url)
    notifier.send(replace(QUIET, seq=2), handle="C0000001:1.1")
    notifier.send(replace(NOTICE, seq=3), handle="C0000001:1.1")
    replies = [r for r in world.received if "thread_ts" in r.body]
    assert [r.body["reply_broadcast"] for r in replies] == [False, True]


def test_a_retry_after_half_a_success_replies_once(workspace: Workspace, world: Vendor) -> None:
    """The update may be repeated; the reply is the last call, so a refusal leaves none behind."""
    notifier = _notifier(world.url)
    workspace.refuse["reply"] = Answer(status=503)
    with pytest.raises(NotifyError):
        notifier.send(NOTICE, handle="C0000001:1.1")
    notifier.send(NOTICE, handle="C0000001:1.1")
    assert _told(world) == ["update", "reply", "update", "reply"]


def test_a_deleted_live_message_is_posted_anew(workspace: Workspace, world: Vendor) -> None:
    """Somebody removed it: the rollout gets a new one, and its handle."""
    workspace.refuse["chat.update"] = _says("message_not_found")
    handle = _notifier(world.url).send(NOTICE, handle="C0000001:1.1")
    assert handle == "C0000001:1790000000.000001"
    assert _told(world) == ["update", "post"]


def test_a_workspace_that_forbids_edits_still_gets_the_reply(
    workspace: Workspace, world: Vendor
) -> None:
    """The live message grows old; the thread goes on."""
    workspace.refuse["chat.update"] = _says("edit_window_closed")
    _notifier(world.url).send(NOTICE, handle="C0000001:1.1")
    assert _told(world) == ["update", "reply"]


def test_another_refusal_of_the_update_fails_the_delivery(
    workspace: Workspace, world: Vendor
) -> None:
    """Trouble is not taken for a deleted message: nothing is posted anew."""
    workspace.refuse["chat.update"] = _says("internal_error")
    with pytest.raises(NotifyError):
        _notifier(world.url).send(NOTICE, handle="C0000001:1.1")
    assert _told(world) == ["update"]


@pytest.mark.parametrize("body", ['{"ok": true}', '{"ok": true, "ts": "1.1"}'])
def test_ok_without_a_message_is_no_delivery(body: str) -> None:
    """Without channel and time stamp there is nothing to update later."""
    with vendor(lambda _: Answer(body=body)) as odd, pytest.raises(NotifyError) as caught:
        _notifier(odd.url).send(NOTICE, handle=None)
    assert (caught.value.reason, caught.value.retryable) == (Reason.UNKNOWN, True)


@pytest.mark.parametrize(
    ("code", "reason", "retryable", "advice"),
    [
        ("invalid_auth", Reason.AUTH, False, "GUARDIAN_SLACK_TOKEN"),
        ("token_revoked", Reason.AUTH, False, "GUARDIAN_SLACK_TOKEN"),
        ("missing_scope", Reason.AUTH, False, "chat:write"),
        ("channel_not_found", Reason.NOT_FOUND, False, "/invite"),
        ("not_in_channel", Reason.NOT_FOUND, False, "/invite"),
        ("is_archived", Reason.NOT_FOUND, False, "unarchive"),
        ("ratelimited", Reason.THROTTLED, True, "too many"),
        ("internal_error", Reason.UNAVAILABLE, True, "trouble"),
        ("invalid_blocks", Reason.INVALID, False, "would not help"),
    ],
)
def test_slacks_error_codes_say_what_to_do(
    code: str, reason: Reason, retryable: bool, advice: str
) -> None:
    """Slack refuses with HTTP 200 and a code: each has a reason, and a person knows what to do."""
    with vendor(lambda _: _says(code)) as refusing, pytest.raises(NotifyError) as caught:
        _notifier(refusing.url).send(NOTICE, handle=None)
    assert (caught.value.reason, caught.value.retryable) == (reason, retryable)
    for part in (code, advice, "#deployments"):
        assert part in caught.value.detail


def test_a_message_that_was_overtaken_leaves_the_live_message_alone(world: Vendor) -> None:
    """It is told in the thread; the live message shows the newest state."""
    notifier = _notifier(world.url)
    handle = notifier.send(QUIET, handle=None)
    notifier.send(replace(QUIET, seq=9), handle=handle)
    notifier.send(replace(QUIET, seq=8), handle=handle)
    assert _told(world) == ["post", "update", "reply", "reply"]


def test_the_oldest_rollouts_are_forgotten(world: Vendor) -> None:
    """Memory against doubles is bounded: after many rollouts the first is posted again."""
    notifier = _notifier(world.url)
    for number in range(REMEMBERED + 1):
        notifier.send(replace(QUIET, rollout=f"r-{number}"), handle=None)
    notifier.send(replace(QUIET, rollout=f"r-{REMEMBERED}"), handle=None)
    assert len(world.received) == REMEMBERED + 1
    notifier.send(replace(QUIET, rollout="r-0"), handle=None)
    assert len(world.received) == REMEMBERED + 2


def test_every_criterion_shows_value_limit_samples_and_a_word() -> None:
    """Neither a symbol nor a colour is the only signal."""
    shown = "\n".join(texts(live(NOTICE)))
    for part in (
        "*error-rate*: FAIL",
        "6.1% · limit above 5%",
        "480 samples in 10 minutes, 14:13 to 14:23 UTC",
        "29 of 480 requests failed",
        "production · stable 41, canary 42 at 0% · step 1 of 3 · rolled back · rollout r-1",
        "*What guardian did:* guardian put 41 back.",
        "*What you can do:* `guardian rollout history agents-api`",
    ):
        assert part in shown
    assert "*agents-api: 42 was rolled back, traffic is 41 100%*" in "".join(texts(reply(NOTICE)))


@pytest.mark.parametrize("event", list(Event))
def test_every_event_can_be_shown_without_verdicts_and_advice(event: Event) -> None:
    """A notice with nothing but a title and a text is complete."""
    bare = replace(QUIET, event=event, verdicts=(), todo="", step=0)
    for blocks in (live(bare), reply(bare)):
        _check_limits(blocks)
        assert "What you can do" not in "".join(texts(blocks))


def test_criteria_beyond_the_limit_are_counted() -> None:
    """A person is told that more was judged than is shown."""
    many = replace(NOTICE, verdicts=(VERDICT,) * (CRITERIA_SHOWN + 2))
    assert "2 more criteria are not shown." in "".join(texts(live(many)))
    assert "not shown" not in "".join(texts(live(NOTICE)))
    assert len(live(HOSTILE)) <= 50


def test_a_cut_never_splits_an_escaped_character() -> None:
    """`&amp;` counts five characters and stays whole."""
    cut = fit("&" * 100, 40)
    assert len(cut) <= 40
    assert cut.endswith("&amp; … (shortened)")


def test_a_missing_token_is_a_configuration_error() -> None:
    """It is said at the start, with the variable to set."""
    with pytest.raises(ConfigError, match="GUARDIAN_SLACK_TOKEN"):
        slack.build(slack.Options(channel="#deployments"), context())


def test_the_options_are_strict() -> None:
    """Unknown keys and empty channels are refused."""
    with pytest.raises(ValidationError):
        slack.Options.model_validate({"channel": "#a", "chanel": "#b"})
    with pytest.raises(ValidationError):
        slack.Options(channel="")


def test_a_simulated_workspace_shows_the_whole_story() -> None:
    """End to end: one message in the channel, edited at each change, the end broadcast."""
    with Simulator(SystemClock()) as simulator:
        options = slack.Options(channel="#deployments")
        notifier = slack.build(
            options,
            context(
                secrets={"slack_token": simulator.slack.token},
                urls={"slack_base_url": simulator.slack_url},
            ),
        )
        handle = notifier.send(replace(QUIET, seq=1), handle=None)
        notifier.send(NOTICE, handle=handle)
        parent, *replies = simulator.slack.messages
    assert parent.edits == 1
    assert [r.thread_ts for r in replies] == [parent.ts]
    assert replies[0].broadcast
    assert replies[0].text.startswith("agents-api: 42 was rolled back")
