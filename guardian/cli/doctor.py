"""`guardian doctor`: whether everything that guardian needs is there, before it is needed."""

from __future__ import annotations

import json
from pathlib import Path

import click

from guardian.cli.options import config_option


@click.command()
@click.argument("services", nargs=-1)
@config_option
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="json: one document with every finding.",
)
@click.option("--strict", is_flag=True, help="Warnings count as failures.")
def doctor(*, services: tuple[str, ...], config: Path | None, form: str, strict: bool) -> int:
    """Look at credentials, permissions, metrics, rollback targets, journal and notifiers.

    Of SERVICES, or of all that are not switched off. Nothing is changed and nobody is told.
    """
    from guardian.cli.output import show
    from guardian.ports.health import Health, Level
    from guardian.wiring import open_wiring
    from guardian.wiring.doctor import examination

    colours = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
    found: list[Health] = []
    with open_wiring(config, usable=True) as wiring:
        for health in examination(wiring, wiring.names(services)):
            found.append(health)
            if form == "text":
                word = click.style(f"{health.level.value:4}", fg=colours[health.level])
                show(f"{word}  {health.what}")
                if health.fix:
                    show(f"      fix: {health.fix}")
    if form == "json":
        lines = [{"level": h.level.value, "what": h.what, "fix": h.fix} for h in found]
        show(json.dumps({"schema": "guardian/doctor/1", "findings": lines}))
    bad = {Level.FAIL, Level.WARN} if strict else {Level.FAIL}
    return 3 if any(h.level in bad for h in found) else 0
