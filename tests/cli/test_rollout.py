"""`guardian rollout start --wait` and `guardian rollback`, as processes of their own."""

from __future__ import annotations

import signal
from pathlib import Path

from guardian.core.rollout.entries import WeightConfirmed
from guardian.sim.simulated_traffic import Behaviour
from tests.cli.stage import SERVICE, Stage, finish, interrupt, stage
from tests.recorded import checked

START = ("rollout", "start", SERVICE, "--wait", "--rollback-timeout", "10h")
BAD = Behaviour(failure_rate=0.3)


def shifted(a_stage: Stage) -> bool:
    """Whether the canary has traffic."""
    return bool(a_stage.alias.weights)


def test_a_healthy_release_goes_to_100_percent(tmp_path: Path) -> None:
    """10, 50, 100 %, then the canary is the alias's version and the description is back."""
    with stage(tmp_path) as s:
        ended = s.run(*START, "--to", "latest", timeout_s=90)
        assert ended.code == 0, ended.out + ended.err
        assert (s.alias.version, s.alias.weights) == ("42", {})
        assert s.alias.description == "by CDK"
        weights = [e.data["weights"] for e in s.written()]
        assert weights == [{"42": 0.1}, {"42": 0.5}, {"42": 1.0}, {}]
        assert s.simulator.slack.messages[0].edits > 0
        replies = s.simulator.slack.thread(s.simulator.slack.messages[0].ts)
        assert replies[-1].broadcast


def test_a_bad_release_is_taken_back_at_10_percent(tmp_path: Path) -> None:
    """Exit 4; a second try needs --again and a reason."""
    with stage(tmp_path) as s:
        s.behave("42", BAD)
        ended = s.run(*START, "--to", "42")
        assert ended.code == 4, ended.out + ended.err
        assert (s.alias.version, s.alias.weights) == ("41", {})
        again = s.run(*START, "--to", "42")
        assert again.code == 3
        assert "--again" in again.err
        assert s.run(*START, "--to", "42", "--again").code == 2
        once_more = s.run(*START, "--to", "42", "--again", "--reason", "a fluke")
        assert once_more.code == 4


def test_sigint_puts_traffic_back_first(tmp_path: Path) -> None:
    """A driven rollout that is interrupted is taken back before the process ends: 130."""
    with stage(tmp_path, speed=60.0) as s:
        process = s.start(*START, "--to", "42")
        s.wait_for("the first shift", lambda: shifted(s))
        interrupt(process, signal.SIGINT)
        ended = finish(process)
        assert ended.code == 130, ended.out + ended.err
        assert (s.alias.version, s.alias.weights) == ("41", {})
        assert s.alias.description == "by CDK"


def test_a_version_that_was_just_published_is_waited_for(tmp_path: Path) -> None:
    """It is Pending for a minute or two; the start says so, and goes on by itself."""
    with stage(tmp_path, speed=60.0) as s:
        s.simulator.aliases.publish(SERVICE, "42", pending_s=240.0)
        process = s.start(*START, "--to", "latest")
        s.wait_for("the first shift", lambda: shifted(s))
        interrupt(process, signal.SIGTERM)
        ended = finish(process)
        assert ended.code == 143
        assert ended.err.count("is still Pending") == 1
        assert "it is waited for, for up to 5 minutes" in ended.err


def test_sigterm_exits_143(tmp_path: Path) -> None:
    """The same for SIGTERM."""
    with stage(tmp_path, speed=60.0) as s:
        process = s.start(*START, "--to", "42")
        s.wait_for("the first shift", lambda: shifted(s))
        interrupt(process, signal.SIGTERM)
        assert finish(process).code == 143
        assert s.alias.weights == {}


def test_on_exit_leave_leaves_the_weight(tmp_path: Path) -> None:
    """Who asks for it keeps the canary's weight, and the rollout stays in the journal."""
    with stage(tmp_path, speed=60.0) as s:
        process = s.start(*START, "--to", "42", "--on-exit", "leave")
        s.wait_for("the first shift", lambda: shifted(s))
        interrupt(process)
        assert finish(process).code == 130
        assert s.alias.weights == {"42": 0.1}
        back = s.run("rollback", SERVICE, "--yes")
        assert back.code == 0, back.out + back.err
        assert (s.alias.version, s.alias.weights) == ("41", {})
        assert s.alias.description == "by CDK"


def test_a_killed_driver_is_finished_by_the_emergency_path(tmp_path: Path) -> None:
    """Kill -9 in the middle: `guardian rollback` takes the claim over and restores."""
    with stage(tmp_path, speed=60.0, versions=("41", "42", "43")) as s:
        process = s.start(*START, "--to", "42")
        s.wait_for("the first shift", lambda: shifted(s))
        process.kill()
        finish(process)
        other = s.run(*START, "--to", "43")
        assert other.code == 7, other.out + other.err
        assert "rollout of version 42" in other.err
        asked = s.run("rollback", SERVICE)
        assert asked.code == 2
        assert "--yes" in asked.err
        ended = s.run("rollback", SERVICE, "--yes", "--reason", "the runner died")
        assert ended.code == 0, ended.out + ended.err
        assert (s.alias.version, s.alias.weights) == ("41", {})


