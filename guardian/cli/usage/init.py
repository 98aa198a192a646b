"""`guardian init`: a first config and rule file, and the step for a pipeline."""

from __future__ import annotations

import click

from guardian.cli.lazy import command


@command()
@click.option(
    "--lambda",
    "function",
    metavar="FUNCTION:ALIAS",
    help="The Lambda alias that is guarded; required.",
)
@click.option("--service", metavar="NAME", help="What to call it; the function's name if left out.")
@click.option(
    "--account",
    metavar="ID",
    envvar="AWS_ACCOUNT_ID",
    show_envvar=True,
    help="The 12 digits of the AWS account; required.",
)
@click.option(
    "--region",
    metavar="REGION",
    envvar="AWS_REGION",
    show_envvar=True,
    help="Where the function is; required.",
)
@click.option("--ci", type=click.Choice(["github"]), help="Also write a workflow for this system.")
@click.option("--force", is_flag=True, help="Overwrite files that are there already.")
def init() -> None:
    """Write a first config file and rule file here. Nothing is asked of AWS."""
