"""`-o github`: what the runner makes of it, whatever the texts hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.cli.github import GitHub, command, markdown, output, plain, summary
from guardian.cli.output import Output
from guardian.cli.run_summary import WORDS, RunSummary
from guardian.core.notices import Notice
from guardian.core.rollout.entries import Held, HoldReason
from guardian.core.rollout.machine import Phase, apply
from guardian.core.verdict import Outcome
from guardian.engine.outcome import Exit, outcome
from guardian.messages.table import notice
from guardian.sim.simulated_traffic import Behaviour
from tests.cli.runner import Command, commands, outputs
from tests.cli.stage import SERVICE, stage
from tests.core.rollouts import FAIL, PASS, T0, in_phase, verdict

TEXTS = st.text() | st.lists(
    st.sampled_from(["::", "##[", "error", "stop-commands::x", "\n", "\r", "\r\n", " ", "\t", "%"])
).map("".join)
HOSTILE = "fine\r::set-output name=x::1\n ::error::no\n\u2028::warning::\n##[add-mask]a\x1b[1m::e::"


class Console:
    """Keeps what was shown, as one log."""

    def __init__(self) -> None:
        self.log = ""

    def show(self, text: str) -> None:
        """One more text."""
        self.log += f"{text}\n"


def held(detail: str) -> Notice:
    """A hold, told, with a text from outside in it."""
    before = in_phase(Phase.BAKING)
    entry = Held(at=T0, why=HoldReason.CONFLICT, detail="for a test")
    found = notice(before, entry, apply(before, entry))
    assert found is not None
    return replace(found, title=detail, did=detail, todo=detail)


def run(phase: Phase, *notices: Notice, service: str = SERVICE) -> RunSummary:
    """A rollout that a command leaves in a phase."""
    state = in_phase(phase)
    named = replace(state, plan=replace(state.plan, service=service))
    return RunSummary(rollout=named, exit=outcome(named), seen=(FAIL,), notices=notices)


def ended(
    folder: Path, *runs: RunSummary, code: int = 0
) -> tuple[list[Command], str, dict[str, str]]:
    """The commands, the summary and the outputs of an end."""
    console = Console()
    files = {"GITHUB_STEP_SUMMARY": str(folder / "sum"), "GITHUB_OUTPUT": str(folder / "out")}
    GitHub(files, console.show).end(runs, code)
    return commands(console.log), (folder / "sum").read_text(), outputs(folder / "out")


# --- what must not get through -----------------------------------------------------------------


@given(TEXTS)
def test_text_for_the_log_holds_no_command(text: str) -> None:
    """Neither form of a command survives, on whatever the runner takes for a line."""
    assert commands(plain(text)) == []


def test_colours_hide_no_command() -> None:
    """They are taken out when the output is no terminal, and what is left must be harmless."""
    assert commands(plain("\x1b[31m::error::x\x1b[0m")) == []
    assert commands(plain("#\x1b[0m#[error]x")) == []


@given(TEXTS, TEXTS)
def test_a_command_says_exactly_what_it_was_given(title: str, message: str) -> None:
    """One command, and both texts come out as they went in."""
    found = commands(command("error", message, title=title))
    assert found == [Command(name="error", message=message, properties={"title": title})]


@given(st.dictionaries(st.from_regex(r"[a-z_]+", fullmatch=True), TEXTS, max_size=4))
def test_outputs_come_out_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, values: Mapping[str, str]
) -> None:
    """No value ends early, and none becomes two."""
    path = tmp_path_factory.mktemp("outputs") / "out"
    text = "".join(output(name, value) for name, value in values.items())
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    assert outputs(path) == values


def test_no_two_outputs_share_a_delimiter() -> None:
    """Who knows one delimiter cannot use it in the next value."""
    delimiters = [output("a", "b").partition("<<")[2].splitlines()[0] for _ in range(50)]
    assert len(set(delimiters)) == 50


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "| a | b |",
        "[click](https://example.com)",
        "![x](https://example.com)",
        "# heading",
        "`code` and `half",
        "a\n\n# b\r\n---",
        "*b* _i_ ~~s~~ $x$ @team \\",
    ],
)
def test_markdown_from_outside_stays_text(text: str) -> None:
    """No tag, link, cell, heading or line of it survives; what is in back quotes is code."""
    shown = markdown(text)
    bare = re.sub(r"\\.", "", shown).replace("<code>", "").replace("</code>", "")
    assert not re.search(r"[<>|`*_~$@\[\]\n\r]|^[#+=-]", bare), shown


def test_a_hostile_notice_becomes_one_annotation_and_harmless_lines(tmp_path: Path) -> None:
    """Only the command that guardian means is there."""
    console = Console()
    told = held(HOSTILE)
    rendering = GitHub({}, console.show)
    rendering.notice(told, HOSTILE)
    rendering.progress(HOSTILE, HOSTILE)
    rendering.end([run(Phase.ROLLED_BACK, told)], 4)
    names = [found.name for found in commands(console.log)]
    assert names == ["warning", "group", "endgroup", "error"]


# --- what must get through ---------------------------------------------------------------------


def test_polls_are_folded_and_what_is_told_is_not() -> None:
    """A group is open only between two things that are told."""
    console = Console()
    rendering = GitHub({}, console.show)
    rendering.progress("one", "agents-api")
    rendering.progress("two", "agents-api")
    rendering.say("three")
    rendering.progress("four", "agents-api")
    rendering.end([], 0)
    group = "::group::agents-api"
    assert console.log.split("\n") == [
        group, "one", "two", "::endgroup::", "three", group, "four", "::endgroup::", "",
    ]  # fmt: skip


@pytest.mark.parametrize("exit_", Exit)
def test_every_end_is_annotated(tmp_path: Path, exit_: Exit) -> None:
    """Health is a notice; a breach, a rollback that is stuck and blindness are errors."""
    left = replace(run(Phase.COMPLETED), exit=exit_)
    found, page, values = ended(tmp_path, left, code=exit_.value)
    wrong = exit_ in (Exit.ROLLED_BACK, Exit.STUCK, Exit.BLIND, Exit.GATE_FAILED)
    level = "notice" if exit_ is Exit.HEALTHY else "error" if wrong else "warning"
    assert [c.name for c in found] == [level]
    assert WORDS[exit_][1] in found[0].properties["title"]
    assert f"{SERVICE}: {WORDS[exit_][1]}" in page
    assert values["exit_code"] == str(exit_.value)
    assert values["outcome"] == exit_.name.lower()


def test_the_single_outputs_are_those_of_the_service_that_decided(tmp_path: Path) -> None:
    """Two services: the worst one's facts, and a list of both."""
    fine = run(Phase.CANCELLED, service="fine")
    back = run(Phase.ROLLED_BACK, service="back")
    _, page, values = ended(tmp_path, fine, back, code=4)
    assert (values["outcome"], values["service"]) == ("rolled_back", "back")
    assert (values["stable"], values["canary"], values["phase"]) == ("41", "42", "rolled_back")
    both = json.loads(values["rollouts"])
    assert [(r["service"], r["exit_code"]) for r in both] == [("fine", 7), ("back", 4)]
    assert "guardian: fine: waiting" in page
    assert "guardian: back: rolled back" in page


