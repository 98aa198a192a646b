"""`guardian init`: a first config and rule file, and the step for a pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError

from guardian.cli.first_files import files
from guardian.cli.output import show
from guardian.files.config.config_keys import AwsModel, Label
from guardian.ports import UsageError
from guardian.routers.lambda_alias import Options

M = TypeVar("M", bound="BaseModel")
_EXAMPLE = "guardian init --lambda agents-api:live --account 333333333333 --region us-east-1"

_WIDTH = 48


def init(
    *,
    function: str | None,
    service: str | None,
    account: str | None,
    region: str | None,
    ci: str | None,
    force: bool,
) -> None:
    """`guardian init`."""
    answers = _answers(function, service, account, region)
    texts = files(answers, workflow=ci is not None)
    _write(texts, force=force)
    for path in texts:
        show(f"wrote {path}")
    show("next:")
    for line, what in _next(answers["service"]):
        show(f"  {line:{_WIDTH}}  # {what}")


def _next(service: str) -> tuple[tuple[str, str], ...]:
    return (
        ("guardian rules lint rules/", "after each change of the rules"),
        (f"guardian snapshot {service}", "before a deploy: what to go back to"),
        (f"guardian watch {service} --duration 30m", "after it: judge it, undo a breach"),
    )


def _answers(
    function: str | None, service: str | None, account: str | None, region: str | None
) -> dict[str, str]:
    """The answers, each of them usable; UsageError that names every missing one at once."""

    class Named(BaseModel):
        service: Label = Field(description="What the service is called.")

    given = {
        "--lambda FUNCTION:ALIAS": function,
        "--account ID": account,
        "--region REGION": region,
    }
    missing = [option for option, value in given.items() if not value]
    if missing:
        raise UsageError(
            f"guardian init needs {', '.join(missing)}; for example:\n  {_EXAMPLE}\n"
            "  AWS_ACCOUNT_ID and AWS_REGION stand in for --account and --region"
        )
    name, _, alias = (function or "").partition(":")
    written = (
        f"--lambda {function}: write it as FUNCTION:ALIAS, e.g. agents-api:live; a version number"
        " is not an alias"
    )
    router = _checked(Options, {"function": name, "alias": alias}, written)
    _checked(AwsModel, {"account_id": account}, f"--account {account}")
    _checked(AwsModel, {"region": region}, f"--region {region}")
    named = _checked(Named, {"service": service or name}, f"--service {service}")
    checked = {"service": named.service, "function": router.function, "alias": router.alias}
    return {**checked, "account": account or "", "region": region or ""}


def _checked(model: type[M], values: dict[str, str | None], option: str) -> M:
    """Values that a person typed, in the configuration's own terms; UsageError names the option."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        why = error.errors()[0].get("ctx", {}).get("error", "")
        raise UsageError(f"{option}: {why}" if why else option) from None


def _write(texts: dict[Path, str], *, force: bool) -> None:
    """Write all files, or none where one is in the way; UsageError."""
    there = [str(path) for path in texts if path.exists() or path.is_symlink()]
    if there and not force:
        raise UsageError(
            f"{', '.join(there)}: there already, and nothing was written; --force overwrites"
        )
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w" if force else "x", encoding="utf-8", newline="\n") as file:
                file.write(text)
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
