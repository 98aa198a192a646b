"""What guardian tells of itself: to whom, under which key, and when it is over."""

from __future__ import annotations

from dataclasses import replace

from guardian.core.notices import Event, Page, Severity
from guardian.core.traffic import Stamp, Traffic, Weight
from guardian.messages.about_guardian import (
    files_refused,
    files_right,
    files_wrong,
    journal_right,
    journal_unusable,
    journal_wrong,
    metrics_unserved,
    orphan,
    orphan_over,
    receiver_refuses,
    receiver_takes,
    unreadable,
)
from guardian.messages.table import routing_events
from tests.core.builders import T0

WHY = "rules/production.yaml:12:5: unknown key 'treshold'\n    12 | treshold: 5%\n       | ^"


def test_a_start_with_wrong_files_is_a_page() -> None:
    """It says what is guarded all the same, and the first thing that is wrong."""
    told = files_wrong("production", WHY, T0)
    (page,) = told.pages
    assert (page.key, page.severity) == ("guardian/production/files", Severity.ERROR)
    assert (told.own, told.service, told.event) == (True, "guardian", Event.STUCK)
    assert "rules/production.yaml:12:5: unknown key 'treshold'" in told.did
    assert "^" not in told.did


def test_a_start_without_metrics_is_a_lesser_page() -> None:
    """What is live is guarded; only nobody can see it by them."""
    told = metrics_unserved("production", "another program listens there already", T0)
    (page,) = told.pages
    assert (page.key, page.severity) == ("guardian/production/metrics", Severity.WARNING)
    assert "another program listens there already" in told.did


def test_a_live_rollout_that_cannot_be_read_back_is_a_page_of_its_own() -> None:
    """Nobody knows what it moved: somebody has to look at once."""
    told = unreadable("production", "agents-api", "r-1", "its hashes do not fit", T0)
    (page,) = told.pages
    assert (page.key, page.severity) == ("guardian/production/unreadable-r-1", Severity.CRITICAL)
    assert "agents-api" in told.title
    assert "`guardian rollback agents-api --to VERSION`" in told.todo


def test_new_files_that_are_wrong_are_a_lesser_page_of_the_same_key() -> None:
    """Nothing is lost while the process runs."""
    told = files_refused("production", WHY, T0)
    (page,) = told.pages
    assert (page.key, page.severity) == ("guardian/production/files", Severity.WARNING)
    assert "stay in force" in told.title


def test_files_that_are_right_again_end_the_page() -> None:
    """And whoever was paged hears of it."""
    told = files_right("production", T0 + 60)
    assert told.pages == ()
    assert told.resolves == ("guardian/production/files",)
    assert routing_events(told) == {Event.RESUMED, Event.STUCK}


def test_a_journal_that_cannot_be_used_is_a_page_and_worse_before_anything_was_read() -> None:
    """At the start nothing is guarded; later what is driven goes back all the same."""
    start = journal_unusable("production", "the disk is full", T0)
    later = journal_wrong("production", "the disk is full", T0)
    assert [p.severity for p in (*start.pages, *later.pages)] == [Severity.CRITICAL, Severity.ERROR]
    assert {p.key for p in (*start.pages, *later.pages)} == {"guardian/production/journal"}
    assert journal_right("production", T0).resolves == ("guardian/production/journal",)


def test_a_canary_that_the_journal_does_not_know_is_a_page_of_its_rollout() -> None:
    """Whichever of the two versions is primary; its end names the same key."""
    stamp = Stamp(rollout="r1", epoch=2, stable="41")
    split = Traffic(primary="41", secondary="42", weight=Weight.percent(10))
    for traffic, weight in ((split, "10%"), (Traffic(primary="42"), "100%")):
        told = orphan("production", "api", target="t", traffic=traffic, stamp=stamp, now=T0)
        assert (told.canary, str(told.weight), told.stable) == ("42", weight, "41")
        assert [page.key for page in told.pages] == ["guardian/production/api/r1/orphan"]
        over = orphan_over(told, T0 + 60)
        assert (over.pages, over.resolves) == ((), ("guardian/production/api/r1/orphan",))


def test_a_notifier_that_refuses_pages_is_a_page_for_the_others_until_it_takes_them() -> None:
    """With what it says, and the first page that it refused."""
    paging = Page(key="guardian/production/agents-api/r1/stuck", severity=Severity.CRITICAL)
    stuck = replace(files_right("production", T0), pages=(paging,), title="the rollback is stuck")
    told = receiver_refuses("pagerduty", stuck, "HTTP 403: the key is unknown.", T0)
    (page,) = told.pages
    assert (page.key, page.severity) == ("guardian/production/receiver-pagerduty", Severity.ERROR)
    assert told.own
    assert "the rollback is stuck" in told.did
    assert "HTTP 403: the key is unknown." in told.did
    over = receiver_takes("pagerduty", "production", T0)
    assert (over.pages, over.resolves) == ((), (page.key,))


def test_a_notifier_that_refuses_messages_wakes_nobody() -> None:
    """They only inform."""
    message = replace(files_right("production", T0), resolves=())
    told = receiver_refuses("slack", message, "the channel is gone", T0)
    assert (told.event, told.vital) == (Event.WARNING, False)
    assert "slack refuses guardian's messages" in told.title
