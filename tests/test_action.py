"""The GitHub Action is `guardian watch`: the inputs are its options, none becomes shell text."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from guardian.cli.github import GitHub
from guardian.cli.main import guardian
from tests.cli.linters import ZIZMOR, faults_in
from tests.cli.runner import outputs
from tests.tooling import ROOT, judged

ACTION = ROOT / "action.yml"
SETUP = ROOT / "actions" / "setup" / "action.yml"
PAGE = ROOT / "docs" / "github-actions.md"
LEFT_OUT = {
    "output": "it is github, always",
    "no-color": "a job's log is no terminal",
}
"""Options that are no inputs, and why."""
MORE = {
    "services": "Names of services in the config file, apart by blanks or lines; with none, those"
    " whose live version differs from their snapshot or that have none.",
    "python": "The Python that guardian is installed for, 3.11 or newer.",
}
"""Inputs that are no options: the command's arguments, and what runs it."""
DEFAULTS = {"python": "python3"}
FACTS = {
    "exit_code": "The exit code: 0 healthy, 4 rolled back, 5 without enough evidence, 6 a person is"
    " needed; docs/cli.md has the whole list.",
    "outcome": "The exit code's name, e.g. healthy or rolled_back; with `allow` the true one.",
    "service": "The service that decided, where there are several.",
    "rollout": "The id of its watch, for `guardian report`.",
    "phase": "The phase in which it ended.",
    "stable": "The version that was live before.",
    "canary": "The version that was watched.",
    "rollouts": "The same for every service, as a JSON list.",
}
"""What `-o github` puts out."""


def loaded(path: Path) -> dict[str, Any]:
    """An action as YAML 1.2 has it."""
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    return found


def options() -> dict[str, click.Option]:
    """The options of the command by their long names, in its order."""
    watch = guardian.get_command(click.Context(guardian), "watch")
    assert watch is not None
    found = [param for param in watch.params if isinstance(param, click.Option)]
    return {max(o.opts, key=len).removeprefix("--"): o for o in found}


def described(option: click.Option) -> str:
    """What an input says of its option: the option's own help, and how it is written here."""
    text = option.help or ""
    if option.is_flag:
        return f"{text} true or false."
    if option.multiple:
        return f"{text} One a line."
    if isinstance(option.type, click.Choice):
        text += f" One of: {', '.join(option.type.choices)}."
    if option.show_default and option.default:
        text += f" {option.default} when left out."
    return text


def wanted() -> dict[str, str]:
    """The inputs with their descriptions."""
    services, python = MORE.items()
    given = {name: described(o) for name, o in options().items() if name not in LEFT_OUT}
    return dict([services, *given.items(), python])


def variable(name: str) -> str:
    """The environment variable in which an input reaches the script."""
    return f"WATCH_{name.upper().replace('-', '_')}"


def written(text: str) -> str:
    """The action with the inputs, outputs and variables that the command has now."""
    quoted = {name: json.dumps(what, ensure_ascii=False) for name, what in wanted().items()}
    inputs = "".join(
        f"  {name}:\n    description: {what}\n    default: {DEFAULTS.get(name, chr(34) * 2)}\n"
        for name, what in quoted.items()
    )
    facts = "".join(
        f"  {name}:\n    description: {json.dumps(what)}\n"
        f"    value: ${{{{ steps.watch.outputs.{name} }}}}\n"
        for name, what in FACTS.items()
    )
    facts += (
        "  report:\n    description: The file of the JUnit report, as `junit` names it.\n"
        "    value: ${{ inputs.junit }}\n"
    )
    environ = "".join(
        f"        {variable(name)}: ${{{{ inputs.{name} }}}}\n"
        for name in quoted
        if name not in DEFAULTS
    )
    text = re.sub(r"(?ms)^inputs:\n.*?(?=^outputs:)", lambda _: f"inputs:\n{inputs}", text)
    text = re.sub(r"(?ms)^outputs:\n.*?(?=^runs:)", lambda _: f"outputs:\n{facts}", text)
    return re.sub(
        r"(?ms)(id: watch\n.*?^      env:\n).*?(?=^      run:)", lambda m: m[1] + environ, text
    )


def test_the_inputs_are_the_options_of_the_command() -> None:
    """Names and words; `python -m tests.test_action` writes them."""
    assert ACTION.read_text("utf-8") == written(ACTION.read_text("utf-8"))
    inputs = loaded(ACTION)["inputs"]
    assert set(options()) == (set(inputs) - set(MORE)) | set(LEFT_OUT)
    assert {name: i["default"] for name, i in inputs.items() if i["default"]} == DEFAULTS


