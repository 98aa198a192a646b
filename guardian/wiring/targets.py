"""Whether a service's router can do what its file asks, and is alone with its target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guardian.ports import ConfigError, Router

if TYPE_CHECKING:
    from guardian.files import config
    from guardian.wiring.process import Wiring


def check_steps(given: config.ServiceConfig, router: Router) -> None:
    """ConfigError at the first step whose weight the router cannot give."""
    for index, step in enumerate(given.steps):
        problem = router.capabilities.weights.problem(step.weight)
        if problem:
            place = ("steps", index, "weight")
            said = f"the router {given.router.name} cannot do this: {problem}"
            raise ConfigError(str(given.node.finding(place, said)))


def check_alone(wiring: Wiring, name: str) -> None:
    """ConfigError when another configured service moves the same target: they would fight.

    What is wrong with another service's own keys is no matter of this one's.
    """
    if wiring.config is None or name not in wiring.config.services:
        return
    services = wiring.config.services
    target = wiring.router(name)[0].target
    for other in services:
        if other != name and wiring.target(other) == target:
            raise services[name].router.refusal(
                f"the services '{name}' and '{other}' move the same target, {target}"
            )
