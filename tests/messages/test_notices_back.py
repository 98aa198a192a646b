"""What people hear of rollbacks, ends and other people's hands; and the words it is told in."""

from __future__ import annotations

from dataclasses import replace

from guardian.core import reasons
from guardian.core.notices import Event, Severity
from guardian.core.plan import Drive
from guardian.core.reasons import window
from guardian.core.rollout.entries import (
    Cancelled,
    Cause,
    GateFailed,
    Held,
    HoldReason,
    Resumed,
    RolloutStarted,
    Superseded,
    WeightConfirmed,
)
from guardian.core.rollout.machine import apply, start
from guardian.core.traffic import FULL, NONE
from guardian.core.verdict import Evidence, Outcome
from guardian.core.wording import span
from guardian.messages.page_keys import page_key
from guardian.messages.phrases import take_back
from guardian.messages.table import notice, routing_events
from guardian.messages.verdict_lines import line, worst_first
from tests.messages.tellings import (
    AT_FULL,
    AT_TEN,
    BACK,
    BLIND,
    CONFIRMED,
    DONE,
    GATE,
    PLAN,
    STEP_0,
    STEP_1,
    STUCK_1,
    STUCK_2,
    T0,
    TARGET,
    WATCH,
    a_verdict,
    key,
    last,
    state,
)


def test_a_stuck_rollback_pages_twice_under_two_keys() -> None:
    """Critical after a minute and again after five, so that a lost first page is made up for."""
    first = last(STEP_0, AT_TEN, BACK, STUCK_1)
    second = last(STEP_0, AT_TEN, BACK, STUCK_1, STUCK_2)
    assert [(p.key, p.severity) for p in first.pages] == [(key("stuck"), Severity.CRITICAL)]
    assert [(p.key, p.severity) for p in second.pages] == [(key("stuck-2"), Severity.CRITICAL)]
    assert "NOT confirmed after 60 seconds" in first.title
    assert "NOT confirmed after 5 minutes" in second.title
    assert TARGET in first.todo


def test_the_confirmed_rollback_pages_a_warning_and_closes_the_stuck_pages() -> None:
    """The stuck pages that were opened are resolved, and no others."""
    calm = last(STEP_0, AT_TEN, BACK, CONFIRMED)
    assert [(p.key, p.severity) for p in calm.pages] == [(key("rolled_back"), Severity.WARNING)]
    assert calm.resolves == ()
    one = last(STEP_0, AT_TEN, BACK, STUCK_1, CONFIRMED)
    assert one.resolves == (key("stuck"),)
    both = last(STEP_0, AT_TEN, BACK, STUCK_1, STUCK_2, CONFIRMED)
    assert both.resolves == (key("stuck"), key("stuck-2"))


def test_only_what_a_rollout_gave_traffic_is_to_be_tried_again_by_one() -> None:
    """What somebody else deployed may be nothing that a rollout starts with: `$LATEST`."""
    assert "--to 42 --again --reason" in last(STEP_0, AT_TEN, BACK, CONFIRMED).todo
    assert "--again" not in last(STEP_0, BACK, CONFIRMED, plan=WATCH).todo
    by_hand = replace(PLAN, drive=Drive.ROLLBACK, canary="$LATEST", steps=())
    assert "--again" not in last(BACK, CONFIRMED, plan=by_hand).todo


def test_after_a_rollback_people_learn_what_cloudformation_still_believes() -> None:
    """The stack still names the canary, and its next deploy may put it back."""
    told = last(STEP_0, AT_TEN, BACK, CONFIRMED)
    assert "What deployed version 42 was not told" in told.todo
    assert "still names it" in told.todo
    assert "CloudFormation" not in told.todo
    assert "14:16 UTC: error-rate 6.1% over 5%" in told.did
    assert told.weight == NONE
    assert told.verdicts == (a_verdict(),)


def test_a_rollback_by_somebody_else_informs_without_a_page() -> None:
    """Whoever did it is awake already."""
    told = last(STEP_0, AT_TEN, BACK, replace(CONFIRMED, by_guardian=False))
    assert told.pages == ()
    assert "was rolled back by somebody else" in told.title
    assert "page stays open" not in told.todo


