"""What people hear of approvals, freezes, incidents, waivers, warnings, stuck promotions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guardian.core.model import OnFail
from guardian.core.notices import Event, Notice, Severity
from guardian.core.plan import Approval, Unapproved
from guardian.core.rollout.entries import (
    Approved,
    Cause,
    Held,
    HoldReason,
    PrimaryConfirmed,
    PromotionStuck,
    Resumed,
    RollbackStarted,
    Superseded,
    Waived,
    Warned,
    WeightConfirmed,
)
from guardian.core.traffic import FULL
from guardian.core.verdict import Outcome
from guardian.messages.table import quarantined, routing_events, unguarded
from tests.core.rollouts import ALARMS, CAREFUL
from tests.messages.tellings import (
    AT_FULL,
    AT_TEN,
    BACK,
    BLIND,
    DONE,
    PLAN,
    STEP_0,
    STEP_1,
    STUCK_1,
    T0,
    WATCH,
    a_verdict,
    key,
    last,
    state,
)

ASKS = replace(PLAN, approvals=(Approval(before_step=0), Approval(before_step=1)))
AT = T0 + 300
OPEN = replace(a_verdict(), criterion="p0-incident", outcome=Outcome.INCONCLUSIVE)


def hold(why: HoldReason, actor: str | None = None) -> Held:
    """A hold for a reason."""
    return Held(at=AT, why=why, detail="as it is", actor=actor)


def pages(told: Notice) -> list[tuple[str, Severity]]:
    """The pages that are opened."""
    return [(p.key, p.severity) for p in told.pages]


def test_a_wait_for_an_approval_says_what_until_when_and_how() -> None:
    """The weight, the end, the command."""
    told = last(STEP_0, AT_TEN, hold(HoldReason.APPROVAL), plan=ASKS)
    assert told.title == "agents-api: version 42 at 10% waits for an approval of 100%"
    assert "Without an approval it is rolled back at 2026-09-22 14:18 UTC." in told.did
    assert "`guardian rollout approve agents-api` agrees to 100%" in told.todo
    assert told.pages == ()
    first = last(hold(HoldReason.APPROVAL), plan=ASKS)
    assert "Without an approval it is cancelled" in first.did
    assert "Nothing has moved yet." in first.did
    patient = replace(ASKS, approvals=(Approval(before_step=0, on_timeout=Unapproved.HOLD),))
    assert "waits for as long as it takes" in last(hold(HoldReason.APPROVAL), plan=patient).did


def test_an_approval_names_who_gave_it() -> None:
    """Early or asked for."""
    agreed = Approved(at=AT, step=1, actor="bob", detail="approve by bob: looks good")
    told = last(STEP_0, AT_TEN, hold(HoldReason.APPROVAL), agreed, plan=ASKS)
    assert told.title == "agents-api: step 2 of 2 (100%) was approved by bob"
    assert told.event is Event.RESUMED


def test_a_freeze_says_that_it_ends_by_itself_and_how_to_go_back() -> None:
    """It informs; a person can still take back."""
    told = last(STEP_0, AT_TEN, hold(HoldReason.FREEZE))
    assert told.title == "agents-api: held at 10% by a freeze"
    assert "It goes on by itself when the freeze is over" in told.todo
    assert "`guardian unfreeze` ends the freeze before that" in told.todo
    assert "`guardian rollout abort agents-api` goes back in spite of a freeze" in told.todo
    assert (told.event, told.pages) == (Event.HELD, ())


def test_a_breach_that_a_freeze_keeps_pages_whoever_hears_of_stuck_rollbacks() -> None:
    """Users are hurt and guardian does nothing: the worst there is to tell."""
    frozen = replace(hold(HoldReason.BREACH, "carol"), verdicts=(a_verdict(),))
    told = last(STEP_0, AT_TEN, frozen)
    assert told.title == (
        "agents-api: a breach at 10% is NOT rolled back, because of a freeze:"
        " error-rate 6.1% over 5%"
    )
    assert "version 42 KEEPS its traffic" in told.did
    assert "lets guardian roll it back" in told.todo
    assert "A hold of" not in told.did
    assert (told.event, pages(told)) == (Event.STUCK, [(key("frozen"), Severity.CRITICAL)])
    assert last(STEP_0, AT_TEN, replace(frozen, verdicts=())).title.endswith("freeze: a breach")


def test_a_rollback_that_a_freeze_stopped_pages_too() -> None:
    """Until it goes on, or a person takes it into their own hands."""
    stopped = hold(HoldReason.FREEZE, "carol")
    told = last(STEP_0, AT_TEN, BACK, stopped)
    assert told.title == "agents-api: the rollback of version 42 was stopped by a freeze"
    assert pages(told) == [(key("frozen"), Severity.CRITICAL)]
    for end in (
        Resumed(at=AT, detail="the freeze is over"),
        replace(BACK, cause=Cause.ABORTED, actor="bob"),
        hold(HoldReason.PERSON, "bob"),
        Superseded(at=AT, detail="version 43"),
    ):
        after = last(STEP_0, AT_TEN, BACK, stopped, end)
        assert key("frozen") in after.resolves
        assert Event.STUCK in routing_events(after)
    assert last(STEP_0, AT_TEN, BACK, stopped, stopped).resolves == ()


def test_a_rollback_that_a_person_stopped_says_how_it_goes_on() -> None:
    """A brake is not forgotten."""
    told = last(STEP_0, AT_TEN, BACK, hold(HoldReason.PERSON, "bob"))
    assert "stopped the rollback that was under way" in told.did
    assert "`guardian rollout resume agents-api` goes on with the rollback" in told.todo


def test_an_open_incident_says_how_a_release_that_mends_it_starts() -> None:
    """Waiting is the ordinary course."""
    entry = replace(hold(HoldReason.INCIDENT), verdicts=(OPEN,))
    told = last(entry, plan=CAREFUL)
    assert told.title == "agents-api: version 42 is not started: an incident is open"
    assert '`guardian rollout waive agents-api CRITERION --reason "…"`' in told.todo


def test_an_alarm_that_fires_is_called_one() -> None:
    """By the kind of each criterion that holds the start, and of no other one."""
    alarm = replace(OPEN, criterion=ALARMS.name)
    plan = replace(CAREFUL, criteria=(*CAREFUL.criteria, ALARMS))
    entry = replace(hold(HoldReason.INCIDENT), verdicts=(alarm,))
    told = last(entry, plan=plan)
    assert told.title == "agents-api: version 42 is not started: an alarm fires"
    assert "incident" not in told.did + told.todo
    both = last(replace(entry, verdicts=(OPEN, alarm)), plan=plan)
    assert both.title.endswith(": an incident is open and an alarm fires")


def test_a_shift_that_is_not_shown_is_not_retried_by_itself() -> None:
    """And the words say who does it; a watch asks for nothing."""
    told = last(STEP_0, BLIND)
    assert "The shift is not asked for again by itself" in told.todo
    assert "`guardian rollout retry agents-api` does that" in told.todo
    assert "retry" not in last(STEP_0, AT_TEN, BLIND).todo
    assert "retry" not in last(STEP_0, BLIND, plan=WATCH).todo


@pytest.mark.parametrize(
    ("why", "command"),
    [
        (HoldReason.PERSON, "`guardian rollout resume agents-api`"),
        (HoldReason.NO_EVIDENCE, "`guardian rollout promote agents-api`"),
        (HoldReason.CONFLICT, "`guardian rollout retry agents-api`"),
        (HoldReason.BREACH, "`guardian rollout waive agents-api CRITERION"),
    ],
)
def test_every_hold_names_the_command_that_ends_it(why: HoldReason, command: str) -> None:
    """By its reason."""
    assert command in last(STEP_0, AT_TEN, hold(why)).todo


def test_a_waiver_is_told_with_its_author() -> None:
    """Whoever reads the channel knows what no longer guards this release."""
    told = last(STEP_0, AT_TEN, Waived(at=AT, criterion="error-rate", actor="bob", detail="known"))
    assert told.title == ("agents-api: error-rate no longer counts for version 42, waived by bob")
    assert (told.event, told.pages) == (Event.WARNING, ())


def test_a_warning_shows_the_value_and_wakes_nobody() -> None:
    """Once, with its numbers."""
    warned = Warned(
        at=AT, about=("error-rate",), detail="4%", verdicts=(a_verdict(Outcome.PASS, value=0.04),)
    )
    told = last(STEP_0, AT_TEN, warned)
    assert told.title == "agents-api: warning for version 42 at 10%: error-rate 4.0%"
    assert (told.event, told.pages) == (Event.WARNING, ())
    valueless = replace(warned, verdicts=(a_verdict(value=None),))
    assert last(STEP_0, AT_TEN, valueless).title.endswith(": error-rate without a value")
    assert last(STEP_0, AT_TEN, replace(warned, verdicts=())).title.endswith(": error-rate")


def blindness() -> Warned:
    """A warning of a criterion that cannot be read."""
    unseen = a_verdict(Outcome.ERROR)
    unseen = replace(unseen, evidence=replace(unseen.evidence, blind_since=T0))
    return Warned(at=AT, about=("error-rate",), detail="AccessDenied", verdicts=(unseen,))


def test_blindness_in_a_hold_opens_the_page_of_blindness_until_the_hold_ends() -> None:
    """One key for both ways to be blind; what stays held stays paged."""
    person = hold(HoldReason.PERSON, "bob")
    told = last(STEP_0, AT_TEN, person, blindness())
    assert told.title == "agents-api: guardian is blind while version 42 is held at 10%: error-rate"
    assert (told.event, pages(told)) == (Event.BLIND, [(key("blind"), Severity.ERROR)])
    waived = Waived(at=AT, criterion="error-rate", actor="bob")
    assert last(STEP_0, AT_TEN, person, blindness(), waived).resolves == ()
    ended = last(STEP_0, AT_TEN, person, blindness(), Resumed(at=AT, detail="", actor="bob"))
    assert ended.resolves == (key("blind"),)


def test_blindness_of_what_only_notifies_or_outside_of_a_hold_wakes_nobody() -> None:
    """A warning like any other."""
    assert pages(last(STEP_0, AT_TEN, blindness())) == []
    quiet = replace(PLAN, criteria=(replace(PLAN.criteria[0], on_fail=OnFail.NOTIFY),))
    person = hold(HoldReason.PERSON, "bob")
    assert last(STEP_0, AT_TEN, person, blindness(), plan=quiet).event is Event.WARNING


def test_a_promotion_that_hangs_pages_until_it_is_read_back() -> None:
    """The confirmation is then told too, to whoever was woken."""
    stuck = PromotionStuck(at=AT, detail="AccessDenied; found 41 0%, 42 100%")
    done = (STEP_0, AT_TEN, STEP_1, AT_FULL, DONE)
    told = last(*done, stuck)
    assert (told.event, pages(told)) == (Event.STUCK, [(key("promotion"), Severity.ERROR)])
    assert "the promotion of version 42 is NOT confirmed after 60 seconds" in told.title
    for end in (
        PrimaryConfirmed(at=AT),
        Superseded(at=AT, detail="version 43"),
        RollbackStarted(at=AT, cause=Cause.ABORTED, detail="", actor="bob"),
    ):
        assert last(*done, stuck, end).resolves == (key("promotion"),)
    confirmed = last(*done, stuck, PrimaryConfirmed(at=AT))
    assert confirmed.title == "agents-api: version 42 is the primary version now"
    assert routing_events(confirmed) == {Event.COMPLETED, Event.STUCK}


def test_a_rollout_that_nobody_drives_pages_with_the_reason_and_both_ways_out() -> None:
    """Put right why it is left alone, or take it back by hand."""
    told = unguarded(state(STEP_0, AT_TEN), "service agents-api is not configured here", AT)
    assert (told.event, pages(told)) == (Event.STUCK, [(key("unguarded"), Severity.CRITICAL)])
    ids = [told.id, quarantined(state(STEP_0, AT_TEN), "x", AT).id]
    assert ids == [f"{told.rollout}/3/unguarded", f"{told.rollout}/3/quarantined"]
    assert last(STEP_0, AT_TEN).id == f"{told.rollout}/3"
    assert told.title.startswith("agents-api: nobody guards version 42")
    assert "Reason: service agents-api is not configured here." in told.did
    assert "`guardian rollback agents-api --to 41` does it" in told.todo


def test_a_rollout_that_is_put_aside_pages_with_the_command_that_finishes_it() -> None:
    """With an id beside every entry's; no page of others is touched."""
    told = quarantined(state(STEP_0, AT_TEN, BACK, STUCK_1), "IllegalEntry: Held is impossible", AT)
    assert told.id == f"{told.rollout}/5/quarantined"
    assert told.at == T0 + 300
    assert (told.event, pages(told)) == (Event.STUCK, [(key("quarantined"), Severity.CRITICAL)])
    assert "Reason: IllegalEntry: Held is impossible." in told.did
    assert "`guardian rollback agents-api --to 41` puts version 41 back" in told.todo
    assert (told.final, told.change, told.resolves) == (False, False, ())
    assert quarantined(state(STEP_0, AT_TEN), "x", T0 - 99).at == T0 + 2


def test_a_held_watch_offers_no_promotion() -> None:
    """It has no step to take."""
    at_full = WeightConfirmed(at=T0, weight=FULL)
    told = last(STEP_0, at_full, hold(HoldReason.NO_EVIDENCE), plan=WATCH)
    assert "promote" not in told.todo
