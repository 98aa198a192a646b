"""Nothing lies about unused: what is declared, defined or offered is used somewhere."""

from __future__ import annotations

import ast
import importlib
import re
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import get_args

import pytest

from guardian.clock import ScaledClock
from guardian.core.rollout.entries import Entry
from guardian.sim.server import Simulator
from guardian.wiring import open_wiring
from guardian.wiring.adapters import ROOMS, adapters
from guardian.wiring.journal_address import made
from guardian.wiring.process import Wiring
from tests.contracts.adapters import ACCOUNT, use_endpoint
from tests.moto.emulator import emulator

ROOT = Path(__file__).parent.parent


@cache
def nodes() -> tuple[ast.AST, ...]:
    """Every node of the package's syntax trees."""
    trees = (ast.parse(path.read_bytes()) for path in (ROOT / "guardian").rglob("*.py"))
    return tuple(node for tree in trees for node in ast.walk(tree))


# --- dependencies and entries ------------------------------------------------------------------


def test_what_was_asked_for_is_a_dependency() -> None:
    """docs/dependencies.md says which are given; none of them is to be saved."""
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    given = re.findall(r"[a-z0-9-]+", page.split("are given:")[0].rsplit("\n\n", 1)[1])
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert [name for name in given if name != "and" and f'"{name}' not in project] == []
    assert "pydantic-settings" in given


def test_every_dependency_is_imported() -> None:
    """What is declared for run time is imported by the package itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {plain(re.split(r"[<>=!~\[; ]", line)[0]) for line in project["dependencies"]}
    bring = packages_distributions()
    used = {plain(name) for top in imported() for name in bring.get(top, ())}
    assert sorted(declared - used) == []


def plain(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported() -> Iterator[str]:
    """The first part of every name that the package imports."""
    for node in nodes():
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module.partition(".")[0]


def test_every_kind_of_entry_is_written_by_the_package() -> None:
    """An entry that nothing records is a promise that nobody keeps."""
    functions = [node.func for node in nodes() if isinstance(node, ast.Call)]
    called = {f.attr if isinstance(f, ast.Attribute) else getattr(f, "id", "") for f in functions}
    assert [kind.__name__ for kind in get_args(Entry) if kind.__name__ not in called] == []


# --- adapters ----------------------------------------------------------------------------------


@dataclass
class Started:
    """What came of building everything that the examples name."""

    modules: set[str] = field(default_factory=set)
    wrong: dict[str, str] = field(default_factory=dict)
    """Why an example could not be built, by where it stands."""


def examples() -> dict[str, str]:
    """The configurations that are shipped, and the whole ones that pages show: where, and what."""
    shipped = {str(path.relative_to(ROOT)): path for path in sorted((ROOT / "config").glob("*"))}
    found = {where: path.read_text(encoding="utf-8") for where, path in shipped.items()}
    shown = re.compile(r"^```(?:yaml config|text)\n(version:(?:.*\n)*?)```$", re.MULTILINE)
    for page in sorted((ROOT / "docs").rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        for match in shown.finditer(text):
            line = text.count("\n", 0, match.start(1)) + 1
            found[f"{page.relative_to(ROOT)}:{line}"] = match[1]
    return found


def start(wiring: Wiring, folder: Path) -> Iterator[object]:
    """Everything that a configuration names, built as for a command."""
    yield from (receiver.notifier for receiver in wiring.receivers())
    configured = wiring.configured()
    for name in configured.services:
        service = wiring.service(name)
        yield service.router
        read = {query.source for criterion in service.criteria for query in criterion.queries()}
        yield from (wiring.source(name, source) for source in sorted(read))
    if configured.journal is not None:
        scheme = configured.journal.partition(":")[0]
        local = wiring.journal_is_local
        address = f"{scheme}:{folder / 'journal'}" if local else configured.journal
        made(wiring, address)
        wiring.use(address, until=lambda: None)
        yield wiring.journal


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Started:
    """What the examples name, and was built."""
    found = Started()
    clock = ScaledClock(origin=1_800_000_000.0, speed=1.0)
    with (
        Simulator(clock, account_id=ACCOUNT) as aws,
        emulator() as databases,
        pytest.MonkeyPatch.context() as patch,
    ):
        use_endpoint(patch, aws.url)
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", databases.url)
        for where, text in examples().items():
            try:
                found.modules |= built(text, tmp_path_factory.mktemp("example"))
            except Exception as error:  # noqa: BLE001 - whatever an adapter raises, by its page
                found.wrong[where] = f"{type(error).__name__}: {error}"
    return found


def built(text: str, folder: Path) -> set[str]:
    """The modules whose classes an example's adapters are of."""
    shutil.copytree(ROOT / "rules", folder / "rules")
    file = folder / "config" / "example.yaml"
    file.parent.mkdir()
    ours = re.sub(r'account_id: "\d+"', f'account_id: "{ACCOUNT}"', text)
    file.write_text(ours, encoding="utf-8")
    environ = dict.fromkeys(re.findall(r"env: (\w+)", text), "k" * 32)
    environ |= {"GUARDIAN_SLACK_TOKEN": "xoxb-1", "GUARDIAN_PAGERDUTY_API_TOKEN": "token"}
    with open_wiring(file, environ=environ) as wiring:
        return {type(one).__module__ for one in start(wiring, folder)}


def test_every_example_can_be_built(started: Started) -> None:
    """One that cannot is told by its page and line, and hides no other."""
    assert started.wrong == {}


@pytest.mark.parametrize(("room", "name"), [(room, n) for room in ROOMS for n in adapters(room)])
def test_every_adapter_is_started_from_an_example(started: Started, room: str, name: str) -> None:
    """What no shipped file and no page's example names, nobody has seen running."""
    module = importlib.import_module(f"guardian.{room}.{name}")
    assert module.__name__ in started.modules, "or its class is defined in another module"
