"""The chart as helm renders it, for the tests that judge what comes out."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from tests.packaging.values_table import CHART
from tests.tooling import judged, tool

Document = dict[str, Any]
BY: Final = "make chart"
FILES: Final = (
    "--set-file",
    "config=config/production.yaml",
    "--set-file",
    "rules.production=rules/production.yaml",
)
"""The files that ship, as those who use the chart give theirs."""
NAMESPACE: Final = "guardian"
EXAMPLES: Final = sorted((CHART / "examples").glob("*.yaml"))


def helm(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Helm, run in the top folder; it reaches no cluster."""
    return judged(tool("helm", by=BY), *words, "--kubeconfig", "/nonexistent")


def template(values: Mapping[str, Any], *more: str | Path) -> subprocess.CompletedProcess[str]:
    """What helm makes of these values, or says of them."""
    sets = [f"{key}={json.dumps(value)}" for key, value in values.items()]
    words = [word for one in sets for word in ("--set-json", one)]
    return helm("template", "guardian", CHART, "--namespace", NAMESPACE, *words, *more)


def rendered(values: Mapping[str, Any], *more: str | Path) -> str:
    """It, where it works."""
    ended = template(values, *more)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def of_example(path: Path) -> Sequence[str | Path]:
    """What renders a documented example: itself, and files where it brings none."""
    values = loaded(path.read_text())[0]
    own = values.get("config") or values.get("existingConfigMap")
    return ("--values", path, *(() if own else FILES))


def loaded(text: str) -> list[Document]:
    """The documents in a text."""
    return [found for found in YAML(typ="safe", pure=True).load_all(text) if found]


def one(documents: Sequence[Document], kind: str, name: str = "guardian") -> Document:
    """The one of this kind and name."""
    (found,) = [d for d in documents if d["kind"] == kind and d["metadata"]["name"] == name]
    return found


def pods(documents: Sequence[Document]) -> Iterator[Document]:
    """What each pod is: the daemon's, and that of `helm test`."""
    for document in documents:
        if document["kind"] == "Deployment":
            yield document["spec"]["template"]["spec"]
        elif document["kind"] == "Pod":
            yield document["spec"]


def command_lines(text: str) -> list[list[str]]:
    """The helm commands in a page's shell blocks, each as its words."""
    blocks = text.split("```sh\n")[1:]
    lines = [
        line
        for block in blocks
        for line in block.partition("```")[0].replace("\\\n", " ").splitlines()
    ]
    return [shlex.split(line) for line in lines if line.startswith("helm ")]