def test_an_end_without_a_service_has_outputs_too(tmp_path: Path) -> None:
    """Nothing to do is healthy, and no output is missing."""
    found, page, values = ended(tmp_path)
    assert found == []
    assert "nothing to do" in page
    assert values["exit_code"] == "0"
    assert values["outcome"] == "healthy"
    assert values["rollout"] == values["phase"] == values["stable"] == values["canary"] == ""


def test_files_are_appended_to(tmp_path: Path) -> None:
    """Another command of the same step has written there before."""
    for name in ("sum", "out"):
        (tmp_path / name).write_text("before<<x\n1\nx\n")
    _, page, values = ended(tmp_path)
    assert page.startswith("before")
    assert values["before"] == "1"


def test_files_that_cannot_be_written_are_said_and_change_nothing(tmp_path: Path) -> None:
    """Guarding is worth more than its summary."""
    console = Console()
    lost = {"GITHUB_STEP_SUMMARY": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "no" / "out")}
    GitHub(lost, console.show).end([], 0)
    found = commands(console.log)
    assert [c.name for c in found] == ["warning", "warning"]
    assert "GITHUB_STEP_SUMMARY" in found[0].message


def test_the_summary_says_on_what_a_rollback_rests() -> None:
    """The breach that was proven, although the last look found stable healthy again."""
    state = in_phase(Phase.ROLLED_BACK)
    assert state.rollback is not None
    breached = replace(state, rollback=replace(state.rollback, verdicts=(FAIL,)))
    left = RunSummary(rollout=breached, exit=Exit.ROLLED_BACK, seen=(PASS,))
    assert [v.outcome for v in left.verdicts] == [Outcome.FAIL]
    page = summary([left])
    assert "| error-rate | fail |" in page
    assert FAIL.why in page


