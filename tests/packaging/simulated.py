"""A simulated AWS in a container of its own: runs inside the image, whose guardian brings it along.

`python simulated.py SPEED FUNCTIONS RATE`: the functions are fn-0, fn-1, ..., each with an alias
`live` on version 41, and RATE healthy calls a second. Prints one JSON object, the variables by
which a guardian on the same loopback finds it, and from then on every change of fn-0's alias, as
`VERSION WEIGHTS`.
"""

from __future__ import annotations

import json
import sys
from itertools import groupby
from threading import Event

from guardian.clock import ScaledClock, SystemClock
from guardian.sim.server import Simulator

ORIGIN = 1_800_000_000.0


def main(speed: float, functions: int, rate: float) -> None:
    """Serve until killed."""
    origin = ORIGIN if speed > 1 else SystemClock().now()
    clock = ScaledClock(origin=origin, speed=speed)
    with Simulator(clock, seed=7) as simulator:
        for name in (f"fn-{number}" for number in range(functions)):
            simulator.aliases.create_function(name, versions=("41", "42"))
            simulator.aliases.create_alias(name, "live", version="41")
            simulator.traffic.send(name, "live", rate=rate)
        environ = {
            "AWS_ENDPOINT_URL": simulator.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if speed > 1:
            environ["GUARDIAN_SIMULATED_CLOCK"] = f"{clock.origin},{clock.speed},{clock.started}"
        print(json.dumps(environ), flush=True)  # noqa: T201 - its answer
        shown: list[str] = []
        while True:
            history = simulator.aliases.history("fn-0", "live")
            moves = [f"{alias.version} {dict(alias.weights)}" for _, alias in history]
            changes = [move for move, _ in groupby(moves)]
            for change in changes[len(shown) :]:
                print(change, flush=True)  # noqa: T201 - its answer
            shown = changes
            Event().wait(0.05)


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
