"""YAML text becomes values with positions, and hostile text becomes a finding."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from guardian.files.findings import Document, refuse
from guardian.files.yaml import MAX_BYTES, MAX_DEPTH, parse, read
from guardian.ports import ConfigError


def of(text: str | bytes) -> Document:
    """A document called x.yaml."""
    return parse(text.encode() if isinstance(text, str) else text, "x.yaml")


def only(document: Document) -> str:
    """The message of the only finding."""
    (finding,) = document.findings
    return finding.message


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("NO", "NO"),
        ("off", "off"),
        ("12:30:45", "12:30:45"),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("~", None),
        ("", None),
        ("null", None),
        ("10%", "10%"),
        ("'5'", "5"),
        ('"333333333333"', "333333333333"),
        ("2026-11-23", "2026-11-23"),
        ("<<", "<<"),
    ],
)
def test_scalars_are_read_by_the_core_schema_of_yaml_1_2(written: str, value: object) -> None:
    """Words that YAML 1.1 took for truth, times and dates are text."""
    document = of(f"key: {written}\n")
    assert document.findings == ()
    assert document.data == {"key": value}
    assert type(document.data["key"]) is type(value)


def test_every_key_and_value_knows_where_it_stands() -> None:
    """Line and column count from 1; an item of a list is its own key."""
    document = of("a:\n  - b: 1\n    c: [x, {d: y}]\n")
    mark = document.mark(("a", 0, "c", 1, "d"))
    key = document.mark(("a", 0, "c"), key=True)
    assert (mark.line, mark.column, key.line, key.column) == (3, 16, 3, 5)


def test_what_is_missing_is_marked_at_what_should_hold_it() -> None:
    """A finding about an absent key points at the key of the mapping that lacks it."""
    document = of("a:\n  b:\n    c: 1\n")
    assert (document.mark(("a", "b", "z", "y")).line, document.mark(("z",)).line) == (2, 1)


def test_a_finding_shows_its_line_and_a_caret() -> None:
    """Errors look as compilers' do."""
    finding = of("a: 1\n{}\n".format("'b\tc': 2")).finding(("b\tc",), "wrong")
    assert str(finding) == "x.yaml:2:8: wrong\n    2 | 'b c': 2\n      |        ^"


def test_a_long_line_is_shown_in_part() -> None:
    """The caret stays under the value however far right it stands."""
    text = str(of(f"{{a: {'x' * 500}, b: 1}}\n").finding(("b",), "wrong"))
    _, line, caret = text.splitlines()
    assert len(line) < 140
    assert line[caret.index("^")] == "1"


def test_windows_line_ends_and_a_byte_order_mark_are_accepted() -> None:
    """Files from any editor load, with the same positions."""
    document = of(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert document.data == {"a": 1, "b": 2}
    assert document.mark(("b",)).line == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "the key 'a' stands here twice (first in line 1)"),
        ("a: &x 1\n", "an anchor (&) is not allowed: write the value out twice"),
        ("{*a : 1}\n", "an alias (*) is not allowed: write the key out"),
        ("a: *b\n", "an alias (*) is not allowed: write the value out"),
        ("a: !env HOME\n", "a tag (!env) is not allowed: remove it"),
        ("a: !!int 3\n", "a tag (!!int) is not allowed: remove it"),
        ("%YAML 1.1\n---\na: 1\n", "YAML directives (%) are not allowed: remove them"),
        ("a: 1\n---\nb: 1\n", "only one YAML document (---) may stand in a file"),
        ("1: a\n", "a key must be text: put 1 in quotes"),
        ("? {a: 1}\n: b\n", "a key must be one word or text, not a list or a mapping"),
        ("a: .nan\n", ".nan is not a number that can be used"),
        ("a: 1e999\n", "1e999 is not a number that can be used"),
        ("", "this file is empty"),
        ("# nothing\n", "this file is empty"),
    ],
)
def test_what_could_mislead_is_refused(text: str, message: str) -> None:
    """Nothing is dropped or converted in silence."""
    assert only(of(text)) == message


def test_all_wrong_things_of_a_text_are_found_in_one_run() -> None:
    """A duplicate key does not hide the tag after it."""
    document = of("a: 1\na: 2\nb: !x 3\nc: &y 4\n")
    assert [f.line for f in document.findings] == [2, 3, 4]


@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 400, "1" * 19 + ".5"])
def test_a_number_with_too_many_digits_is_refused(number: str) -> None:
    """No file can make the reader compute with a huge number."""
    assert "too many digits" in only(of(f"a: {number}\n"))


def test_a_file_of_ten_megabytes_is_not_read(tmp_path: Path) -> None:
    """Only as much is read as is needed to know that it is too much."""
    path = tmp_path / "big.yaml"
    path.write_bytes(b"a: " + b"x" * 10_000_000)
    assert only(read(path)) == "this file is larger than 256 KB: split it"


