"""Whether a test notices a mutant: pytest in a fork, with the tests that run the changed lines.

What a fork imports of the project comes from the copy, the mutated module from its text in memory:
no file is changed. The libraries are imported once, before the forks.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType

import coverage
import pytest

from bench.mutating import Mutant
from guardian.clock import SystemClock

SPARE_S = 30.0
"""What a mutant's tests may take, beside ten times what they took without it."""
QUIET = (
    *("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0"),
    # The libraries are there before pytest: their own asserts need no rewriting.
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
LAST_S = 300.0
"""What those that are asked whole may take without it."""
LIBRARIES = ("hypothesis", "pydantic_settings", "boto3", "botocore.session", "apscheduler", "click")


@dataclass(frozen=True, kw_only=True)
class Room:
    """A room of the package, and who is asked about it."""

    name: str
    tests: tuple[str, ...]
    last: tuple[str, ...]
    """Asked whole, where none of the others noticed: too slow to be asked about each."""


@dataclass(kw_only=True)
class Observation:
    """What the tests did without any mutant."""

    took_s: dict[str, float] = field(default_factory=dict)
    """By test."""
    lines: dict[str, dict[int, list[str]]] = field(default_factory=dict)
    """By module of the package and line: the tests that ran it; "" for no test in particular."""

    def asked(self, mutant: Mutant, name: str) -> list[str]:
        """The tests that can meet a mutant, the quickest first."""
        met = self.lines.get(name, {})
        tests = {test for line in mutant.lines for test in met.get(line, ())}
        # What runs while modules are imported, theirs or the tests' own, may concern anybody.
        everybody = mutant.imported or "" in tests
        return sorted(self.took_s if everybody else tests, key=self.took_s.__getitem__)


class Watching:
    """A plugin of pytest that writes down which test runs which line."""

    def __init__(self, cover: coverage.Coverage) -> None:
        self._cover = cover
        self.took_s: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """One test, with all its fixtures."""
        self._cover.switch_context(item.nodeid)
        done = yield
        self._cover.switch_context("")
        return done

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """How long a part of it took."""
        took_s = self.took_s.get(report.nodeid, 0.0)
        self.took_s[report.nodeid] = took_s + report.duration


class Choosing:
    """A plugin of pytest that runs the chosen tests, in their order."""

    def __init__(self, chosen: Sequence[str]) -> None:
        self._rank = {test: rank for rank, test in enumerate(chosen)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Only those, and the likeliest first."""
        items[:] = [item for item in items if item.nodeid in self._rank]
        items.sort(key=lambda item: self._rank[item.nodeid])


class Planted(SourceFileLoader):
    """Finds one module of the project, with the mutant's text in place of its own."""

    def __init__(self, mutant: Mutant, module: str) -> None:
        super().__init__(module, str(mutant.path))
        self._text = mutant.text

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        """The module, if it is that one."""
        del path, target
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        """What is run instead, whatever was compiled before."""
        del fullname
        return compile(self._text, self.path, "exec", dont_inherit=True)


def warm() -> None:
    """Import what every fork needs and no mutant changes."""
    for name in LIBRARIES:
        importlib.import_module(name)


def watched(copy: Path, room: Room) -> Observation:
    """The room's tests without a mutant; they have to pass."""
    out = copy / ".seen.json"

    def run() -> int:
        cover = coverage.Coverage(
            data_file=str(copy / ".seen"),
            include=[f"{copy}/guardian/{room.name}/*"],
            config_file=False,
        )
        watching = Watching(cover)
        cover.start()
        code = pytest.main([*QUIET, *room.tests], plugins=[watching])
        cover.stop()
        data, lines = cover.get_data(), {}
        for file in data.measured_files():
            lines[Path(file).name] = data.contexts_by_lineno(file)
        out.write_text(json.dumps([watching.took_s, lines]))
        return code

    if not passes(copy, run, 3600.0):
        raise SystemExit(f"{' '.join(room.tests)} fails without any mutant: mend that first")
    took_s, lines = json.loads(out.read_text())
    by_line = {name: {int(n): who for n, who in met.items()} for name, met in lines.items()}
    return Observation(took_s=took_s, lines=by_line)


def noticed(copy: Path, room: Room, seen: Observation, mutant: Mutant) -> bool:
    """Whether a test fails, or hangs, with the mutant in place."""
    asked = seen.asked(mutant, mutant.path.name)
    first = likeliest(asked, mutant.path.stem)
    rest = [test for test in asked if test not in first]
    module = ".".join(mutant.path.relative_to(copy).with_suffix("").parts)
    for tests, chosen in ((files(first), first), (files(rest), rest), (room.last, None)):
        if not tests:
            continue

        def run(tests: Sequence[str] = tests, chosen: Sequence[str] | None = chosen) -> int:
            sys.meta_path.insert(0, Planted(mutant, module))
            plugins = [] if chosen is None else [Choosing(chosen)]
            return int(pytest.main([*QUIET, *tests], plugins=plugins))

        took_s = LAST_S if chosen is None else sum(map(seen.took_s.__getitem__, chosen))
        if not passes(copy, run, SPARE_S + 10 * took_s):
            return True
    return False


def likeliest(asked: Sequence[str], stem: str) -> list[str]:
    """The tests in files that are named after the module, else in the file with most of them."""
    own = [test for test in asked if Path(test.partition("::")[0]).stem.startswith(f"test_{stem}")]
    if own or not asked:
        return own
    ((most, _),) = Counter(test.partition("::")[0] for test in asked).most_common(1)
    return [test for test in asked if test.startswith(f"{most}::")]


def files(tests: Collection[str]) -> list[str]:
    """The files that tests stand in."""
    return list(dict.fromkeys(test.partition("::")[0] for test in tests))


def passes(copy: Path, run: Callable[[], int], limit_s: float) -> bool:
    """Whether pytest ends well in a fork that sees the copy, within the limit."""
    clock = SystemClock()
    ends_at, pause = clock.monotonic() + limit_s, threading.Event()
    child = os.fork()
    if not child:
        os._exit(_in_fork(copy, run))
    while clock.monotonic() < ends_at:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        pause.wait(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _in_fork(copy: Path, run: Callable[[], int]) -> int:
    try:
        os.setsid()
        with (copy / ".log").open("w") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        os.chdir(copy)
        sys.path.insert(0, str(copy))
        ours = [name for name in sys.modules if name.partition(".")[0] in ("guardian", "tests")]
        for name in ours:
            del sys.modules[name]
        return run()
    except BaseException:  # noqa: BLE001 - whatever it is, the fork must not go on as its parent
        return 1
