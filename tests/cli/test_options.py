"""Options that several commands share."""

from __future__ import annotations

import pytest
from click import BadParameter

from guardian.cli.options import DURATION


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90.0), ("30m", 1800.0), ("1.5h", 5400.0), ("250ms", 0.25)]
)
def test_a_duration_is_written_as_in_files(text: str, seconds: float) -> None:
    """One parser reads both."""
    assert DURATION.convert(text, None, None) == seconds


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("30", "write it like"),
        ("-5m", "write it like"),
        ("0m", "no time at all"),
        ("99999999d", "longer than a year"),
        ("9" * 400 + "d", "write it like"),
    ],
)
def test_a_duration_that_cannot_be_lived_through_is_a_usage_error(text: str, why: str) -> None:
    """None, endless, and without a unit: a sentence, and never a fault further inside."""
    with pytest.raises(BadParameter, match=why):
        DURATION.convert(text, None, None)
