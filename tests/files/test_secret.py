"""Secrets are referred to by files, and had from the environment or from a file beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from guardian.files.secret import secret
from guardian.ports import ConfigError


def had(reference: object) -> str:
    """A secret where there is no variable and no file."""
    return secret(reference, environ={}, base=Path("nowhere"))


def test_a_secret_is_named_and_never_given() -> None:
    """A literal is refused without being repeated."""
    with pytest.raises(ConfigError, match="must not stand in a file") as raised:
        had("xoxb-hush")
    assert "hush" not in str(raised.value)
    for wrong in ({}, {"env": "A", "file": "B"}, {"vault": "x"}, {"env": 5}, {"env": ""}):
        with pytest.raises(ConfigError, match=r"secret"):
            had(wrong)


def test_a_secret_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    """A file's path starts at the file that names it; the newline at its end is no part of it."""
    (tmp_path / "key").write_text("hush\n", encoding="utf-8")
    assert secret({"env": "KEY"}, environ={"KEY": "hush"}, base=tmp_path) == "hush"
    assert secret({"file": "key"}, environ={}, base=tmp_path) == "hush"


@pytest.mark.parametrize(
    "name", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "aws_access_key_id", "AWS_ANYTHING"]
)
def test_what_aws_is_asked_with_is_given_to_nobody_else(name: str) -> None:
    """A config file must not be able to have it sent to a receiver of its choice."""
    with pytest.raises(ConfigError, match="is AWS's own"):
        secret({"env": name}, environ={name: "hush"}, base=Path())


def test_nor_are_the_files_in_which_aws_keeps_it(tmp_path: Path) -> None:
    """Named by AWS's variables, in its folder, reached by a link, or a process's variables."""
    token = tmp_path / "token"
    token.write_text("hush")
    (tmp_path / "link").symlink_to(token)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("hush")
    environ = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token)}
    for name in ("token", "link", ".aws/credentials", "/proc/self/environ"):
        with pytest.raises(ConfigError, match="is AWS's own"):
            secret({"file": name}, environ=environ, base=tmp_path)


@pytest.mark.parametrize(
    ("keeper", "words"),
    [
        ("env", "the environment variable X is not set"),
        ("file", "is missing, empty, too large or not text"),
        ("ssm", "is not available in guardian"),
        ("secretsmanager", "is not available in guardian"),
    ],
)
def test_a_secret_that_cannot_be_had_is_a_config_error(keeper: str, words: str) -> None:
    """The error names the place, for it holds nothing."""
    with pytest.raises(ConfigError, match=words):
        had({keeper: "X"})
