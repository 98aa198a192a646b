"""The documents say what the code does: examples load, names exist, links resolve."""

from __future__ import annotations

import importlib
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest
from _pytest.mark.structures import ParameterSet
from pydantic import BaseModel

from guardian.cli.main import COMMANDS, guardian
from guardian.core.notices import Event
from guardian.engine.outcome import Exit
from guardian.files import config, rules
from guardian.files.config.config_keys import (
    ApprovalModel,
    AwsModel,
    ConfigModel,
    GroupModel,
    NotifyModel,
    ServiceModel,
    StepModel,
)
from guardian.ports import GuardianError
from guardian.settings import Settings
from guardian.wiring import services

ROOT = Path(__file__).parent.parent
WORDS = """
    service, stable, canary, rollout, step, weight, shift, confirm, bake, criterion, rule file,
    source, query, datapoint, period, window, settled, measurement, verdict, evidence, tick, entry,
    journal, hold, resume, promote, abort, rollback, snapshot, notice, page, notify, order, target,
    router, notifier, action, plane, lease, claim, epoch
"""

HEAD = {
    "version": "1",
    "environment": "production",
    "aws": '{account_id: "333333333333", region: us-east-1}',
    "services": "{example: {router: {type: none}, rules: ['preset:lambda']}}",
}
"""What a fragment of a configuration leaves out."""
ENVIRON = {"GUARDIAN_SLACK_TOKEN": "xoxb-1", "GUARDIAN_PAGERDUTY_ROUTING_KEY": "k" * 32}


def pages() -> list[Path]:
    """Every document, in a fixed order."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def read(name: str) -> str:
    """A document, by its path from the root."""
    return (ROOT / name).read_text(encoding="utf-8")


def sections(text: str) -> Mapping[str, str]:
    """A document's `## ` sections by their headings, without back quotes."""
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    return {h.replace("`", ""): body for h, body in zip(parts[1::2], parts[2::2], strict=True)}


def rows(text: str) -> list[list[str]]:
    """The cells of every table row whose first cell is code or a number."""
    found = re.findall(r"^\| *(`[^|]+|\d+ *)\|(.+)\|$", text, flags=re.MULTILINE)
    return [[first.strip(), *(c.strip() for c in rest.split("|"))] for first, rest in found]


# --- examples ----------------------------------------------------------------------------------


def blocks() -> list[tuple[str, str, str]]:
    """(place, info string, text) of every fenced block that says it is YAML."""
    found = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(r"^```(ya?ml.*)\n((?:.*\n)*?)^```$", text, flags=re.MULTILINE):
            line = text.count("\n", 0, match.start()) + 1
            found.append((f"{page.relative_to(ROOT)}:{line}", match[1].strip(), match[2]))
    return found


def of(info: str) -> list[ParameterSet]:
    """The blocks with one info string, as test parameters."""
    return [pytest.param(text, id=place) for place, kind, text in blocks() if kind == info]


def test_every_yaml_block_says_which_kind_of_file_it_is() -> None:
    """An example that is not loaded by a test rots."""
    known = ("yaml rules", "yaml config", "yaml workflow", "yaml steps")
    assert [f"{place}: {info}" for place, info, _ in blocks() if info not in known] == []


def completed(text: str, **head: str) -> str:
    """A fragment with the top-level keys that it leaves out."""
    lines = [f"{key}: {value}\n" for key, value in head.items() if f"\n{key}:" not in f"\n{text}"]
    return "".join(lines) + text


@pytest.mark.parametrize("text", of("yaml rules"))
def test_rule_files_in_the_documents_load(text: str, tmp_path: Path) -> None:
    """Every example of a rule file is one, once it has a head."""
    file = tmp_path / "example.yaml"
    file.write_text(completed(text, version="1", name="example"), encoding="utf-8")
    assert [str(found) for found in rules.lint([file]).findings if found.severity == "error"] == []
    assert rules.load([file]).criteria


