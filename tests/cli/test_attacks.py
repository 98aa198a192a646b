"""What a hostile day does to `guardian`: each test is an attack that once succeeded."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from guardian.clock import SystemClock
from guardian.core.rollout.entries import Held, HoldReason, WeightConfirmed
from guardian.sim.simulated_traffic import Behaviour
from tests.cli.stage import SERVICE, Stage, finish, interrupt, stage
from tests.recorded import checked

START = ("rollout", "start", SERVICE, "--wait", "--to", "42")
BAD = Behaviour(failure_rate=0.3)


def shifted(a_stage: Stage) -> bool:
    """Whether the canary has traffic."""
    return bool(a_stage.alias.weights)


def at_stable(a_stage: Stage) -> bool:
    """Whether all is as it was before the rollout."""
    alias = a_stage.alias
    return (alias.version, alias.weights, alias.description) == ("41", {}, "by CDK")


def outbox(a_stage: Stage) -> set[tuple[str, str]]:
    """Lanes and states of the notices in the journal."""
    db = sqlite3.connect(a_stage.folder / "guardian.db")
    try:
        return set(db.execute("SELECT lane, state FROM outbox"))
    finally:
        db.close()


def no_longer_backing_off(a_stage: Stage) -> None:
    """Time passes: what was refused before is due again."""
    db = sqlite3.connect(a_stage.folder / "guardian.db")
    try:
        with db:
            db.execute("UPDATE outbox SET due_at = '' WHERE state = 'pending'")
    finally:
        db.close()


def test_a_reader_that_goes_away_does_not_end_the_guarding(tmp_path: Path) -> None:
    """Standard output closes after the first shift: the breach is rolled back all the same."""
    with stage(tmp_path, speed=100.0) as s:
        s.behave("42", BAD)
        process = s.start(*START, "-v")
        s.wait_for("the first shift", lambda: shifted(s))
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
        process.stderr.close()
        assert process.wait(timeout=60) == 4, errors
        assert at_stable(s)


def test_rollback_into_a_closed_pipe_still_rolls_back(tmp_path: Path) -> None:
    """The emergency path does not depend on anybody reading what it says."""
    with stage(tmp_path) as s:
        assert s.run("snapshot", SERVICE).code == 0
        s.deploy("42")
        process = s.start("rollback", SERVICE, "--yes")
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stderr.read()
        process.stderr.close()
        assert process.wait(timeout=60) == 0
        assert s.alias.version == "41"


def test_a_terminal_that_closes_puts_traffic_back(tmp_path: Path) -> None:
    """SIGHUP is an order to stop like SIGTERM, with its exit code."""
    with stage(tmp_path, speed=60.0) as s:
        # Whoever started the tests may have SIGHUP ignored (nohup), which a child would inherit.
        before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        process = s.start(*START)
        signal.signal(signal.SIGHUP, before)
        s.wait_for("the first shift", lambda: shifted(s))
        interrupt(process, signal.SIGHUP)
        ended = finish(process)
        assert ended.code == 143, ended.out + ended.err
        assert at_stable(s)


def test_nohup_is_respected(tmp_path: Path) -> None:
    """Whoever started it with SIGHUP ignored meant it: the rollout goes on."""
    with stage(tmp_path) as s:
        process = subprocess.Popen(
            [shutil.which("nohup") or "nohup", sys.executable, "-m", "guardian", *START],
            cwd=s.folder,
            env=s.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        s.wait_for("the first shift", lambda: shifted(s))
        interrupt(process, signal.SIGHUP)
        ended = finish(process)
        assert ended.code == 0, ended.out + ended.err
        assert s.alias.version == "42"


def test_stale_reads_are_nobody_elses_change(tmp_path: Path) -> None:
    """A read that shows a revision already replaced is no conflict: the rollout goes on."""
    with stage(tmp_path) as s:
        fault = s.simulator.faults.add(
            kind="stale", service="lambda", operation="GetAlias", times=4, skip=7
        )
        ended = s.run(*START, timeout_s=90)
        assert fault.hits == 4
        assert ended.code == 0, ended.out + ended.err
        assert (s.alias.version, s.alias.weights) == ("42", {})


def test_a_role_that_may_not_write_ends_blind_and_not_hours_later(tmp_path: Path) -> None:
    """Nothing was ever shifted: exit 8 after `max_blind`, not 4 after `max_hold`."""
    with stage(tmp_path) as s:
        s.simulator.faults.add(kind="access_denied", service="lambda", operation="UpdateAlias")
        started = s.clock.now()
        ended = s.run(*START)
        assert ended.code == 8, ended.out + ended.err
        assert s.clock.now() - started < 4 * 3600.0
        assert "lambda:UpdateAlias" in ended.out
        assert at_stable(s)


def test_another_guardian_on_the_journal_loses_no_page(tmp_path: Path) -> None:
    """One without those notifiers leaves them alone; the next one that has them delivers."""
    with stage(tmp_path) as s:
        s.behave("42", BAD)
        s.simulator.faults.add(kind="server_error", service="pagerduty")
        assert s.run(*START, timeout_s=90).code == 4
        s.simulator.faults.clear()
        assert ("pagerduty", "pending") in outbox(s)
        alone = ("watch", "--lambda", "agents-api:live", "--duration", "5m", "--observe")
        assert s.run(*alone, AWS_REGION="us-east-1").code == 0
        assert ("pagerduty", "pending") in outbox(s)
        no_longer_backing_off(s)
        assert s.run("watch", SERVICE, "--duration", "5m", "--observe").code == 0
        assert [e.data["key"].split("/")[-1] for e in s.events("pagerduty.trigger")] == [
            "rolled_back"
        ]


@pytest.mark.parametrize(
    "words", [("rollout", "recover"), ("rollback", SERVICE, "--yes")], ids=" ".join
)
def test_what_a_dead_process_had_not_told_is_told(tmp_path: Path, words: tuple[str, ...]) -> None:
    """By the step that always runs, and by hand, also where there is nothing else to do."""
    with stage(tmp_path) as s:
        s.behave("42", BAD)
        s.simulator.faults.add(kind="server_error", service="pagerduty")
        process = s.start(*START, to=tmp_path / "log")
        s.wait_for("its record", lambda: "traffic is now" in (tmp_path / "log").read_text())
        process.kill()
        process.wait()
        s.simulator.faults.clear()
        no_longer_backing_off(s)
        assert s.run(*words).code == 0
        assert any(e.data["key"].endswith("/rolled_back") for e in s.events("pagerduty.trigger"))


def test_a_signal_is_answered_in_time_while_the_receivers_hang(tmp_path: Path) -> None:
    """CI kills what has not ended after ten seconds; what was not told stays in the journal."""
    with stage(tmp_path, speed=20.0) as s:
        process = s.start(*START)
        s.wait_for("the first shift", lambda: shifted(s))
        for service in ("slack", "pagerduty"):
            s.simulator.faults.add(kind="slow", service=service, delay_s=60.0)
        clock = SystemClock()
        told_at = clock.monotonic()
        interrupt(process, signal.SIGTERM)
        ended = finish(process)
        assert clock.monotonic() - told_at < 8.0
        assert (ended.code, at_stable(s)) == (143, True)
        assert "stays in the journal" in ended.err
        assert ("slack", "pending") in outbox(s)


def test_a_page_that_is_refused_for_good_is_said(tmp_path: Path) -> None:
    """A wrong routing key must not be found out by the next outage."""
    with stage(tmp_path) as s:
        s.behave("42", BAD)
        s.simulator.faults.add(kind="access_denied", service="pagerduty")
        ended = s.run(*START)
        assert ended.code == 4, ended.out + ended.err
        assert "pagerduty refuses what guardian tells" in ended.err
        assert "pagerduty was not told" in ended.err
        assert ("pagerduty", "pending") in outbox(s)
        said = [e.data["text"] for e in s.events("slack.post")]
        assert sum(text.startswith("pagerduty refuses guardian's pages") for text in said) == 1
        assert s.simulator.pagerduty.routing_key not in ended.out + ended.err


def test_a_journal_destroyed_while_running_rolls_back_and_ends(tmp_path: Path) -> None:
    """The breach is taken back unrecorded; the process does not stay for ever: exit 6."""
    with stage(tmp_path, speed=100.0) as s:
        s.behave("42", BAD)
        process = s.start(*START)
        s.wait_entry(WeightConfirmed)
        # Not the -shm file: it is mapped into the process, and cutting it is a SIGBUS for anybody.
        for file in (s.folder / "guardian.db", s.folder / "guardian.db-wal"):
            file.write_bytes(b"\xa5" * 20_000)
        ended = finish(process)
        # SQLite may go on from what it holds in memory: then all is recorded, and it is 4.
        assert ended.code in (4, 6), ended.out + ended.err
        assert (s.alias.version, s.alias.weights) == ("41", {})
        assert len(ended.err.splitlines()) < 40


def test_a_journal_lost_right_after_the_first_shift_hides_no_breach(tmp_path: Path) -> None:
    """The weight could not even be recorded as confirmed: it is judged, and taken back, anyway."""
    with stage(tmp_path, speed=100.0) as s:
        s.behave("42", BAD)
        process = s.start(*START)
        s.wait_for("the first shift", lambda: shifted(s))
        # Not the -shm file: it is mapped into the process, and cutting it is a SIGBUS for anybody.
        for file in (s.folder / "guardian.db", s.folder / "guardian.db-wal"):
            file.write_bytes(b"\xa5" * 20_000)
        ended = finish(process)
        # SQLite may go on from what it holds in memory: then all is recorded, and it is 4.
        assert ended.code in (4, 6), ended.out + ended.err
        assert (s.alias.version, s.alias.weights) == ("41", {})


def test_rollback_without_a_usable_journal_still_works(tmp_path: Path) -> None:
    """A journal that somebody keeps locked opens and cannot be written: the stamp is enough."""
    with stage(tmp_path, speed=60.0) as s:
        process = s.start(*START)
        s.wait_for("the first shift", lambda: shifted(s))
        process.kill()
        finish(process)
        other = sqlite3.connect(s.folder / "guardian.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        ended = s.run("rollback", SERVICE, "--yes")
        other.close()
        assert "going on without the journal" in ended.err
        assert ended.code == 0, ended.out + ended.err
        assert (s.alias.version, s.alias.weights) == ("41", {})


def test_rollback_ends_an_observing_watch_that_another_process_drives(tmp_path: Path) -> None:
    """What only looks on does not stand between a person and the version they name."""
    with stage(tmp_path, speed=60.0, versions=("40", "41")) as s:
        process = s.start("watch", SERVICE, "--duration", "30m", "--observe")
        s.wait_entry(WeightConfirmed)
        ended = s.run("rollback", SERVICE, "--to", "40", "--yes")
        assert ended.code == 0, ended.out + ended.err
        assert "the watch of version 41" in ended.out
        assert (s.alias.version, s.alias.weights) == ("40", {})
        assert finish(process).code != 0


def test_rollback_to_another_version_ends_what_was_left_behind(tmp_path: Path) -> None:
    """A killed rollout, and then somebody's deploy: the version that a person names goes live."""
    with stage(tmp_path, speed=60.0, versions=("41", "42", "43")) as s:
        process = s.start(*START)
        s.wait_for("the first shift", lambda: shifted(s))
        process.kill()
        finish(process)
        s.deploy("43")
        refused = s.run("rollback", SERVICE, "--yes")
        assert refused.code == 3
        assert "guardian rollback agents-api --to 41" in refused.err
        ended = s.run("rollback", SERVICE, "--to", "41", "--yes")
        assert ended.code == 0, ended.out + ended.err
        assert (s.alias.version, s.alias.weights) == ("41", {})
        history = s.run("rollout", "history", SERVICE).out
        assert "superseded" in history


