"""Other people's text loses what hides, reorders or ends a line, and its length."""

from __future__ import annotations

import pytest

from guardian.core.scrub import clean, scrub, shortened, visible


def test_other_peoples_text_is_brought_onto_one_line_without_hidden_characters() -> None:
    """Line ends, controls, bidirectional marks and lone surrogates lose their power."""
    assert clean("a\r\nb\x00c\u2028d \u202eevil\u202c \u200bz\ud800") == "a b c d evil z"


def test_a_cut_text_says_that_it_was_cut() -> None:
    """Short text is left alone."""
    assert shortened("short", 20) == "short"
    cut = shortened("x" * 50, 20)
    assert len(cut) == 20
    assert cut.endswith(" … (shortened)")


def test_an_endless_text_is_cut_before_it_is_read_and_says_so() -> None:
    """Also when so little of it remains that the rest would have fitted."""
    assert scrub("x" * 1000, 20) == "xxxx … (shortened)".rjust(20, "x")
    assert scrub("\u200b" * 1000, 20) == " … (shortened)"
    assert scrub(" a  b ", 20) == "a b"


@pytest.mark.parametrize(
    "power",
    ["\x1b[2J\x1b]0;", "\x9b2J", "\r\n::error::", "\u202e", "\u2066", "\u200f", "\udc80", "\x85"],
)
def test_no_text_commands_a_terminal_or_a_line(power: str) -> None:
    """Escape sequences, C1 controls, line ends, bidirectional marks, bytes that are no text."""
    safe = scrub(f"before {power} after", 100)
    assert safe.isprintable()
    assert safe.encode().decode() == safe


def test_lines_for_a_terminal_keep_their_ends_and_their_colours() -> None:
    """Whatever else is not seen cannot move the cursor, set a title or reorder what is read."""
    text = "\x1b[31mfailed\x1b[0m\n\tby \x1b]0;PWNED\x07\x1b[2J\u202egnp.exe\r\u2028half \ud83d"
    assert visible(text) == "\x1b[31mfailed\x1b[0m\n\tby  ]0;PWNED  [2Jgnp.exe  half  "
    assert visible("as it is: caf\u00e9") == "as it is: caf\u00e9"
