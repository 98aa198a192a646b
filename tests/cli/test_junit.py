"""`--junit FILE`: a report that every reader of JUnit takes, whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.cli import junit
from guardian.cli.run_summary import RunSummary
from guardian.core.rollout.machine import Phase
from guardian.core.verdict import Outcome
from guardian.engine.outcome import Exit
from tests.cli.stage import SERVICE, stage
from tests.core.rollouts import PLAN, criterion, in_phase, verdict

ELEMENTS = {
    Outcome.PASS: None,
    Outcome.FAIL: "failure",
    Outcome.INCONCLUSIVE: "skipped",
    Outcome.NO_DATA: "skipped",
    Outcome.ERROR: "error",
}


def run(*outcomes: Outcome, service: str = SERVICE, unjudged: int = 0) -> RunSummary:
    """A watch that ends with these verdicts, one criterion each, and criteria without one."""
    names = [f"c{number}" for number in range(len(outcomes) + unjudged)]
    plan = replace(PLAN, service=service, criteria=tuple(criterion(name) for name in names))
    seen = tuple(verdict(o, name) for o, name in zip(outcomes, names, strict=False))
    return RunSummary(rollout=in_phase(Phase.BAKING, plan=plan), exit=Exit.WAITING, seen=seen)


def written(folder: Path, *runs: RunSummary) -> ET.Element:
    """The report as a reader finds it."""
    path = folder / "report.xml"
    junit.write(path, junit.report(runs))
    return read(path)


def read(path: Path) -> ET.Element:
    """A document of ours."""
    return ET.fromstring(path.read_bytes())  # noqa: S314 - guardian wrote it a moment ago


@pytest.mark.parametrize("outcome", Outcome)
def test_each_verdict_has_its_element(tmp_path: Path, outcome: Outcome) -> None:
    """A breach is a failure; what is not known is skipped; what could not be read is an error."""
    (case,) = written(tmp_path, run(outcome)).iter("testcase")
    wanted = ELEMENTS[outcome]
    assert [child.tag for child in case] == ([wanted] if wanted else [])
    if wanted:
        assert case[0].get("message") == f"{outcome.value} for a test"
        assert "fails: above 5%" in (case[0].text or "")


def test_each_service_is_a_suite_that_counts_its_cases(tmp_path: Path) -> None:
    """Tests, failures, errors and skipped ones add up; a criterion without verdict is skipped."""
    root = written(tmp_path, run(*Outcome, unjudged=1), run(Outcome.PASS, service="b"))
    first, second = root
    assert [suite.get("name") for suite in root] == [SERVICE, "b"]
    counts = {key: first.get(key) for key in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "6", "failures": "1", "errors": "1", "skipped": "3"}
    assert len(list(first.iter("testcase"))) == 6
    assert second.get("tests") == "1"
    properties = {p.get("name"): p.get("value") for p in first.iter("property")}
    assert properties["outcome"] == "waiting"
    assert properties["exit_code"] == "7"


@given(st.text(st.characters(codec=None), max_size=60))
def test_any_text_makes_a_valid_document(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    """Control characters, half of a surrogate pair, brackets, entities: it can be read again."""
    left = run(Outcome.FAIL, service=text)
    odd = replace(left, seen=(replace(left.seen[0], why=text),))
    root = written(tmp_path_factory.mktemp("junit"), odd)
    assert root[0].get("tests") == "1"
    assert next(root.iter("failure")).get("message") is not None
    path = tmp_path_factory.mktemp("junit") / "failure.xml"
    junit.write(path, junit.failure(text))
    assert read(path)[0].get("errors") == "1"


def test_ordinary_text_comes_out_as_it_went_in(tmp_path: Path) -> None:
    """Accents, emoji and angle brackets are no reason to lose anything."""
    left = run(Outcome.FAIL)
    why = 'p95 < 10 s & "später" 🚀'
    root = written(tmp_path, replace(left, seen=(replace(left.seen[0], why=why),)))
    assert next(root.iter("failure")).get("message") == why


def test_a_report_takes_the_old_ones_place_at_once(tmp_path: Path) -> None:
    """Nothing else is left in the folder, and a link's target is not followed half-way."""
    (tmp_path / "report.xml").write_text("old")
    written(tmp_path, run(Outcome.PASS))
    assert [path.name for path in tmp_path.iterdir()] == ["report.xml"]


def test_a_watch_does_not_begin_when_its_report_could_not_be_written(tmp_path: Path) -> None:
    """Exit 2, one sentence, and neither AWS nor the journal was touched."""
    with stage(tmp_path) as s:
        ran = s.run("watch", SERVICE, "--rollback-to", "41", "--junit", "no/such/report.xml")
        assert ran.code == 2, ran.out + ran.err
        assert "--junit no/such/report.xml" in ran.err
        assert "Traceback" not in ran.err
        assert s.events("request") == []
        assert not (tmp_path / "guardian.db").exists()


def test_a_healthy_watch_has_a_report_in_which_everything_passed(tmp_path: Path) -> None:
    """With text output as with any other."""
    with stage(tmp_path) as s:
        assert s.run("snapshot", SERVICE).code == 0
        s.deploy("42")
        ran = s.run(
            *("watch", SERVICE, "--duration", "30m", "--rollback-timeout", "10h"),
            *("--junit", "report.xml"),
        )
        assert ran.code == 0, ran.out + ran.err
    (suite,) = read(tmp_path / "report.xml")
    assert suite.get("failures") == suite.get("errors") == "0"
    assert {case.get("name") for case in suite.iter("testcase")} == {
        "error-rate",
        "crash-rate",
        "api-latency-p95",
        "agent-success-rate",
        "p0-incident",
    }
