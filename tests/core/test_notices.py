"""Who hears what of each entry, in which words, and which pages open and close."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from dataclasses import replace

import pytest

from guardian.core.entries import (
    Cancelled,
    Cause,
    Completed,
    Entry,
    GateFailed,
    Held,
    HoldReason,
    PrimaryConfirmed,
    Resumed,
    Retired,
    RollbackConfirmed,
    RollbackStarted,
    RollbackStuck,
    RolloutStarted,
    StepEntered,
    Superseded,
    WeightConfirmed,
)
from guardian.core.model import (
    FULL,
    Criterion,
    Direction,
    Evidence,
    Limit,
    Outcome,
    Query,
    Ratio,
    Snapshot,
    Step,
    Traffic,
    Verdict,
    Weight,
)
from guardian.core.notices import Event, Notice, Severity, concerns, notice, page_key
from guardian.core.plan import Drive, Plan, Policy
from guardian.core.rollout import Rollout, apply, start
from guardian.core.wording import clean, line, samples, shortened, span, window, worst_first

T0 = 1_790_000_000.0
TEN = Weight.percent(10)
STABLE = Traffic(primary="41")
TARGET = "lambda_alias:333333333333:us-east-1:agents-api:live"


def _verdict(outcome: Outcome = Outcome.FAIL, *, value: str | None = "6.1%") -> Verdict:
    return Verdict(
        criterion="error-rate",
        outcome=outcome,
        why="29 of 480 requests failed",
        evidence=Evidence(
            limit="above 5%",
            value=value,
            bad=29,
            samples=480,
            min_samples=60,
            window_start=T0,
            window_end=T0 + 600,
        ),
    )


PLAN = Plan(
    rollout="r-20260921-ab12cd34",
    service="agents-api",
    environment="production",
    target=TARGET,
    drive=Drive.ROLLOUT,
    stable="41",
    canary="42",
    found=STABLE,
    snapshot=Snapshot(
        service="agents-api", target=TARGET, traffic=STABLE, taken_at=T0, taken_by="alice"
    ),
    restores=True,
    steps=(
        Step(weight=TEN, bake_s=600, max_bake_s=1800),
        Step(weight=FULL, bake_s=90, max_bake_s=5400),
    ),
    criteria=(
        Criterion(
            name="error-rate",
            measure=Ratio(
                part=Query(namespace="N", metric="Bad", stat="Sum"),
                total=Query(namespace="N", metric="All", stat="Sum"),
                good=False,
            ),
            fail_if=Limit(direction=Direction.ABOVE, value=0.05, text="5%"),
            min_samples=60,
        ),
    ),
    policy=Policy(),
    actor="alice",
)
WATCH = replace(
    PLAN,
    drive=Drive.WATCH,
    found=Traffic(primary="42"),
    steps=(Step(weight=FULL, bake_s=1800, max_bake_s=3600),),
)
GATE = replace(WATCH, restores=False)

STEP_0 = StepEntered(at=T0 + 1, step=0)
AT_TEN = WeightConfirmed(at=T0 + 2, weight=TEN)
STEP_1 = StepEntered(at=T0 + 700, step=1)
AT_FULL = WeightConfirmed(at=T0 + 701, weight=FULL)
BLIND = Held(at=T0 + 100, why=HoldReason.BLIND, detail="AccessDenied", verdicts=(_verdict(),))
BACK = RollbackStarted(
    at=T0 + 200, cause=Cause.BREACH, detail="error-rate: too many", verdicts=(_verdict(),)
)
STUCK_1 = RollbackStuck(at=T0 + 260, level=1, detail="AccessDenied")
STUCK_2 = RollbackStuck(at=T0 + 500, level=2, detail="AccessDenied")
CONFIRMED = RollbackConfirmed(at=T0 + 510, by_guardian=True, detail="read back: 41 100%")
DONE = Completed(at=T0 + 900, verdicts=(_verdict(Outcome.PASS, value="1%"),))


def _key(cause: str) -> str:
    return f"guardian/production/agents-api/r-20260921-ab12cd34/{cause}"


def _walk(plan: Plan, entries: Iterable[Entry]) -> list[Notice | None]:
    """What is told of a start and each further entry, through the real state machine."""
    first = RolloutStarted(at=T0, plan=plan)
    rollout: Rollout = start(first)
    told = [notice(None, first, rollout)]
    for entry in entries:
        after = apply(rollout, entry)
        told.append(notice(rollout, entry, after))
        rollout = after
    return told


def _last(*entries: Entry, plan: Plan = PLAN) -> Notice:
    told = _walk(plan, entries)[-1]
    assert told is not None
    return told


def _state(*entries: Entry) -> Rollout:
    """The state after a start and these entries."""
    rollout = start(RolloutStarted(at=T0, plan=PLAN))
    for entry in entries:
        rollout = apply(rollout, entry)
    return rollout


STORIES: dict[type[Entry], tuple[Plan, tuple[Entry, ...], Event | None]] = {
    RolloutStarted: (PLAN, (), Event.STARTED),
    StepEntered: (PLAN, (STEP_0,), None),
    WeightConfirmed: (PLAN, (STEP_0, AT_TEN), Event.BAKING),
    Held: (PLAN, (STEP_0, AT_TEN, BLIND), Event.BLIND),
    Resumed: (PLAN, (STEP_0, AT_TEN, BLIND, Resumed(at=T0, detail="back")), Event.RESUMED),
    RollbackStarted: (PLAN, (STEP_0, AT_TEN, BACK), Event.ROLLING_BACK),
    RollbackStuck: (PLAN, (STEP_0, AT_TEN, BACK, STUCK_1), Event.STUCK),
    RollbackConfirmed: (PLAN, (STEP_0, AT_TEN, BACK, CONFIRMED), Event.ROLLED_BACK),
    GateFailed: (
        GATE,
        (STEP_0, GateFailed(at=T0, detail="x", verdicts=(_verdict(),))),
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
    told = _walk(plan, entries)[-1]
    assert (told.event if told is not None else None) is event


@pytest.mark.parametrize("kind", [k for k, story in STORIES.items() if story[2] is not None])
def test_a_notice_says_what_where_and_what_can_be_done(kind: type[Entry]) -> None:
    """Service, versions and whole sentences are in every notice; commands are guardian's own."""
    plan, entries, _ = STORIES[kind]
    told = _last(*entries, plan=plan)
    assert told.title.startswith("agents-api: ")
    assert "\n" not in told.title
    assert told.did.endswith(".")
    assert "  " not in f"{told.did} {told.todo}"
    for command in told.todo.split("`")[1::2]:
        assert command.startswith(("guardian rollout ", "guardian rollback ", "guardian doctor"))
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
        told = _last(*entries, plan=plan)
        ends = (RollbackConfirmed, GateFailed, Completed, Cancelled, Superseded)
        assert told.final is (kind in ends)
        assert told.change is (kind in ends or kind is RolloutStarted)


