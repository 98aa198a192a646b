"""What whoever gave an order is told where it is refused: why, and what can be ordered instead."""

from __future__ import annotations

from typing import Final

from guardian.core.rollout.entries import Answer
from guardian.core.rollout.orders import Instead, Refusal

_INSTEAD: Final = {
    Instead.ABORT: "`guardian rollout abort {service}` takes it back",
    Instead.STOP_ROLLBACK: "`guardian rollout hold {service} --stop-rollback` stops that too",
    Instead.RESUME: "`guardian rollout resume {service}` ends a hold",
    Instead.APPROVE: "`guardian rollout approve {service}` agrees to the step",
    Instead.WAIVE: "`guardian rollout waive {service} CRITERION --reason ...` lets it go on"
    " without that criterion",
    Instead.UNFREEZE: "`guardian unfreeze` ends a freeze, and the rollout then goes on",
}


def answer(found: Answer | Refusal, service: str) -> Answer:
    """What is recorded of an order to a rollout of that service."""
    if isinstance(found, Answer):
        return found
    ways = [_INSTEAD[one].format(service=service) for one in found.instead]
    return Answer(order=found.order, refused="; ".join([found.why, *ways]))