def test_an_alias_bomb_is_refused_where_it_begins() -> None:
    """Ten lines that would grow into ten billion values are read as little as any others."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    document = of("\n".join(lines) + "\n")
    assert document.findings[0].message.startswith("an anchor (&) is not allowed")
    assert document.findings[0].line == 1
    assert len(document.findings) <= 101


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_ten_thousand_levels_are_a_finding_and_no_recursion(opening: str) -> None:
    """Nesting is cut off at a fixed depth, however it is written."""
    document = of(opening * 10_000)
    assert document.whole is False
    assert len(document.findings) == 1


def test_nested_blocks_are_cut_off_at_the_same_depth() -> None:
    """Indentation nests as brackets do."""
    text = "".join(" " * n + f"k{n}:\n" for n in range(300))
    assert only(of(text)) == f"this is nested more than {MAX_DEPTH} levels deep"


def test_a_file_with_too_many_values_is_refused() -> None:
    """Twenty thousand values are more than any rule file has."""
    assert only(of("a: [" + "1," * 30_000 + "]\n")) == (
        "this file holds more than 20000 values: split it"
    )


@pytest.mark.parametrize(
    "raw", ["a: ä\n".encode("latin-1"), "a: 1\n".encode("utf-16"), b"a: \xed\xa0\x80\n", b"\xff"]
)
def test_text_in_another_encoding_is_refused(raw: bytes) -> None:
    """Only UTF-8 is read."""
    assert "not UTF-8" in only(of(raw)) or "U+0000" in only(of(raw))


@pytest.mark.parametrize(
    "character",
    ["\0", "\a", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\u2066", "\u200f", "\ufeff"],
)
def test_what_cannot_be_seen_is_refused(character: str) -> None:
    """A reviewer and guardian read the same text; logs stay one line."""
    document = of(f"name: ab{character}cd\n")
    assert f"U+{ord(character):04X}" in only(document)
    assert (document.findings[0].line, document.findings[0].column) == (1, 9)
    assert character not in str(document.findings[0])


@pytest.mark.parametrize("escape", [r"\0", r"\u202e", r"\x1b"])
def test_what_cannot_be_seen_is_refused_when_escaped(escape: str) -> None:
    """An escape in double quotes makes the same character."""
    assert "invisible" in only(of(f'name: "ab{escape}cd"\n'))
    assert "invisible" in only(of(f'"ab{escape}cd": 1\n'))


def test_messages_stay_one_line_of_bounded_length() -> None:
    """What a file says cannot flood a log or forge a second line of it."""
    assert only(of('"a\\nb": 1\n')) == "a key must stand on one line"
    assert all(len(f.message) <= 600 for f in of("a: !" + "x" * 100_000 + " 1\n").findings)
    assert "\n" not in of("a: 1").finding(("a",), "one\ntwo").message


@pytest.mark.timeout(30)
def test_a_long_line_is_read_at_once() -> None:
    """In proportion to its length, not to its square."""
    assert not of("a: " + "x" * 250_000 + "\n").findings


def test_a_file_with_ten_thousand_errors_is_not_read_to_its_end() -> None:
    """A hundred are enough."""
    document = of("a: 1\n" * 10_000)
    assert len(document.findings) == 101
    with pytest.raises(ConfigError, match="and 51 more errors"):
        refuse(document.findings)


def test_an_escape_beyond_unicode_is_a_syntax_error() -> None:
    """There is no such character to refuse."""
    assert "not valid YAML" in only(of('a: "\\UFFFFFFFF"\n'))


def test_a_missing_file_a_folder_and_a_pipe_are_findings(tmp_path: Path) -> None:
    """Nothing that a path can lead to holds the process up."""
    os.mkfifo(tmp_path / "pipe")
    assert only(read(tmp_path / "none.yaml")) == "there is no such file"
    assert "cannot be read" in only(read(tmp_path)) or "not a file" in only(read(tmp_path))
    assert "not a file" in only(read(tmp_path / "pipe"))
    assert "cannot be read" in only(read(Path("a\0b")))


@pytest.mark.parametrize(
    "line",
    [
        "routing_key: SECRET, x",
        "{to: x, routing_key: SECRET, on: all}",
        'slack_token: "SEC,RET"',
        "password: 'SECRET'",
        "webhook: https://SECRET",
        "routingKey: SECRET",
        "api_token: |\n  SECRET\n  SECRET",
        "token: [SECRET, SECRET]",
        "secret: {value: SECRET}",
        "url: https://hooks.example/services/SECRET",
        "- {to: webhook, url: 'https://SECRET:SECRET@hooks.example/x?y=SECRET#SECRET'}",
    ],
)
def test_a_pasted_secret_is_not_shown(line: str) -> None:
    """The line of an error may hold a secret that should not be there."""
    document = of(line + "\n")
    shown = "\n".join(document.source.lines)
    assert "SEC" not in shown
    assert "RET" not in shown


def test_where_a_secret_is_may_be_shown() -> None:
    """The name of a variable is no secret, and people need to read it."""
    lines = of("routing_key: {env: NAME}\n").source.lines
    assert lines[0] == "routing_key: {env: NAME}"


@settings(max_examples=500, deadline=None)
@example(":\t#{")
@given(st.text(alphabet="ab:-?[]{}&*!|>'\"%@`#, \n\t\\0~.", max_size=80))
def test_no_text_at_all_raises(text: str) -> None:
    """Whatever is written, the answer is values or findings."""
    document = of(text)
    assert document.findings or document.whole


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise(raw: bytes) -> None:
    """Whatever lies in the file, the answer is values or findings."""
    document = parse(raw, "x.yaml")
    assert document.findings or document.whole
    assert len(raw) <= MAX_BYTES
