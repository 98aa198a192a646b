"""The server itself: connections, limits, threads, the one story."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from slack_sdk import WebClient

from guardian.sim.hand import HandClock
from guardian.sim.server import Simulator


def test_one_story_orders_all_services(
    sim: Simulator, clock: HandClock, aws: Callable[..., Any], slack: WebClient
) -> None:
    """Slack was told after traffic moved: sequence numbers and instants say so."""
    aws("lambda").update_alias(FunctionName="agents-api", Name="live", Description="moved")
    clock.advance(2)
    slack.chat_postMessage(channel="#deployments", text="moved")
    told = [(event.seq, event.kind) for event in sim.events]
    assert told == [(1, "alias"), (2, "slack.post")]
    assert sim.events[1].at - sim.events[0].at == 2
    assert sim.slack.messages[0].seq == 2


def test_a_connection_serves_many_requests(sim: Simulator) -> None:
    """HTTP/1.1 keep-alive: an error does not cost the connection."""
    connection = http.client.HTTPConnection(urlsplit(sim.url).netloc, timeout=5)
    statuses = []
    for path in ("/2015-03-31/functions/agents-api/aliases/live", "/nowhere") * 2:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    assert statuses == [200, 404, 200, 404]


def test_a_body_over_a_megabyte_is_refused(sim: Simulator) -> None:
    """The limit is CloudWatch's; the body is not read."""
    connection = http.client.HTTPConnection(urlsplit(sim.url).netloc, timeout=5)
    connection.putrequest("POST", "/slack/api/chat.postMessage")
    connection.putheader("Content-Length", str(1024 * 1024 + 1))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize("sent", ["Host: he", "Content-Length: 99\r\n\r\n{}"])
def test_a_request_whose_sender_dies_is_none(sim: Simulator, sent: str) -> None:
    """Headers or a body that break off change nothing, and get no answer."""
    host, port = urlsplit(sim.url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as line:
        path = "/2015-03-31/functions/agents-api/aliases/live"
        line.sendall(f"PUT {path} HTTP/1.1\r\n{sent}".encode())
        line.shutdown(socket.SHUT_WR)
        assert line.recv(1000) == b""
    assert list(sim.events) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff\xfe", b'{"MetricDataQueries": 7}'])
@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {"X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData"}),
        ("/", {"X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData"}),
        ("/", {"Content-Type": "application/x-www-form-urlencoded"}),
        ("/slack/api/chat.postMessage", {"Authorization": "Bearer xoxb-simulated"}),
        ("/pagerduty/events/v2/enqueue", {}),
    ],
)
def test_a_malformed_body_is_an_answer_and_not_a_crash(
    sim: Simulator, path: str, headers: dict[str, str], body: bytes
) -> None:
    """Whatever arrives is answered in the service's own way."""
    connection = http.client.HTTPConnection(urlsplit(sim.url).netloc, timeout=5)
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert 200 <= answer.status < 500
    assert text


def test_many_threads_see_every_write_once(sim: Simulator, aws: Callable[..., Any]) -> None:
    """Optimistic writers on many connections lose no update and share no revision."""
    client = aws("lambda")
    alias = {"FunctionName": "agents-api", "Name": "live"}
    won = []

    def write(number: int) -> None:
        for _ in range(200):
            revision = client.get_alias(**alias)["RevisionId"]
            try:
                client.update_alias(**alias, Description=str(number), RevisionId=revision)
            except client.exceptions.PreconditionFailedException:
                continue
            won.append(number)
            return

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(won) == list(range(6))
    assert len(sim.events) == 6
    history = sim.aliases.history("agents-api", "live")
    assert len({state.revision for _, state in history}) == 7


def test_stopping_closes_open_connections(clock: HandClock) -> None:
    """A client that holds its connection open does not keep the simulator alive."""
    simulator = Simulator(clock).start()
    netloc = urlsplit(simulator.url).netloc
    connection = http.client.HTTPConnection(netloc, timeout=5)
    connection.request("GET", "/nowhere")
    connection.getresponse().read()
    simulator.stop()
    simulator.stop()
    with pytest.raises(OSError, match=r"."):
        http.client.HTTPConnection(netloc, timeout=5).connect()
    connection.close()


def test_two_simulators_share_nothing(clock: HandClock) -> None:
    """Each has its own port, account and state."""
    with Simulator(clock) as one, Simulator(clock, account_id="111111111111") as two:
        one.aliases.create_function("f")
        assert one.url != two.url
        assert one.aliases.arn("f") != two.aliases.arn("f")
        assert one.events == two.events == []


def test_an_address_before_the_start_is_an_error(clock: HandClock) -> None:
    """The port is known only once the simulator listens."""
    with pytest.raises(RuntimeError, match="before it is started"):
        assert Simulator(clock).url
