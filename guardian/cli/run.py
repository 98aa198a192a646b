"""`guardian run`: the daemon beside production."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guardian.cli.options import config_option

if TYPE_CHECKING:
    from guardian.cli.log import Log
    from guardian.engine.daemon import Daemon
    from guardian.engine.engine import Setting
    from guardian.wiring import Wiring


@click.command()
@config_option
@click.option("--observe", is_flag=True, help="Judge what others deploy, tell, and never act.")
@click.option(
    "--metrics-listen",
    metavar="ADDR",
    help="Where metrics and health are served, HOST:PORT; else GUARDIAN_METRICS_LISTEN.",
)
def run(*, config: Path | None, observe: bool, metrics_listen: str | None) -> int:
    """Drive rollouts for whoever orders them, until told to stop.

    SIGTERM or SIGINT: leaves within 10 seconds and changes no traffic; the next daemon goes on.
    SIGHUP: reads the files again.
    """
    from guardian import __version__
    from guardian.cli.log import Log
    from guardian.engine.daemon import Daemon
    from guardian.ports import ConfigError
    from guardian.web import app
    from guardian.web.metrics import PrometheusMeter
    from guardian.wiring import open_wiring
    from guardian.wiring.desk import ConfiguredDesk

    with open_wiring(config, usable=True) as wiring:
        meter = PrometheusMeter(notifiers=[lane.name for lane in wiring.configured().lanes])
        wiring.meter = meter
        settings = wiring.settings
        log = Log(settings.log_format, wiring.clock, level=settings.log_level)
        desk = ConfiguredDesk(wiring)
        if desk.trouble and not wiring.journal.live():
            # Nobody is left alone by it: whoever started guardian is told, and mends the files.
            raise ConfigError(desk.trouble)
        daemon = Daemon(_setting(wiring, log), desk, observe=observe)
        listen = metrics_listen or settings.metrics_listen
        listener = app.serve(listen, overview=daemon.overview, meter=meter)
        try:
            log.say(
                f"guardian {__version__}; {wiring.configured().path}; journal {wiring.address};"
                f" metrics and health on {listener.address}"
            )
            with _heeding(daemon):
                daemon.run()
        finally:
            listener.stop()
    if not daemon.settled:
        # A vendor's call hangs, and its thread would hold up the end of the process.
        os._exit(0)
    return 0


def _setting(wiring: Wiring, log: Log) -> Setting:
    from guardian.engine.engine import Setting

    return Setting(
        journal=wiring.journal,
        clock=wiring.clock,
        luck=wiring.luck,
        owner=f"guardian run on {socket.gethostname()} pid {os.getpid()}",
        observer=log.report,
        say=log.say,
        meter=wiring.meter,
    )


@contextmanager
def _heeding(daemon: Daemon) -> Iterator[None]:
    """Hand the process's signals to the daemon."""
    before = {
        number: signal.signal(number, lambda given, _: daemon.signal(given))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda _, __: daemon.reload())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
