"""Durations, shares and secrets as people write them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.files.units import (
    exact_points,
    exact_seconds,
    exact_share,
    plain,
)


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
