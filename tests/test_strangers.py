"""No room that serves every adapter names one, or speaks in a vendor's own nouns."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

GUARDIAN = Path(__file__).parent.parent / "guardian"
ROOMS = ("core", "messages", "ports", "engine", "app", "wiring", "report", "files")
DOCS = GUARDIAN.parent / "docs"
ADAPTERS = ("sources", "routers", "notifiers", "journals")
NOUNS = frozenset({"lambda", "namespace", "dimension", "statistic", "stat", "revision_id"})
"""What one vendor alone means by them."""
EXCUSED = {
    "core/judging/kinds/incidents.py": {"namespace", "dimension", "stat"},  # as 0.1 wrote them
    "core/judging/kinds/percentile.py": {"cloudwatch"},  # whose rule of thumb it is
    "core/shapes.py": {"namespace"},  # of fields in a journal that 0.1 wrote
    "ports/metrics.py": {"cloudwatch"},  # a counter's public name
    "report/criteria.py": {"cloudwatch", "dimension", "stat"},
    "wiring/doctor.py": {"slack", "statistic"},  # an example for people
    "files/config/config_keys.py": {"sqlite", "cloudwatch"},  # an example for people
    "files/fields.py": {"cloudwatch"},
    "files/rules/criterion.py": {"cloudwatch"},  # whose words for M and N are understood too
    "files/rules/kinds/alarms.py": {"cloudwatch", "cloudwatch_alarms"},  # the kind is theirs
    "files/rules/kinds/gauge.py": {"cloudwatch", "statistic"},  # whose units are ours
    "files/rules/kinds/incidents.py": {"pagerduty"},  # the tracker where a file names none
    "files/rules/provenance.py": {"stat"},
    "files/rules/source_form.py": {"cloudwatch"},  # whose units are ours
    "settings.py": {"sqlite"},  # the journal where nothing says another
    "files/regular.py": {"stat"},  # the system call
}
"""Files that say some, and which."""
OF_RULES = frozenset({"dimension"})
"""`dimensions` is a key of rule files, for what the metrics of a criterion share."""


def vendors() -> set[str]:
    """The words that belong to adapters."""
    return {*NOUNS} | {
        module.name
        for room in ADAPTERS
        for module in pkgutil.iter_modules(importlib.import_module(f"guardian.{room}").__path__)
        if not module.name.startswith("_") and is_somebodys(room, module.name)
    }


def is_somebodys(room: str, name: str) -> bool:
    """Whether an adapter is called after somebody, whom its page then writes with a capital.

    `slack` is: "posts to Slack". `console`, `email` and `none` are words of everybody's.
    """
    page = DOCS / room / f"{name}.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    said = re.findall(rf"(?<=[a-z,] ){name}\b", text, re.IGNORECASE)
    return "_" in name or any(word != word.lower() for word in said)


def words(path: Path) -> Iterator[str]:
    """What a module says in its code: names and texts, not what is said of them."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            yield node.value if isinstance(node.value, str) and id(node) not in said else ""
        for key in ("id", "attr", "arg", "name", "module"):
            value = getattr(node, key, None)
            if isinstance(value, str):
                yield value


def shared() -> list[Path]:
    """The modules that serve every adapter; the form of a source in rule files is its own."""
    found = [path for room in ROOMS for path in sorted((GUARDIAN / room).rglob("*.py"))]
    found.append(GUARDIAN / "settings.py")
    return [path for path in found if path.parent != GUARDIAN / "files" / "rules" / "sources"]


def test_names_of_vendors_are_told_from_words_of_everybodys() -> None:
    """What a page writes with a capital in the midst of a sentence is a name."""
    assert vendors() > {"alb", "cloudwatch", "eventbridge", "pagerduty", "prometheus", "slack"}
    assert vendors() > {"sqlite", "lambda_alias", "cloudwatch_alarms"}
    assert vendors().isdisjoint({"console", "email", "none", "webhook"})


def test_a_shared_room_is_a_stranger_to_every_vendor() -> None:
    """Another adapter is another file: where one is named, the next one would need an edit."""
    known = "|".join(sorted(map(re.escape, vendors()), key=len, reverse=True))
    word = re.compile(rf"(?<![a-z])({known})s?(?![a-z])", re.IGNORECASE)
    named = {}
    for path in shared():
        found = {match[1].lower() for text in words(path) for match in word.finditer(text)}
        name = path.relative_to(GUARDIAN).as_posix()
        allowed = EXCUSED.get(name, set()) | (OF_RULES if "rules" in path.parts else set())
        if found - allowed:
            named[name] = found
    assert named == {}
