"""`guardian rules schema`: what editors know of rule files, judged by the editors' own server."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from guardian.cli.main import guardian
from guardian.files.rules.criterion import CriterionModel
from guardian.files.rules.kinds.incidents import IncidentsModel
from guardian.files.rules.kinds.latency import LatencyModel
from guardian.files.rules.kinds.ratio import RatioModel
from guardian.files.rules.model import CompareModel, Defaults, RuleFile, Threshold, Variable
from guardian.files.rules.rule_schema import rule_schema
from guardian.files.rules.sources.cloudwatch import CloudWatchMetric
from tests.files.editor import Editor

ROOT = Path(__file__).parents[2]
MODELS = (
    RuleFile, CriterionModel, Defaults, CloudWatchMetric, RatioModel, LatencyModel, IncidentsModel,
    Threshold, CompareModel, Variable,
)  # fmt: skip
SHIPPED = sorted((ROOT / "rules").rglob("*.yaml"))
BROKEN = sorted((ROOT / "tests" / "data" / "invalid" / "rules").glob("*.yaml"))
ONLY_THE_LOADER_KNOWS = frozenset(
    {
        "anchors", "bad-and-good", "extends-itself", "extends-outside", "extends-twice",
        "half-by-version", "impossible-limits", "includes", "neither-bad-nor-good", "not-counts",
        "same-name-twice", "thresholds", "two-measures", "unknown-placeholders", "unknown-unit",
        "unsupported-stats", "warnings", "wrong-direction",
    }
)  # fmt: skip
"""What is wrong with these is their meaning: other files, units, names, directions."""


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """A language server that has the schema."""
    folder = tmp_path_factory.mktemp("editor")
    printed = CliRunner().invoke(guardian, ["rules", "schema"], standalone_mode=False).output
    schema = folder / "rules.schema.json"
    schema.write_text(printed, encoding="utf-8")
    with Editor(schema, folder) as found:
        yield found


def walked(schema: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a schema."""
    if isinstance(schema, dict):
        yield schema
        for inner in schema.values():
            yield from walked(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from walked(inner)


# --- the schema itself -------------------------------------------------------------------------


def test_every_key_has_a_description_and_no_other_is_allowed() -> None:
    """Objects are closed; each property says what it is."""
    schema = rule_schema()
    for part in (schema, *schema["definitions"].values()):
        assert part["additionalProperties"] is False
        assert [k for k, v in part["properties"].items() if not v.get("description")] == []


def test_the_schema_has_every_key_of_every_model() -> None:
    """It is made from the models that read the files."""
    schema = rule_schema()
    parts = {"RuleFile": schema, **schema["definitions"]}
    for model in MODELS:
        assert set(parts[model.__name__]["properties"]) == set(model.model_fields)


def test_references_resolve_and_patterns_are_those_of_editors() -> None:
    """JavaScript knows `(?<name>` and no `(?P<name>`; defaults are as people write them."""
    schema = rule_schema()
    for part in walked(schema):
        if isinstance(part.get("$ref"), str):
            assert part["$ref"].removeprefix("#/definitions/") in schema["definitions"]
        pattern = part.get("pattern")
        if isinstance(pattern, str):
            assert "?P<" not in pattern
            assert pattern.startswith("^")
            re.compile(pattern.replace("?<", "?P<"))
            assert isinstance(part.get("default", ""), str)


def test_the_schema_has_words_and_units() -> None:
    """Enumerations complete, patterns know durations and percentages."""
    definitions = rule_schema()["definitions"]
    words = json.dumps(definitions["CriterionModel"]["properties"]["treat_missing_data"])
    assert '["missing", "ignore", "breaching", "notBreaching"]' in words
    above = json.dumps(definitions["Threshold"]["properties"]["above"])
    pattern = json.loads(above)["anyOf"][0]["pattern"]
    for written in ("5%", "0.5%", "250ms", "10s", "10/min", "512MiB"):
        assert re.fullmatch(pattern, written)
    assert not re.fullmatch(pattern, "5 %")


# --- what an editor makes of it ------------------------------------------------------------------


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_files_have_nothing_underlined(editor: Editor, path: Path) -> None:
    """What the loader accepts, the editor does."""
    assert editor.diagnosed(path.name, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_broken_files_are_underlined_unless_only_the_loader_can_know(
    editor: Editor, path: Path
) -> None:
    """What is wrong in a file's structure is seen while it is written."""
    found = editor.diagnosed(f"broken-{path.name}", path.read_text(encoding="utf-8"))
    assert bool(found) is (path.stem not in ONLY_THE_LOADER_KNOWS)


def test_a_misspelt_key_is_underlined_in_its_line(editor: Editor) -> None:
    """The one that everybody writes once."""
    text = (ROOT / "rules" / "production.yaml").read_text(encoding="utf-8")
    wrong = text.replace("    fail_if: {above: 10s}\n", "    treshold: 10s\n", 1)
    line = wrong[: wrong.index("treshold")].count("\n") + 1
    assert (line, "Property treshold is not allowed.") in editor.diagnosed("typo.yaml", wrong)


def test_keys_and_words_are_completed_with_their_descriptions(editor: Editor) -> None:
    """Every key of a criterion is offered, and every word of a choice."""
    text = "version: 1\nname: x\ncriteria:\n  - name: y\n    \n"
    offered = editor.completed("keys.yaml", text, line=5, column=5)
    assert set(CriterionModel.model_fields) - {"name"} <= set(offered)
    assert offered["on_fail"] == CriterionModel.model_fields["on_fail"].description
    words = text.replace("    \n", "    on_fail: \n")
    assert {"rollback", "hold", "notify"} <= set(
        editor.completed("words.yaml", words, line=5, column=14)
    )


def test_a_part_of_a_criterion_is_enough_where_a_file_extends_another(editor: Editor) -> None:
    """What is missing stands in the base."""
    part = "extends: base.yaml\ncriteria:\n  - name: error-rate\n    min_samples: 10\n"
    assert editor.diagnosed("extends.yaml", part) == []
    alone = "version: 1\nname: x\n" + part.replace("extends: base.yaml\n", "")
    messages = [message for _, message in editor.diagnosed("alone.yaml", alone)]
    assert 'Missing property "fail_if".' in messages
