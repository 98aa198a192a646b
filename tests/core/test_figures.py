"""How numbers are written: their unit, their digits, and on which side of a limit they stand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.core.figures import Bound, Figure, Unit, bound, exact, side, text
from guardian.core.model import Direction

FIVE = Figure(0.05, Unit.RATIO)


@pytest.mark.parametrize(
    ("value", "beside", "shown"),
    [
        (0.0501, 0.05, "5.01%"),
        (0.0499, 0.05, "4.99%"),
        (0.0500001, 0.05, "5.00001%"),
        (0.05, 0.05, "5.0%"),
        (50 / 1000, 1 - 0.95, "5.0%"),
        (0.061, 0.05, "6.1%"),
        (0.999, 0.99, "99.90%"),
        (0.00077, 0.05, "0.077%"),
        (1.5, 0.8, "150.0%"),
        (0.0, 0.05, "0.0%"),
    ],
)
def test_a_share_has_the_digits_that_its_limit_asks_for(
    value: float, beside: float, shown: str
) -> None:
    """501 of 10,000 never read as 5.0%; what is the same but for rounding reads the same."""
    assert text(Figure(value, Unit.RATIO), Figure(beside, Unit.RATIO)) == shown


@pytest.mark.parametrize(
    ("value", "unit", "limit", "shown", "written"),
    [
        (800.4, "Milliseconds", 800.0, "800.4ms", "800ms"),
        (800.004, "Milliseconds", 800.0, "800.004ms", "800ms"),
        (999.9999, "Milliseconds", 1000.0, "999.9999ms", "1s"),
        (90_000.0, "Milliseconds", 60_000.0, "90s", "1m"),
        (7200.4, "Seconds", 7200.0, "7200.4s", "2h"),
        (40.0, "Microseconds", 50.0, "40us", "50us"),
        (0.0, "Seconds", 90.0, "0s", "90s"),
        (3.5 * 2**30, "Bytes", 512.0 * 2**20, "3.5GiB", "512MiB"),
        (2.1e9, "Bytes", 2e9, "2.1GB", "2GB"),
        (512.0, "Kilobytes", 500.0, "512KB", "500KB"),
        (1.5, "Megabytes/Second", 2.0, "1.5MB/s", "2MB/s"),
        (3.0, "Gigabits/Second", 2.0, "3Gbit/s", "2Gbit/s"),
        (12.0, "Bits", 10.0, "12bit", "10bit"),
        (7.25, "Count/Second", 7.0, "7.25/s", "7/s"),
        (123_456.4, "Count", 100_000.0, "123456", "100000"),
        (100_000.4, "Count", 100_000.0, "100000.4", "100000"),
        (0.0000125, None, 1.0, "0.0000125", "1"),
        (1e20, None, 1.0, "1e+20", "1"),
    ],
)
def test_a_metric_is_written_in_a_unit_that_can_be_read(
    value: float, unit: str | None, limit: float, shown: str, written: str
) -> None:
    """Sizes in the powers in which their limit is written; a limit with every digit."""
    held = Figure.held(limit, unit)
    assert (text(Figure.held(value, unit), held), exact(held)) == (shown, written)


def test_a_metric_is_kept_in_base_units() -> None:
    """CloudWatch's kilobyte has a thousand bytes; too large a number stays finite."""
    assert Figure.held(512.0, "Kilobytes") == Figure(512_000.0, Unit.BYTES)
    assert Figure.held(83.0, "Percent") == Figure(0.83, Unit.RATIO)
    assert math.isfinite(Figure.held(-1e308, "Terabytes").value)


def test_what_is_no_number_is_written_as_it_is() -> None:
    """A report shows also what a vendor got wrong."""
    assert text(Figure.held(math.nan, "Bytes")) == "nan"
    assert text(Figure(math.inf, Unit.SECONDS)) == "inf"


def test_figures_of_different_units_are_not_compared() -> None:
    """Digits are for two that can be told apart."""
    assert text(Figure(0.0501, Unit.RATIO), Figure(5.0, Unit.COUNT)) == "5.0%"
    assert text(Figure(3.0, Unit.INCIDENTS)) == "3 open"
    assert text(Figure(1.0, Unit.ALARMS)) == "1 firing"
    assert text(Figure(12_345.6, Unit.PER_MINUTE)) == "12346/min"


@pytest.mark.parametrize(
    ("direction", "words", "over", "within"),
    [
        (Direction.ABOVE, "above 5%", "over 5%", "within 5%"),
        (Direction.AT_OR_ABOVE, "at or above 5%", "over 5%", "within 5%"),
        (Direction.BELOW, "below 5%", "under 5%", "not under 5%"),
        (Direction.AT_OR_BELOW, "at or below 5%", "under 5%", "not under 5%"),
    ],
)
def test_a_limit_says_which_side_hurts(
    direction: Direction, words: str, over: str, within: str
) -> None:
    """In every direction."""
    limit = Bound(direction=direction, figure=FIVE)
    assert (bound(limit), side(limit, over=True), side(limit, over=False)) == (words, over, within)


@settings(deadline=None, derandomize=True)
@given(bad=st.integers(0, 10**6), total=st.integers(1, 10**6), limit=st.integers(1, 9_999))
def test_a_share_is_always_written_on_its_own_side_of_the_limit(
    *, bad: int, total: int, limit: int
) -> None:
    """Whatever the counts: the digits that are read compare as the numbers do."""
    value, allowed = min(bad, total) / total, limit / 10_000
    shown = float(text(Figure(value, Unit.RATIO), Figure(allowed, Unit.RATIO)).rstrip("%"))
    written = float(exact(Figure(allowed, Unit.RATIO)).rstrip("%"))
    if not math.isclose(value, allowed, rel_tol=1e-9):
        assert (shown > written) is (value > allowed)
        assert shown != written
