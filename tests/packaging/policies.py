"""IAM policies as they are compared: what each action is allowed on, however it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def by_action(policy: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """What each allowed action may touch. Anything but a plain Allow is not expected here."""
    found: dict[str, frozenset[str]] = {}
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert set(statement) <= {"Effect", "Action", "Resource"}
        for action in _listed(statement["Action"]):
            found[action] = found.get(action, frozenset()) | frozenset(
                _listed(statement["Resource"])
            )
    return found


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