def test_a_notice_is_identified_by_its_place_in_the_journal() -> None:
    """Sequence number, recorded time, phase, step and confirmed weight come from the state."""
    told = _last(STEP_0, AT_TEN)
    assert (told.seq, told.at, told.phase, told.step, told.weight) == (
        3,
        T0 + 2,
        "baking",
        "1 of 2",
        "10%",
    )
    assert _last().step == ""


def test_the_start_says_the_steps_and_the_limits() -> None:
    """Someone who sees only the start knows what will happen and when it is taken back."""
    told = _last()
    assert "gives version 42 10% for 10m, then 100% for 90s of the traffic" in told.did
    assert "error-rate above 5%" in told.did
    assert "Started by alice." in told.did
    because = _last(plan=replace(PLAN, reason="fixes #12", criteria=()))
    assert "Started by alice: fixes #12." in because.did
    assert "It fails on: none." in because.did


def test_a_watch_says_that_it_moves_no_traffic_and_what_a_breach_does() -> None:
    """With a target a watch restores; without one it only reports, and says so."""
    assert "puts version 41 back on a breach" in _last(plan=WATCH).did
    assert "`guardian rollback agents-api`" in _last(plan=WATCH).todo
    assert "nothing is rolled back" in _last(plan=GATE).did
    assert "--to VERSION" in _last(plan=GATE).todo
    assert "judges it for 30m" in _last(STEP_0, WeightConfirmed(at=T0, weight=FULL), plan=WATCH).did


def test_the_bake_says_what_follows() -> None:
    """Before the last step the next weight is named, at the last one the promotion."""
    assert "10% on version 42. guardian bakes it for 10m" in _last(STEP_0, AT_TEN).did
    assert "100% follows" in _last(STEP_0, AT_TEN).did
    assert "version 42 becomes the primary one" in _last(STEP_0, AT_TEN, STEP_1, AT_FULL).did


