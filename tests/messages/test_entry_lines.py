"""An entry in one line, whoever shows it, and times for people."""

from __future__ import annotations

import typing
from dataclasses import replace

import pytest

from guardian.core.rollout.entries import (
    Completed,
    Entry,
    Retired,
    RollbackStarted,
    RolloutStarted,
    Sighted,
    StepEntered,
    TrafficSeen,
    Warned,
    WayBackSeen,
)
from guardian.core.traffic import Traffic, WayBack, Weight
from guardian.messages import notice_lines, table
from guardian.messages.entry_lines import (
    actor_of,
    event_of,
    lasting,
    line,
    moment,
    sentence,
    spaced,
    verdicts_of,
)
from guardian.messages.verdict_lines import lines
from tests.messages.tellings import AT_TEN, BACK, PLAN, STABLE, STEP_0, T0, WATCH, a_verdict, last
from tests.messages.test_notices import STORIES


@pytest.mark.parametrize("kind", typing.get_args(Entry), ids=lambda kind: kind.__name__)
def test_every_entry_is_one_line(kind: type[Entry]) -> None:
    """With its time, and a sentence of more than its name's length."""
    plan, entries, _ = STORIES[kind]
    entry = entries[-1] if entries else RolloutStarted(at=T0, plan=plan)
    shown = line(entry, plan)
    assert shown.startswith(f"{moment(entry.at)}  ")
    assert "\n" not in shown
    assert len(sentence(entry, plan)) > 8
    assert event_of(entry).replace("_", "") == kind.__name__.lower()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (RolloutStarted(at=T0, plan=PLAN), "rollout of version 42, stable 41"),
        (
            StepEntered(at=T0, step=0, overridden=("error-rate",)),
            "step 1 of 2: 10% wanted, over error-rate",
        ),
        (AT_TEN, "version 42 at 10%, read back"),
        (TrafficSeen(at=T0, traffic=STABLE), "back to 41 100%, read back"),
        (
            TrafficSeen(at=T0, traffic=Traffic(primary="42")),
            "somebody else shifted: 42 100%, read back",
        ),
        (
            WayBackSeen(at=T0, found=WayBack(problem="it is gone")),
            "version 41 cannot take the traffic back: it is gone",
        ),
        (WayBackSeen(at=T0, found=WayBack()), "version 41 can take the traffic back again"),
        (Sighted(at=T0), "the metrics can be read again, and it goes on if that lasts"),
        (BACK, "rollback to 41 100% (breach): error-rate: too many"),
        (Completed(at=T0, unproven=("a", "b")), "completed, without enough evidence for a, b"),
        (Completed(at=T0), "completed"),
        (Warned(at=T0, about=("a",), detail="two\n lines"), "warning on a: two lines"),
        (Retired(at=T0, detail=""), "retired"),
    ],
)
def test_an_entry_says_what_happened(entry: Entry, said: str) -> None:
    """In the words of the plan, with the reason where there is one."""
    assert sentence(entry, PLAN) == said


def test_a_persons_doing_is_marked_unless_the_sentence_says_it() -> None:
    """Guardian's own judgement has no actor; a start has the plan's."""
    ordered = replace(BACK, actor="bob", detail="abort")
    assert line(ordered, PLAN).endswith("abort  [bob]")
    assert "[" not in line(replace(ordered, detail="abort by bob"), PLAN)
    assert actor_of(RolloutStarted(at=T0, plan=PLAN), PLAN) == "alice"
    assert actor_of(Sighted(at=T0), PLAN) == ""


def test_an_entry_rests_on_its_verdicts() -> None:
    """Those that it was journalled with."""
    assert verdicts_of(BACK) == (a_verdict(),)
    assert verdicts_of(AT_TEN) == ()


def test_times_are_short() -> None:
    """To the second, with the date where it is asked for."""
    assert moment(T0) == "14:13:20Z"
    assert moment(T0, date=True) == "2026-09-21 14:13:20Z"
    assert [lasting(s) for s in (-1, 8.4, 743, 11_100)] == ["0s", "8s", "12m 23s", "3h 5m"]


def test_words_of_the_journal_have_no_underscores() -> None:
    """As people write them."""
    assert spaced(STORIES[RollbackStarted][2]) == "rolling back"  # type: ignore[arg-type]


def test_a_notice_is_for_those_who_listen() -> None:
    """By event and by service; what guardian tells of itself is for every service."""
    told = last(STEP_0, AT_TEN, BACK)
    assert table.is_for(told, None, None)
    assert table.is_for(told, frozenset({told.event}), frozenset({"agents-api"}))
    assert not table.is_for(told, frozenset(), None)
    assert not table.is_for(told, None, frozenset({"other"}))


def test_beside_a_notice_stand_its_versions_and_step() -> None:
    """As one line each; empty for what is of no rollout, and before the first step."""
    told = last(STEP_0, AT_TEN)
    assert notice_lines.versions(told) == "stable 41, canary 42 at 10%"
    assert notice_lines.step(told) == "1 of 2"
    own = replace(told, canary="", stable="", weight=None, step=0)
    assert (notice_lines.versions(own), notice_lines.step(own)) == ("", "")
    assert last(plan=WATCH).weight == Weight(1_000_000)


def test_verdicts_beyond_what_is_shown_are_counted() -> None:
    """The worst stand first; the rest is a number."""
    shown, more = lines([a_verdict()] * 3, 2)
    assert (len(shown), more) == (2, "1 more criteria are not shown.")
    assert shown[0].word == "FAIL"
    assert shown[0].measured.startswith("6.1%, limit above 5%, ")
    assert lines([a_verdict(value=None)], 5)[0][0].value == "no value"
    assert lines([], 5) == ([], "")
