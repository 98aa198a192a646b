"""Orders from one process to a rollout that another one drives, and what a dead one leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from guardian.core.rollout.entries import WeightConfirmed
from tests.cli.stage import SERVICE, Stage, finish, stage
from tests.recorded import checked

START = ("rollout", "start", SERVICE, "--wait", "--rollback-timeout", "10h")
RECOVER = ("rollout", "recover", "--rollback-timeout", "10h")


def shifted(a_stage: Stage) -> bool:
    """Whether the canary has traffic."""
    return bool(a_stage.alias.weights)


def killed(a_stage: Stage, *words: str) -> None:
    """A rollout of 42 whose driver is killed after its first shift."""
    process = a_stage.start(*START, "--to", "42", *words)
    a_stage.wait_for("the first shift", lambda: shifted(a_stage))
    process.kill()
    finish(process)


def test_another_terminal_holds_promotes_and_aborts(tmp_path: Path) -> None:
    """Each order is obeyed at once, and its driver ends as ordered."""
    with stage(tmp_path, speed=60.0) as s:
        driver = s.start(*START, "--to", "42")
        s.wait_for("the first shift", lambda: shifted(s))
        held = s.run("rollout", "hold", SERVICE, "--reason", "tickets come in")
        assert held.code == 0, held.out + held.err
        shown = s.run("rollout", "status", SERVICE, "-o", "json")
        (one,) = checked(shown.out)["rollouts"]
        assert (one["phase"], one["held"]["why"]) == ("held", "person")
        assert "pid" in one["driver"]
        assert s.run("rollout", "promote", SERVICE, "--expect-step", "3").code == 3
        assert s.run("rollout", "resume", SERVICE).code == 0
        aborted = s.run("rollout", "abort", SERVICE, "--reason", "angry customers")
        assert aborted.code == 0, aborted.out + aborted.err
        ended = finish(driver)
        assert ended.code == 4, ended.out + ended.err
        assert (s.alias.version, s.alias.weights) == ("41", {})
        told = s.run("rollout", "history", SERVICE)
        assert "rolled back" in told.out


def test_a_promotion_in_full_takes_all_traffic_over(tmp_path: Path) -> None:
    """And a status that stays ends with the outcome of the rollout."""
    with stage(tmp_path, speed=100.0) as s:
        driver = s.start(*START, "--to", "42")
        s.wait_for("the first shift", lambda: shifted(s))
        watcher = s.start("rollout", "status", SERVICE, "-w")
        ran = s.run("rollout", "promote", SERVICE, "--full", "--reason", "it is the fix")
        assert ran.code == 0, ran.out + ran.err
        assert "step 3 of 3: 100% wanted" in ran.out
        assert finish(driver).code == 0
        seen = finish(watcher)
        assert seen.code == 0, seen.out + seen.err
        assert "version 42 is the primary version, read back" in seen.out
        assert [e.data["weights"] for e in s.written()] == [{"42": 0.1}, {"42": 1.0}, {}]


def test_a_freeze_holds_and_its_end_lets_go(tmp_path: Path) -> None:
    """No step begins while it lasts; the rollout goes on by itself after it."""
    with stage(tmp_path) as s:
        assert s.run("freeze", "--all", "--until", "30d", "--reason", "the sale").code == 0
        driver = s.start(*START, "--to", "42")
        s.wait_for(
            "the hold", lambda: "frozen" in s.run("rollout", "status", SERVICE).out, timeout_s=60
        )
        assert not shifted(s)
        assert s.run("unfreeze", "--all").code == 0
        ended = finish(driver)
        assert ended.code == 0, ended.out + ended.err
        assert s.alias.version == "42"


def test_a_live_rollout_is_superseded(tmp_path: Path) -> None:
    """The other version goes back, confirmed, before the new one starts."""
    with stage(tmp_path, versions=("41", "42", "43"), speed=100.0) as s:
        driver = s.start(*START, "--to", "42")
        s.wait_for("the first shift", lambda: shifted(s))
        ended = s.run(*START, "--to", "43", "--supersede", timeout_s=120)
        assert finish(driver).code == 4
        assert ended.code == 0, ended.out + ended.err
        assert "is superseded" in ended.err
        weights = [e.data["weights"] for e in s.written()]
        assert weights.index({}) < weights.index({"43": 0.1})
        assert s.alias.version == "43"


def test_an_orphan_is_superseded_as_well(tmp_path: Path) -> None:
    """Nobody is there to order it back: this process does it itself."""
    with stage(tmp_path, versions=("41", "42", "43")) as s:
        killed(s)
        ended = s.run(*START, "--to", "43", "--supersede", timeout_s=120)
        assert ended.code == 0, ended.out + ended.err
        assert s.alias.version == "43"


def test_a_rolled_back_version_is_tried_again(tmp_path: Path) -> None:
    """`retry` after a rollback is a start of the same version, and needs a reason."""
    with stage(tmp_path) as s:
        killed(s)
        assert s.run(*RECOVER).code == 0
        assert s.run("rollout", "retry", SERVICE, "--wait").code == 2
        ended = s.run("rollout", "retry", SERVICE, "--wait", "--reason", "the runner died")
        assert ended.code == 0, ended.out + ended.err
        assert s.alias.version == "42"


# --- by the daemon -----------------------------------------------------------------------------


@contextmanager
def daemon(a_stage: Stage) -> Iterator[None]:
    """A daemon that serves, ended with the test."""
    log = a_stage.folder / "daemon.log"
    process = a_stage.start("run", "--metrics-listen", "127.0.0.1:0", to=log)
    try:
        # Until a daemon serves, an order to nothing ends with 8, afterwards with the refusal.
        probe = ("rollout", "start", SERVICE, "--to", "77")
        a_stage.wait_for("the daemon", lambda: a_stage.run(*probe).code == 3, timeout_s=60)
        yield
    finally:
        process.terminate()
        finish(process)


def test_the_daemon_begins_joins_refuses_and_takes_back(tmp_path: Path) -> None:
    """A start prints its id; the same version joins it; another one is exit 7; abort ends it."""
    with stage(tmp_path, versions=("41", "42", "43"), speed=60.0) as s, daemon(s):
        begun = s.run("rollout", "start", SERVICE, "--to", "42", "--reason", "release 7")
        assert begun.code == 0, begun.out + begun.err
        (rollout,) = begun.out.split()
        assert "guardian run" in begun.err
        joined = s.run("rollout", "start", SERVICE, "--to", "42", "-o", "json")
        assert checked(joined.out)["rollout"] == rollout
        other = s.run("rollout", "start", SERVICE, "--to", "43")
        assert other.code == 7, other.out + other.err
        s.wait_for("the first shift", lambda: shifted(s))
        left = s.run(*RECOVER)
        assert (left.code, "left alone" in left.out) == (0, True)
        assert s.run("rollout", "abort", rollout, "--reason", "no").code == 0
        s.wait_for("the way back", lambda: not shifted(s))
        live = s.run("rollout", "start", SERVICE, "--to", "41")
        assert (live.code, "nothing to do" in live.err) == (0, True), live.out + live.err


def test_the_daemon_supersedes_and_tries_again(tmp_path: Path) -> None:
    """The CLI orders the one back, and the other one after it."""
    with stage(tmp_path, versions=("41", "42", "43"), speed=100.0) as s, daemon(s):
        assert s.run("rollout", "start", SERVICE, "--to", "42").code == 0
        s.wait_for("the first shift", lambda: shifted(s))
        words = ("rollout", "start", SERVICE, "--supersede", "--rollback-timeout", "10h")
        newer = s.run(*words, "--to", "43", "--reason", "the fix")
        assert newer.code == 0, newer.out + newer.err
        s.wait_for("the new shift", lambda: "43" in s.alias.weights)
        assert s.run("rollout", "abort", SERVICE).code == 0
        s.wait_for("the way back", lambda: not shifted(s))
        again = s.run("rollout", "retry", SERVICE, "--reason", "a fluke")
        assert again.code == 0, again.out + again.err
        s.wait_for("the shift again", lambda: "43" in s.alias.weights)


# --- recover -----------------------------------------------------------------------------------


def test_a_killed_rollout_is_put_back(tmp_path: Path) -> None:
    """The step that always runs puts traffic back; a second time there is nothing to do."""
    with stage(tmp_path) as s:
        killed(s)
        ended = s.run(*RECOVER, "--reason", "the job was cancelled")
        assert ended.code == 0, ended.out + ended.err
        assert (s.alias.version, s.alias.weights, s.alias.description) == ("41", {}, "by CDK")
        again = s.run(*RECOVER)
        assert (again.code, again.out) == (0, "agents-api: nothing to recover\n")


def test_a_killed_rollout_is_driven_on(tmp_path: Path) -> None:
    """With --how continue, to its end."""
    with stage(tmp_path) as s:
        killed(s)
        ended = s.run(*RECOVER, "--how", "continue", timeout_s=120)
        assert ended.code == 0, ended.out + ended.err
        assert s.alias.version == "42"
        assert s.alias.description == "by CDK"


def test_what_a_living_process_drives_is_left_alone(tmp_path: Path) -> None:
    """Exit 0, naming who it is."""
    with stage(tmp_path, speed=60.0) as s:
        driver = s.start(*START, "--to", "42")
        s.wait_for("the first shift", lambda: shifted(s))
        ended = s.run(*RECOVER)
        assert ended.code == 0, ended.out + ended.err
        assert "left alone" in ended.out
        assert shifted(s)
        assert s.run("rollout", "abort", SERVICE).code == 0
        finish(driver)


def test_a_killed_watch_is_closed(tmp_path: Path) -> None:
    """It moved nothing, so nothing moves now."""
    with stage(tmp_path) as s:
        assert s.run("snapshot", SERVICE).code == 0
        s.deploy("42")
        process = s.start("watch", SERVICE, "--duration", "10h")
        s.wait_entry(WeightConfirmed)
        process.kill()
        finish(process)
        ended = s.run(*RECOVER)
        assert ended.code == 0, ended.out + ended.err
        assert s.alias.version == "42"
        assert s.written() == []
        assert "nothing is live" in s.run("rollout", "status").out


@pytest.mark.parametrize("journal", ["empty", "broken"])
def test_without_its_journal_a_stamp_is_enough(tmp_path: Path, journal: str) -> None:
    """A service that is named is put back by its stamp; one that is not is only told of."""
    with stage(tmp_path) as s:
        killed(s)
        for file in tmp_path.glob("guardian.db*"):
            if file.is_file():
                file.unlink()
        if journal == "broken":
            (tmp_path / "guardian.db").write_text("this is no database")
        told = s.run(*RECOVER)
        assert told.code == 7, told.out + told.err
        assert "guardian rollout recover agents-api" in told.err
        assert shifted(s)
        ended = s.run(*RECOVER, SERVICE)
        assert ended.code == 0, ended.out + ended.err
        assert (s.alias.version, s.alias.weights) == ("41", {})


def test_a_stamp_whose_stable_version_is_gone_is_not_followed(tmp_path: Path) -> None:
    """Somebody else went on: nothing is changed, and a person decides."""
    with stage(tmp_path, versions=("41", "42", "43")) as s:
        killed(s)
        for file in tmp_path.glob("guardian.db*"):
            if file.is_file():
                file.unlink()
        s.deploy("43")
        ended = s.run(*RECOVER, SERVICE)
        assert ended.code == 7, ended.out + ended.err
        assert "--to 41" in ended.err
        assert s.alias.version == "43"
