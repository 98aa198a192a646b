"""`guardian run`: the daemon beside production."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from guardian import __version__
from guardian.cli.log import Log
from guardian.engine.daemon import Daemon
from guardian.engine.dependencies import Dependencies
from guardian.engine.vigil import Vigil
from guardian.messages.about_guardian import metrics_unserved
from guardian.ports import ConfigError
from guardian.ports.daemon_status import DaemonStatus
from guardian.web import app
from guardian.web.app import HttpServer
from guardian.web.metrics import PrometheusMetrics
from guardian.wiring import Wiring, open_wiring
from guardian.wiring.configured import ConfiguredCatalog
from guardian.wiring.receivers import usable_receivers


def run(*, config: Path | None, observe: bool, metrics_listen: str | None) -> int:
    """`guardian run`; the exit code."""
    with open_wiring(config, usable=True) as wiring:
        configured, settings = wiring.configured(), wiring.settings
        metrics = PrometheusMetrics(notifiers=[receiver.name for receiver in configured.receivers])
        wiring.metrics = metrics
        log = Log(settings.log_format, wiring.clock, level=settings.log_level)
        vigil = Vigil(
            lambda: _write(wiring),
            usable_receivers(wiring)[0],
            wiring.clock,
            log.say,
            environment=configured.environment,
        )
        # What is plainly wrong ends here, before anything is served.
        catalog = _catalog(wiring) if vigil.look() else None
        serving: list[Vigil | Daemon] = [vigil]
        listen = metrics_listen or settings.metrics_listen
        hosts = [name.strip() for name in settings.metrics_hosts.split(",") if name.strip()]
        overview = partial(_overview, serving)
        serve = partial(app.serve, listen, overview=overview, metrics=metrics, hosts=hosts)
        with _listening(serve, lambda: catalog is None or _left_alone(wiring)) as (
            address,
            unserved,
        ):
            log.say(
                f"guardian {__version__}; {configured.path}; journal {wiring.address};"
                f" {unserved or f'metrics and health on {address}'}"
            )
            with _heeding(serving):
                if catalog is None and vigil.wait():
                    catalog = _catalog(wiring)
                settled = catalog is None or _serve(
                    wiring, catalog, log, vigil, serving, observe=observe, unserved=unserved
                )
    if not settled:
        # A vendor's call hangs, and its thread would hold up the end of the process.
        os._exit(0)
    return 0


def _write(wiring: Wiring) -> None:
    """Opening a full disk's journal succeeds; only a write tells. Raises JournalError."""
    wiring.journal.close_lease(wiring.journal.open_lease("guardian run, looking"))


def _catalog(wiring: Wiring) -> ConfiguredCatalog:
    """What the files say, or as much as the journal says in their place. Raises ConfigError."""
    catalog = ConfiguredCatalog(wiring)
    if catalog.trouble and not wiring.journal.live():
        # Nobody is left alone by it: whoever started guardian is told, and mends the files.
        raise ConfigError(catalog.trouble)
    return catalog


@contextmanager
def _listening(
    serve: Callable[[], HttpServer], needed: Callable[[], bool]
) -> Iterator[tuple[str, str]]:
    """Serve metrics and health meanwhile: where, or why not, as long as guardian is needed."""
    try:
        listener = serve()
    except ConfigError as error:
        if not needed():
            raise
        yield "", str(error)
        return
    try:
        yield listener.address, ""
    finally:
        listener.stop()


def _left_alone(wiring: Wiring) -> bool:
    """Whether something is live that no process drives."""
    journal = wiring.journal
    return any(journal.holder(head.target) is None for head in journal.live())


def _serve(
    wiring: Wiring,
    catalog: ConfiguredCatalog,
    log: Log,
    vigil: Vigil,
    serving: list[Vigil | Daemon],
    *,
    observe: bool,
    unserved: str,
) -> bool:
    """Be the daemon until a signal comes; whether no write was still under way at the end."""
    told_before = [*vigil.over]
    if unserved:
        told_before.append(metrics_unserved(catalog.environment, unserved, wiring.clock.now()))
    daemon = Daemon(_dependencies(wiring, log), catalog, observe=observe, told_before=told_before)
    serving.append(daemon)
    for number in vigil.signals:
        daemon.signal(number)
    daemon.run()
    return daemon.settled


def _overview(serving: list[Vigil | Daemon]) -> DaemonStatus:
    return serving[-1].overview()


def _dependencies(wiring: Wiring, log: Log) -> Dependencies:
    return Dependencies(
        journal=wiring.journal,
        clock=wiring.clock,
        rng=wiring.rng,
        owner=f"guardian run on {socket.gethostname()} pid {os.getpid()}",
        observer=log.report,
        say=log.say,
        metrics=wiring.metrics,
    )


@contextmanager
def _heeding(serving: list[Vigil | Daemon]) -> Iterator[None]:
    """Hand the process's signals to whoever serves by then."""
    before = {
        number: signal.signal(number, lambda given, _: serving[-1].signal(given))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda _, __: serving[-1].reload())
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
