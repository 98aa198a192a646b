"""`guardian doctor`: whether everything that guardian needs is there, before it is needed."""

from __future__ import annotations

from pathlib import Path

import click

from guardian.cli.options import aliases
from guardian.cli.output import show
from guardian.messages import records
from guardian.messages.v1_files import DoctorRecord
from guardian.ports.health import Health, Level
from guardian.wiring import open_wiring
from guardian.wiring.doctor import examination


def doctor(*, services: tuple[str, ...], config: Path | None, form: str, strict: bool) -> int:
    """`guardian doctor`; the exit code."""
    found: list[Health] = []
    with open_wiring(config, usable=True, without_file=aliases(services)) as wiring:
        for health in examination(wiring, wiring.names(services)):
            found.append(health)
            if form == "text":
                show(_line(health))
    bad = [h for h in found if h.level is Level.FAIL or (strict and h.level is Level.WARN)]
    if form == "json":
        document: DoctorRecord = {
            "schema": "guardian/v1/doctor",
            "findings": [{"level": h.level.value, "what": h.what, "fix": h.fix} for h in found],
        }
        show(records.text(document))
        return 3 if bad else 0
    counts = ", ".join(f"{sum(h.level is level for h in found)} {level.value}" for level in Level)
    show(f"\n{counts}{'; to be put right:' if bad else ': nothing stands in the way'}")
    for health in bad:
        show(_line(health))
    return 3 if bad else 0


def _line(health: Health) -> str:
    colours = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
    word = click.style(f"{health.level.value:4}", fg=colours[health.level])
    fix = f"\n      fix: {health.fix}" if health.fix else ""
    return f"{word}  {health.what}{fix}"
