"""Secrets, which files only refer to: `{env: NAME}`, `{file: PATH}`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from guardian.files.findings import not_yet
from guardian.files.regular import head_of
from guardian.ports import ConfigError

LITERAL: Final = (
    "a secret must not stand in a file: write {env: NAME} or {file: PATH}, and take back the one"
    " that stood here"
)
_KEEPERS: Final = ("env", "file", "secretsmanager", "ssm")
_MAX_BYTES: Final = 64 * 1024
_AWS_FILES: Final = (
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)
"""Variables that name files with credentials (AWS SDKs and tools reference guide)."""


def secret(reference: object, *, environ: Mapping[str, str], base: Path) -> str:
    """The secret that a file's value refers to; a relative path starts at `base`.

    Raises ConfigError, which never shows it.
    """
    if not isinstance(reference, dict):
        raise ConfigError(LITERAL)
    if len(reference) != 1 or next(iter(reference)) not in _KEEPERS:
        raise ConfigError(
            f"a secret is named by exactly one of {', '.join(_KEEPERS)}: {{env: NAME}}"
        )
    ((keeper, name),) = reference.items()
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{keeper}: takes the name of what holds the secret, as text")
    match keeper:
        case "env" if name.upper().startswith("AWS_"):
            raise ConfigError(
                f"{name} is AWS's own and is given to nobody else: use another variable"
            )
        case "env" if environ.get(name):
            return environ[name]
        case "env":
            raise ConfigError(f"the environment variable {name} is not set")
        case "file" if _of_aws(base / name, environ):
            raise ConfigError(f"the file {base / name} is AWS's own and is given to nobody else")
        case "file":
            return _from_file(base / name)
    raise ConfigError(not_yet(f"a secret from {keeper}") + ": use {env: NAME} or {file: PATH}")


def _of_aws(path: Path, environ: Mapping[str, str]) -> bool:
    """Whether a file holds what AWS is asked with."""
    real = Path(os.path.realpath(path))  # unlike resolve() it minds no loop of links
    named = [os.path.realpath(environ[name]) for name in _AWS_FILES if environ.get(name)]
    ours = real.is_relative_to("/proc")  # where a process's own variables stand
    return str(real) in named or real.parent.name == ".aws" or ours


def _from_file(path: Path) -> str:
    try:
        value = head_of(path, _MAX_BYTES + 1).decode("utf-8").strip()
    except (OSError, ValueError):
        value = ""
    if not value or len(value) > _MAX_BYTES:
        raise ConfigError(f"the secret's file {path} is missing, empty, too large or not text")
    return value
