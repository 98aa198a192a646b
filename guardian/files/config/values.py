"""A whole configuration as values: services, receivers, groups, accounts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel

from guardian.core.notices import Event
from guardian.core.plan import Approval, Mode, Policy
from guardian.core.traffic import Step
from guardian.files.compose import folder_of
from guardian.files.findings import Document, Node, did_you_mean, refuse
from guardian.files.validation import validate_options
from guardian.ports import ConfigError

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Aws:
    """One account and region, and the role to act as."""

    account_id: str
    region: str
    role_arn: str | None = None


NOWHERE: Final = Aws(account_id="", region="")
"""Where nothing says an account: not all that guardian judges is in AWS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterRef:
    """An adapter by name, and its options as they stand in the file."""

    name: str
    node: Node = field(repr=False)
    key: str
    """What names it there: `type` or `to`; empty where it is the key of its options."""
    own: frozenset[str] = field(repr=False)
    """Keys beside the options that are not the adapter's."""

    def options(self, model: type[M], *, environ: Mapping[str, str]) -> M:
        """The adapter's options, secrets resolved. Raises ConfigError with every error."""
        base = folder_of(self.node)
        options, found = validate_options(
            model, self.node, without=self.own, environ=environ, base=base
        )
        refuse(found)
        assert options is not None  # noqa: S101 - refuse() raises where there are none
        return options

    def refusal(self, message: str) -> ConfigError:
        """An error at the adapter's name."""
        place = (self.key,) if self.key else ()
        return ConfigError(str(self.node.finding(place, message, key=not self.key)))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredReceiver:
    """Who is told of which events, of which services; None means all."""

    name: str
    """Stays the same while the entries before it do: `slack`, `pagerduty`, `slack-2`."""
    to: AdapterRef
    on: frozenset[Event] | None = None
    services: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceConfig:
    """One service as configured."""

    name: str
    router: AdapterRef
    rules: tuple[str, ...]
    steps: tuple[Step, ...]
    mode: Mode
    aws: Aws
    policy: Policy
    approvals: tuple[Approval, ...]
    group: str
    """The group it belongs to; empty for none."""
    node: Node = field(repr=False)
    """Where it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole configuration."""

    path: Path
    environment: str
    aws: Aws | None
    """None where every service says its own."""
    journal: str | None
    """`NAME:REST`, as the file says it; which there are, and whether it is a path, is theirs."""
    sources: Mapping[str, AdapterRef]
    """Those with options, by name."""
    services: Mapping[str, ServiceConfig]
    receivers: tuple[ConfiguredReceiver, ...]
    groups: Mapping[str, tuple[str, ...]]
    """Services that are rolled back together, in the order in which they are taken back."""
    files: tuple[Path, ...]
    """Every file that it was read from; rule files are named by the services."""
    document: Document = field(repr=False)
    """As merged, every value with its file and line."""
    trouble: str = ""
    """Everything that is wrong with the files; the rest is what can be used in spite of it."""
    broken: Mapping[str, str] = field(default_factory=dict)
    """Services that nothing new may begin for, and why: each that the trouble concerns."""

    @property
    def folder(self) -> Path:
        """What the file's paths start from."""
        return self.path.parent

    @property
    def root(self) -> Path:
        """What the file's paths must stay below: the folder that holds the file's folder."""
        return self.path.resolve().parent.parent

    def mode(self, service: str) -> Mode:
        """What is done for a service, also for one that is broken."""
        if service in self.services:
            return self.services[service].mode
        written = self.document.at(("services", service, "mode"))
        return next((mode for mode in Mode if mode.value == written), Mode.ENFORCE)

    def service(self, name: str) -> ServiceConfig:
        """A service by its name; ConfigError with what is there when there is none."""
        if name in self.services:
            return self.services[name]
        known = ", ".join(self.services) or "none"
        meant = did_you_mean(name, self.services)
        raise ConfigError(f"{self.path} has no service '{name}'{meant}; known are {known}")
