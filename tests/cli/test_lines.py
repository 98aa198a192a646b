"""Lines of text on a terminal."""

from __future__ import annotations

import io

import click
from hypothesis import given
from hypothesis import strategies as st

from guardian.cli.lines import broken, columns, fitting, table

LONG = "  what guardian says of a release that hurts its users is longer than a terminal is wide"


def test_a_long_line_breaks_between_words() -> None:
    """What follows is indented a little more than the line was."""
    lines = list(broken(LONG, 40))
    assert lines == [
        "  what guardian says of a release that",
        "      hurts its users is longer than a",
        "      terminal is wide",
    ]


def test_colours_take_no_room() -> None:
    """A styled line breaks where the plain one does."""
    styled = LONG.replace("hurts", click.style("hurts", fg="red"))
    assert [click.unstyle(line) for line in broken(styled, 40)] == list(broken(LONG, 40))


def test_a_quoted_line_of_a_file_stays_whole() -> None:
    """The caret below it would point nowhere."""
    quoted = "    6 | - {to: slack, channel: '#deployments', on: all, and: so on}"
    assert list(broken(quoted, 40)) == [quoted]


def test_what_is_no_terminal_gets_the_line_as_it_is() -> None:
    """Programs that read it want one line."""
    assert fitting(LONG, io.StringIO()) == LONG


@given(st.text(alphabet="ab c", max_size=200), st.integers(min_value=20, max_value=60))
def test_no_word_is_lost_or_cut(text: str, width: int) -> None:
    """And no line is too long unless a word alone is."""
    lines = list(broken(text, width))
    assert " ".join(lines).split() == text.split()
    assert all(columns(line) <= width or len(line.split()) == 1 for line in lines if line.strip())


def test_a_table_has_its_columns_below_their_names() -> None:
    """Wide characters are counted as such."""
    assert table(("A", "B", "C"), [("1", "日本", "x"), ("22", "b", "yy")]) == [
        "A   B     C",
        "1   日本  x",
        "22  b     yy",
    ]
