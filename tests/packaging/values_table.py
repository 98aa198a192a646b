"""The table of the chart's values, made of the comments in its values.yaml.

`python -m tests.packaging.values_table` writes it into the chart's README.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from ruamel.yaml import YAML

from tests.tooling import ROOT

CHART: Final = ROOT / "helm" / "guardian"
README: Final = CHART / "README.md"
MARK: Final = "# -- "
BEGIN, END = "<!-- values: made of values.yaml -->\n", "<!-- /values -->"


def described(text: str) -> dict[str, str]:
    """What values.yaml says of each value, by its whole key; a comment stands above its key."""
    found: dict[str, str] = {}
    above: list[str] = []
    said = ""
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith(MARK):
            said = bare.removeprefix(MARK)
        elif bare and not bare.startswith(("#", "- ")):
            depth = (len(line) - len(line.lstrip())) // 2
            above = [*above[:depth], bare.partition(":")[0]]
            if said:
                found[".".join(above)] = said
            said = ""
    return found


def defaults(values: Mapping[str, Any], told: Mapping[str, str]) -> Iterator[tuple[str, str, Any]]:
    """Key, description and default of each value, in the order of the file.

    A map without a description of its own is its keys' heading.
    """
    for key, text in told.items():
        at: Any = values
        for part in key.split("."):
            at = at[part]
        yield key, text, at


def table() -> str:
    """As Markdown."""
    text = (CHART / "values.yaml").read_text()
    rows = defaults(YAML(typ="safe", pure=True).load(text), described(text))
    lines = [f"| `{key}` | `{json.dumps(default)}` | {told} |" for key, told, default in rows]
    return "\n".join(["| value | default | meaning |", "|---|---|---|", *lines, ""])


def main() -> None:
    """Put the table where the README has its marks."""
    before, _, rest = README.read_text().partition(BEGIN)
    README.write_text(before + BEGIN + table() + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
