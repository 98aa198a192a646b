"""Target groups: which there are, and whether their targets could answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from guardian.core.model import Reason
from guardian.core.scrub import scrub
from guardian.ports import RouterError
from guardian.routers._alb_answers import NAME, VERSION

_PREFIX: Final = "targetgroup/"
_UNWATCHED: Final = "Target.HealthCheckDisabled"
_STATES: Final = frozenset(
    ["initial", "healthy", "unhealthy", "unhealthy.draining", "unused", "draining", "unavailable"]
)
"""Of a target (API reference, TargetHealth)."""


def is_named(version: str) -> bool:
    """Whether it is NAME or NAME/ID."""
    return bool(NAME.fullmatch(version) or VERSION.fullmatch(version))


def require_named(version: str) -> None:
    """NAME or NAME/ID; INVALID for anything else."""
    if not is_named(version):
        raise RouterError(
            Reason.INVALID,
            f"{scrub(version, 60)!r} is no target group: write its name, or its name and id as in"
            " the end of its ARN, like agents-green/0123456789abcdef",
        )


def require_whole(version: str) -> None:
    """NAME/ID; INVALID for anything else."""
    if not VERSION.fullmatch(version):
        raise RouterError(
            Reason.INVALID, f"{scrub(version, 60)!r} is no target group: nothing was written"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """How many targets of a group are in which state."""

    version: str
    healthy: int
    initial: int
    unused: int
    said: str

    def problem(self, at_least: int) -> str:
        """Why the group cannot take traffic; empty when it can."""
        name = f"target group {self.version}"
        if self.healthy >= at_least:
            return ""
        if self.unused and not self.healthy:
            return (
                f"{name} is used by no listener, so nobody checks its health: list it beside the"
                " other one with the weight 0, or in a test listener"
            )
        return (
            f"{name} has {self.healthy} healthy targets, and {at_least} are asked for"
            f" ({self.said}): traffic would fail there, since a load balancer sends a group its"
            " share also when every target is unhealthy"
        )


def targets_of(version: str, answer: Mapping[str, Any]) -> Targets:
    """What DescribeTargetHealth says; one whose health nobody checks counts as healthy.

    Raises RouterError(UNAVAILABLE) for states that there are not: that is no bad health.
    """
    counts: dict[str, int] = {}
    for described in answer.get("TargetHealthDescriptions", ()):
        health = described.get("TargetHealth") or {}
        state = "healthy" if health.get("Reason") == _UNWATCHED else str(health.get("State"))
        if state not in _STATES:
            raise RouterError(
                Reason.UNAVAILABLE,
                f"the answer about target group {version} cannot be understood: a target of it is"
                f" {scrub(state, 30)}",
            )
        counts[state] = counts.get(state, 0) + 1
    return Targets(
        version=version,
        healthy=counts.get("healthy", 0),
        initial=counts.get("initial", 0),
        unused=counts.get("unused", 0),
        said=", ".join(f"{n} {state}" for state, n in sorted(counts.items())) or "it has none",
    )


def version_of(answer: Mapping[str, Any], asked: str) -> str:
    """NAME/ID of the one group that DescribeTargetGroups found."""
    groups = answer.get("TargetGroups") or []
    arn = groups[0].get("TargetGroupArn") if len(groups) == 1 else None
    version = str(arn).partition(f":{_PREFIX}")[2]
    if not VERSION.fullmatch(version) or asked not in (version, version.partition("/")[0]):
        raise RouterError(
            Reason.UNAVAILABLE, f"the answer about target group {asked} is about something else"
        )
    return version
