"""The console notifier: one readable block for each notice, harmless and never fatal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from pydantic import ValidationError

from guardian.core.model import Reason
from guardian.notifiers import console
from guardian.ports import NotifyError
from tests.notifiers.samples import HOSTILE, NOTICE, QUIET, context, hidden


def test_a_block_is_readable_from_top_to_bottom(capsys: pytest.CaptureFixture[str]) -> None:
    """What happened, where, each criterion, what guardian did, what you can do."""
    notifier = console.build(console.Options(), context())
    assert notifier.send(NOTICE, handle="kept") == "kept"
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == (
        "2026-09-21T14:25:00.000Z rolled_back agents-api: 42 was rolled back,"
        " traffic is 41 100%\n"
        "  where        production, stable 41, canary 42 at 0%, step 1 of 3, rollout r-1\n"
        "  fail         error-rate: 6.1%, limit above 5%, 480 samples in 10 minutes,"
        " 14:13 to 14:23 UTC; 29 of 480 requests failed\n"
        "  guardian     guardian put 41 back.\n"
        "  you          `guardian rollout history agents-api` shows what happened.\n"
    )


def test_standard_output_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    """For pipes that want the notices themselves."""
    console.build(console.Options(stream="stdout"), context()).send(QUIET, handle=None)
    assert capsys.readouterr().out.startswith("2026-09-21T14:25:00.000Z baking ")


def test_what_there_is_not_takes_no_line() -> None:
    """Without a step and advice there is no empty row."""
    text = console.block(replace(QUIET, step=0, todo="", verdicts=()))
    assert "step" not in text
    assert [line.split()[0] for line in text.splitlines()[1:]] == ["where", "guardian"]


def test_hostile_text_cannot_move_the_cursor_or_flood_the_log() -> None:
    """No escape sequence and no bidirectional mark survives; each line is bounded."""
    text = console.block(HOSTILE)
    assert hidden(text, lines=True) == set()
    assert max(map(len, text.splitlines())) <= console.LINE_CHARS + 20
    assert len(text.splitlines()) == 4 + len(HOSTILE.verdicts)


def test_an_old_terminal_gets_escapes_instead_of_a_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A stream that knows only ASCII still shows the notice."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stderr", stream)
    console.build(console.Options(), context()).send(replace(QUIET, did="naïve"), handle=None)
    stream.seek(0)
    assert "na\\xefve" in stream.read()


@pytest.mark.parametrize("from_the_start", [False, True])
def test_a_closed_stream_is_reported_and_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, *, from_the_start: bool
) -> None:
    """The reader has gone, or there never was one; traffic does not care."""
    stream = None if from_the_start else io.StringIO()
    if stream is not None:
        stream.close()
    monkeypatch.setattr("sys.stderr", stream)
    with pytest.raises(NotifyError, match="stderr is closed") as caught:
        console.build(console.Options(), context()).send(QUIET, handle=None)
    assert (caught.value.reason, caught.value.retryable) == (Reason.UNAVAILABLE, False)


def test_the_options_are_strict() -> None:
    """Only the two standard streams are known."""
    with pytest.raises(ValidationError):
        console.Options.model_validate({"stream": "syslog"})
