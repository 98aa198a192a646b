"""Configuration files become services, steps and receivers, with every default filled in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from guardian.core.notices import Event
from guardian.core.plan import Approval, Blind, LowTraffic, Mode, Policy, PreExisting, Unapproved
from guardian.core.traffic import FULL, Step
from guardian.files.compose import folder_of
from guardian.files.config.config_keys import (
    EVENTS,
    ApprovalModel,
    AwsModel,
    GroupModel,
    NotifyModel,
    PolicyModel,
    RouterModel,
    ServiceModel,
)
from guardian.files.config.parts import composed
from guardian.files.config.salvage import top
from guardian.files.config.values import (
    NOWHERE,
    AdapterRef,
    Aws,
    Config,
    ConfiguredReceiver,
    ServiceConfig,
)
from guardian.files.findings import Document, Finding, Node, Place, did_you_mean, errors_of, refuse
from guardian.files.validation import validate

MAX_BAKES: Final = 3.0
"""`max_bake` is this many bakes where the file does not say."""


def load(path: Path, *, environ: Mapping[str, str]) -> Config:
    """A configuration file. Raises ConfigError with every error of the file."""
    read = composed(path)
    builder = _Builder(read.document, environ)
    found = builder.config(path, read.files)
    refuse(read.document.findings)
    refuse(builder.findings)
    return found


def usable(path: Path, *, environ: Mapping[str, str]) -> Config:
    """As much of a configuration as can be used; what is wrong with the rest is its `trouble`.

    For those whom a mistake in a file must not stop: who guards what is live, and who goes back.
    """
    read = composed(path)
    return _Builder(read.document, environ).config(path, read.files)


def absent(path: Path, why: str) -> Config:
    """What can be used of a configuration that nobody named: nothing, for that reason."""
    return replace(usable(path, environ={}), trouble=why)


# --- building ----------------------------------------------------------------------------------


class _Builder:
    """Makes the configuration of one document and collects what is wrong with it."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document = document
        self._environ = environ
        self._receivers: list[ConfiguredReceiver] = []
        self._own: set[str] = set()
        """Services that say themselves who is told."""
        self.findings: list[Finding] = []

    def config(self, path: Path, files: tuple[Path, ...]) -> Config:
        """The configuration, with whatever is wrong with it."""
        model, found = top(self._document)
        self.findings.extend(found)
        written = self._document.at(("services",))
        names = [n for n in written if isinstance(n, str)] if isinstance(written, dict) else []
        aws = self._from_environment(model.aws) if model.aws is not None else None
        environment = self._filled("ENVIRONMENT", model.environment, ("environment",))
        if environment is None and self._document.whole and not self.findings:
            self._say((), "the key 'environment' is missing: write it, or set ENVIRONMENT")
        groups = self._groups(names)
        services, faults = self._services(names, groups, aws)
        others = frozenset(names) - self._own
        if others:
            self._tell(("notify",), services=others if self._own else None, prefix="")
        account = self._aws(aws, ("aws",)) if aws is not None and aws.account_id else None
        # What cannot even be read is said alone: the rest would only follow from it.
        trouble = errors_of(self._document.findings) or errors_of(self.findings)
        theirs = {finding for own in faults.values() for finding in own}
        if errors_of(self._document.findings) or set(self.findings) - theirs:
            broken = dict.fromkeys(names, trouble)
        else:
            broken = {name: text for name, own in faults.items() if (text := errors_of(own))}
        return Config(
            path=path,
            environment=environment or "",
            aws=account,
            journal=model.journal,
            sources=self._sources(),
            services={s.name: s for s in services},
            receivers=tuple(self._receivers),
            groups=groups,
            files=files,
            document=self._document,
            trouble=trouble,
            broken=broken,
        )

    def _sources(self) -> dict[str, AdapterRef]:
        """As far as they are mappings; else that is said already."""
        written = self._document.at(("sources",))
        return {
            name: AdapterRef(
                name=name, node=Node(self._document, ("sources", name)), key="", own=frozenset()
            )
            for name, options in (written.items() if isinstance(written, dict) else ())
            if isinstance(name, str) and isinstance(options, dict)
        }

    def _services(
        self, names: Sequence[str], groups: Mapping[str, tuple[str, ...]], aws: AwsModel | None
    ) -> tuple[list[ServiceConfig], dict[str, list[Finding]]]:
        """Those that can be used, and what is wrong with each by itself."""
        services, faults = [], {}
        for name in names:
            before = len(self.findings)
            service = self._service(name, groups, aws)
            faults[name] = self.findings[before:]
            if service is not None:
                services.append(service)
        return services, faults

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

    def _aws(self, model: AwsModel, place: Place) -> Aws | None:
        if model == AwsModel():
            return NOWHERE
        if model.account_id is None or model.region is None:
            missing = "account_id" if model.account_id is None else "region"
            say = f"aws.{missing} is not known here: write it under aws, or set"
            self._say(place, f"{say} AWS_{missing.upper()}")
            return None
        if model.role_arn and model.role_arn.split(":")[4] != model.account_id:
            self._say(
                (*place, "role_arn"),
                f"the role belongs to account {model.role_arn.split(':')[4]}, and guardian acts in"
                f" {model.account_id}",
            )
        return Aws(account_id=model.account_id, region=model.region, role_arn=model.role_arn)

    # --- services ------------------------------------------------------------------------

    def _service(
        self, name: str, groups: Mapping[str, tuple[str, ...]], aws: AwsModel | None
    ) -> ServiceConfig | None:
        place: Place = ("services", name)
        model, found = validate(ServiceModel, self._document, place)
        before = len(self.findings)
        self.findings.extend(found)
        router = None
        if isinstance(self._document.at((*place, "router")), dict):
            router = self._choice((*place, "router"), "type", RouterModel)
        if isinstance(self._document.at((*place, "notify")), list):
            self._own.add(name)
            where = (*place, "notify")
            self._tell(where, services=frozenset({name}), prefix=f"{name}:")
        if model is None or aws is None:
            return None
        steps = self._steps(model, place)
        approvals = self._approvals(place, len(steps))
        where = (*place, "aws") if model.aws else ("aws",)
        own = model.aws.model_dump(exclude_none=True) if model.aws is not None else {}
        account = self._aws(aws.model_copy(update=own), where)
        if len(self.findings) > before or router is None or account is None:
            return None
        return ServiceConfig(
            name=name,
            router=router,
            rules=tuple(self._rules(model, place)),
            steps=steps,
            mode=Mode(model.mode),
            aws=account,
            policy=_policy(model),
            approvals=approvals,
            group=next((g for g, members in groups.items() if name in members), ""),
            node=Node(self._document, place),
        )

    def _rules(self, model: ServiceModel, place: Place) -> Iterator[str]:
        """The references, as paths from the configuration's own folder."""
        top = Path(self._document.path).parent
        for index, reference in enumerate(model.rules):
            folder = folder_of(Node(self._document, (*place, "rules", index)))
            preset = reference.partition(":")[0] == "preset"
            same = preset or folder == top or Path(reference).is_absolute()
            yield reference if same else os.path.relpath(folder / reference, top)

    def _approvals(self, place: Place, steps: int) -> tuple[Approval, ...]:
        """Who has to agree: one approval, or a list of them, at most one a step."""
        given = self._document.at((*place, "approval"))
        found: dict[int, Approval] = {}
        for index in range(len(given)) if isinstance(given, list) else [None] * (given is not None):
            at = (*place, "approval", *(() if index is None else (index,)))
            model, wrong = validate(ApprovalModel, self._document, at)
            self.findings.extend(wrong)
            if model is None:
                continue
            number = 1 if model.before == "start" else int(model.before.split()[1])
            if number > max(steps, 1):
                self._say((*at, "before"), f"there is no step {number}: the service has {steps}")
            if number - 1 in found:
                self._say((*at, "before"), f"step {number} has an approval already")
            found[number - 1] = Approval(
                before_step=number - 1,
                timeout_s=model.timeout,
                on_timeout=Unapproved(model.on_timeout),
            )
        return tuple(found[step] for step in sorted(found))

    def _groups(self, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The groups' members; each a service of this configuration, in one group at most."""
        written = self._document.at(("groups",))
        groups: dict[str, tuple[str, ...]] = {}
        owner: dict[str, str] = {}
        for group in written if isinstance(written, dict) else ():
            place: Place = ("groups", group)
            model, found = validate(GroupModel, self._document, place)
            self.findings.extend(found)
            for index, name in enumerate(model.services if model is not None else ()):
                at = (*place, "services", index)
                if name not in names:
                    meant = did_you_mean(name, names)
                    self._say(at, f"there is no service '{name}'{meant}")
                elif name in owner:
                    self._say(at, f"'{name}' is in the group '{owner[name]}' already")
                owner.setdefault(name, group)
            groups[group] = tuple(model.services) if model is not None else ()
        return groups

    def _choice(
        self, place: Place, key: str, model: type[RouterModel | NotifyModel]
    ) -> AdapterRef | None:
        data, own = self._document.at(place), frozenset(model.model_fields)
        options = [k for k in data if k not in own] if isinstance(data, dict) else []
        checked, found = validate(model, self._document, place, without=options)
        self.findings.extend(found)
        if checked is None:
            return None
        return AdapterRef(
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

    # --- receivers ---------------------------------------------------------------------------

    def _tell(self, place: Place, *, services: frozenset[str] | None, prefix: str) -> None:
        entries = self._document.at(place)
        for index in range(len(entries) if isinstance(entries, list) else 0):
            at = (*place, index)
            choice = self._choice(at, "to", NotifyModel)
            events = self._events((*at, "on"))
            heard = self._heard((*at, "services"), services)
            if choice is None:
                continue
            name = prefix + choice.name
            taken = sum(receiver.name.rpartition("-")[0] == name for receiver in self._receivers)
            taken += any(receiver.name == name for receiver in self._receivers)
            name += f"-{taken + 1}" if taken else ""
            self._receivers.append(
                ConfiguredReceiver(name=name, to=choice, on=events, services=heard)
            )

    def _heard(self, place: Place, services: frozenset[str] | None) -> frozenset[str] | None:
        """The services that an entry tells of; None means all."""
        written = self._document.at(place)
        if not isinstance(written, list):
            return services
        known = self._document.at(("services",))
        named = known if isinstance(known, dict) else {}
        for index, name in enumerate(written):
            if name not in named:
                meant = did_you_mean(str(name), named)
                self._say((*place, index), f"there is no service '{name}'{meant}")
            elif services is not None and name not in services:
                self._say((*place, index), f"'{name}' has a notify of its own")
        return frozenset(str(name) for name in written)

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


def _policy(own: PolicyModel) -> Policy:
    said = own.model_dump(include=set(PolicyModel.model_fields), exclude_none=True)
    words = {"on_low_traffic": LowTraffic, "on_blind": Blind, "pre_existing": PreExisting}
    chosen: dict[str, Any] = {
        key: word(said.pop(key)) for key, word in words.items() if key in said
    }
    if "false_rollback" in said:
        chosen["false_rollback"] = said.pop("false_rollback")
    return Policy(**chosen, **{f"{key}_s": seconds for key, seconds in said.items()})
