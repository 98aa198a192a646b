"""Who hears what of each entry, in which words, and which pages open and close."""

from __future__ import annotations

import typing
from dataclasses import replace

import pytest

from guardian.core.notices import Event, Severity
from guardian.core.plan import Approval, Plan
from guardian.core.rollout.decide import opening
from guardian.core.rollout.entries import (
    Approved,
    Cancelled,
    Cause,
    Completed,
    Entry,
    GateFailed,
    Held,
    HoldReason,
    PrimaryConfirmed,
    PromotionStuck,
    Resumed,
    Retired,
    RollbackConfirmed,
    RollbackStarted,
    RollbackStuck,
    RolloutStarted,
    Sighted,
    StepEntered,
    Superseded,
    TrafficSeen,
    Waived,
    Warned,
    WayBackSeen,
    WeightConfirmed,
)
from guardian.core.traffic import FULL, WayBack, Weight
from tests.messages.tellings import (
    AT_FULL,
    AT_TEN,
    BACK,
    BLIND,
    BY_HAND,
    CONFIRMED,
    DONE,
    GATE,
    PLAN,
    STEP_0,
    STEP_1,
    STUCK_1,
    T0,
    WATCH,
    a_verdict,
    key,
    last,
    walk,
)

ASKS = replace(PLAN, approvals=(Approval(before_step=1),))
STORIES: dict[type[Entry], tuple[Plan, tuple[Entry, ...], Event | None]] = {
    RolloutStarted: (PLAN, (), Event.STARTED),
    StepEntered: (PLAN, (STEP_0,), None),
    WeightConfirmed: (PLAN, (STEP_0, AT_TEN), Event.BAKING),
    TrafficSeen: (
        WATCH,
        (
            STEP_0,
            WeightConfirmed(at=T0, weight=WATCH.found.share("42")),
            TrafficSeen(at=T0, traffic=PLAN.found),
        ),
        Event.BAKING,
    ),
    Held: (PLAN, (STEP_0, AT_TEN, BLIND), Event.BLIND),
    Sighted: (PLAN, (STEP_0, AT_TEN, BLIND, Sighted(at=T0)), None),
    Resumed: (PLAN, (STEP_0, AT_TEN, BLIND, Resumed(at=T0, detail="back")), Event.RESUMED),
    Approved: (ASKS, (STEP_0, AT_TEN, Approved(at=T0, step=1, actor="bob")), Event.RESUMED),
    Waived: (PLAN, (STEP_0, Waived(at=T0, criterion="error-rate", actor="bob")), Event.WARNING),
    Warned: (
        PLAN,
        (STEP_0, AT_TEN, Warned(at=T0, about=("error-rate",), detail="x")),
        Event.WARNING,
    ),
    WayBackSeen: (
        PLAN,
        (STEP_0, AT_TEN, WayBackSeen(at=T0, found=WayBack(problem="version 41 is gone"))),
        Event.STUCK,
    ),
    PromotionStuck: (
        PLAN,
        (STEP_0, AT_TEN, STEP_1, AT_FULL, DONE, PromotionStuck(at=T0, detail="x")),
        Event.STUCK,
    ),
    RollbackStarted: (PLAN, (STEP_0, AT_TEN, BACK), Event.ROLLING_BACK),
    RollbackStuck: (PLAN, (STEP_0, AT_TEN, BACK, STUCK_1), Event.STUCK),
    RollbackConfirmed: (PLAN, (STEP_0, AT_TEN, BACK, CONFIRMED), Event.ROLLED_BACK),
    GateFailed: (
        GATE,
        (STEP_0, GateFailed(at=T0, detail="x", verdicts=(a_verdict(),))),
        Event.GATE_FAILED,
    ),
    Completed: (PLAN, (STEP_0, AT_TEN, STEP_1, AT_FULL, DONE), Event.COMPLETED),
    PrimaryConfirmed: (
        PLAN,
        (STEP_0, AT_TEN, STEP_1, AT_FULL, DONE, PrimaryConfirmed(at=T0)),
        None,
    ),
    Cancelled: (PLAN, (Cancelled(at=T0, detail="leave by ci", actor="ci"),), Event.CANCELLED),
    Superseded: (PLAN, (Superseded(at=T0, detail="version 43"),), Event.SUPERSEDED),
    Retired: (
        PLAN,
        (STEP_0, AT_TEN, STEP_1, AT_FULL, DONE, Retired(at=T0, detail="24h")),
        None,
    ),
}


@pytest.mark.parametrize("kind", typing.get_args(Entry), ids=lambda kind: kind.__name__)
def test_every_entry_has_a_row_in_the_table(kind: type[Entry]) -> None:
    """Each entry class is told as its event, or is silent on purpose."""
    plan, entries, event = STORIES[kind]
    told = walk(plan, entries)[-1]
    assert (told.event if told is not None else None) is event


