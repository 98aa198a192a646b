"""The PagerDuty source leaves guardian's own pages out, and gives its token to nobody else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from guardian import pagerduty as door
from guardian.clock import SystemClock
from guardian.core.model import Reason
from guardian.ports import SourceError
from guardian.sim.server import Simulator
from guardian.sources import pagerduty
from tests.notifiers.raw_server import talker
from tests.sources.pagerduty_world import NOW, MovedClock, World, of

DAY_S = 86_400.0


@pytest.fixture
def world() -> Iterator[World]:
    """Nothing is open."""
    clock = MovedClock(NOW)
    with Simulator(clock) as simulator:
        yield World(simulator, clock)


def test_guardians_own_pages_are_never_counted(world: World) -> None:
    """A rollback that pages must not be the reason for the next rollback."""
    own = world.account.open_incident("rolled back", priority="P0")
    own.key = "guardian/production/agents-api/r1/rolled_back"
    other = world.account.open_incident("down", priority="P0")
    assert [i.id for i in world.read(of())[of()].incidents] == [other.id]


def test_guardians_own_pages_are_known_where_the_account_groups_alerts(world: World) -> None:
    """The incident's key is the group's then; its alerts have guardian's."""
    own = world.account.open_incident("2 alerts were grouped", priority="P0")
    own.key = "6a1f"
    own.alerts = ["guardian/production/a/r1/stuck", "guardian/production/a/r1/rolled_back"]
    assert world.read(of())[of()].incidents == ()
    own.alerts.append("checkout/latency")
    world.clock.moved_s += pagerduty.GROUPED_S
    assert [i.id for i in world.read(of())[of()].incidents] == [own.id]


def test_an_incident_whose_alerts_may_not_be_read_counts(world: World) -> None:
    """That it is open is certain; and a look that failed for now is no look."""
    opened = world.account.open_incident("down", priority="P0")
    fault = world.simulator.faults.add(
        kind="server_error", service="pagerduty_api", operation="alerts"
    )
    assert world.refused().reason is Reason.UNAVAILABLE
    world.simulator.faults.remove(fault)
    world.simulator.faults.add(kind="access_denied", service="pagerduty_api", operation="alerts")
    assert [i.id for i in world.read(of())[of()].incidents] == [opened.id]


def test_alerts_are_asked_for_so_many_incidents_in_one_read(world: World) -> None:
    """The others count until they are asked for: once a minute each."""
    for number in range(pagerduty.MOST_ASKED + 5):
        world.account.open_incident(f"down {number}", priority="P0")
    for _ in range(4):
        assert len(world.read(of())[of()].incidents) == pagerduty.MOST_ASKED + 5
    assert world.calls("alerts") == pagerduty.MOST_ASKED + 5


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    """The API token arrives nowhere else, and no answer from there is believed."""
    elsewhere = threading.Event()

    def answer_there(taken: socket.socket, released: threading.Event) -> None:
        elsewhere.set()

    with talker(answer_there) as there:
        head = f"HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:{there}/\r\n"
        reply = f"{head}Content-Length: 0\r\n\r\n".encode()

        def redirect(taken: socket.socket, released: threading.Event) -> None:
            taken.recv(65536)
            taken.sendall(reply)

        with talker(redirect) as port:
            url, clock = f"http://127.0.0.1:{port}", SystemClock()
            session = door.rest("a-token-of-nobody", url=url, timeout_s=5.0, clock=clock)
            with pytest.raises(SourceError, match="redirects are not followed"):
                door.fetch(session, "/priorities", {})
        assert not elsewhere.is_set()
        socket.create_connection(("127.0.0.1", there)).close()
