"""What reaches a terminal, a log and a CI runner: nothing that hides, forges or commands."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from guardian.cli.caller import actor
from guardian.cli.github import GitHub
from guardian.cli.lines import fitting
from guardian.cli.log import Log
from guardian.cli.output import show
from tests.contracts.journal_values import ManualClock

HOSTILE = "\x1b]0;PWNED\x07\x1b[2Jdisk\u202e full\u2028 half \ud83d"
POWERS = ("\x1b]", "\x1b[2J", "\x07", "\u202e", "\u2028", "\ud83d")


def sent(stream: io.TextIOWrapper) -> str:
    """What a stream was sent, as text."""
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode(stream.encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_a_terminal_gets_what_it_can_take_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """Half a character, or one that its encoding lacks, does not silence what comes after it."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    show(HOSTILE + " … →")
    show("and the end")
    shown = sent(stream)
    assert shown.endswith("and the end\n")
    assert shown.count("\n") == 2
    assert not any(power in shown for power in POWERS)


def test_our_own_colours_and_lines_stay() -> None:
    """Only what is foreign to the layout goes."""
    text = "\x1b[31mfailed\x1b[0m\n\tsecond"
    assert fitting(text, io.TextIOWrapper(io.BytesIO(), encoding="utf-8")) == text


def test_no_text_forges_a_record_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line end in it begins no line that could be taken for another record."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stderr", stream)
    log = Log("text", ManualClock())
    log.say(f"refused: {HOSTILE}\n2027-01-15T08:00:00.000Z agents-api: forged")
    logged = sent(stream)
    assert next(line for line in logged.splitlines() if "forged" in line).startswith("  2027")
    assert not any(power in logged for power in POWERS)


def test_the_files_of_a_ci_job_get_no_powers_either(tmp_path: Path) -> None:
    """Its summary and outputs are shown on a page and read by the next step."""
    summary = tmp_path / "summary"
    GitHub({"GITHUB_STEP_SUMMARY": str(summary)}, lambda _: None)._append(
        "GITHUB_STEP_SUMMARY", HOSTILE
    )
    assert not any(power in summary.read_text() for power in POWERS)


def test_who_asks_is_a_name_that_can_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment may hold anything, bytes that are no text included."""
    monkeypatch.delenv("GITHUB_RUN_ID", raising=False)
    monkeypatch.setenv("LOGNAME", "eve\udcff\x1b[31m\nroot")
    assert actor().isprintable()
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    monkeypatch.setenv("GITHUB_ACTOR", "eve\u202e\x1b[31m")
    assert actor() == "eve [31m (run 7)"
