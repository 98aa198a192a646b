"""Whether two services move the same traffic, whatever the spelling of their options."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guardian.ports import ConfigError

if TYPE_CHECKING:
    from guardian.wiring.process import Wiring


def check_alone(wiring: Wiring, name: str) -> None:
    """ConfigError when another configured service moves the same target: they would fight.

    What is wrong with another service's own keys is no matter of this one's.
    """
    if wiring.config is None or name not in wiring.config.services:
        return
    services = wiring.config.services
    target = wiring.router(name)[0].target
    for other in services:
        if other != name and _target(wiring, other) == target:
            raise services[name].router.refusal(
                f"the services '{name}' and '{other}' move the same target, {target}"
            )


def _target(wiring: Wiring, name: str) -> str | None:
    try:
        return wiring.router(name)[0].target
    except ConfigError:
        return None
