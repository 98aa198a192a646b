"""The page of rule files lists every key that there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel

from guardian.files.rules.criterion import CriterionModel
from guardian.files.rules.kinds.incidents import IncidentsModel
from guardian.files.rules.kinds.latency import LatencyModel
from guardian.files.rules.kinds.ratio import RatioModel
from guardian.files.rules.model import CompareModel, Defaults, RuleFile, Threshold
from guardian.files.rules.sources.cloudwatch import CloudWatchMetric
from guardian.files.yaml import read
from guardian.shipped import presets

PAGE = (Path(__file__).parent.parent.parent / "docs" / "rule-files.md").read_text(encoding="utf-8")


def keys(heading: str) -> set[str]:
    """The first cells of a section's table."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)`", section, flags=re.MULTILINE))


def test_each_table_has_the_keys_of_its_model() -> None:
    """File, criterion and metric."""
    assert keys("The file") == set(RuleFile.model_fields)
    assert keys("A criterion") == set(CriterionModel.model_fields)
    assert keys("A metric") == set(CloudWatchMetric.model_fields)


def test_every_nested_key_is_named() -> None:
    """Those of defaults, ratios, latencies, limits and comparisons."""
    models: tuple[type[BaseModel], ...]
    models = (Defaults, RatioModel, LatencyModel, IncidentsModel, Threshold, CompareModel)
    nested = {name for model in models for name in model.model_fields}
    assert [
        name for name in sorted(nested) if f"`{name}`" not in PAGE and f"{name}:" not in PAGE
    ] == []


def test_what_is_promised_is_listed() -> None:
    """A reader learns there what a key of the format cannot do yet."""
    section = PAGE.split("## Not in this version\n")[1]
    assert [k for k in sorted(CriterionModel.promised) if f"`{k}`" not in section] == []


def test_every_preset_is_listed_with_its_vars() -> None:
    """By the name that it is used by."""
    section = PAGE.split("## Presets\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `preset:([\w-]+)` \| .* \| (.*) \|$", section, flags=re.MULTILINE)
    listed = {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in rows}
    assert listed == {
        name: set(read(path).data.get("vars", {})) for name, path in presets().items()
    }
