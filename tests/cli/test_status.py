"""`guardian rollout list`, `status` and `history`, and freezes, from the journal alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Timer

import pytest

from guardian.core.rollout.entries import (
    Cause,
    Completed,
    Entry,
    Held,
    HoldReason,
    PrimaryConfirmed,
    RollbackConfirmed,
    RollbackStarted,
)
from tests.cli.journaled import SERVICE, Desk
from tests.contracts.journal_values import VERDICT, freeze, look, plan
from tests.recorded import checked


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A folder with an empty journal."""
    made = Desk(tmp_path)
    yield made
    made.journal.close()


def finished(desk: Desk, rollout: str = "r1") -> None:
    """A rollout that has completed, driven by nobody any more."""
    driving = desk.begin(rollout, steps=plan("x").steps[:1], criteria=())
    now = desk.clock.now()
    driving.put(Completed(at=now, verdicts=(VERDICT,)), PrimaryConfirmed(at=now))
    driving.leave()


# --- status ------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("status",), ("list", "--all"), ("history",)])
def test_a_damaged_rollout_hides_no_other(desk: Desk, words: tuple[str, ...]) -> None:
    """The others are shown; it is named, and the exit code says that something is missing."""
    desk.begin()
    other = desk.begin("r2", service="billing", target="lambda_alias:1:us-east-1:billing:live")
    other.put(Held(at=desk.clock.now(), why=HoldReason.PERSON, detail="by eve", actor="eve"))
    with closing(sqlite3.connect(desk.path)) as file, file:
        file.execute("UPDATE rollouts SET seq = 9 WHERE id = 'r2'")
    ran = desk.run("rollout", *words)
    assert ran.code == 8
    assert "step 1 of 2, 42 at 10%" in ran.out
    assert "r2" in ran.err
    assert "cannot be trusted" in ran.err


def test_the_status_says_all_that_the_journal_knows(desk: Desk) -> None:
    """Where it is, why it is held, by whom, who drives it, what waits, what was judged."""
    driving = desk.begin()
    now = desk.clock.now()
    driving.put(
        Held(at=now, why=HoldReason.PERSON, detail="hold by eve", verdicts=(VERDICT,), actor="eve")
    )
    desk.run("rollout", "resume", SERVICE, "--no-wait", "--reason", "all is well")
    desk.journal.freeze(freeze("*", until=now + 3600))
    ran = desk.run("rollout", "status")
    assert ran.code == 0, ran.err
    for said in (
        "agents-api: held, step 1 of 2, 42 at 10%",
        "r1 on lambda_alias:333333333333:us-east-1:agents-api:live",
        "41 stable, 42 canary",
        "held      person by eve since",
        "frozen    until",
        "driven by ada@ci pid 7",
        "resume waits since",
        "all is well",
        "error-rate fail: 91 of 1000 requests failed",
        "version 42 at 10%, read back",
    ):
        assert said in ran.out, ran.out


def test_a_status_is_one_document_for_programs(desk: Desk) -> None:
    """With schema, time, and what a page needs; no verdict is made up."""
    driving = desk.begin()
    ran = desk.run("rollout", "status", SERVICE, "-o", "json")
    found = ran.record()
    assert found["schema"] == "guardian/v1/rollouts"
    assert found["time"].endswith("Z")
    (one,) = found["rollouts"]
    assert (one["service"], one["rollout"], one["phase"]) == (SERVICE, "r1", "baking")
    assert (one["step"], one["steps"], one["weight"], one["live"]) == (1, 2, 0.1, True)
    assert (one["driver"], one["exit_code"], one["judged_at"]) == ("ada@ci pid 7", None, None)
    assert [entry["event"] for entry in one["entries"]][-1] == "weight_confirmed"
    driving.leave()
    lines = desk.run("rollout", "status", "r1", "-o", "jsonl").out.splitlines()
    assert [checked(line)["driver"] for line in lines] == [None]


def test_an_orphan_is_seen_and_the_way_out_named(desk: Desk) -> None:
    """Nobody drives it."""
    desk.begin().leave()
    ran = desk.run("rollout", "status")
    assert "driven by nobody; `guardian rollout recover agents-api`" in ran.out


def test_what_is_over_has_a_status_too(desk: Desk) -> None:
    """A service without a live rollout shows its last one; a service without any says so."""
    desk.configure()
    finished(desk)
    ran = desk.run("rollout", "status", SERVICE, "billing")
    assert ran.code == 0, ran.err
    assert "agents-api: completed, 42 at 10%" in ran.out
    assert "driven by" not in ran.out
    assert "billing: no rollout so far" in ran.out
    assert "nothing is live" in desk.run("rollout", "status").out