@pytest.mark.parametrize("text", of("yaml config"))
def test_configurations_in_the_documents_load(text: str, tmp_path: Path) -> None:
    """Every example of a configuration is one, with its rules and its adapters' options."""
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    file = tmp_path / "config" / "example.yaml"
    file.parent.mkdir()
    file.write_text(completed(text, **HEAD), encoding="utf-8")
    found = config.load(file, environ=ENVIRON)
    for name, service in found.services.items():
        assert services.service_criteria(found, name).criteria
        service.router.options(_adapter("routers", service.router.name), environ=ENVIRON)
    for receiver in found.receivers:
        receiver.to.options(_adapter("notifiers", receiver.to.name), environ=ENVIRON)


def _adapter(room: str, name: str) -> type[BaseModel]:
    options: type[BaseModel] = importlib.import_module(f"guardian.{room}.{name}").Options
    return options


# --- commands ----------------------------------------------------------------------------------


def commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Every command by its full name, groups left out."""
    if not isinstance(command, click.Group):
        yield name, command
        return
    context = click.Context(command)
    for child in command.list_commands(context):
        found = command.get_command(context, child)
        assert found is not None, f"{name} {child} is listed and cannot be loaded"
        yield from commands(found, f"{name} {child}")


def options(command: click.Command) -> set[str]:
    """Every spelling of every option that a command shows."""
    shown = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    return {name for option in shown for name in (*option.opts, *option.secondary_opts)}


def test_the_page_of_commands_has_a_section_for_each_command() -> None:
    """No command is undocumented, and none is documented that does not exist."""
    documented = [heading for heading in sections(read("docs/cli.md")) if "guardian " in heading]
    assert sorted(documented) == sorted(name for name, _ in commands(guardian, "guardian"))


@pytest.mark.parametrize("name", COMMANDS)
def test_each_section_lists_exactly_the_options_of_its_command(name: str) -> None:
    """The option tables in docs/cli.md are the commands' own options, each spelling of them."""
    found = guardian.get_command(click.Context(guardian), name)
    assert found is not None
    written = sections(read("docs/cli.md"))
    for path, command in commands(found, f"guardian {name}"):
        listed = {
            spelling
            for first, *_ in rows(written[path])
            for spelling in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", first)
        }
        assert (path, listed) == (path, options(command))


def test_documents_name_only_commands_that_exist() -> None:
    """Nobody is told to run what is not there."""
    known = {name for name, _ in commands(guardian, "guardian")}
    unknown = [
        f"{page.relative_to(ROOT)}: {' '.join(words)}"
        for page in pages()
        for words in spoken(_code(page.read_text(encoding="utf-8")))
        if not {" ".join(words[:2]), " ".join(words[:3])} & known
    ]
    assert unknown == []


def spoken(code: str) -> list[list[str]]:
    """Every command line of guardian in some code, up to its first word that is no name."""
    found = re.findall(r"(?:^|[`$/] ?)(guardian(?: [a-z]+(?![\w=.-]))+)", code, flags=re.MULTILINE)
    return [line.split() for line in found]


def _code(text: str) -> str:
    """A document's code alone: fenced blocks and back-quoted spans."""
    fenced = re.findall(r"^```.*\n((?:.*\n)*?)^```$", text, flags=re.MULTILINE)
    return "\n".join([*fenced, *re.findall(r"`[^`\n]+`", text)])


# --- exit codes --------------------------------------------------------------------------------


def test_the_exit_codes_in_the_documents_are_those_of_the_code() -> None:
    """docs/cli.md lists each exit code once, under the name it has in the code."""
    table = rows(sections(read("docs/cli.md"))["Exit codes"])
    listed = {int(code): name.strip("`") for code, name, *_ in table}
    assert len(listed) == len(table)
    assert {exit_.value: exit_.name.lower() for exit_ in Exit}.items() <= listed.items()
    errors = {error.exit_code for error in _subclasses(GuardianError)}
    assert set(listed) == {exit_.value for exit_ in Exit} | errors


def _subclasses(error: type[GuardianError]) -> Iterator[type[GuardianError]]:
    yield error
    for child in error.__subclasses__():
        yield from _subclasses(child)


