"""The house rules that no linter knows, checked over every file of the project."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import statistics
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TypeAlias

import pytest
from pydantic import BaseModel

from guardian.settings import ADDRESS, SECRET

ROOT = Path(__file__).parent.parent
CODE = ("guardian", "tests", "bench", "examples", "release")
ROOMS = ("sources", "routers", "notifiers", "journals")
HEADINGS = ["What it does", "Options", "Permissions", "Example", "What can go wrong"]
SDKS = {"boto3", "botocore", "slack_sdk", "pdpyras"}
VAGUE = {"util", "utils", "helper", "helpers", "manager", "managers", "misc", "common"}
# Put together here, so that this file does not break the rules that it checks.
MARKERS = ("TO" + "DO", "FIX" + "ME", "X" + "XX")
REGISTRIES = (
    "pypi" + ".org",
    "python" + "hosted",
    "registry." + "npmjs.org",
    "deb." + "debian.org",
)
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(root" + r"|work)/")

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


# --- reading the project -----------------------------------------------------------------------


@cache
def parsed(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def modules(*folders: str) -> list[Path]:
    """Every Python file of these folders, in a fixed order."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def functions(path: Path) -> Iterator[Function]:
    """Every function of a file, nested ones and methods too."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, Function):
            yield node


def length(function: Function) -> int:
    """Lines from `def` to the last one; decorators do not count."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def is_table(function: Function) -> bool:
    """Whether it is one `match` and nothing else: a row beside another needs no screen."""
    return [type(each) for each in function.body] == [ast.Expr, ast.Match]


