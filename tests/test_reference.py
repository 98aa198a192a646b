"""The pages of reference that the code writes are those that it would write now."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from pydantic import BaseModel

from guardian.core.rollout.entries import Entry
from guardian.files.config.config_keys import ConfigModel, ServiceModel
from guardian.files.rules.criterion import CriterionModel
from tests.reference import DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_current(name: str) -> None:
    """`python -m tests.reference` writes it."""
    assert (DOCS / name).read_text("utf-8") == PAGES[name]()


def test_every_entry_has_its_section() -> None:
    """In the order of the code, before the values that they hold."""
    headings = re.findall(r"^### (\w+)$", PAGES["entries.md"](), flags=re.MULTILINE)
    assert headings[: len(get_args(Entry))] == [entry.__name__ for entry in get_args(Entry)]
    assert len(set(headings)) == len(headings)


def test_every_key_has_its_row() -> None:
    """Those of a config file, a service and a criterion."""
    page = PAGES["keys.md"]()
    models: dict[str, type[BaseModel]] = {
        "The config file": ConfigModel,
        "Service": ServiceModel,
        "Criterion": CriterionModel,
    }
    for heading, model in models.items():
        section = page.partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
        listed = set(re.findall(r"^\| `(\w+)`", section, flags=re.MULTILINE))
        assert (heading, listed) == (heading, set(model.model_fields))