def test_a_service_that_nothing_knows_is_refused(desk: Desk) -> None:
    """Exit 3 with those there are, in every command that shows."""
    desk.configure()
    for words in (["status", "agent-api"], ["list", "agent-api"], ["history", "agent-api"]):
        ran = desk.run("rollout", *words)
        assert ran.code == 3, words
        assert "agent-api" in ran.err
    assert "there are agents-api, billing" in desk.run("rollout", "status", "agent-api").err


def test_staying_shows_each_change_and_ends_with_the_rollout(desk: Desk) -> None:
    """A line a change where there is no terminal; the exit code is the outcome's."""
    driving = desk.begin(criteria=())
    now = desk.clock.now()
    moves: list[tuple[float, Entry]] = [
        (0.4, Held(at=now, why=HoldReason.PERSON, detail="wait", actor="eve")),
        (0.9, RollbackStarted(at=now, cause=Cause.ABORTED, detail="no", actor="eve")),
        (1.4, RollbackConfirmed(at=now, by_guardian=True, detail="41 100%")),
    ]
    timers = [Timer(after_s, driving.put, [entry]) for after_s, entry in moves]
    for timer in timers:
        timer.start()
    ran = desk.run("rollout", "status", "-w")
    for timer in timers:
        timer.join()
    assert ran.code == 4, ran.err
    said = [line.split("agents-api: ")[1] for line in ran.out.splitlines()]
    assert said == [
        "version 42 at 10%, read back",
        "held (person): wait",
        "rollback to 41 100% (aborted): no",
        "rolled back: 41 100%",
    ]


def test_the_newest_look_is_shown_while_it_is_live(desk: Desk) -> None:
    """Who drives it judges at each poll; whoever asks need not wait for the next entry."""
    desk.begin()
    at = desk.clock.now()
    desk.journal.show([look("r1", at=at)])
    ran = desk.run("rollout", "status")
    assert "waiting for the next step" in ran.out
    assert "error-rate 5.0% pass" in ran.out
    (record,) = desk.run("rollout", "status", "-o", "json").record()["rollouts"]
    assert [v["verdict"] for v in record["verdicts"]] == ["pass"]


def test_staying_has_no_single_document(desk: Desk) -> None:
    """Changes are records, a line each."""
    desk.begin()
    assert desk.run("rollout", "status", "-w", "-o", "json").code == 2


# --- list and history --------------------------------------------------------------------------


def test_the_list_shows_what_is_live_and_on_request_all(desk: Desk) -> None:
    """Of one service or of all."""
    desk.configure()
    assert desk.run("rollout", "list").out == "no rollouts\n"
    finished(desk)
    desk.begin("r2")
    desk.begin("r3", service="billing", target="another")
    ids = [one["rollout"] for one in desk.run("rollout", "list", "-o", "json").record()["rollouts"]]
    assert ids == ["r2", "r3"]
    assert "r3" not in desk.run("rollout", "list", SERVICE).out
    every = desk.run("rollout", "list", "--all").out
    assert [name in every for name in ("r1", "r2", "r3")] == [True, True, True]
    assert desk.run("rollout", "list", "billing").code == 0


def test_history_lists_past_rollouts(desk: Desk) -> None:
    """Newest first, with how each stands, of one service or of all."""
    desk.configure()
    finished(desk)
    desk.begin("r2")
    ran = desk.run("rollout", "history", SERVICE)
    assert ran.code == 0, ran.err
    assert ran.out.index("r2") < ran.out.index("r1")
    assert "version 42 is the primary version, read back" in ran.out
    found = desk.run("rollout", "history", "--limit", "1", "-o", "json").record()
    assert found["schema"] == "guardian/v1/rollouts"
    assert [one["rollout"] for one in found["rollouts"]] == ["r2"]
    assert desk.run("rollout", "history", "billing").out == "no rollouts so far\n"


def test_history_of_one_rollout_is_its_entries(desk: Desk) -> None:
    """Times, actors, reasons; whole for programs."""
    driving = desk.begin(reason="release 7")
    held = Held(at=desk.clock.now(), why=HoldReason.PERSON, detail="hold by eve: why", actor="eve")
    driving.put(held)
    for words in (["r1"], ["--rollout", "r1"]):
        ran = desk.run("rollout", "history", *words)
        assert ran.code == 0, ran.err
        assert "rollout of version 42, stable 41: release 7  [ada]" in ran.out
        assert "held (person): hold by eve: why" in ran.out
    found = desk.run("rollout", "history", "r1", "-o", "json").record()
    assert [entry["seq"] for entry in found["entries"]] == [1, 2, 3, 4]
    assert found["entries"][3]["actor"] == "eve"
    assert found["entries"][0]["entry"]["plan"]["canary"] == "42"
    assert desk.run("rollout", "history", "--rollout", SERVICE).code == 3
    assert desk.run("rollout", "history", SERVICE, "--rollout", "r1").code == 2


