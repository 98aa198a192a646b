"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class Duration(click.ParamType[float]):
    """`90s`, `30m`, `24h`: seconds inside."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Seconds from the text; a usage error says how to write it."""
        if isinstance(value, int | float):
            return float(value)
        from guardian.files.units import exact_seconds

        try:
            seconds = float(exact_seconds(str(value)))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds <= 0:
            self.fail(f"{value} is no time at all", param, ctx)
        return seconds


DURATION = Duration()


FIXES = click.option(
    "--fixes",
    multiple=True,
    metavar="INCIDENT",
    help="An open incident (or an alarm, by its name) that this release is to mend; it neither"
    " holds nor fails it.",
)


REASON = click.option("--reason", default="", help="Why; recorded.")
ROLLBACK_TIMEOUT = click.option(
    "--rollback-timeout",
    type=DURATION,
    default="5m",
    show_default=True,
    help="How long a rollback may stay unconfirmed before a person is called (exit code 6).",
)
JUNIT = click.option(
    "--junit",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a JUnit report: a suite for each service, a case for each criterion.",
)


def config_option(command: F) -> F:
    """`-c/--config FILE`."""
    return click.option(
        "-c",
        "--config",
        "config",
        type=click.Path(path_type=Path),
        envvar="GUARDIAN_CONFIG",
        show_envvar=True,
        help="The config file; config/production.yaml when it is there.",
    )(command)


def form_option(what: str, *more: str) -> Callable[[F], F]:
    """`-o text|json`, and what else there is; `what` says what each is."""
    return click.option(
        "-o",
        "--output",
        "form",
        type=click.Choice(["text", "json", *more]),
        default="text",
        show_default=True,
        help=what,
    )


def _colour(context: click.Context, _: click.Parameter, unwanted: object) -> None:
    """Let click colour its output, or not."""
    if unwanted or os.environ.get("NO_COLOR"):
        context.color = False


NO_COLOR = click.option(
    "--no-color",
    is_flag=True,
    expose_value=False,
    callback=_colour,
    help="No colour, also on a terminal.",
)


def output_options(command: F) -> F:
    """`-o`, `-v`, `-q`, `--no-color`."""
    for option in (
        NO_COLOR,
        click.option("-q", "--quiet", is_flag=True, help="Only what changes the rollout."),
        click.option("-v", "--verbose", is_flag=True, help="One line for every poll."),
        form_option(
            "json: one document at the end; jsonl: one record a line, as it happens;"
            " github: annotations, step summary and outputs for GitHub Actions.",
            "jsonl",
            "github",
        ),
    ):
        command = option(command)
    return command


def leaving(option: str, name: str, default: str, what: str) -> Callable[[F], F]:
    """`rollback` or `leave`, as whether traffic is left as it is."""
    return click.option(
        option,
        name,
        type=click.Choice(["rollback", "leave"]),
        default=default,
        show_default=True,
        callback=lambda _context, _option, chosen: chosen == "leave",
        help=what,
    )


def aliases(services: Sequence[str]) -> bool:
    """Whether all of these are addresses of targets, which need no config file."""
    return bool(services) and all(":" in service for service in services)
