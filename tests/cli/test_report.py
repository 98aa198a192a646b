"""`guardian report`: of a real rollback, and from a journal alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guardian.core.rollout.entries import Cause, RollbackConfirmed, RollbackStarted
from guardian.sim.simulated_traffic import Behaviour
from tests.cli.journaled import SERVICE as AGENTS
from tests.cli.journaled import Desk
from tests.cli.stage import SERVICE, Stage, stage
from tests.contracts.journal_values import VERDICT
from tests.recorded import checked

START = ("rollout", "start", SERVICE, "--wait", "--rollback-timeout", "10h", "--to", "42")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A folder with an empty journal."""
    made = Desk(tmp_path)
    yield made
    made.journal.close()


def taken_back(desk: Desk, rollout: str) -> None:
    """A rollout that was rolled back."""
    driving = desk.begin(rollout, reason="<b>release</b> 7")
    now = desk.clock.now()
    driving.put(
        RollbackStarted(at=now, cause=Cause.BREACH, detail="9.1%", verdicts=(VERDICT,)),
        RollbackConfirmed(at=now + 2, by_guardian=True, detail="41 100%"),
    )
    driving.leave()


# --- a process of its own, on a real rollback --------------------------------------------------


def _document(s: Stage, *words: str) -> Any:
    ended = s.run("report", SERVICE, "-o", "json", *words)
    assert ended.code == 0, ended.err
    return checked(ended.out)


def test_a_rolled_back_release_is_explained(tmp_path: Path) -> None:
    """The breach, its criterion, value, limit, samples, queries, times, and who was told."""
    with stage(tmp_path) as s:
        s.behave("42", Behaviour(failure_rate=0.3))
        driven = s.run(*START)
        assert driven.code == 4, driven.out + driven.err
        over = s.clock.now()
        s.wait_for("all minutes to settle", lambda: s.clock.now() > over + 600)
        found = _document(s)
        by_event = {one["event"]: one for one in found["decisions"]}
        back = by_event["rollback_started"]
        failed = [v for v in back["verdicts"] if v["verdict"] == "fail"]
        assert found["decisive"] == back["seq"]
        assert [v["criterion"] for v in failed] == ["error-rate"]
        seen = failed[0]
        assert (failed[0]["limit"], seen["log_e"] > seen["log_e_limit"]) == ("above 5%", True)
        assert failed[0]["number"] > failed[0]["limit_number"] == 0.05
        told = by_event["rollback_confirmed"]["told"]
        assert (told["event"], told["to"]) == ("rolled_back", ["slack", "pagerduty"])
        (criterion,) = [c for c in found["criteria"] if c["criterion"] == "error-rate"]
        assert {q["stat"] for q in criterion["queries"]} == {"Sum"}
        assert {tuple(map(tuple, q["dimensions"])) for q in criterion["queries"]} == {
            (("Version", "42"),)
        }
        assert any(p["over"] and p["samples"] > 0 for p in criterion["values"])
        assert criterion["evidence"]
        assert any(one["datapoints"] for one in found["series"])
        assert [w["weight"] for w in found["weights"]] == [0.0, 0.1, 0.0]
        text = s.run("report", found["rollout"]).out
        for said in (
            f"error-rate failed: {failed[0]['value']}",
            "fails above 5%",
            f"{seen['samples']} (of {seen['min_samples']} needed)",
            "Version=42",
            by_event["weight_confirmed"]["time"][11:19],
            by_event["rollback_confirmed"]["time"][11:19],
            "slack, pagerduty",
        ):
            assert said in text, said
        page = tmp_path / "why.html"
        ended = s.run("report", SERVICE, "--to", str(page))
        assert (ended.code, ended.out) == (0, ""), ended.err
        written = page.read_text(encoding="utf-8")
        assert len(written.encode()) < 500_000
        assert written.count("<svg") >= 3
        assert "https:" not in written


def test_without_aws_the_report_is_made_from_the_journal(tmp_path: Path) -> None:
    """And says so; the verdicts are all there."""
    with stage(tmp_path) as s:
        s.behave("42", Behaviour(failure_rate=0.3))
        assert s.run(*START).code == 4
        nowhere = "http://127.0.0.1:9"
        ended = s.run("report", SERVICE, "-o", "markdown", AWS_ENDPOINT_URL=nowhere)
        assert ended.code == 0, ended.err
        assert "made from the journal alone" in ended.err
        assert "made from the journal alone" in ended.out
        assert "error-rate failed" in ended.out
        found = _document(s, "--no-metrics")
        assert found["metrics"]["read"] is False
        assert "--no-metrics" in found["metrics"]["missing"]


# --- from a journal ----------------------------------------------------------------------------


def test_a_service_stands_for_its_newest_rollout(desk: Desk) -> None:
    """An id is that rollout, with no config file at all."""
    taken_back(desk, "r1")
    taken_back(desk, "r2")
    assert checked(desk.run("report", AGENTS, "-o", "json").out)["rollout"] == "r2"
    ran = desk.run("report", "r1", "-o", "json")
    assert (ran.code, checked(ran.out)["rollout"]) == (0, "r1")
    assert "made from the journal alone" in ran.err
    assert {one["told"]["to"] for one in checked(ran.out)["decisions"] if one["told"]} == {None}


def test_what_nothing_knows_is_refused_with_what_there_is(desk: Desk) -> None:
    """Exit 3; a configured service without a rollout is told apart from a wrong name."""
    assert desk.run("report", "agent-api").code == 3
    desk.configure()
    taken_back(desk, "r1")
    ran = desk.run("report", "agent-api")
    assert ran.code == 3
    assert "called agent-api; there are agents-api, billing, r1" in ran.err
    ran = desk.run("report", "billing")
    assert (ran.code, "billing has no rollout" in ran.err) == (3, True)


def test_a_report_goes_into_a_file_whole_or_not_at_all(desk: Desk) -> None:
    """The ending says the form; what cannot be written is a sentence, and the old file stays."""
    taken_back(desk, "r1")
    for name, begins in (("a.html", "<!DOCTYPE"), ("a.md", "# "), ("a.json", "{"), ("a", "agents")):
        ran = desk.run("report", "r1", "--to", name)
        assert (ran.code, ran.out) == (0, ""), ran.err
        assert (desk.folder / name).read_text(encoding="utf-8").startswith(begins)
    assert desk.run("report", "r1", "-o", "json", "--to", "a.md").code == 0
    json.loads((desk.folder / "a.md").read_text(encoding="utf-8"))
    (desk.folder / "folder").mkdir()
    for wrong in ("folder", "nowhere/a.html"):
        ran = desk.run("report", "r1", "--to", wrong)
        assert ran.code == 2
        assert f"--to {wrong}: no file can be written there" in ran.err
    assert [p.name for p in desk.folder.glob(".guardian-*")] == []
    assert "<b>" not in (desk.folder / "a.html").read_text(encoding="utf-8")