def test_what_was_never_moved_was_rolled_back_by_nobody() -> None:
    """A shift that was never read back, and the stable traffic: nobody did anything."""
    told = last(STEP_0, BACK, replace(CONFIRMED, by_guardian=False))
    assert "was never seen with traffic" in told.title
    assert "somebody else" not in told.title + told.did


def test_what_a_person_took_back_informs_without_a_page() -> None:
    """Whoever typed it is awake; a rollback that does not take still pages."""
    ordered = replace(BACK, cause=Cause.ABORTED, actor="bob", verdicts=())
    told = last(STEP_0, AT_TEN, ordered, CONFIRMED)
    assert (told.event, told.pages) == (Event.ROLLED_BACK, ())
    assert "ordered by bob" in told.did
    assert "page stays open" not in told.todo
    assert last(STEP_0, AT_TEN, ordered, STUCK_1).pages
    stuck = last(STEP_0, AT_TEN, ordered, STUCK_1, CONFIRMED)
    assert (stuck.pages, stuck.resolves) == ((), (key("stuck"),))


def test_a_confirmation_without_a_recorded_rollback_is_still_told() -> None:
    """A damaged past must not silence an end."""
    before = replace(
        start(RolloutStarted(at=T0, plan=PLAN)), phase=state(STEP_0, AT_TEN, BACK).phase
    )
    told = notice(before, CONFIRMED, apply(before, CONFIRMED))
    assert told is not None
    assert told.verdicts == ()


def test_a_completed_rollout_closes_the_pages_of_earlier_ones() -> None:
    """`rolled_back` stays open until a person resolves it or a later rollout completes."""
    plan = replace(PLAN, open_pages=("guardian/production/agents-api/r-1/rolled_back",))
    told = last(STEP_0, AT_TEN, STEP_1, AT_FULL, DONE, plan=plan)
    assert told.resolves == ("guardian/production/agents-api/r-1/rolled_back",)
    assert told.title == "agents-api: rollout of version 42 completed"
    assert "version 41 is kept for 24h" in told.did


def test_an_unproven_end_does_not_read_like_success() -> None:
    """What lacked evidence is named, and who ended it regardless."""
    unproven = replace(DONE, unproven=("error-rate",))
    told = last(STEP_0, AT_TEN, STEP_1, AT_FULL, unproven)
    assert told.event is Event.UNPROVEN
    assert "without enough evidence" in told.title
    assert "for want of evidence: error-rate" in told.did
    ordered = replace(unproven, actor="bob", overridden=("error-rate",))
    assert (
        "bob ended it before these had passed: error-rate"
        in last(STEP_0, AT_TEN, STEP_1, AT_FULL, ordered).did
    )


def test_the_end_of_a_watch_says_that_traffic_was_left_alone() -> None:
    """Healthy or unproven, a watch moved nothing."""
    at_full = WeightConfirmed(at=T0, weight=FULL)
    healthy = last(STEP_0, at_full, DONE, plan=WATCH)
    assert healthy.title == "agents-api: version 42 is healthy, the watch is over"
    assert healthy.todo == ""
    assert "left the traffic as it is: 42 100%" in healthy.did
    unproven = last(STEP_0, at_full, replace(DONE, unproven=("error-rate",)), plan=WATCH)
    assert unproven.title == "agents-api: the watch of version 42 ended without enough evidence"
    cancelled = last(Cancelled(at=T0, detail="leave"), plan=WATCH)
    assert cancelled.title == "agents-api: the watch of version 42 was cancelled"


def test_a_failed_gate_says_that_nothing_was_rolled_back() -> None:
    """The breach stands in the title, the decision not to act in the text."""
    told = last(STEP_0, GateFailed(at=T0, detail="x", verdicts=(a_verdict(),)), plan=GATE)
    assert told.title == "agents-api: gate failed for version 42: error-rate 6.1% over 5%"
    assert "did NOT roll back" in told.did
    assert told.pages == ()
    assert last(STEP_0, GateFailed(at=T0, detail="x"), plan=GATE).title.endswith(": a breach")