def test_the_outputs_are_those_of_the_command_and_the_report(tmp_path: Path) -> None:
    """Whatever `-o github` puts out reaches the caller."""
    GitHub({"GITHUB_OUTPUT": str(tmp_path / "out")}, lambda _: None).end([], 0)
    assert set(loaded(ACTION)["outputs"]) == {*outputs(tmp_path / "out"), "report"}


@pytest.mark.parametrize("path", [ACTION, SETUP], ids=["watch", "setup"])
def test_no_input_becomes_text_of_a_shell(path: Path) -> None:
    """Steps run scripts of this checkout; every input comes by a variable."""
    for step in loaded(path)["runs"]["steps"]:
        assert step["shell"] == "bash"
        script = re.fullmatch(r'exec "\$GITHUB_ACTION_PATH/([\w./]+\.sh)"', step["run"])
        assert script is not None
        assert (path.parent / script[1]).stat().st_mode & 0o111


def test_each_variable_is_read() -> None:
    """An input that the script forgets would silently do nothing."""
    script = (ROOT / "actions" / "watch.sh").read_text("utf-8")
    steps = loaded(ACTION)["runs"]["steps"]
    given = {name for step in steps for name in step["env"] if name.startswith("WATCH_")}
    assert set(re.findall(r"\$\{?(WATCH_\w+)", script)) == given


def test_a_signal_reaches_guardian() -> None:
    """A job that is cancelled signals the step's process, which must have become guardian."""
    *_, last = (ROOT / "actions" / "watch.sh").read_text("utf-8").splitlines()
    assert re.match(r'exec "\S+/guardian" watch ', last)


@pytest.mark.parametrize("path", ["action.yml", "actions/setup/action.yml"])
def test_zizmor_finds_nothing(path: str) -> None:
    """In its strictest view for authors."""
    told = judged(ZIZMOR, "--offline", "--no-progress", "--persona", "pedantic", path)
    assert "completed" in told.stderr, told.stdout + told.stderr
    assert told.returncode == 0, told.stdout


# --- the page ----------------------------------------------------------------------------------


def block(kind: str) -> str:
    """The page's example of that kind, with a commit where the reader puts one."""
    found = re.search(
        rf"^```yaml {kind}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert found is not None
    return found[1].replace("FULL-COMMIT", "0" * 40)


def test_the_example_is_sound(tmp_path: Path) -> None:
    """By actionlint, and by zizmor in its strictest view for authors."""
    (tmp_path / "production.yml").write_text(block("workflow"), encoding="utf-8")
    assert faults_in(tmp_path, "production.yml") == ""
    assert "sleep" in block("steps")
    assert "sleep" not in block("workflow")


def test_the_example_uses_the_action_as_it_is(tmp_path: Path) -> None:
    """Inputs and outputs that exist, the setup before its command, one commit for both."""
    workflow = YAML(typ="safe", pure=True).load(block("workflow"))
    steps = workflow["jobs"]["production"]["steps"]
    (step,) = (s for s in steps if s.get("id") == "guardian")
    action = loaded(ACTION)
    assert set(step["with"]) <= set(action["inputs"])
    used = set(re.findall(r"steps\.guardian\.outputs\.(\w+)", block("workflow")))
    assert used
    assert used <= set(action["outputs"])
    uses = [str(s.get("uses", s.get("run"))) for s in steps]
    (setup,) = (u for u in uses if "/actions/setup@" in u)
    assert uses.index(setup) < uses.index("guardian snapshot agents-api:live")
    assert setup.partition("@")[2] == step["uses"].partition("@")[2]


def test_the_page_names_every_input_and_output() -> None:
    """And says which options are none."""
    inputs, _, rest = PAGE.read_text("utf-8").partition("\n## Inputs\n")[2].partition("## Outputs")
    action = loaded(ACTION)
    assert [name for name in (*action["inputs"], *LEFT_OUT) if f"`{name}`" not in inputs] == []
    told = rest.partition("\n## ")[0]
    assert [name for name in action["outputs"] if f"`{name}`" not in told] == []


if __name__ == "__main__":
    ACTION.write_text(written(ACTION.read_text("utf-8")), encoding="utf-8")