# --- freezes -----------------------------------------------------------------------------------


def test_a_freeze_is_recorded_with_its_reason(desk: Desk) -> None:
    """For a time from now, replaced by the next one, until it is ended."""
    desk.configure()
    ran = desk.run("freeze", SERVICE, "--until", "2h", "--reason", "the sale")
    assert ran.code == 0, ran.err
    (left,) = desk.journal.freezes()
    assert (left.scope, left.reason, left.rollbacks_too) == (SERVICE, "the sale", False)
    assert 7190 < left.until - desk.clock.now() <= 7200
    desk.run("freeze", SERVICE, "--until", "1h", "--reason", "again", "--rollbacks-too")
    assert "rollbacks too, by" in desk.run("freeze", "--list").out
    assert desk.run("unfreeze", SERVICE).out == "nothing is frozen\n"
    again = desk.run("unfreeze", SERVICE)
    assert (again.code, "was not frozen" in again.err) == (0, True)


def test_everything_can_be_frozen(desk: Desk) -> None:
    """Also services that come later; freezes of single services stay when it ends."""
    desk.configure()
    desk.run("freeze", "--all", "--until", "1d", "--reason", "holidays")
    desk.run("freeze", "billing", "--until", "1d", "--reason", "audit")
    found = desk.run("freeze", "--list", "-o", "json").record()
    assert [(f["scope"], f["in_force"]) for f in found["freezes"]] == [
        ("*", True),
        ("billing", True),
    ]
    assert found["schema"] == "guardian/v1/freezes"
    desk.run("unfreeze", "--all")
    assert [f.scope for f in desk.journal.freezes()] == ["billing"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ([SERVICE, "--until", "2h"], 2),
        ([SERVICE, "--reason", "x"], 2),
        ([SERVICE, "--until", "0s", "--reason", "x"], 2),
        (["--until", "2h", "--reason", "x"], 2),
        ([SERVICE, "--all", "--until", "2h", "--reason", "x"], 2),
        (["--list", SERVICE], 2),
        (["agent-api", "--until", "2h", "--reason", "x"], 3),
    ],
)
def test_a_freeze_that_would_freeze_nothing_is_refused(
    desk: Desk, words: list[str], code: int
) -> None:
    """A name that nobody knows, no end, no reason."""
    desk.configure()
    assert desk.run("freeze", *words).code == code
    assert desk.journal.freezes() == []


def test_a_freeze_whose_time_is_over_is_listed_and_not_in_force(desk: Desk) -> None:
    """Status does not show it."""
    desk.begin()
    over = replace(freeze(SERVICE), until=desk.clock.now() - 1)
    desk.journal.freeze(over)
    assert "(over)" in desk.run("freeze", "--list").out
    assert "frozen" not in desk.run("rollout", "status").out


def test_the_history_tells_a_breach_from_an_abort(desk: Desk) -> None:
    """Why it went back, who wanted it, and how long it took."""
    endings = {}
    for rollout, cause, actor in (("r1", Cause.BREACH, None), ("r2", Cause.ABORTED, "eve")):
        driving = desk.begin(rollout, criteria=())
        now = desk.clock.now()
        driving.put(
            RollbackStarted(at=now + 60, cause=cause, detail="it hurts", actor=actor),
            RollbackConfirmed(at=now + 68, by_guardian=True, detail="read back: 41 100%"),
        )
        driving.leave()
        endings[rollout] = desk.run("rollout", "history", SERVICE, "--limit", "1").out
    assert "(breach: it hurts)" in endings["r1"]
    assert "(aborted by eve: it hurts)" in endings["r2"]
    assert "traffic was back 8s after the decision" in endings["r1"]
    assert "1m 8s after it began" in endings["r1"]


def test_an_order_for_a_service_without_a_rollout_says_so(desk: Desk) -> None:
    """The file knows it, even though the journal does not yet."""
    desk.configure()
    ran = desk.run("rollout", "promote", "billing")
    assert ran.code == 3
    assert "billing has had no rollout so far" in ran.err
    assert "no service called" not in ran.err
