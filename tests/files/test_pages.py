"""The page of rule files lists every key that there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel

from guardian.rulefile.model import (
    CompareModel,
    CriterionModel,
    Defaults,
    LatencyModel,
    Metric,
    RatioModel,
    RuleFile,
    Threshold,
)

PAGE = (Path(__file__).parent.parent.parent / "docs" / "rule-files.md").read_text(encoding="utf-8")


def keys(heading: str) -> set[str]:
    """The first cells of a section's table."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)`", section, flags=re.MULTILINE))


def test_each_table_has_the_keys_of_its_model() -> None:
    """File, criterion and metric."""
    assert keys("The file") == set(RuleFile.model_fields)
    assert keys("A criterion") == set(CriterionModel.model_fields)
    assert keys("A metric") == set(Metric.model_fields)


def test_every_nested_key_is_named() -> None:
    """Those of defaults, ratios, latencies, limits and comparisons."""
    models: tuple[type[BaseModel], ...]
    models = (Defaults, RatioModel, LatencyModel, Threshold, CompareModel)
    nested = {name for model in models for name in model.model_fields}
    assert [
        name for name in sorted(nested) if f"`{name}`" not in PAGE and f"{name}:" not in PAGE
    ] == []


def test_what_is_promised_is_listed() -> None:
    """A reader learns there what a key of the format cannot do yet."""
    section = PAGE.split("## Not in this version\n")[1]
    hidden = {"evaluation_periods", "datapoints_to_alarm"}
    assert [k for k in sorted(CriterionModel.promised - hidden) if f"`{k}`" not in section] == []