def test_the_order_of_exit_codes_is_documented() -> None:
    """Of several services the worst decides, in the order that docs/cli.md gives."""
    order = ", ".join(str(exit_.value) for exit_ in Exit)
    assert f"worst first: {order}." in read("docs/cli.md")


@pytest.mark.parametrize("page", ["README.md", "docs/operations.md"])
def test_exit_codes_elsewhere_exist(page: str) -> None:
    """A code that a page mentions is one that the process can return."""
    known = {int(code) for code, *_ in rows(sections(read("docs/cli.md"))["Exit codes"])}
    assert {int(code) for code in re.findall(r"exit code (\d+)", read(page))} <= known


# --- words, events, states ---------------------------------------------------------------------


def test_every_word_of_the_project_is_in_the_glossary() -> None:
    """One word for one thing, and each is explained."""
    explained = set(re.findall(r"^\| \*\*([^*]+)\*\* \|", read("docs/glossary.md"), re.MULTILINE))
    assert {word.strip() for word in WORDS.split(",")} - explained == set()


def test_the_runbook_has_a_section_for_each_event() -> None:
    """Whatever guardian says, docs/operations.md says what to do."""
    headings = re.findall(r"^## `(\w+)`$", read("docs/operations.md"), flags=re.MULTILINE)
    assert sorted(headings) == sorted(event.value for event in Event)


def test_the_page_of_config_files_names_every_key() -> None:
    """docs/config.md lists the keys of files and services, the variables, and no other."""
    page = sections(read("docs/config.md"))
    for heading, wanted in {
        "The file": set(ConfigModel.model_fields),
        "A service": {*ServiceModel.model_fields},
        "The environment": {f"GUARDIAN_{name.upper()}" for name in Settings.model_fields},
    }.items():
        assert {first.strip("`") for first, *_ in rows(page[heading])} == wanted
    models = (AwsModel, StepModel, NotifyModel, ApprovalModel, GroupModel)
    nested = {key for model in models for key in model.model_fields}
    assert [key for key in sorted(nested) if f"`{key}`" not in read("docs/config.md")] == []


# --- the tree, the dependencies, the links -----------------------------------------------------


def test_the_tree_in_the_architecture_lists_every_room() -> None:
    """docs/architecture.md shows `ls guardian/`."""
    tree = re.search(r"^guardian/\n((?:  .+\n)+)", read("docs/architecture.md"), re.MULTILINE)
    assert tree is not None
    listed = [line.split()[0] for line in tree[1].splitlines()]
    code = ROOT / "guardian"
    folders = [f"{path.parent.name}/" for path in code.glob("*/__init__.py")]
    modules = [path.name for path in code.glob("*.py") if path.name != "__init__.py"]
    assert sorted(listed) == sorted(folders + modules)


def test_each_dependency_has_its_reason() -> None:
    """docs/dependencies.md lists exactly what pyproject.toml asks for."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    wanted = [re.split(r"[^\w.-]", requirement)[0] for requirement in project["dependencies"]]
    listed = [first.strip("` ") for first, *_ in rows(read("docs/dependencies.md"))]
    assert sorted(listed) == sorted(wanted)


def test_relative_links_resolve() -> None:
    """A link leads to a file, and to a heading where it names one."""
    broken = []
    for page in pages():
        for link in re.findall(r"\]\((?!https?:)([^)\s]*)\)", page.read_text(encoding="utf-8")):
            path, _, anchor = link.partition("#")
            file = (page.parent / path).resolve() if path else page
            if not file.exists() or (anchor and anchor not in _anchors(file)):
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert broken == []


def _anchors(page: Path) -> set[str]:
    """The anchors that a forge gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_each_stop_of_the_walks_is_there() -> None:
    """Whoever follows docs/architecture.md from a limit to a write finds each function."""
    stops = re.findall(r"`([\w/]+\.py)` `(\w+)`", read("docs/architecture.md"))
    assert len(stops) > 12
    for file, name in stops:
        code = (ROOT / "guardian" / file).read_text(encoding="utf-8")
        assert re.search(rf"^(def|class) {name}\b", code, flags=re.MULTILINE), f"{file} {name}"