@pytest.mark.parametrize("kind", [k for k, story in STORIES.items() if story[2] is not None])
def test_a_notice_says_what_where_and_what_can_be_done(kind: type[Entry]) -> None:
    """Service, versions and whole sentences are in every notice; commands are guardian's own."""
    plan, entries, _ = STORIES[kind]
    told = last(*entries, plan=plan)
    assert told.title.startswith("agents-api: ")
    assert "\n" not in told.title
    assert told.did.endswith(".")
    assert "  " not in f"{told.did} {told.todo}"
    for command in told.todo.split("`")[1::2]:
        assert command.startswith(("guardian rollout ", "guardian rollback ", "guardian unfreeze"))
    assert (told.service, told.environment, told.stable, told.canary) == (
        "agents-api",
        "production",
        "41",
        "42",
    )


def test_starts_and_ends_are_change_events_and_only_ends_are_final() -> None:
    """A start and each end are changes; nothing in between is either."""
    for kind, (plan, entries, event) in STORIES.items():
        if event is None:
            continue
        told = last(*entries, plan=plan)
        ends = (RollbackConfirmed, GateFailed, Completed, Cancelled, Superseded)
        assert told.final is (kind in ends)
        assert told.change is (kind in ends or kind is RolloutStarted)


def test_a_notice_is_identified_by_its_place_in_the_journal() -> None:
    """Sequence number, recorded time, phase, step and confirmed weight come from the state."""
    told = last(STEP_0, AT_TEN)
    assert (told.seq, told.at, told.phase, told.step, told.steps, told.weight) == (
        3,
        T0 + 2,
        "baking",
        1,
        2,
        Weight.percent(10),
    )
    assert last().step == 0


def test_the_start_says_the_steps_and_the_limits() -> None:
    """Someone who sees only the start knows what will happen and when it is taken back."""
    told = last()
    assert "gives version 42 10% for 10m, then 100% for 90s of the traffic" in told.did
    assert "error-rate above 5%" in told.did
    assert "Started by alice." in told.did
    because = last(plan=replace(PLAN, reason="fixes #12"))
    assert "Started by alice: fixes #12." in because.did


def test_a_watch_says_that_it_moves_no_traffic_and_what_a_breach_does() -> None:
    """With a target a watch restores; without one it only reports, and says so."""
    assert "puts version 41 back on a breach" in last(plan=WATCH).did
    assert "`guardian rollback agents-api`" in last(plan=WATCH).todo
    assert "nothing is rolled back" in last(plan=GATE).did
    assert "--to VERSION" in last(plan=GATE).todo
    assert "judges it for 30m" in last(STEP_0, WeightConfirmed(at=T0, weight=FULL), plan=WATCH).did


def test_the_bake_says_what_follows() -> None:
    """Before the last step the next weight is named, at the last one the promotion."""
    assert "10% on version 42. guardian bakes it for 10m" in last(STEP_0, AT_TEN).did
    assert "100% follows" in last(STEP_0, AT_TEN).did
    half = replace(PLAN.steps[0], weight=Weight.percent(50))
    longer = replace(PLAN, steps=(PLAN.steps[0], half, PLAN.steps[1]))
    assert "50% follows" in last(STEP_0, AT_TEN, plan=longer).did
    assert last(STEP_0, AT_TEN, plan=longer).title.endswith("receives 10% (step 1 of 3)")
    assert "version 42 becomes the primary one" in last(STEP_0, AT_TEN, STEP_1, AT_FULL).did


def test_a_persons_rollback_is_told_as_one() -> None:
    """One message, with the order and its reason; it is no watch, and worth a change event."""
    begun, back = walk(BY_HAND, opening(BY_HAND, T0)[1:])
    assert begun is None
    assert back is not None
    assert (back.event, back.change, back.pages) == (Event.ROLLING_BACK, True, ())
    assert back.title == "agents-api: rolling back version 42 at 100%: ordered by alice"
    assert "Reason: rollback by alice: users hurt." in back.did


def test_the_next_step_is_silent_unless_a_person_or_a_hold_is_involved() -> None:
    """The confirmed weight is told anyway; a promotion over missing evidence names its author."""
    assert walk(PLAN, (STEP_0, AT_TEN, STEP_1))[-1] is None
    order = replace(STEP_1, actor="bob", overridden=("error-rate",))
    told = last(STEP_0, AT_TEN, order)
    assert told.event is Event.RESUMED
    assert told.title == "agents-api: version 42 goes on to 100%, promoted by bob"
    assert "Not passed at that time: error-rate." in told.did
    assert last(STEP_0, AT_TEN, BLIND, STEP_1).resolves == (key("blind"),)


