"""What a rollout's state wants of the router: effects follow from state, never from events."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from guardian.core.plan import Drive, Plan
from guardian.core.rollout.machine import Phase, Rollout, step_traffic
from guardian.core.traffic import Reading, Traffic


class Verb(Enum):
    """The three ways to move traffic."""

    SHIFT = "shift"
    PROMOTE = "promote"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredTraffic:
    """What the router shall show, and whether guardian's stamp shall be on it."""

    verb: Verb
    traffic: Traffic
    stamped: bool


def desired_traffic(rollout: Rollout) -> DesiredTraffic | None:
    """What the state wants of the router; None where guardian must not write."""
    plan = rollout.plan
    match rollout.phase:
        case Phase.SHIFTING | Phase.BAKING if plan.drive is Drive.ROLLOUT:
            traffic = step_traffic(plan, rollout.step)
            return DesiredTraffic(verb=Verb.SHIFT, traffic=traffic, stamped=True)
        case Phase.ROLLING_BACK | Phase.ROLLED_BACK as phase:
            under_way, traffic = phase is Phase.ROLLING_BACK, plan.snapshot.traffic
            return DesiredTraffic(verb=Verb.RESTORE, traffic=traffic, stamped=under_way)
        case Phase.COMPLETED if plan.drive is Drive.ROLLOUT:
            traffic = Traffic(primary=plan.canary)
            return DesiredTraffic(verb=Verb.PROMOTE, traffic=traffic, stamped=False)
        case Phase.SHIFTING | Phase.BAKING | Phase.COMPLETED:
            return None  # A watch moves nothing.
        case Phase.PENDING | Phase.HELD | Phase.RETIRED | Phase.CANCELLED | Phase.SUPERSEDED:
            return None
    assert_never(rollout.phase)


def unknown_versions(plan: Plan, traffic: Traffic) -> list[str]:
    """Versions that receive traffic and that neither the rollout nor its snapshot names."""
    named = {plan.stable, plan.canary} | plan.found.versions | plan.snapshot.traffic.versions
    return sorted(traffic.versions - named)


def changed_after_completion(rollout: Rollout, traffic: Traffic) -> bool:
    """Whether a completed rollout shows neither its last step nor its promotion: a person's hand.

    A promotion that a person ordered starts from whatever is there.
    """
    plan = rollout.plan
    if rollout.completed is None or rollout.completed.actor is not None:
        return False
    return traffic not in (Traffic(primary=plan.canary), step_traffic(plan, rollout.step))


def must_write(
    rollout: Rollout, reading: Reading, *, fenced: bool, wrote: bool
) -> DesiredTraffic | None:
    """The desired traffic, if the router has to be written now.

    `fenced`: this process has written under its present claim; a new holder writes once even
    when all is as wished, which kills the older holder's writes in flight. `wrote`: the last
    write of the present phase was acknowledged and read back.
    """
    wanted = desired_traffic(rollout)
    if wanted is None or unknown_versions(rollout.plan, reading.traffic):
        return None
    ours = reading.stamp is not None and reading.stamp.rollout == rollout.plan.rollout
    same = reading.traffic == wanted.traffic
    match rollout.phase:
        case Phase.ROLLING_BACK:
            due = not (same and wrote)
        case Phase.ROLLED_BACK:
            due = same and ours
        case Phase.COMPLETED:
            changed = changed_after_completion(rollout, reading.traffic)
            due = (not same or ours) and not changed
        case Phase.BAKING:
            # Another weight is somebody's hand, for `decide` to see: never written over here.
            due = same and not fenced
        case (
            Phase.PENDING
            | Phase.SHIFTING
            | Phase.HELD
            | Phase.RETIRED
            | Phase.CANCELLED
            | Phase.SUPERSEDED
        ):
            due = not same or not fenced
        case _:
            assert_never(rollout.phase)
    return wanted if due else None
