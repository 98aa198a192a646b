"""Which clock a process runs on: the machine's, or a simulation's."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from guardian.clock import ScaledClock, SystemClock
from guardian.ports import Clock, ConfigError
from guardian.settings import Settings


def clock_of(settings: Settings, environ: Mapping[str, str]) -> Clock:
    """The machine's clock; a simulated one only while AWS is simulated on loopback too."""
    text = settings.simulated_clock
    if not text:
        return SystemClock()
    endpoint = urlsplit(environ.get("AWS_ENDPOINT_URL", ""))
    if endpoint.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigError(
            "GUARDIAN_SIMULATED_CLOCK is only for simulations: it needs AWS_ENDPOINT_URL to be on"
            " loopback. Against real AWS, unset it"
        )
    try:
        origin, speed, started = (float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(
            f"GUARDIAN_SIMULATED_CLOCK is {text!r}: write it as ORIGIN,SPEED,STARTED"
        ) from error
    return ScaledClock(origin=origin, speed=speed, started=started)