def test_the_next_step_is_silent_unless_a_person_or_a_hold_is_involved() -> None:
    """The confirmed weight is told anyway; a promotion over missing evidence names its author."""
    assert _walk(PLAN, (STEP_0, AT_TEN, STEP_1))[-1] is None
    order = replace(STEP_1, actor="bob", overridden=("error-rate",))
    told = _last(STEP_0, AT_TEN, order)
    assert told.event is Event.RESUMED
    assert told.title == "agents-api: version 42 goes on to 100%, promoted by bob"
    assert "Not passed at that time: error-rate." in told.did
    assert _last(STEP_0, AT_TEN, BLIND, STEP_1).resolves == (_key("blind"),)


@pytest.mark.parametrize("why", [w for w in HoldReason if w is not HoldReason.BLIND])
def test_a_hold_informs_and_does_not_page(why: HoldReason) -> None:
    """Only blindness wakes anyone; every hold says why, how to go on and how to take it back."""
    held = Held(at=T0, why=why, detail="38 of 60 requests", actor="bob")
    told = _last(STEP_0, AT_TEN, held)
    assert told.event is Event.HELD
    assert told.pages == ()
    assert "Reason: 38 of 60 requests." in told.did
    assert "A hold of 4h is rolled back." in told.did
    assert "`guardian rollback " in told.todo
    assert "`guardian rollback agents-api` puts version 41 back now." in told.todo


def test_a_held_watch_offers_only_what_a_watch_can_do() -> None:
    """A watch has no step to promote and nothing that max_hold would take back."""
    at_full = WeightConfirmed(at=T0, weight=FULL)
    held = Held(at=T0, why=HoldReason.NO_EVIDENCE, detail="")
    told = _last(STEP_0, at_full, held, plan=WATCH)
    assert "promote" not in told.todo
    assert "A hold of" not in told.did
    assert "Reason" not in told.did


def test_a_breach_that_holds_names_the_criterion_and_its_numbers() -> None:
    """Value, limit, samples and window stand in the text itself."""
    held = Held(at=T0, why=HoldReason.BREACH, detail="Bad.", verdicts=(_verdict(),))
    told = _last(STEP_0, AT_TEN, held)
    assert told.title == "agents-api: held at 10%: error-rate 6.1% (limit above 5%)"
    assert "error-rate is fail: 6.1%, limit above 5%, 480 samples, 14:13 to 14:23 UTC." in told.did
    assert "Reason: Bad." in told.did


def test_blindness_pages_an_error_until_sight_is_back() -> None:
    """One key opens with the hold and closes with whatever ends it."""
    told = _last(STEP_0, AT_TEN, BLIND)
    assert [(p.key, p.severity) for p in told.pages] == [(_key("blind"), Severity.ERROR)]
    assert told.resolves == ()
    for end in (
        Resumed(at=T0, detail="", actor="bob"),
        BACK,
        Superseded(at=T0, detail="gone"),
        Held(at=T0, why=HoldReason.PERSON, detail="", actor="bob"),
    ):
        assert _last(STEP_0, AT_TEN, BLIND, end).resolves == (_key("blind"),)


def test_blindness_stays_paged_while_nothing_says_that_sight_is_back() -> None:
    """Still blind, or a conflict on top of it: the page stays."""
    conflict = Held(at=T0, why=HoldReason.CONFLICT, detail="found 42 30%")
    assert _last(STEP_0, AT_TEN, BLIND, BLIND).resolves == ()
    assert _last(STEP_0, AT_TEN, BLIND, conflict).resolves == ()


def test_only_a_blind_hold_has_a_page_to_close() -> None:
    """Resuming an ordinary hold resolves nothing."""
    held = Held(at=T0, why=HoldReason.PERSON, detail="", actor="bob")
    assert _last(STEP_0, AT_TEN, held, Resumed(at=T0, detail="")).resolves == ()


@pytest.mark.parametrize("cause", list(Cause))
def test_a_rollback_says_why_in_its_title(cause: Cause) -> None:
    """Every cause has its words, and the weight that users had is named."""
    told = _last(STEP_0, AT_TEN, replace(BACK, cause=cause, actor="bob"))
    assert told.title.startswith("agents-api: rolling back version 42 at 10%: ")
    assert told.verdicts == (_verdict(),)
    assert told.pages == ()


def test_a_breach_without_a_value_is_still_a_sentence() -> None:
    """An alarm-like failure has no number to show; none at all is just a breach."""
    none = replace(BACK, verdicts=(_verdict(value=None),))
    assert "error-rate without a value (limit above 5%)" in _last(STEP_0, AT_TEN, none).title
    assert _last(STEP_0, AT_TEN, replace(BACK, verdicts=())).title.endswith(": a breach")


