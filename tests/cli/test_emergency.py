"""`guardian rollback` and `abort` on the worst day: nothing that can be broken stops them."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.stage import SERVICE, Ended, Stage, finish, stage
from tests.pace import PATIENCE

YES = ("rollback", SERVICE, "--yes", "--reason", "users are hurt")
OTHER = """\
  another:
    router: {type: lambda_alias, function: another, alias: live}
    stepps: []
    rules: [../rules/nowhere.yaml]
"""


def rules_typo(s: Stage) -> None:
    """A rule file of the service itself."""
    path = s.folder / "rules" / "production.yaml"
    path.write_text(path.read_text() + "nonsense: 1\n")


def another_service(s: Stage) -> None:
    """Somebody else's part of the same file."""
    s.config.write_text(s.config.read_text().replace("notify:", OTHER + "notify:"))


def own_steps(s: Stage) -> None:
    """The service's own steps."""
    s.config.write_text(s.config.read_text().replace("bake: 10m", "bake: soon", 1))


def no_slack(s: Stage) -> None:
    """A notifier that is configured wrongly."""
    s.config.write_text(s.config.read_text().replace('channel: "#deployments"', "chanel: x"))


def unreadable(s: Stage) -> None:
    """Not even YAML: the journal knows the way to the target."""
    s.config.write_text(s.config.read_text() + "]\n")


def gone(s: Stage) -> None:
    """No file at all."""
    s.config.unlink()


FILES = [rules_typo, another_service, own_steps, no_slack, unreadable, gone]
VARIABLES: list[dict[str, str]] = [
    {"LOG_LEVEL": "verbose"},
    {"GUARDIAN_LOG_LEVEL": "loud", "GUARDIAN_METRICS_LISTEN": "here"},
    {"AWS_REGION": "eu-central-1"},
    {"ENVIRONMENT": "prod"},
    {"GUARDIAN_PAGERDUTY_ROUTING_KEY": ""},
    {"GUARDIAN_SLACK_BASE_URL": "nonsense", "GUARDIAN_SLACK_TOKEN": ""},
]


def deployed(s: Stage) -> None:
    """Version 42 is live, after a release that guardian knows and took back."""
    assert s.run("snapshot", SERVICE).code == 0
    s.deploy("42")
    assert s.run(*YES).code == 0
    s.deploy("42")


def test_no_variable_stops_a_rollback(tmp_path: Path) -> None:
    """Other programs' words, what a platform injects, and missing secrets are warnings."""
    with stage(tmp_path) as s:
        assert s.run("snapshot", SERVICE).code == 0
        for given in VARIABLES:
            s.deploy("42")
            ended = s.run(*YES, timeout_s=60.0, **given)
            assert (ended.code, s.alias.version) == (0, "41"), (given, ended.out + ended.err)
            assert ended.err, given
        pages = [e.data["key"] for e in s.events("pagerduty.trigger")]
        assert pages == []


def test_another_account_is_refused(tmp_path: Path) -> None:
    """The account guard alone still says no, whoever is in a hurry."""
    with stage(tmp_path) as s:
        assert s.run("snapshot", SERVICE).code == 0
        s.deploy("42")
        ended = s.run(*YES, AWS_ACCOUNT_ID="999999999999")
        assert (ended.code, s.alias.version) == (3, "42")
        assert "999999999999" in ended.err
        s.config.write_text(s.config.read_text().replace("333333333333", "444444444444"))
        ended = s.run(*YES)
        assert (ended.code, s.alias.version) == (3, "42")


@pytest.mark.parametrize("spoilt", FILES)
def test_no_file_stops_a_rollback(tmp_path: Path, spoilt: Callable[[Stage], None]) -> None:
    """What is wrong is said, and the traffic goes back by what can be used or was journalled."""
    with stage(tmp_path) as s:
        deployed(s)
        spoilt(s)
        ended = s.run(*YES, "-c", str(s.config))
        assert (ended.code, s.alias.version) == (0, "41"), ended.out + ended.err
        assert ended.out.splitlines()[0].startswith("rolling agents-api back: 42 -> 41 (snapshot")
        assert ended.err or spoilt is rules_typo


def test_a_service_that_nothing_knows_is_refused_with_what_is_wrong(tmp_path: Path) -> None:
    """Neither the file nor the journal says where it is."""
    with stage(tmp_path) as s:
        gone(s)
        ended = s.run(*YES, "-c", str(s.config))
        assert ended.code == 3
        assert "has no service 'agents-api'; known are none" in ended.err


