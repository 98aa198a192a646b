"""Configuration files become services, steps and lanes, with every default filled in."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final, TypeVar

from pydantic import BaseModel

from guardian.config.model import (
    EVENTS,
    AwsModel,
    ConfigModel,
    NotifyModel,
    PolicyModel,
    RouterModel,
    ServiceModel,
)
from guardian.core.model import FULL, Step
from guardian.core.notices import Event
from guardian.core.plan import Blind, LowTraffic, Policy
from guardian.ports import ConfigError
from guardian.text.findings import Document, Finding, Node, Place, did_you_mean, refuse
from guardian.text.validation import validate, validate_options
from guardian.text.yaml import read

M = TypeVar("M", bound=BaseModel)

MAX_BAKES: Final = 3.0
"""`max_bake` is this many bakes where the file does not say."""


class Mode(Enum):
    """What guardian does for a service."""

    ENFORCE = "enforce"
    OBSERVE = "observe"
    """Judge and tell, never write."""
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aws:
    """One account and region, and the role to act as."""

    account_id: str
    region: str
    role_arn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An adapter by name, and its options as they stand in the file."""

    name: str
    node: Node = field(repr=False)
    key: str
    """What names it there: `type` or `to`."""
    own: frozenset[str] = field(repr=False)
    """Keys beside the options that are not the adapter's."""

    def options(self, model: type[M], *, environ: Mapping[str, str]) -> M:
        """The adapter's options, secrets resolved. Raises ConfigError with every error."""
        base = Path(self.node.document.path).parent
        options, found = validate_options(
            model, self.node, without=self.own, environ=environ, base=base
        )
        refuse(found)
        assert options is not None  # noqa: S101 - refuse() raises where there are none
        return options

    def refusal(self, message: str) -> ConfigError:
        """An error at the adapter's name."""
        return ConfigError(str(self.node.finding((self.key,), message)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Who is told of which events, of which services; None means all."""

    name: str
    """Stays the same while the entries before it do: `slack`, `pagerduty`, `slack-2`."""
    to: Choice
    on: frozenset[Event] | None = None
    services: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service as configured."""

    name: str
    router: Choice
    rules: tuple[str, ...]
    steps: tuple[Step, ...]
    mode: Mode
    aws: Aws
    policy: Policy
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
    services: Mapping[str, Service]
    lanes: tuple[Lane, ...]

    @property
    def folder(self) -> Path:
        """What the file's paths start from."""
        return self.path.parent

    @property
    def root(self) -> Path:
        """What the file's paths must stay below: the folder that holds the file's folder."""
        return self.path.resolve().parent.parent

    def service(self, name: str) -> Service:
        """A service by its name; ConfigError with what is there when there is none."""
        if name in self.services:
            return self.services[name]
        known = ", ".join(self.services)
        meant = did_you_mean(name, self.services)
        raise ConfigError(f"{self.path} has no service '{name}'{meant}; known are {known}")


def load(path: Path, *, environ: Mapping[str, str]) -> Config:
    """A configuration file. Raises ConfigError with every error of the file."""
    document = read(path)
    refuse(document.findings)
    builder = _Builder(document, environ)
    config = builder.config(path)
    refuse(builder.findings)
    assert config is not None  # noqa: S101 - without findings there is a configuration
    return config


# --- building ----------------------------------------------------------------------------------


class _Builder:
    """Makes the configuration of one document and collects what is wrong with it."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document = document
        self._environ = environ
        self._lanes: list[Lane] = []
        self._own: set[str] = set()
        """Services that say themselves who is told."""
        self.findings: list[Finding] = []

    def config(self, path: Path) -> Config | None:
        """The configuration; None only with findings."""
        model, found = validate(ConfigModel, self._document)
        self.findings.extend(found)
        written = self._document.at(("services",))
        names = [n for n in written if isinstance(n, str)] if isinstance(written, dict) else []
        aws = self._from_environment(model.aws) if model is not None else None
        written_env = model.environment if model is not None else None
        environment = self._filled("ENVIRONMENT", written_env, ("environment",))
        defaults = model.defaults if model is not None else PolicyModel()
        services = [self._service(name, defaults, aws) for name in names]
        self._twice([s for s in services if s is not None])
        others = frozenset(names) - self._own
        if others:
            self._tell(("notify",), services=others if self._own else None, prefix="")
        if model is None or aws is None:
            return None
        if environment is None:
            self._say((), "the key 'environment' is missing: write it, or set ENVIRONMENT")
        if self.findings or environment is None:
            return None
        return Config(
            path=path,
            environment=environment,
            aws=self._aws(aws, ("aws",), required=False),
            journal=_from(path.parent, model.journal),
            services={s.name: s for s in services if s is not None},
            lanes=tuple(self._lanes),
        )

    def _say(self, place: Place, message: str, *, key: bool = False) -> None:
        self.findings.append(self._document.finding(place, message, key=key))

    def _filled(self, variable: str, written: str | None, place: Place) -> str | None:
        """What the file says, else the variable; an error when they differ."""
        outside = self._environ.get(variable) or None
        if written is None or outside is None or written == outside:
            return written or outside
        self._say(
            place,
            f"this file says {written} and the environment variable {variable} says {outside}:"
            " use the file for that, or unset the variable",
        )
        return written

    # --- accounts ------------------------------------------------------------------------

    def _from_environment(self, aws: AwsModel) -> AwsModel:
        return AwsModel.model_construct(
            account_id=self._filled("AWS_ACCOUNT_ID", aws.account_id, ("aws", "account_id")),
            region=self._filled("AWS_REGION", aws.region, ("aws", "region")),
            role_arn=aws.role_arn,
        )

    def _aws(self, model: AwsModel, place: Place, *, required: bool = True) -> Aws | None:
        if model.account_id is None or model.region is None:
            for name, value in (("account_id", model.account_id), ("region", model.region)):
                if value is None and required:
                    self._say(
                        place,
                        f"aws.{name} is not known here: write it under aws, or set"
                        f" AWS_{name.upper()}",
                    )
            return None
        if model.role_arn and model.role_arn.split(":")[4] != model.account_id:
            self._say(
                (*place, "role_arn"),
                f"the role belongs to account {model.role_arn.split(':')[4]}, and guardian acts in"
                f" {model.account_id}",
            )
        return Aws(account_id=model.account_id, region=model.region, role_arn=model.role_arn)

    # --- services ------------------------------------------------------------------------

    def _service(self, name: str, defaults: PolicyModel, aws: AwsModel | None) -> Service | None:
        place: Place = ("services", name)
        model, found = validate(ServiceModel, self._document, place)
        before = len(self.findings)
        self.findings.extend(found)
        router = None
        if isinstance(self._document.at((*place, "router")), dict):
            router = self._choice((*place, "router"), "type", frozenset({"type"}), RouterModel)
        if isinstance(self._document.at((*place, "notify")), list):
            self._own.add(name)
            where = (*place, "notify")
            self._tell(where, services=frozenset({name}), prefix=f"{name}:")
        if model is None or aws is None:
            return None
        steps = self._steps(model, place)
        where = (*place, "aws") if model.aws else ("aws",)
        account = self._aws(_merged(aws, model.aws), where)
        if len(self.findings) > before or router is None or account is None:
            return None
        return Service(
            name=name,
            router=router,
            rules=tuple(model.rules),
            steps=steps,
            mode=Mode(model.mode),
            aws=account,
            policy=_policy(model, defaults),
            node=Node(self._document, place),
        )

    def _choice(
        self,
        place: Place,
        key: str,
        own: frozenset[str],
        model: type[RouterModel | NotifyModel],
    ) -> Choice | None:
        data = self._document.at(place)
        options = [k for k in data if k not in own] if isinstance(data, dict) else []
        checked, found = validate(model, self._document, place, without=options)
        self.findings.extend(found)
        if checked is None:
            return None
        return Choice(
            name=getattr(checked, key), node=Node(self._document, place), key=key, own=own
        )

    def _steps(self, model: ServiceModel, place: Place) -> tuple[Step, ...]:
        steps: list[Step] = []
        for index, step in enumerate(model.steps):
            at = (*place, "steps", index)
            longest = step.max_bake if step.max_bake is not None else MAX_BAKES * step.bake
            if longest < step.bake:
                self._say((*at, "max_bake"), "max_bake is shorter than the bake it limits")
            if not step.weight.millionths:
                self._say((*at, "weight"), "a step needs traffic: its weight is more than 0%")
            elif steps and step.weight <= steps[-1].weight:
                say = f"weights must rise: {step.weight} does not exceed {steps[-1].weight}"
                self._say((*at, "weight"), say)
            steps.append(Step(weight=step.weight, bake_s=step.bake, max_bake_s=longest))
        if steps and steps[-1].weight != FULL:
            self._say(
                (*place, "steps", len(steps) - 1, "weight"),
                f"the last step must be 100%, not {steps[-1].weight}: a rollout ends with all"
                " traffic on the new version",
            )
        return tuple(steps)

    def _twice(self, services: list[Service]) -> None:
        """Two services that move the same traffic would fight."""
        seen: dict[str, str] = {}
        for service in services:
            if service.router.name == "none":
                continue
            options = json.dumps([service.router.node.data, str(service.aws)], sort_keys=True)
            first = seen.setdefault(options, service.name)
            if first != service.name:
                say = f"the services '{first}' and '{service.name}' move the same target"
                self._say(service.router.node.place, say)

    # --- lanes ---------------------------------------------------------------------------

    def _tell(self, place: Place, *, services: frozenset[str] | None, prefix: str) -> None:
        entries = self._document.at(place)
        for index in range(len(entries) if isinstance(entries, list) else 0):
            at = (*place, index)
            choice = self._choice(at, "to", frozenset({"to", "on"}), NotifyModel)
            events = self._events((*at, "on"))
            if choice is None:
                continue
            taken = sum(
                lane.to.name == choice.name and lane.services == services for lane in self._lanes
            )
            name = prefix + choice.name + (f"-{taken + 1}" if taken else "")
            self._lanes.append(Lane(name=name, to=choice, on=events, services=services))

    def _events(self, place: Place) -> frozenset[Event] | None:
        """The events of `on:`; None means all."""
        written = self._document.at(place)
        if written is None or written == "all":
            return None
        if not isinstance(written, list) or not written:
            self._say(place, f"on takes all, or a list of {', '.join(EVENTS)}")
            return None
        for index, word in enumerate(written):
            if word not in EVENTS:
                meant = did_you_mean(str(word), EVENTS)
                say = f"there is no event '{word}'{meant}; known are {', '.join(EVENTS)}"
                self._say((*place, index), say)
        return frozenset(Event(word) for word in written if word in EVENTS)


def _merged(aws: AwsModel, own: AwsModel | None) -> AwsModel:
    return aws if own is None else aws.model_copy(update=own.model_dump(exclude_none=True))


def _policy(own: PolicyModel, defaults: PolicyModel) -> Policy:
    said = defaults.model_dump(exclude_none=True) | {
        key: value for key in PolicyModel.model_fields if (value := getattr(own, key)) is not None
    }
    usual = Policy()
    return Policy(
        false_rollback=said.get("false_rollback", usual.false_rollback),
        on_low_traffic=LowTraffic(said.get("on_low_traffic", usual.on_low_traffic)),
        on_blind=Blind(said.get("on_blind", usual.on_blind)),
        max_blind_s=said.get("max_blind", usual.max_blind_s),
        max_hold_s=said.get("max_hold", usual.max_hold_s),
        keep_previous_s=said.get("keep_previous", usual.keep_previous_s),
    )


def _from(folder: Path, journal: str | None) -> str | None:
    """A journal's text with a relative path made to start at the file's folder."""
    if journal is None:
        return None
    scheme, _, path = journal.partition(":")
    return f"{scheme}:{os.path.normpath(folder / Path(path).expanduser())}"
