"""Small commands, mistakes, and the demo."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from guardian.cli.lazy import Declared
from guardian.cli.main import COMMANDS, GROUPS
from guardian.cli.main import guardian as commands
from tests.cli.stage import ROOT, Ended, stage


def guardian(*arguments: str, cwd: Path = ROOT, timeout_s: float = 60.0, **environ: str) -> Ended:
    """Run `guardian` with a bare environment."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "GUARDIAN_"))}
    done = subprocess.run(
        [sys.executable, "-m", "guardian", *arguments],
        cwd=cwd,
        env={**kept, "PYTHONPATH": str(ROOT), **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
    )
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


def test_the_demo_tells_the_whole_story() -> None:
    """A healthy release goes live, a bad one is taken back; exit 0, no AWS, no network."""
    ended = guardian("demo", "--speed", "300", "--no-color", timeout_s=90)
    assert ended.code == 0, ended.out + ended.err
    for words in (
        "42 gets 10%",
        "42 gets 50%",
        "42 gets 100%",
        "42 becomes the version",
        "ROLL BACK: error-rate",
        "read back: 42 100%",
        "Slack",
        "PagerDuty  pages (warning)",
        "fails above 5%",
    ):
        assert words in ended.out, words
    assert "\x1b[" not in ended.out
    assert "any open incident" in ended.out.partition("Part 1")[0]
    assert "made a new one" not in ended.err + ended.out


def test_version_is_said_twice() -> None:
    """`--version` and `version` agree."""
    assert guardian("--version").out.split()[-1] == guardian("version").out.split()[1]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("status", "guardian rollout status"),
        ("promote", "guardian rollout promote"),
        ("wacth", "guardian watch"),
        ("rollout statu", "guardian rollout status"),
        ("explode", ""),
        ("rollout explode", ""),
    ],
)
def test_an_unknown_command_is_a_usage_error(word: str, meant: str) -> None:
    """Exit 2, and the command that may have been meant."""
    ended = guardian(*word.split())
    assert ended.code == 2
    assert f"Did you mean '{meant}'?" in ended.err if meant else "Did you" not in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("watch", "agents-api", "--duration", "half an hour"),
        ("watch", "--lambda", "agents-api"),
        ("watch", "--alb", "agents-web"),
        ("watch", "--lambda", "agents-api:live", "--alb", "arn:aws:x"),
        ("snapshot",),
        ("rules", "lint"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_said_without_a_traceback(arguments: tuple[str, ...]) -> None:
    """Exit 2, a sentence."""
    ended = guardian(*arguments, AWS_REGION="us-east-1")
    assert ended.code == 2, ended.out + ended.err
    assert "Traceback" not in ended.err


def test_a_missing_config_file_is_said(tmp_path: Path) -> None:
    """Exit 3, and how to name one."""
    ended = guardian("watch", cwd=tmp_path)
    assert ended.code == 3
    assert "--config" in ended.err


def test_the_shipped_rules_are_clean() -> None:
    """Exit 0, no warning."""
    ended = guardian("rules", "lint", "rules/")
    assert ended.code == 0, ended.out
    assert "0 errors, 0 warnings" in ended.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("-c", "nope.yaml", "rollout", "list"),
        ("--config=nope.yaml", "-o", "json", "rollout", "list"),
        ("-q", "--config", "nope.yaml", "watch", "agents-api"),
        ("watch", "-c", "nope.yaml"),
    ],
)
def test_common_options_may_stand_before_the_command(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """They are the command's, wherever they stand."""
    ended = guardian(*arguments, cwd=tmp_path)
    assert ended.code == 3, ended.out + ended.err
    assert "nope.yaml" in ended.out + ended.err


def test_the_groups_are_those_commands_that_have_commands() -> None:
    """Nothing else takes two words."""
    context = click.Context(commands)
    found = {n for n in COMMANDS if isinstance(commands.get_command(context, n), click.Group)}
    assert found == GROUPS


@pytest.mark.parametrize("command", ["lint", "explain"])
def test_paths_that_can_be_no_rule_files_are_errors_and_no_bugs(
    tmp_path: Path, command: str
) -> None:
    """A name longer than any file's; a folder that nobody wants to look through."""
    (tmp_path / "disk").mkdir()
    for number in range(10_001):
        (tmp_path / "disk" / str(number)).touch()
    for given, why in (("a" * 300, "no such file"), ("disk", "more than 10000 files")):
        ended = guardian("rules", command, given, cwd=tmp_path)
        assert ended.code == 3, ended.out + ended.err
        assert why in ended.out + ended.err


def test_every_error_of_a_rule_file_is_shown_with_its_place(tmp_path: Path) -> None:
    """File, line, column, caret and suggestion; all of them in one run; exit 3."""
    rule = (ROOT / "rules" / "production.yaml").read_text()
    broken = rule.replace("fail_if:", "fail_iff:", 1).replace("below: 80%", "below: 80")
    (tmp_path / "broken.yaml").write_text(broken)
    ended = guardian("rules", "lint", "broken.yaml", cwd=tmp_path)
    assert ended.code == 3
    assert "did you mean 'fail_if'?" in ended.out
    assert "80%" in ended.out
    assert "^" in ended.out
    assert "broken.yaml:" in ended.out


def test_a_rule_file_by_itself_names_no_variable_that_no_router_gives(tmp_path: Path) -> None:
    """Exit 3, with the names of the routers that there are."""
    rule = (ROOT / "rules" / "production.yaml").read_text()
    (tmp_path / "rules.yaml").write_text(rule.replace("router.alias", "router.stage"))
    ended = guardian("rules", "lint", "rules.yaml", cwd=tmp_path)
    assert ended.code == 3
    assert "no router gives ${router.stage}" in ended.out
    for known in ("alias", "function", "version"):
        assert f"${{router.{known}}}" in ended.out


def test_dead_endpoints_and_bad_settings_are_said(tmp_path: Path) -> None:
    """A refused connection is exit 8; a simulated clock against real AWS is exit 3."""
    with stage(tmp_path) as s:
        dead = s.run("snapshot", "agents-api", AWS_ENDPOINT_URL="http://127.0.0.1:9")
        assert dead.code == 8, dead.err
        assert "Traceback" not in dead.err
        clock = s.run("snapshot", "agents-api", AWS_ENDPOINT_URL="https://example.com")
        assert clock.code == 3, clock.err
        assert "GUARDIAN_SIMULATED_CLOCK" in clock.err


# --- what a command takes, and what it does ----------------------------------------------------


ASKED = """
import json, sys
from guardian.cli.main import run
for words in json.load(sys.stdin):
    try:
        run([*words, "-h"])
    except SystemExit as end:
        assert end.code == 0, words
    print(json.dumps([words, sorted(sys.modules)]), file=sys.stderr)
"""
"""Prints the help of commands one after the other, and which modules there are after each."""


def _commands(group: click.Group, *before: str) -> Iterator[tuple[list[str], click.Command]]:
    """The words of every command, and what is declared of it."""
    context = click.Context(group)
    yield [*before], group
    for name in group.list_commands(context):
        one = group.get_command(context, name)
        assert one is not None
        if isinstance(one, click.Group):
            yield from _commands(one, *before, name)
        else:
            yield [*before, name], one


def test_the_help_of_a_command_imports_click_alone() -> None:
    """No vendor's package, and no room of guardian's; but `watch` lists what routers declare."""
    asked = sorted(
        (words for words, _ in _commands(commands)), key=lambda words: words == ["watch"]
    )
    done = subprocess.run(
        [sys.executable, "-c", ASKED],
        input=json.dumps(asked),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    bare = sys.stdlib_module_names - {"asyncio", "logging", "sqlite3"} | {"click", "__main__"}
    for line in done.stderr.splitlines():
        words, found = json.loads(line)
        others = {
            name
            for name in found
            if name.partition(".")[0] not in bare
            and not name.startswith(("guardian.cli", "guardian.__main__", "_"))
            and name != "guardian"
        }
        if words == ["watch"]:
            vendors = ("apscheduler", "boto", "pdpyras", "prometheus_client", "slack_sdk")
            assert not [name for name in others if name.startswith(vendors)]
        else:
            assert not others, words
    assert len(done.stderr.splitlines()) == len(asked)


def test_each_command_is_done_with_what_it_takes() -> None:
    """The options of a declaration are the arguments of the function that does it."""
    for _, declared in _commands(commands):
        if isinstance(declared, Declared):
            given = {param.name for param in declared.params if param.name and param.expose_value}
            takes = inspect.signature(declared.does())
            if "output" in takes.parameters:  # what is printed is one value by then
                given = given - {"form", "quiet", "verbose", "junit"} | {"output"}
            takes.bind(**dict.fromkeys(given))