def test_a_killed_rollout_is_taken_up_where_it_was_left(tmp_path: Path) -> None:
    """The same command again goes on, and starts nothing anew."""
    with stage(tmp_path) as s:
        process = s.start(*START, "--to", "42")
        s.wait_for("the first shift", lambda: shifted(s))
        process.kill()
        finish(process)
        ended = s.run(*START, "--to", "42", timeout_s=90)
        assert ended.code == 0, ended.out + ended.err
        assert (s.alias.version, s.alias.weights) == ("42", {})
        assert s.alias.description == "by CDK"
        started = [e for e in s.events("slack.post") if "started" in e.data["text"]]
        assert len(started) == 1


def test_a_killed_watch_does_not_block_the_next_one(tmp_path: Path) -> None:
    """It moved nothing, so it is closed, and the next watch begins."""
    with stage(tmp_path) as s:
        assert s.run("snapshot", SERVICE).code == 0
        s.deploy("42")
        process = s.start("watch", SERVICE)
        s.wait_entry(WeightConfirmed)
        process.kill()
        finish(process)
        ended = s.run("watch", SERVICE, "--duration", "5m")
        assert ended.code == 0, ended.out + ended.err


def test_rollback_without_anything_known_names_the_fix(tmp_path: Path) -> None:
    """No rollout, no snapshot, no stamp: exit 3, and --to is the answer."""
    with stage(tmp_path) as s:
        s.deploy("42")
        refused = s.run("rollback", SERVICE, "--yes")
        assert refused.code == 3
        assert "--to" in refused.err
        ended = s.run("rollback", SERVICE, "--to", "41", "--yes")
        assert ended.code == 0, ended.out + ended.err
        assert s.alias.version == "41"
        assert s.simulator.cloudwatch.metrics_requested == 0


def test_rollback_uses_the_snapshot(tmp_path: Path) -> None:
    """Live, snapshot, its age and author are printed before anything moves."""
    with stage(tmp_path) as s:
        assert s.run("snapshot", "--all").code == 0
        s.deploy("42")
        ended = s.run("rollback", SERVICE, "--yes")
        assert ended.code == 0, ended.out + ended.err
        assert ended.out.startswith("rolling agents-api back: 42 -> 41 (snapshot of ")
        assert s.alias.version == "41"
        again = s.run("rollback", SERVICE, "--yes")
        assert again.code == 0
        assert "nothing to undo" in again.out


def test_rollback_works_without_the_journal(tmp_path: Path) -> None:
    """A broken journal does not stop an emergency: --to is enough."""
    with stage(tmp_path) as s:
        (tmp_path / "guardian.db").write_text("this is no database")
        s.deploy("42")
        ended = s.run("rollback", SERVICE, "--to", "41", "--yes")
        assert ended.code == 0, ended.out + ended.err
        assert "going on without the journal" in ended.err
        assert s.alias.version == "41"


def test_what_is_live_already_needs_nothing(tmp_path: Path) -> None:
    """Exit 0, and nothing is written."""
    with stage(tmp_path) as s:
        ended = s.run(*START, "--to", "41")
        assert ended.code == 0, ended.out + ended.err
        assert "nothing to do" in ended.err
        assert s.written() == []


def test_without_wait_there_must_be_a_daemon(tmp_path: Path) -> None:
    """Exit 8, saying so."""
    with stage(tmp_path) as s:
        ended = s.run("rollout", "start", SERVICE, "--to", "42")
        assert ended.code == 8
        assert "--wait" in ended.err


def test_a_version_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    """Exit 3 or 8 with the version's name, before anything is written."""
    with stage(tmp_path) as s:
        ended = s.run(*START, "--to", "77")
        assert ended.code in (3, 8), ended.out + ended.err
        assert "77" in ended.err
        assert "Traceback" not in ended.err
        assert s.written() == []


def test_snapshots_are_json_for_programs(tmp_path: Path) -> None:
    """One document."""
    with stage(tmp_path) as s:
        ended = s.run("snapshot", SERVICE, "-o", "json")
        assert ended.code == 0
        assert checked(ended.out)["snapshots"][0]["traffic"]["primary"] == "41"


def test_a_timeout_takes_a_driven_rollout_back(tmp_path: Path) -> None:
    """--timeout is over: traffic goes back first, then exit 124."""
    with stage(tmp_path) as s:
        ended = s.run(*START, "--to", "42", "--timeout", "6m")
        assert ended.code == 124, ended.out + ended.err
        assert s.alias.weights == {}


def test_a_timeout_can_leave_a_healthy_release_where_it_is(tmp_path: Path) -> None:
    """Exit 124 all the same, and the words that nothing guards it from now on."""
    with stage(tmp_path) as s:
        ended = s.run(*START, "--to", "42", "--timeout", "6m", "--timeout-then", "leave")
        assert ended.code == 124, ended.out + ended.err
        assert s.alias.weights == {"42": 0.1}
        assert "nothing guards version 42 from now on" in ended.out
