"""Values that stand in no file, as what reads files takes them."""

from __future__ import annotations

from typing import Any

from guardian.files.findings import Document, Node, SourceText


def node_of(data: Any, shown: str) -> Node:
    """A value of which errors name `shown`."""
    return Node(Document(source=SourceText(shown), data=data))