@pytest.mark.parametrize("why", [w for w in HoldReason if w is not HoldReason.BLIND])
def test_a_hold_informs_and_does_not_page(why: HoldReason) -> None:
    """Only blindness wakes anyone; every hold says why, how to go on and how to take it back."""
    actor = "bob" if why is HoldReason.PERSON else None
    held = Held(at=T0, why=why, detail="38 of 60 requests", actor=actor)
    told = last(STEP_0, AT_TEN, held)
    assert told.event is Event.HELD
    assert told.pages == ()
    assert "Reason: 38 of 60 requests." in told.did
    assert ("A hold of 4h is rolled back." in told.did) is (why is not HoldReason.FREEZE)
    assert "`guardian rollback " in told.todo
    assert "`guardian rollback agents-api` puts version 41 back now." in told.todo


def test_a_held_watch_offers_only_what_a_watch_can_do() -> None:
    """A watch has no step to promote and nothing that max_hold would take back."""
    at_full = WeightConfirmed(at=T0, weight=FULL)
    held = Held(at=T0, why=HoldReason.NO_EVIDENCE, detail="")
    told = last(STEP_0, at_full, held, plan=WATCH)
    assert "promote" not in told.todo
    assert "A hold of" not in told.did
    assert "Reason" not in told.did


def test_a_breach_that_holds_names_the_criterion_and_its_numbers() -> None:
    """Value, limit, samples and window stand in the text itself."""
    held = Held(at=T0, why=HoldReason.BREACH, detail="Bad.", verdicts=(a_verdict(),))
    told = last(STEP_0, AT_TEN, held)
    assert told.title == "agents-api: held at 10%: error-rate 6.1% over 5%"
    assert "error-rate is fail: 6.1%, limit above 5%, 480 samples, 14:13 to 14:23 UTC." in told.did
    assert "Reason: Bad." in told.did


def test_blindness_pages_an_error_until_sight_is_back() -> None:
    """One key opens with the hold and closes with whatever ends it."""
    told = last(STEP_0, AT_TEN, BLIND)
    assert [(p.key, p.severity) for p in told.pages] == [(key("blind"), Severity.ERROR)]
    assert told.resolves == ()
    for end in (
        Resumed(at=T0, detail="", actor="bob"),
        BACK,
        Superseded(at=T0, detail="gone"),
    ):
        assert last(STEP_0, AT_TEN, BLIND, end).resolves == (key("blind"),)


def test_blindness_stays_paged_while_nothing_says_that_sight_is_back() -> None:
    """Still blind, or another reason to hold on top of it: the page lasts as long as the hold."""
    person = Held(at=T0, why=HoldReason.PERSON, detail="", actor="bob")
    assert last(STEP_0, AT_TEN, BLIND, person).resolves == ()
    ended = last(STEP_0, AT_TEN, BLIND, person, Resumed(at=T0, detail="", actor="bob"))
    assert ended.resolves == (key("blind"),)
    conflict = Held(at=T0, why=HoldReason.CONFLICT, detail="found 42 30%")
    assert last(STEP_0, AT_TEN, BLIND, conflict).resolves == ()


def test_a_blind_hold_that_goes_blind_again_is_told_once() -> None:
    """Neither sight that may not last nor its loss is news: the page is open, and says so."""
    again = walk(PLAN, (STEP_0, AT_TEN, BLIND, Sighted(at=T0), BLIND))
    assert again[-2:] == [None, None]
    person = Held(at=T0, why=HoldReason.PERSON, detail="", actor="bob")
    assert last(STEP_0, AT_TEN, person, BLIND).event is Event.BLIND


def test_only_a_blind_hold_has_a_page_to_close() -> None:
    """Resuming an ordinary hold resolves nothing."""
    held = Held(at=T0, why=HoldReason.PERSON, detail="", actor="bob")
    assert last(STEP_0, AT_TEN, held, Resumed(at=T0, detail="")).resolves == ()


@pytest.mark.parametrize("cause", list(Cause))
def test_a_rollback_says_why_in_its_title(cause: Cause) -> None:
    """Every cause has its words, and the weight that users had is named."""
    told = last(STEP_0, AT_TEN, replace(BACK, cause=cause, actor="bob"))
    assert told.title.startswith("agents-api: rolling back version 42 at 10%: ")
    assert told.verdicts == (a_verdict(),)
    assert told.pages == ()


def test_a_breach_without_a_value_is_still_a_sentence() -> None:
    """An alarm-like failure has no number to show; none at all is just a breach."""
    none = replace(BACK, verdicts=(a_verdict(value=None),))
    assert "error-rate without a value" in last(STEP_0, AT_TEN, none).title
    assert last(STEP_0, AT_TEN, replace(BACK, verdicts=())).title.endswith(": a breach")