def test_rollback_after_guardians_own_is_nothing_to_do(tmp_path: Path) -> None:
    """The operator who comes late is told so, with exit 0, and not asked for a version."""
    with stage(tmp_path) as s:
        s.behave("42", BAD)
        assert s.run(*START).code == 4
        ended = s.run("rollback", SERVICE, "--yes")
        assert ended.code == 0, ended.out + ended.err
        assert "nothing to undo" in ended.out
        assert "was rolled back already" in ended.out


def test_a_conflict_is_lived_through_and_a_breach_in_it_goes_back(tmp_path: Path) -> None:
    """A weight changed by hand holds; the version at that weight is judged and taken back."""
    with stage(tmp_path, speed=100.0) as s:
        process = s.start(*START)
        s.wait_entry(WeightConfirmed)
        s.simulator.aliases.write_as_person(SERVICE, "live", version="41", weights={"42": 0.3})
        s.wait_entry(Held, why=HoldReason.CONFLICT)
        s.behave("42", BAD)
        ended = finish(process)
        assert ended.code == 4, ended.out + ended.err
        assert "what is held for 4h (max_hold) is taken back" in ended.err
        assert (s.alias.version, s.alias.weights) == ("41", {})


def test_a_conflict_under_observe_says_that_nothing_guards_any_more(tmp_path: Path) -> None:
    """Nothing would take it back: exit 7 after `max_hold`, and the last line says what it means."""
    with stage(tmp_path, speed=100.0) as s:
        config = s.config.read_text()
        s.config.write_text(config.replace("services:", "defaults: {max_hold: 2m}\nservices:", 1))
        process = s.start(*START, "--observe")
        s.wait_entry(WeightConfirmed)
        s.simulator.aliases.write_as_person(SERVICE, "live", version="41", weights={"42": 0.3})
        ended = finish(process)
        assert ended.code == 7, ended.out + ended.err
        assert "nothing guards version 42 from now on" in ended.out