def test_a_stuck_rollback_pages_twice_under_two_keys() -> None:
    """Critical after a minute and again after five, so that a lost first page is made up for."""
    first = _last(STEP_0, AT_TEN, BACK, STUCK_1)
    second = _last(STEP_0, AT_TEN, BACK, STUCK_1, STUCK_2)
    assert [(p.key, p.severity) for p in first.pages] == [(_key("stuck"), Severity.CRITICAL)]
    assert [(p.key, p.severity) for p in second.pages] == [(_key("stuck-2"), Severity.CRITICAL)]
    assert "NOT confirmed after 60 seconds" in first.title
    assert "NOT confirmed after 5 minutes" in second.title
    assert TARGET in first.todo


def test_the_confirmed_rollback_pages_a_warning_and_closes_the_stuck_pages() -> None:
    """The stuck pages that were opened are resolved, and no others."""
    calm = _last(STEP_0, AT_TEN, BACK, CONFIRMED)
    assert [(p.key, p.severity) for p in calm.pages] == [(_key("rolled_back"), Severity.WARNING)]
    assert calm.resolves == ()
    one = _last(STEP_0, AT_TEN, BACK, STUCK_1, CONFIRMED)
    assert one.resolves == (_key("stuck"),)
    both = _last(STEP_0, AT_TEN, BACK, STUCK_1, STUCK_2, CONFIRMED)
    assert both.resolves == (_key("stuck"), _key("stuck-2"))


def test_after_a_rollback_people_learn_what_cloudformation_still_believes() -> None:
    """The stack still names the canary, and its next deploy may put it back."""
    told = _last(STEP_0, AT_TEN, BACK, CONFIRMED)
    assert "CloudFormation was not told" in told.todo
    assert "still names it" in told.todo
    assert "14:16 UTC: error-rate 6.1% (limit above 5%)" in told.did
    assert told.weight == "0%"
    assert told.verdicts == (_verdict(),)


def test_a_rollback_by_somebody_else_informs_without_a_page() -> None:
    """Whoever did it is awake already."""
    told = _last(STEP_0, AT_TEN, BACK, replace(CONFIRMED, by_guardian=False))
    assert told.pages == ()
    assert "was rolled back by somebody else" in told.title
    assert "page stays open" not in told.todo


def test_a_confirmation_without_a_recorded_rollback_is_still_told() -> None:
    """A damaged past must not silence an end."""
    before = replace(
        start(RolloutStarted(at=T0, plan=PLAN)), phase=_state(STEP_0, AT_TEN, BACK).phase
    )
    told = notice(before, CONFIRMED, apply(before, CONFIRMED))
    assert told is not None
    assert told.verdicts == ()


def test_a_completed_rollout_closes_the_pages_of_earlier_ones() -> None:
    """`rolled_back` stays open until a person resolves it or a later rollout completes."""
    plan = replace(PLAN, open_pages=("guardian/production/agents-api/r-1/rolled_back",))
    told = _last(STEP_0, AT_TEN, STEP_1, AT_FULL, DONE, plan=plan)
    assert told.resolves == ("guardian/production/agents-api/r-1/rolled_back",)
    assert told.title == "agents-api: rollout of version 42 completed"
    assert "version 41 is kept for 24h" in told.did


def test_an_unproven_end_does_not_read_like_success() -> None:
    """What lacked evidence is named, and who ended it regardless."""
    unproven = replace(DONE, unproven=("error-rate",))
    told = _last(STEP_0, AT_TEN, STEP_1, AT_FULL, unproven)
    assert told.event is Event.UNPROVEN
    assert "without enough evidence" in told.title
    assert "for want of evidence: error-rate" in told.did
    ordered = replace(unproven, actor="bob", overridden=("error-rate",))
    assert (
        "bob ended it before these had passed: error-rate"
        in _last(STEP_0, AT_TEN, STEP_1, AT_FULL, ordered).did
    )


def test_the_end_of_a_watch_says_that_traffic_was_left_alone() -> None:
    """Healthy or unproven, a watch moved nothing."""
    at_full = WeightConfirmed(at=T0, weight=FULL)
    healthy = _last(STEP_0, at_full, DONE, plan=WATCH)
    assert healthy.title == "agents-api: version 42 is healthy, the watch is over"
    assert healthy.todo == ""
    assert "left the traffic as it is: 42 100%" in healthy.did
    unproven = _last(STEP_0, at_full, replace(DONE, unproven=("error-rate",)), plan=WATCH)
    assert unproven.title == "agents-api: the watch of version 42 ended without enough evidence"
    cancelled = _last(Cancelled(at=T0, detail="leave"), plan=WATCH)
    assert cancelled.title == "agents-api: the watch of version 42 was cancelled"


