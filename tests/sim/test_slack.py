"""The simulated Slack, through the real SDK."""

from __future__ import annotations

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from guardian.sim.server import Simulator

BLOCKS = [{"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}]


def refused(error: pytest.ExceptionInfo[SlackApiError]) -> tuple[str, int]:
    """Slack's error word and the HTTP status."""
    return str(error.value.response["error"]), int(error.value.response.status_code)


def test_the_token_is_checked(sim: Simulator, slack: WebClient) -> None:
    """auth.test answers who we are; another token is invalid_auth with HTTP 200."""
    assert slack.auth_test()["user"] == "guardian"
    with pytest.raises(SlackApiError) as caught:
        WebClient("xoxb-wrong", base_url=sim.slack_url).auth_test()
    assert refused(caught) == ("invalid_auth", 200)


def test_a_message_is_posted_and_then_updated_by_its_channel_id(
    sim: Simulator, slack: WebClient
) -> None:
    """chat.postMessage answers ts and the channel's id, by which chat.update finds the message."""
    posted = slack.chat_postMessage(channel="#deployments", text="10 %", blocks=BLOCKS)
    slack.chat_update(channel=posted["channel"], ts=posted["ts"], text="50 %")
    (message,) = sim.slack.messages
    assert (message.text, message.edits, message.channel) == ("50 %", 1, "#deployments")
    assert [event.kind for event in sim.events] == ["slack.post", "slack.update"]


def test_an_update_by_channel_name_is_refused(sim: Simulator, slack: WebClient) -> None:
    """chat.update takes ids only."""
    posted = slack.chat_postMessage(channel="#deployments", text="x")
    with pytest.raises(SlackApiError) as caught:
        slack.chat_update(channel="#deployments", ts=posted["ts"], text="y")
    assert refused(caught) == ("channel_not_found", 200)


def test_replies_stay_in_their_thread(sim: Simulator, slack: WebClient) -> None:
    """thread_ts makes a reply, reply_broadcast shows it in the channel too."""
    parent = slack.chat_postMessage(channel="#deployments", text="rollout")
    slack.chat_postMessage(
        channel="#deployments", text="ended", thread_ts=parent["ts"], reply_broadcast=True
    )
    (reply,) = sim.slack.thread(str(parent["ts"]))
    assert (reply.text, reply.broadcast) == ("ended", True)


def test_what_does_not_exist_is_named(sim: Simulator, slack: WebClient) -> None:
    """Unknown channels, threads and messages, and empty messages, have Slack's own words."""
    known = slack.chat_postMessage(channel="#deployments", text="x")["channel"]
    sim.slack.channels = {"#deployments"}
    words = []
    for method, arguments in (
        ("chat.postMessage", {"channel": "#gone", "text": "x"}),
        ("chat.postMessage", {"channel": "#deployments", "text": "x", "thread_ts": "1.2"}),
        ("chat.postMessage", {"channel": "#deployments", "text": ""}),
        ("chat.update", {"channel": known, "ts": "1.2", "text": "x"}),
        ("chat.unknown", {}),
    ):
        with pytest.raises(SlackApiError) as caught:
            slack.api_call(method, json=arguments)
        words.append(refused(caught)[0])
    assert words == [
        "channel_not_found",
        "thread_not_found",
        "no_text",
        "message_not_found",
        "unknown_method",
    ]


def test_a_429_says_how_long_to_wait(sim: Simulator, slack: WebClient) -> None:
    """The rate-limit fault carries Retry-After, and strikes as often as it is told."""
    sim.faults.add(service="slack", kind="throttle", times=1, retry_after_s=7)
    with pytest.raises(SlackApiError) as caught:
        slack.chat_postMessage(channel="#deployments", text="x")
    assert refused(caught) == ("ratelimited", 429)
    assert caught.value.response.headers["Retry-After"] == "7"
    assert slack.chat_postMessage(channel="#deployments", text="x")["ok"]


@pytest.mark.parametrize(
    ("kind", "word", "status"),
    [("server_error", "internal_error", 500), ("access_denied", "invalid_auth", 200)],
)
def test_its_faults_look_like_slacks(
    sim: Simulator, slack: WebClient, kind: str, word: str, status: int
) -> None:
    """A server error is an HTTP 500, a revoked token an HTTP 200."""
    sim.faults.add(service="slack", operation="chat.postMessage", kind=kind)
    with pytest.raises(SlackApiError) as caught:
        slack.chat_postMessage(channel="#deployments", text="x")
    assert refused(caught) == (word, status)
    assert sim.slack.messages == []


def test_a_message_whose_answer_is_lost_was_posted(sim: Simulator, slack: WebClient) -> None:
    """Nothing tells the poster that it arrived."""
    sim.faults.add(service="slack", kind="lost_answer", times=1)
    with pytest.raises((OSError, SlackApiError)):
        slack.chat_postMessage(channel="#deployments", text="x")
    assert [message.text for message in sim.slack.messages] == ["x"]