@pytest.mark.parametrize("journal", ["sqlite:/proc/guardian.db", "sqlite:/proc", "nonsense"])
def test_without_a_journal_the_version_is_named(tmp_path: Path, journal: str) -> None:
    """A journal that cannot be written, or that is none, is a warning."""
    with stage(tmp_path) as s:
        s.deploy("42")
        ended = s.run(*YES, "--to", "41", GUARDIAN_JOURNAL=journal)
        assert (ended.code, s.alias.version) == (0, "41"), ended.out + ended.err
        assert "going on" in ended.err


def test_a_mistake_in_a_file_does_not_stop_a_recovery(tmp_path: Path) -> None:
    """The step of a pipeline that always runs puts back what a dead runner left."""
    with stage(tmp_path, speed=60.0) as s:
        process = s.start("rollout", "start", SERVICE, "--to", "42", "--wait")
        s.wait_for("the first shift", lambda: bool(s.alias.weights))
        process.kill()
        finish(process)
        rules_typo(s)
        own_steps(s)
        ended = s.run("rollout", "recover")
        assert (ended.code, s.alias.version, s.alias.weights) == (0, "41", {}), ended.err
        assert "going on in spite of this" in ended.err


def test_a_journal_that_was_tampered_with_is_gone_around(tmp_path: Path) -> None:
    """The live rollout in it cannot be read: guardian's stamp on the target is enough."""
    with stage(tmp_path, speed=60.0) as s:
        process = s.start("rollout", "start", SERVICE, "--to", "42", "--wait")
        s.wait_for("the first shift", lambda: bool(s.alias.weights))
        process.kill()
        finish(process)
        spoil_entries(tmp_path / "guardian.db")
        ended = s.run(*YES)
        assert (ended.code, s.alias.version, s.alias.weights) == (0, "41", {}), ended.err
        assert "going on without the journal" in ended.err
        assert "guardian's stamp" in ended.out


def spoil_entries(path: Path) -> None:
    """Change what was written, as a bad disk or an editor would."""
    db = sqlite3.connect(path)
    with db:
        db.execute("DROP TRIGGER entries_hold")
        db.execute("UPDATE entries SET body = '{}' WHERE seq = 2")
    db.close()


def test_a_version_that_sleeps_takes_the_traffic(tmp_path: Path) -> None:
    """It wakes at its next call: nothing to warn of."""
    with stage(tmp_path) as s:
        s.deploy("42")
        s.simulator.aliases.publish(SERVICE, "41", state="Inactive")
        ended = s.run(*YES, "--to", "41")
        assert (ended.code, s.alias.version) == (0, "41"), ended.out + ended.err


def test_an_abort_with_nothing_to_undo_is_no_error(tmp_path: Path) -> None:
    """Exit 0 and a sentence, whatever is wrong with the files."""
    with stage(tmp_path) as s:
        deployed(s)
        assert s.run(*YES).code == 0
        rules_typo(s)
        another_service(s)
        ended = s.run("rollout", "abort", SERVICE, LOG_LEVEL="silly", AWS_REGION="eu-central-1")
        assert ended.code == 0, ended.err
        assert "nothing to undo" in ended.out
        ended = s.run("rollout", "abort", SERVICE, GUARDIAN_JOURNAL="sqlite:/proc/x.db")
        assert ended.code == 8
        assert f"`guardian rollback {SERVICE}` needs no journal" in ended.err


def closed(s: Stage, streams: str, *arguments: str) -> Ended:
    """`guardian` under `<&-`, `>&-` or `2>&-`, where Python has no such stream at all."""
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f'exec "$@" {streams}',
            "sh",
            sys.executable,
            "-m",
            "guardian",
            *arguments,
        ],
        cwd=s.folder,
        env=s.environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60 * PATIENCE,
    )
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


def test_no_closed_stream_stops_a_rollback(tmp_path: Path) -> None:
    """As under a supervisor that gives none: it asks nobody, and tells what it can."""
    with stage(tmp_path) as s:
        deployed(s)
        asked = closed(s, "<&-", "rollback", SERVICE, "--reason", "users are hurt")
        assert asked.code == 2, asked.err
        assert "nobody can be asked here: add --yes" in asked.err
        assert s.alias.version == "42"
        assert closed(s, "<&- >&- 2>&-", *YES).code == 0
        assert s.alias.version == "41"
        status = closed(s, ">&-", "rollout", "status")
        assert (status.code, status.err) == (0, "")
