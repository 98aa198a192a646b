"""A function's versions: which there are, what Lambda asks of a pair, and why one cannot serve."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from guardian.core.model import Reason
from guardian.core.scrub import scrub
from guardian.ports import RouterError
from guardian.routers._lambda_answers import VERSION

_MAX_PAGES: Final = 200
"""Of 50 versions each: a bound against endless answers."""


def numbers(function: str, ask: Callable[..., Mapping[str, Any]]) -> list[int]:
    """Every published version's number; `ask` lists versions by page."""
    found: list[int] = []
    arguments: dict[str, str] = {}
    for _ in range(_MAX_PAGES):
        answer = ask(**arguments)
        names = (version.get("Version", "") for version in answer.get("Versions", ()))
        found += [int(name) for name in names if VERSION.fullmatch(name)]
        if not answer.get("NextMarker"):
            return found
        arguments["Marker"] = answer["NextMarker"]
    raise RouterError(
        Reason.UNAVAILABLE,
        f"Lambda's list of versions of {function} has no end: name the version by its number",
    )


def age(version: str) -> float:
    """Published versions count up; `$LATEST` is what the next one will be made of."""
    return int(version) if VERSION.fullmatch(version) else math.inf


def require_published(version: str) -> None:
    """A number: INVALID for anything else."""
    if not VERSION.fullmatch(version):
        hint = "$LATEST changes under its callers" if version == "$LATEST" else "it is no number"
        raise RouterError(
            Reason.INVALID,
            f"{version[:40]!r} is not a published version ({hint}): publish one and name its "
            "number, or say `latest` for the highest",
        )


def state_problems(function: str, version: str, found: Mapping[str, Any]) -> list[str]:
    """Whether a version can be invoked; answers without a state are of active versions.

    One that nobody called for weeks is `Inactive`: it wakes at its next call.
    """
    name = f"version {version} of {function}"
    said = (
        ("state", found.get("State"), ("Active", "Inactive"), found.get("StateReason")),
        (
            "last update",
            found.get("LastUpdateStatus"),
            ("Successful",),
            found.get("LastUpdateStatusReason"),
        ),
    )
    return [
        f"the {what} of {name} is {scrub(str(value), 80)} ({scrub(why or 'no reason given', 300)}):"
        f" publish it again if waiting does not make it {good[0]}"
        for what, value, good, why in said
        if value not in {None, *good}
    ]


def in_the_making(found: Mapping[str, Any]) -> bool:
    """Whether Lambda is still preparing a version (network, SnapStart, a container image)."""
    return found.get("State") == "Pending" or found.get("LastUpdateStatus") == "InProgress"


def pair_problems(
    function: str, stable: str, old: Mapping[str, Any], canary: str, new: Mapping[str, Any]
) -> list[str]:
    """What Lambda asks of two versions behind one alias (configuring-alias-routing)."""
    pair = f"versions {stable} and {canary} of {function}"
    problems = []
    if old.get("Role") != new.get("Role"):
        problems.append(
            f"{pair} have different execution roles ({_arn(old.get('Role'))} and "
            f"{_arn(new.get('Role'))}), "
            "and Lambda shares traffic only between equal ones: deploy the role change first, "
            "by itself"
        )
    queues = [(v.get("DeadLetterConfig") or {}).get("TargetArn") for v in (old, new)]
    if queues[0] != queues[1]:
        problems.append(
            f"{pair} have different dead-letter queues ({_arn(queues[0])} and "
            f"{_arn(queues[1])}), and Lambda shares traffic only between equal ones: "
            "deploy that change first, by itself"
        )
    return problems


def _arn(said: str | None) -> str:
    return scrub(said or "none", 200)