def test_a_failed_gate_says_that_nothing_was_rolled_back() -> None:
    """The breach stands in the title, the decision not to act in the text."""
    told = _last(STEP_0, GateFailed(at=T0, detail="x", verdicts=(_verdict(),)), plan=GATE)
    assert told.title == "agents-api: gate failed for version 42: error-rate 6.1% (limit above 5%)"
    assert "did NOT roll back" in told.did
    assert told.pages == ()
    assert _last(STEP_0, GateFailed(at=T0, detail="x"), plan=GATE).title.endswith(": a breach")


def test_a_change_by_somebody_else_pages_only_in_the_middle_of_a_rollback() -> None:
    """Otherwise it informs; in a rollback, also a stopped one, nobody else finishes the job."""
    gone = Superseded(at=T0 + 900, detail="somebody else put version 43 on it")
    assert _last(STEP_0, AT_TEN, gone).pages == ()
    stopped = Held(at=T0 + 300, why=HoldReason.PERSON, detail="stop", actor="bob")
    for story in ((BACK, gone), (BACK, stopped, gone)):
        told = _last(STEP_0, AT_TEN, *story)
        assert [(p.key, p.severity) for p in told.pages] == [(_key("superseded"), Severity.WARNING)]
        assert "NOT finished by guardian" in told.did
    assert _last(STEP_0, AT_TEN, BACK, STUCK_1, gone).resolves == (_key("stuck"),)


def test_a_second_rollback_first_closes_the_stuck_page_of_the_first() -> None:
    """Otherwise a quick second rollback would leave that page open for ever."""
    stopped = Held(at=T0 + 300, why=HoldReason.PERSON, detail="stop", actor="bob")
    again = replace(BACK, at=T0 + 400, cause=Cause.ABORTED, actor="bob")
    assert _last(STEP_0, AT_TEN, BACK, STUCK_1, stopped, again).resolves == (_key("stuck"),)


def test_a_notice_also_concerns_the_listeners_of_the_pages_it_closes() -> None:
    """A lane that was paged for `blind` gets the `resumed` that closes its page."""
    resumed = _last(STEP_0, AT_TEN, BLIND, Resumed(at=T0, detail=""))
    assert concerns(resumed) == {Event.RESUMED, Event.BLIND}
    closed = _last(STEP_0, AT_TEN, BACK, STUCK_1, CONFIRMED)
    assert concerns(closed) == {Event.ROLLED_BACK, Event.STUCK}
    strange = replace(closed, resolves=("guardian/a/b/c/unheard-of",))
    assert concerns(strange) == {Event.ROLLED_BACK}


def test_a_key_stays_within_pagerdutys_limit_and_keeps_its_end() -> None:
    """Long names are cut; the rollout and the cause still tell two pages apart."""
    key = page_key(replace(PLAN, service="s" * 300), "rolled_back")
    assert len(key) == 255
    assert key.startswith("guardian/production/sss")
    assert key.endswith("/r-20260921-ab12cd34/rolled_back")


def test_lengths_of_time_are_written_as_in_files() -> None:
    """Hours and minutes where they are whole, else seconds rounded up."""
    assert [span(s) for s in (0.2, 59, 60, 90, 600, 3600, 5400)] == [
        "1s",
        "59s",
        "1m",
        "90s",
        "10m",
        "1h",
        "90m",
    ]


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
    assert line("x" * 1000, 20) == "xxxx … (shortened)".rjust(20, "x")
    assert line("\u200b" * 1000, 20) == " … (shortened)"
    assert line(" a  b ", 20) == "a b"


def test_evidence_is_put_into_words() -> None:
    """Too few samples show how many are wanted; no window shows none; failures come first."""
    assert samples(Evidence(limit="", samples=12, min_samples=60)) == "12 of 60 samples"
    assert window(Evidence(limit="")) == ""
    assert window(Evidence(limit="", window_start=T0)) == ""
    ordered = worst_first([_verdict(o) for o in (Outcome.PASS, Outcome.NO_DATA, Outcome.FAIL)])
    assert [v.outcome for v in ordered] == [Outcome.FAIL, Outcome.NO_DATA, Outcome.PASS]
