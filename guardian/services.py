"""A service of the configuration together with its rule files."""

from __future__ import annotations

from guardian import rulefile
from guardian.config import Config
from guardian.core.model import Step
from guardian.core.plan import Policy
from guardian.findings import Node
from guardian.rulefile import RuleSet


def service_criteria(config: Config, name: str) -> RuleSet:
    """A service's criteria, with its variables and overrides. Raises ConfigError."""
    service = config.service(name)
    node = service.node

    def below(key: str) -> Node:
        return Node(node.document, (*node.place, key))

    return rulefile.load(
        service.rules,
        base=config.folder,
        root=config.root,
        variables=below("vars"),
        overrides=below("override") if "override" in node.data else None,
        service=name,
        listed=below("rules"),
    )


def service_policy(config: Config, name: str) -> Policy:
    """The knobs of a service, with the file's defaults and guardian's own filled in."""
    return config.service(name).policy


def service_steps(config: Config, name: str) -> tuple[Step, ...]:
    """A service's steps; none when the file has none, and then no rollout can be started."""
    return config.service(name).steps