def test_errors_before_the_start_are_json_where_json_was_asked_for(tmp_path: Path) -> None:
    """Exit 3 and 8 print a document too, with the code and the sentence."""
    with stage(tmp_path) as s:
        unknown = s.run("watch", "nope", "-o", "json")
        assert unknown.code == 3
        assert checked(unknown.out)["exit_code"] == 3
        s.simulator.faults.add(kind="access_denied", service="lambda")
        for form in ("json", "jsonl"):
            refused = s.run(*START, "-o", form)
            assert refused.code == 8
            record = refused.records()[-1]
            assert record["exit_code"] == 8
            assert "lambda:GetAlias" in record["error"]


def test_a_version_that_does_not_exist_is_a_start_condition(tmp_path: Path) -> None:
    """Exit 3; what is no text at all is a usage error, and does not reach the terminal."""
    with stage(tmp_path) as s:
        for version, code in (("99", 3), ("x\n\x1b[31m", 2), ("", 3), ("9" * 100_000, 3)):
            ended = s.run("rollout", "start", SERVICE, "--wait", "--to", version)
            assert ended.code == code, (version[:20], ended.err[:500])
            assert "\x1b" not in ended.err
            assert len(ended.err) < 2000


@pytest.mark.parametrize(
    "command",
    [
        ("rollout", "hold"),
        ("freeze", "--until", "1h", "--reason", "x"),
        ("report",),
        ("watch",),
    ],
)
def test_an_argument_that_cannot_be_seen_is_refused_and_not_repeated(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    """Not as text that moves a cursor, reorders a line or speaks to a CI system."""
    with stage(tmp_path) as s:
        for argument in ("\udcff", "\u202elive", "a\r\n::set-output name=x::y", "\x1b[2J", "a\nb"):
            ended = s.run(*command, "--", argument)
            assert ended.code == 2
            assert "cannot be seen" in ended.err
            assert argument not in ended.out + ended.err
            assert ended.err.count("\n") == 1