def at(path: Path, node: ast.AST | None = None) -> str:
    """Where a violation is, as editors like it."""
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def files() -> list[Path]:
    """Every text file that is, or is about to be, under version control."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a git checkout, so there is no list of files")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - CI's git
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (ROOT / line for line in listed.stdout.splitlines())
    return [path for path in paths if path.is_file()]


def lines() -> Iterator[tuple[Path, int, str]]:
    """Every line of every file."""
    for path in files():
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            yield path, number, line


# --- size --------------------------------------------------------------------------------------


def test_functions_have_at_most_60_lines() -> None:
    """A function fits on a screen; a table may be as long as what it lists."""
    long = [
        f"{at(path, f)}: {f.name} has {length(f)} lines"
        for path in modules(*CODE)
        for f in functions(path)
        if length(f) > 60 and not is_table(f)
    ]
    assert long == []


def test_modules_have_at_most_400_lines() -> None:
    """A module is read in one sitting."""
    counted = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules(*CODE)}
    assert [f"{at(path)}: {count} lines" for path, count in counted.items() if count > 400] == []


def test_the_median_function_has_fewer_than_10_lines() -> None:
    """Most functions do one thing."""
    assert statistics.median(length(f) for p in modules("guardian") for f in functions(p)) < 10


def test_the_core_knows_no_command_line() -> None:
    """What can be typed is said in messages/ and at the door."""
    command = re.compile(r"`guardian [a-z]|(?<![-\w])--[a-z]")
    assert [
        f"{at(path)} {number}: {line.strip()}"
        for path in modules("guardian/core")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if command.search(line)
    ] == []


# --- names and words ---------------------------------------------------------------------------


def test_no_module_has_a_name_that_says_nothing() -> None:
    """A module is named for what it knows."""
    assert [at(path) for path in modules(*CODE) if path.stem.strip("_") in VAGUE] == []


SHARED = {
    "metrics": "the port, and what Prometheus is shown through it",
    "model": "the core's vocabulary, and the form in which rule files write it",
    "orders": "what an order does to a rollout, the use case that gives one, its command",
    "status": "what a rollout's status is, and the use case that finds it out",
}
"""File names that stand in several rooms, and what they have in common there."""


def test_no_file_name_stands_in_rooms_that_do_different_things() -> None:
    """But for a vendor's adapters and simulation, a command and its use case, a kind's form."""
    rooms: dict[str, set[str]] = {}
    for path in modules("guardian"):
        room = path.parent.relative_to(ROOT).as_posix().removesuffix("/usage")
        rooms.setdefault(path.stem, set()).add(room)
    of_vendors = {
        "guardian",
        "guardian/sim",
        "guardian/files/rules/sources",
        *(f"guardian/{room}" for room in ROOMS),
    }
    vendors = {name for _, name in adapters()}
    alike = [
        {"guardian/cli", "guardian/app"},
        {"guardian/cli", "guardian/wiring"},
        {"guardian/core/judging/kinds", "guardian/files/rules/kinds"},
    ]
    shared = {
        stem
        for stem, folders in rooms.items()
        if len(folders) > 1
        and not stem.startswith("__")
        and not (stem in vendors and folders <= of_vendors)
        and folders not in alike
    }
    assert shared == set(SHARED)


def test_no_two_public_classes_share_a_name() -> None:
    """Who reads a name knows what is meant; adapters and the simulated world are strangers."""
    named: dict[str, list[str]] = {}
    for path in modules("guardian"):
        if path.relative_to(ROOT / "guardian").parts[0] in ("sim", *ROOMS):
            continue
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                named.setdefault(node.name, []).append(path.relative_to(ROOT).as_posix())
    assert {name: where for name, where in named.items() if len(where) > 1} == {}


def test_everything_public_has_a_docstring() -> None:
    """Modules, public classes and public functions say what they are."""
    assert [
        missing
        for path in modules("guardian")
        for missing in (*undocumented(path, parsed(path)), *_without_charter(path))
    ] == []


def _without_charter(path: Path) -> list[str]:
    return [] if ast.get_docstring(parsed(path)) else [f"{at(path)}: the module has no docstring"]


def undocumented(path: Path, scope: ast.Module | ast.ClassDef) -> Iterator[str]:
    """The public classes and functions of a scope that have no docstring."""
    for node in scope.body:
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_"):
            continue
        if ast.get_docstring(node) is None:
            yield f"{at(path, node)}: {node.name} has no docstring"
        if isinstance(node, ast.ClassDef):
            yield from undocumented(path, node)


def test_every_test_states_its_behaviour_in_one_sentence() -> None:
    """Test files and tests begin with one line that ends in a full stop."""
    unsaid = []
    for path in modules("tests"):
        tests = [f for f in functions(path) if f.name.startswith("test_")]
        for node in (parsed(path), *tests):
            first, *_ = (ast.get_docstring(node) or "").splitlines() or [""]
            if not first.endswith("."):
                unsaid.append(f"{at(path, node)}: {getattr(node, 'name', 'the file')}")
    assert unsaid == []


def test_nothing_is_left_for_later() -> None:
    """No line holds a marker of unfinished work."""
    marker = re.compile(r"\b(" + "|".join(MARKERS) + r")\b")
    assert [f"{p.relative_to(ROOT)}:{n}" for p, n, line in lines() if marker.search(line)] == []


def test_nothing_is_mocked() -> None:
    """Tests use the simulator, real sockets, or a small real class."""
    mocked = [
        at(path, node)
        for path in modules(*CODE)
        for node in ast.walk(parsed(path))
        for name in _imported(node)
        if name in ("mock", "unittest.mock") or name.startswith("unittest.mock.")
    ]
    assert mocked == []


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    """The project speaks of itself alone."""
    assert [
        f"{path.relative_to(ROOT)}:{number}"
        for path, number, line in lines()
        if MACHINE_PATH.search(line) or any(host in line for host in REGISTRIES)
    ] == []


# --- adapters: the folder is the registry ------------------------------------------------------


def _imported(node: ast.AST) -> list[str]:
    """The dotted names that an import statement brings in."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0:
        module = node.module or ""
        return [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return []


def _at_import_time(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported, but for those for type checkers."""
    for node in body:
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        for inner in ("body", "orelse", "finalbody"):
            if not isinstance(node, Function):
                yield from _at_import_time(getattr(node, inner, []))


def test_no_module_imports_a_vendors_sdk_when_it_is_imported() -> None:
    """Listing adapters, `--help` and schemas stay cheap."""
    assert [
        f"{at(path, node)}: {name}"
        for path in modules("guardian")
        for node in _at_import_time(parsed(path).body)
        for name in _imported(node)
        if name.partition(".")[0] in SDKS and name.count(".") <= 1
    ] == []


def adapters() -> list[tuple[str, str]]:
    """(room, name) of every adapter: what lies in the folders is what there is."""
    found = (
        (room, path.stem) for room in ROOMS for path in (ROOT / "guardian" / room).glob("*.py")
    )
    return sorted((room, name) for room, name in found if not name.startswith("_"))


@pytest.mark.parametrize(("room", "name"), adapters())
def test_an_adapter_exports_options_permissions_and_build(room: str, name: str) -> None:
    """An adapter is strict about its options, describes each, and says what it may do."""
    module: ModuleType = importlib.import_module(f"guardian.{room}.{name}")
    assert issubclass(module.Options, BaseModel)
    assert module.Options.model_config.get("extra") == "forbid"
    described = {field: info.description for field, info in module.Options.model_fields.items()}
    assert [field for field, text in described.items() if not text] == []
    assert isinstance(module.PERMISSIONS, tuple)
    assert all(re.fullmatch(r"[a-z0-9-]+:[A-Za-z*]+", action) for action in module.PERMISSIONS)
    assert list(inspect.signature(module.build).parameters) == ["options", "context"]
    assert all(re.fullmatch(r"[a-z_]+", name) for name in getattr(module, "VARIABLES", ()))
    assert asked(module, "secret") == set(declared(module, "SECRETS"))
    assert asked(module, "base_url") == set(declared(module, "ADDRESSES"))
    assert all(secret.endswith(SECRET) for secret in declared(module, "SECRETS"))
    assert all(address.endswith(ADDRESS) for address in declared(module, "ADDRESSES"))


def declared(module: ModuleType, constant: str) -> dict[str, str]:
    """The process's variables that an adapter says it has, with what each is."""
    found: dict[str, str] = getattr(module, constant, {})
    return found


def asked(module: ModuleType, method: str) -> set[str]:
    """The names by which an adapter asks its context for them."""
    return set(re.findall(rf"context\.{method}\(\"(\w+)\"\)", inspect.getsource(module)))


@pytest.mark.parametrize(("room", "name"), adapters())
def test_an_adapter_has_a_test_and_a_page_that_names_its_options(room: str, name: str) -> None:
    """Adding an adapter is three files: the code, its test, its page."""
    module: ModuleType = importlib.import_module(f"guardian.{room}.{name}")
    assert (ROOT / "tests" / room / f"test_{name}.py").is_file()
    page = (ROOT / "docs" / room / f"{name}.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)\n", page, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert list(sections) == HEADINGS
    rows = re.findall(r"^\| `([^`]+)`", sections["Options"], flags=re.MULTILINE)
    assert sorted(rows) == sorted(module.Options.model_fields)
    assert [a for a in module.PERMISSIONS if a not in sections["Permissions"]] == []
    variables = [*declared(module, "SECRETS"), *declared(module, "ADDRESSES")]
    assert [v for v in variables if f"GUARDIAN_{v.upper()}`" not in sections["Options"]] == []