def test_a_verdict_on_a_criterion_that_the_plan_lacks_is_left_out() -> None:
    """The table has the plan's criteria, in its order."""
    left = replace(run(Phase.BAKING), seen=(verdict(Outcome.PASS, "unknown"), PASS))
    assert [v.criterion for v in left.verdicts] == ["error-rate"]


def test_a_bug_of_guardian_has_outputs_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A step that asks for the exit code finds it, and the error goes on its way."""
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    with pytest.raises(ZeroDivisionError), Output("github").failing():
        raise ZeroDivisionError("for a test")
    assert outputs(tmp_path / "outputs")["outcome"] == "internal_error"
    assert [found.name for found in commands(capsys.readouterr().out)] == ["error"]


# --- whole processes ---------------------------------------------------------------------------


def test_a_breach_is_shown_where_github_shows_things(tmp_path: Path) -> None:
    """Annotations, a summary, outputs; and the JUnit report beside them."""
    with stage(tmp_path) as s:
        assert s.run("snapshot", SERVICE).code == 0
        s.behave("42", Behaviour(failure_rate=0.3))
        s.deploy("42")
        page, values = tmp_path / "summary.md", tmp_path / "outputs"
        ran = s.run(
            *("watch", SERVICE, "--duration", "30m", "--rollback-timeout", "10h"),
            *("-o", "github", "--junit", "guardian.xml"),
            GITHUB_STEP_SUMMARY=str(page),
            GITHUB_OUTPUT=str(values),
        )
        assert ran.code == 4, ran.out + ran.err
    names = [found.name for found in commands(ran.out)]
    assert names[-2:] == ["warning", "error"]
    assert names.count("group") == names.count("endgroup") > 0
    assert "| error-rate | fail |" in page.read_text()
    given = outputs(values)
    assert (given["exit_code"], given["outcome"], given["stable"]) == ("4", "rolled_back", "41")
    assert "<failure" in (tmp_path / "guardian.xml").read_text()


def test_a_start_that_is_refused_is_annotated_and_has_outputs(tmp_path: Path) -> None:
    """Exit 3 before the first read, with every line of the reason in one annotation."""
    with stage(tmp_path) as s:
        s.deploy("42")
        values = tmp_path / "outputs"
        watch = ("watch", SERVICE, "-o", "github", "--junit", "guardian.xml")
        ran = s.run(*watch, GITHUB_OUTPUT=str(values))
        assert ran.code == 3, ran.out + ran.err
    assert "made a new one" in ran.err
    assert len(ran.err.splitlines()) == 1
    (found,) = commands(ran.out)
    assert found.name == "error"
    assert "guardian snapshot" in found.message
    given = outputs(values)
    assert (given["exit_code"], given["outcome"]) == ("3", "config")
    assert "<error" in (tmp_path / "guardian.xml").read_text()


def test_a_rollout_is_shown_the_same_way(tmp_path: Path) -> None:
    """`rollout start` has `-o github`, too: already live at 100 % is nothing to do."""
    with stage(tmp_path) as s:
        values = tmp_path / "outputs"
        start = ("rollout", "start", SERVICE, "--to", "41", "--wait", "-o", "github")
        ran = s.run(*start, GITHUB_OUTPUT=str(values))
        assert ran.code == 0, ran.out + ran.err
        assert outputs(values)["outcome"] == "healthy"
