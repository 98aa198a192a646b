"""Who is stable, by what is known: a version that a person named, the records, the shape.

The position of a version on the target says least: a vendor may move all traffic by making the new
version the primary one, and a person may have left either behind. What comes after what is known
where versions have an `Age`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from guardian.core.model import Instant
from guardian.core.plan import Drive
from guardian.core.rollout.state import Phase, Rollout
from guardian.core.traffic import Reading, Snapshot, Traffic
from guardian.core.wording import HOUR_S, moment

Age: TypeAlias = Callable[[str], float]
"""A number that grows from each version to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownStable:
    """One thing that says which version is stable."""

    stable: str
    origin: str
    """Where that is known from, for people: "as rollout r-1, which completed, had found it"."""
    at: Instant = math.inf
    """When it was recorded; infinite for what stands on the target itself."""
    snapshot: Snapshot | None = None
    """What a rollback to it restores, where that was recorded whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The version that is judged, and what says which one is stable; None where nothing does."""

    live: str
    stable: KnownStable | None


class Contradiction(Exception):
    """Two readings name different versions, and a person has to decide."""


NAMED = "a person's word"


def sides(
    traffic: Traffic, records: Sequence[KnownStable], *, age: Age | None, named: str | None = None
) -> Sides:
    """Who is judged against whom; `records` in the order in which they are believed.

    Raises Contradiction when records differ, when they name neither of two versions that share
    the traffic, or when nothing but a shape is known in which the canary is the older version.
    """
    if named is not None:
        return _against(traffic, KnownStable(stable=named, origin=NAMED), age)
    told = [r for r in records if r.stable in traffic.versions] if traffic.secondary else records
    for other in told[1:]:
        # Of what came before the only version, a newer record has replaced the older ones.
        replaced = traffic.secondary is None and other.at <= told[0].at
        if other.stable != told[0].stable and not replaced:
            raise Contradiction(_both(traffic, told[0], other))
    if told:
        return _against(traffic, told[0], age)
    if traffic.secondary is None:
        return Sides(live=traffic.primary, stable=None)
    return _against(traffic, _by_shape(traffic, traffic.secondary, records, age), age)


def _against(traffic: Traffic, record: KnownStable, age: Age | None) -> Sides:
    """The one that is not stable is judged; of two that are not, the newer one."""
    others = [v for v in (traffic.primary, traffic.secondary) if v not in (None, record.stable)]
    if age is not None:
        others.sort(key=age)
    return Sides(live=others[-1] if others else traffic.primary, stable=record)


def _by_shape(
    traffic: Traffic, secondary: str, records: Sequence[KnownStable], age: Age | None
) -> KnownStable:
    shape = KnownStable(stable=traffic.primary, origin="its place as the primary version")
    if records:
        raise Contradiction(_both(traffic, records[0], shape))
    if canary_by_shape(traffic, age) is None:
        older = KnownStable(stable=secondary, origin="the order in which they were published")
        raise Contradiction(_both(traffic, shape, older))
    return shape


def canary_by_shape(traffic: Traffic, age: Age | None) -> str | None:
    """The additional version, where that is not the older one."""
    secondary = traffic.secondary
    if secondary is None or age is None:
        return secondary
    return secondary if age(secondary) > age(traffic.primary) else None


def came_after(traffic: Traffic, stable: str, age: Age | None) -> bool:
    """Whether what is live can have followed `stable`."""
    return age is None or max(map(age, traffic.versions)) >= age(stable)


def _both(traffic: Traffic, one: KnownStable, other: KnownStable) -> str:
    return (
        f"it serves {traffic}; by one reading that is version {one.stable} ({one.origin}), by"
        f" another version {other.stable} ({other.origin})"
    )


# --- what is on record ---------------------------------------------------------------------------


def records(
    reading: Reading, past: Sequence[Rollout], snapshot: Snapshot | None, *, now: Instant
) -> tuple[KnownStable, ...]:
    """What the journal's rollouts (newest first), the newest snapshot and the stamp say.

    Of a snapshot and a completed rollout the newer one comes first. A snapshot from before it is
    what that rollout replaced, and says nothing of two versions that share the traffic now.
    """
    split = reading.traffic.secondary is not None
    completed = next((r for rollout in past if (r := _completed(rollout, reading.traffic))), None)
    found = [] if completed is None else [completed]
    if snapshot is not None:
        primary, at = snapshot.traffic.primary, snapshot.taken_at
        hours = (now - at) / HOUR_S
        origin = f"snapshot of {moment(at)}, {hours:.1f} hours ago, by {snapshot.taken_by}"
        taken = KnownStable(stable=primary, origin=origin, at=at, snapshot=snapshot)
        newer = completed is None or snapshot.taken_at >= completed.at
        if newer and not split:
            found.insert(0, taken)
        elif newer or not split:
            found.append(taken)
    if reading.stamp is not None:
        stamp = reading.stamp
        origin = f"guardian's stamp of rollout {stamp.rollout}"
        found.append(KnownStable(stable=stamp.stable, origin=origin))
    return tuple(found)


def _completed(rollout: Rollout, traffic: Traffic) -> KnownStable | None:
    """What a completed rollout or watch says, as far as its version still has traffic."""
    plan, done = rollout.plan, rollout.completed
    over = rollout.phase in (Phase.COMPLETED, Phase.RETIRED)
    if done is None or not over or plan.canary not in traffic.versions:
        return None
    before = plan.snapshot.traffic.primary
    if plan.drive is Drive.ROLLOUT and traffic.secondary is not None:
        origin = f"rollout {plan.rollout} completed with it"
        return KnownStable(stable=plan.canary, origin=origin, at=done.at)
    # A gate that judged a version against nothing knows no other; nor does a watch of two
    # versions know which one a third was meant to follow.
    if before == plan.canary or not traffic.versions <= {before, plan.canary}:
        return None
    origin = f"as rollout {plan.rollout}, which completed, had found it"
    return KnownStable(stable=before, origin=origin, at=done.at, snapshot=plan.snapshot)
