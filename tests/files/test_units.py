"""Durations, shares and secrets as people write them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.files.units import (
    SecretRef,
    exact_points,
    exact_seconds,
    exact_share,
    plain,
    secret_reference,
    secret_value,
)
from guardian.ports import ConfigError


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90s", "90"), ("10m", "600"), ("24h", "86400"), ("250ms", "0.25"), ("2d", "172800"),
     ("0.1s", "0.1"), ("0s", "0")],
)  # fmt: skip
def test_durations_are_exact_seconds(written: str, seconds: str) -> None:
    """Each unit means what it means everywhere."""
    assert exact_seconds(written) == Decimal(seconds)


@pytest.mark.parametrize(
    "written", ["10", "-5m", "1h30m", "5 m", "m", "1e3s", "10M", "", None, True]
)
def test_anything_else_is_no_duration(written: object) -> None:
    """There is one way to write a duration."""
    with pytest.raises(ValueError, match="is not a duration: write it like"):
        exact_seconds(written)


def test_a_bare_number_is_answered_with_what_to_write() -> None:
    """The number is taken over into the advice."""
    with pytest.raises(ValueError, match="write 120s, 120m or 120h"):
        exact_seconds(120)
    with pytest.raises(ValueError, match=r"write 0\.05%"):
        exact_share(0.05)
    with pytest.raises(ValueError, match=r"write 0\.5pp"):
        exact_points(0.5)


@given(st.decimals(min_value=0, max_value=100, places=4))
def test_a_share_is_exactly_the_hundredth_part(percent: Decimal) -> None:
    """No binary rounding happens on the way."""
    assert exact_share(f"{percent:f}%") == percent / 100
    assert exact_points(f"{percent:f}pp") == percent / 100


def test_more_than_everything_is_refused() -> None:
    """A share of 150 % is a mistake."""
    with pytest.raises(ValueError, match="more than everything"):
        exact_share("150%")
    with pytest.raises(ValueError, match="longer than a year"):
        exact_seconds("400d")


@pytest.mark.parametrize(
    ("number", "text"),
    [("10000", "10000"), ("1E+4", "10000"), ("250.000", "250"), ("0.250", "0.25"), ("100", "100")],
)
def test_numbers_are_written_as_plain_digits(number: str, text: str) -> None:
    """CloudWatch's statistics know neither exponents nor trailing zeros."""
    assert plain(Decimal(number)) == text


def test_a_secret_is_named_and_never_given() -> None:
    """A literal is refused without being repeated."""
    assert secret_reference({"env": "NAME"}) == SecretRef(keeper="env", name="NAME")
    with pytest.raises(ValueError, match="must not stand in a file") as raised:
        secret_reference("xoxb-hush")
    assert "hush" not in str(raised.value)
    for wrong in ({}, {"env": "A", "file": "B"}, {"vault": "x"}, {"env": 5}, {"env": ""}):
        with pytest.raises(ValueError, match=r"secret"):
            secret_reference(wrong)


def test_a_secret_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    """A file's path starts at the file that names it; the newline at its end is no part of it."""
    (tmp_path / "key").write_text("hush\n", encoding="utf-8")
    by_env, by_file = SecretRef(keeper="env", name="KEY"), SecretRef(keeper="file", name="key")
    assert secret_value(by_env, environ={"KEY": "hush"}, base=tmp_path) == "hush"
    assert secret_value(by_file, environ={}, base=tmp_path) == "hush"


@pytest.mark.parametrize(
    "name", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "aws_access_key_id", "AWS_ANYTHING"]
)
def test_what_aws_is_asked_with_is_given_to_nobody_else(name: str) -> None:
    """A config file must not be able to have it sent to a receiver of its choice."""
    with pytest.raises(ValueError, match="is AWS's own"):
        secret_reference({"env": name})


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
            secret_value(SecretRef(keeper="file", name=name), environ=environ, base=tmp_path)


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
    reference = SecretRef(keeper=keeper, name="X")  # type: ignore[arg-type] # parametrised
    with pytest.raises(ConfigError, match=words):
        secret_value(reference, environ={}, base=Path("nowhere"))
