"""A service of the configuration together with its rule files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from guardian.files.config import Config
from guardian.files.findings import Node

if TYPE_CHECKING:
    from guardian.files.rules import RuleSet


def service_criteria(config: Config, name: str) -> RuleSet:
    """A service's criteria, with its variables and overrides. Raises ConfigError."""
    from guardian.files import rules

    service = config.service(name)
    node = service.node

    def below(key: str) -> Node:
        return Node(node.document, (*node.place, key))

    return rules.load(
        service.rules,
        base=config.folder,
        root=config.root,
        variables=below("vars"),
        overrides=below("override") if "override" in node.data else None,
        service=name,
        listed=below("rules"),
    )
