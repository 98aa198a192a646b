"""`guardian healthcheck`: what it takes for life, and what it says of anything else."""

from __future__ import annotations

import socket
from dataclasses import replace

import click
import pytest

from guardian.cli.main import run
from guardian.cli.usage.healthcheck import healthcheck
from guardian.settings import load
from guardian.web.app import HttpServer, serve
from guardian.web.metrics import PrometheusMetrics
from guardian.web.probe import ask_livez
from tests.web.scraping import at_work, listening


def asked(*arguments: str) -> int:
    """The exit code of the command."""
    with pytest.raises(SystemExit) as ended:
        run(["healthcheck", *arguments])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def port(listener: HttpServer) -> str:
    """The port that port 0 became."""
    return listener.address.rpartition(":")[2]


def test_a_daemon_that_moves_is_alive(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0."""
    with listening() as listener:
        assert asked("--metrics-listen", listener.address) == 0
    assert capsys.readouterr().out == "ok\n"


def test_the_address_is_the_daemons_own_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """One variable tells both."""
    with listening() as listener:
        monkeypatch.setenv("GUARDIAN_METRICS_LISTEN", listener.address)
        assert asked() == 0


def test_without_a_variable_the_address_is_the_daemons_default() -> None:
    """A daemon that was told nothing is found."""
    with click.Context(healthcheck) as context:
        healthcheck.parse_args(context, [])
    assert context.params == {"metrics_listen": load({}).metrics_listen}


def test_a_daemon_that_stands_still_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, the one that engines know, and why."""
    still = replace(at_work(), alive="no tick has ended for 45 s: guardian is not watching")
    with listening(lambda: still) as listener:
        assert asked("--metrics-listen", listener.address) == 1
    assert capsys.readouterr().out == "no tick has ended for 45 s: guardian is not watching\n"


def test_where_nothing_answers_nothing_is_alive(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody is there, or somebody who speaks something else."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
    assert asked("--metrics-listen", address) == 1
    assert address in capsys.readouterr().out


def test_an_address_that_is_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """As `guardian run` says it."""
    assert asked("--metrics-listen", "9464") == 3
    assert "is not an address" in capsys.readouterr().err


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "[::]"])  # noqa: S104 - on purpose
def test_who_listens_everywhere_is_asked_on_loopback(everywhere: str) -> None:
    """An address to listen on is none to ask."""
    metrics = PrometheusMetrics(notifiers=[])
    try:
        listener = serve(f"{everywhere}:0", overview=at_work, metrics=metrics)
    except OSError:
        pytest.skip("this machine has no IPv6")
    try:
        assert ask_livez(f"{everywhere}:{port(listener)}") == (True, "ok")
    finally:
        listener.stop()
