"""A configuration as merged: each value with the file and the line that it comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from guardian.core.plan import Policy
from guardian.files.config.config_keys import PolicyModel
from guardian.files.config.values import Config
from guardian.files.findings import Document, Place, is_secret, masked
from guardian.messages.v1_files import ConfigRecord

_PLAIN: Final = re.compile(r"[A-Za-z0-9/$%.][A-Za-z0-9_./$%+@=:;-]*(?<!:)")
_OTHERWISE: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off"})
_APART: Final = 2
"""Spaces between a value and where it comes from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One value, or the key above some."""

    place: Place
    value: Any
    """None for the key of a mapping or a list."""
    text: str
    """The line of YAML, indented."""
    origin: str
    """`config/production.yaml:12`, or `default`; empty for the key of a mapping or a list."""


def shown(config: Config, service: str | None = None) -> tuple[Shown, ...]:
    """Every value of the configuration, or of one service; ConfigError when there is none such.

    `extends`, `include` and `defaults` are not repeated: what they said stands where it holds.
    """
    document = config.document
    if service is not None:
        config.service(service)
        return tuple(_service(document, ("services", service), 0))
    lines: list[Shown] = []
    for key in document.data:
        if key == "services":
            lines.append(Shown(place=(key,), value=None, text="services:", origin=""))
            for name in document.data[key]:
                lines.extend(_service(document, (key, name), 1))
        elif key not in ("extends", "include", "defaults"):
            lines.extend(_lines(document, (key,), 0))
    return tuple(lines)


def aligned(lines: tuple[Shown, ...]) -> str:
    """The lines with their origins in one column."""
    width = max((len(line.text) for line in lines if line.origin), default=0) + _APART
    return "\n".join(
        f"{line.text:{width}}# {line.origin}" if line.origin else line.text for line in lines
    )


def record(lines: tuple[Shown, ...]) -> ConfigRecord:
    """The same for programs."""
    return {
        "schema": "guardian/v1/config",
        "values": [
            {"path": [str(p) for p in line.place], "value": line.value, "origin": line.origin}
            for line in lines
            if line.origin
        ],
    }


def _service(document: Document, place: Place, depth: int) -> Iterator[Shown]:
    """A service, and the knobs that it leaves at guardian's own values."""
    yield from _lines(document, place, depth)
    written = document.at(place)
    for key, value in _USUAL.items():
        if isinstance(written, Mapping) and key not in written:
            text = f"{'  ' * (depth + 1)}{key}: {value}"
            yield Shown(place=(*place, key), value=value, text=text, origin="default")


def _lines(document: Document, place: Place, depth: int, *, item: bool = False) -> Iterator[Shown]:
    value, indent = document.at(place), "  " * depth
    key = str(place[-1])
    head = "-" if item else f"{key if _PLAIN.fullmatch(key) else json.dumps(key)}:"
    if isinstance(value, dict | list) and value:
        yield Shown(place=place, value=None, text=f"{indent}{head}", origin="")
        steps = list(value) if isinstance(value, dict) else list(range(len(value)))
        for step in steps:
            inside = (*place, step)
            yield from _lines(document, inside, depth + 1, item=isinstance(value, list))
        return
    hidden = value
    if isinstance(value, str):
        hidden = "***" if is_secret(place) else masked(value)
    yield Shown(
        place=place,
        value=hidden,
        text=f"{indent}{head} {_scalar(hidden)}",
        origin=str(document.mark(place)),
    )


def _scalar(value: Any) -> str:
    """A value as YAML writes it, quoted where it has to be."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value not in _OTHERWISE:
        numeric = re.fullmatch(r"[0-9.+-][0-9.eE+_-]*|0x[0-9a-fA-F]+", value)
        return json.dumps(value) if numeric else value
    return json.dumps(value, ensure_ascii=False)


def _usual() -> dict[str, str]:
    """Guardian's own values, as a file would write them."""
    policy = Policy()
    told = {
        "keep_previous": f"{policy.keep_previous_s / 3600:g}h",
        "false_rollback": f"{policy.false_rollback:.0%}",
        "on_low_traffic": policy.on_low_traffic.value,
        "on_blind": policy.on_blind.value,
        "pre_existing": policy.pre_existing.value,
        "max_blind": f"{policy.max_blind_s / 60:g}m",
        "max_hold": f"{policy.max_hold_s / 3600:g}h",
        "mode": "enforce",
    }
    missing = set(PolicyModel.model_fields) - set(told)
    assert not missing, missing  # noqa: S101 - a knob without its default here is a bug
    return told


_USUAL: Final = _usual()
