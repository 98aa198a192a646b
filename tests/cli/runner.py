"""The part of GitHub's runner that reads what a step prints and writes: commands and outputs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Command:
    """A workflow command that the runner took from a log."""

    name: str
    message: str
    properties: dict[str, str] = field(default_factory=dict)


def commands(log: str) -> list[Command]:
    """Every command in a log; a carriage return ends a line, and blanks may stand before `::`."""
    return [found for line in re.split(r"\r\n|\r|\n", log) for found in _command(line)]


def _command(line: str) -> list[Command]:
    match = re.fullmatch(r"::(?P<name>[^ :]+)(?: (?P<given>.*?))?::(?P<message>.*)", line.lstrip())
    if match is None:
        return [Command(name="legacy", message=line)] if "##[" in line else []
    pairs = (pair.partition("=") for pair in (match["given"] or "").split(",") if pair)
    properties = {key: _read(value, "%3A:", "%2C,") for key, _, value in pairs}
    return [Command(name=match["name"], message=_read(match["message"]), properties=properties)]


def _read(text: str, *more: str) -> str:
    for escape in ("%0D\r", "%0A\n", *more, "%25%"):
        text = text.replace(escape[:3], escape[3:])
    return text


def outputs(path: Path) -> dict[str, str]:
    """The outputs in a step's file, each with the delimiter that its first line names."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = iter(file.read().split("\n"))
    found = {}
    for line in lines:
        if not line:
            continue
        name, _, delimiter = line.partition("<<")
        value = []
        while (line := next(lines)) != delimiter:
            value.append(line)
        found[name] = "\n".join(value)
    return found
