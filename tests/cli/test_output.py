"""What a command prints while it guards: nothing twice, and no long silence."""

from __future__ import annotations

import pytest

from guardian.cli.output import Output
from guardian.core.rollout.entries import StepEntered
from guardian.core.rollout.machine import Phase
from guardian.core.status import status_of
from guardian.engine.tick_result import Recorded, TickResult
from tests.core.rollouts import PASS, T0, at_last_step, in_phase, saw


def polled(at: float, minutes: int) -> TickResult:
    """A poll of a baking rollout."""
    shown = status_of(in_phase(Phase.BAKING), saw(PASS, minutes=minutes), at, traffic=None)
    return TickResult(at=at, polled=True, statuses=(shown,), recorded=(), trouble="")


def test_a_minute_without_news_has_a_line_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipeline's log shows that somebody looks; polls in between add nothing."""
    output = Output("text")
    for at_s in (0, 30, 60, 90, 120):
        output.report(polled(T0 + at_s, minutes=0))
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_what_is_new_has_a_line_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """It says how much was observed, and when all of it will be."""
    output = Output("text")
    output.report(polled(T0, minutes=0))
    output.report(polled(T0 + 1, minutes=2))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "2 of 10 minutes observed, all by about" in lines[1]


def test_a_step_that_is_over_shows_what_it_rests_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Every verdict, as the next step begins."""
    state = at_last_step()
    shown = status_of(state, saw(PASS), T0, traffic=None)
    entry = StepEntered(at=T0, step=1)
    item = Recorded(entry=entry, after=state, notice=None)
    Output("text").report(
        TickResult(at=T0, polled=False, statuses=(shown,), recorded=(item,), trouble="")
    )
    said = capsys.readouterr().out
    assert "step 1 of 2 is over" in said
    assert PASS.criterion in said