def test_a_change_by_somebody_else_pages_only_in_the_middle_of_a_rollback() -> None:
    """Otherwise it informs; in a rollback, also a stopped one, nobody else finishes the job."""
    gone = Superseded(at=T0 + 900, detail="somebody else put version 43 on it")
    assert last(STEP_0, AT_TEN, gone).pages == ()
    lost = replace(gone, gone=True)
    told = last(STEP_0, AT_TEN, lost)
    assert [page.key for page in told.pages] == [key("superseded")]
    assert f"{PLAN.target} is gone, guardian lets go" in told.title
    assert "version 42 had 10%" in told.did
    assert last(lost).pages == ()
    stopped = Held(at=T0 + 300, why=HoldReason.PERSON, detail="stop", actor="bob")
    for story in ((BACK, gone), (BACK, stopped, gone)):
        told = last(STEP_0, AT_TEN, *story)
        assert [(p.key, p.severity) for p in told.pages] == [(key("superseded"), Severity.WARNING)]
        assert "NOT finished by guardian" in told.did
    assert last(STEP_0, AT_TEN, BACK, STUCK_1, gone).resolves == (key("stuck"),)


def test_a_person_who_ordered_another_version_is_named_and_paged_for_nothing() -> None:
    """What they ordered is the next rollback, which has pages of its own."""
    ordered = Superseded(at=T0 + 900, detail="rollback to version 40 by bob.", actor="bob")
    told = last(STEP_0, AT_TEN, BACK, ordered)
    assert told.pages == ()
    assert told.title.endswith("bob ordered another version, and the rollout of version 42 ends")
    assert "rollback to version 40 by bob." in told.did


def test_a_second_rollback_first_closes_the_stuck_page_of_the_first() -> None:
    """Otherwise a quick second rollback would leave that page open for ever."""
    stopped = Held(at=T0 + 300, why=HoldReason.PERSON, detail="stop", actor="bob")
    again = replace(BACK, at=T0 + 400, cause=Cause.ABORTED, actor="bob")
    assert last(STEP_0, AT_TEN, BACK, STUCK_1, stopped, again).resolves == (key("stuck"),)


def test_a_notice_also_concerns_the_listeners_of_the_pages_it_closes() -> None:
    """A receiver that was paged for `blind` gets the `resumed` that closes its page."""
    resumed = last(STEP_0, AT_TEN, BLIND, Resumed(at=T0, detail=""))
    assert routing_events(resumed) == {Event.RESUMED, Event.BLIND}
    closed = last(STEP_0, AT_TEN, BACK, STUCK_1, CONFIRMED)
    assert routing_events(closed) == {Event.ROLLED_BACK, Event.STUCK}
    strange = replace(closed, resolves=("guardian/a/b/c/unheard-of",))
    assert routing_events(strange) == {Event.ROLLED_BACK, Event.STUCK}


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


def test_evidence_is_put_into_words() -> None:
    """Too few samples show how many are wanted; no window shows none; failures come first."""
    few = Evidence(samples=12, min_samples=60)
    told = line(replace(a_verdict(Outcome.INCONCLUSIVE), evidence=few))
    assert told.samples == "12 of 60 samples"
    assert window(Evidence()) == ""
    assert reasons.limit(Evidence()) == ""
    assert window(Evidence(window_start=T0)) == ""
    ordered = worst_first([a_verdict(o) for o in (Outcome.PASS, Outcome.NO_DATA, Outcome.FAIL)])
    assert [v.outcome for v in ordered] == [Outcome.FAIL, Outcome.NO_DATA, Outcome.PASS]


def test_where_guardian_moves_no_traffic_it_names_no_command_that_would() -> None:
    """A gate's version goes back the way it came."""
    gate = replace(GATE, restores=False, movable=False)
    words = take_back(gate)
    assert "guardian rollback" not in words
    assert "the way it was deployed" in words
