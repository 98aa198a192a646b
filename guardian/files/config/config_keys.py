"""The shape of a configuration file: its keys, types and bounds. What they mean is `config`'s."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from guardian.core.notices import Event
from guardian.files.fields import Region, Silence, Version
from guardian.files.units import Duration, Share, WeightField, told
from guardian.files.validation import Strict

_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ROLE: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}", re.ASCII)
_BEFORE: Final = re.compile(r"start|step [1-9][0-9]?")
_WEEK_S: Final = 7 * 86400.0
EVENTS: Final = tuple(event.value for event in Event)


def _labelled(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise ValueError(
            f"{told(text)} is not a name: use up to 64 letters, digits, dots, hyphens and"
            " underscores, beginning with a letter or digit"
        )
    return text


def _account(text: str) -> str:
    if not re.fullmatch(r"[0-9]{12}", text):
        raise ValueError(f"{told(text)} is not an AWS account: write its 12 digits in quotes")
    return text


def _role(text: str) -> str:
    if not _ROLE.fullmatch(text):
        raise ValueError(
            f"{told(text)} is not a role: write it like arn:aws:iam::123456789012:role/guardian"
        )
    return text


def _baked(seconds: float) -> float:
    if not 60 <= seconds <= _WEEK_S:
        raise ValueError("a bake lasts between 1m and 7d: it is counted in CloudWatch's minutes")
    return seconds


def _chance(share: float) -> float:
    if not 0 < share <= 0.5:
        raise ValueError("false_rollback lies above 0% and at most at 50%; 5% is usual")
    return share


def _journal(text: str) -> str:
    name, _, rest = text.partition(":")
    if not name or not rest:
        raise ValueError(f"{told(text)} is not a journal: write sqlite:PATH")
    if rest.startswith(":"):
        raise ValueError(f"{told(text)} names no file: a journal has to outlive the process")
    return text


Label = Annotated[str, AfterValidator(_labelled)]
RoleArn = Annotated[str, AfterValidator(_role)]
Bake = Annotated[Duration, AfterValidator(_baked)]
Chance = Annotated[Share, AfterValidator(_chance)]
JournalText = Annotated[str, AfterValidator(_journal)]


class AwsModel(Strict):
    """Where guardian acts, and as whom."""

    account_id: Annotated[str, AfterValidator(_account)] | None = Field(
        default=None, description="guardian refuses to act in any other account."
    )
    region: Region | None = Field(default=None, description="Where the service is.")
    role_arn: RoleArn | None = Field(default=None, description="Assumed for every call.")


class PolicyModel(Strict):
    """The knobs of a service that are neither steps nor criteria."""

    keep_previous: Duration | None = Field(
        default=None, description="How long a completed rollout can still be rolled back."
    )
    false_rollback: Chance | None = Field(
        default=None, description="Chance, a rollout, that a release within its limits goes back."
    )
    on_low_traffic: Literal["hold", "advance", "rollback"] | None = Field(
        default=None, description="When a step saw too few samples by its max_bake."
    )
    on_blind: Literal["hold", "rollback"] | None = Field(
        default=None, description="When the metrics could not be read for max_blind."
    )
    pre_existing: Literal["compare", "hold"] | None = Field(
        default=None, description="When stable breaks a criterion before the first shift."
    )
    max_blind: Silence | None = Field(default=None, description="How long blindness is borne.")
    max_hold: Silence | None = Field(default=None, description="A longer hold goes back.")


class StepModel(Strict):
    """A weight and a bake."""

    weight: WeightField = Field(description="The canary's share of traffic.")
    bake: Bake = Field(description="Observed time that it must stay healthy.")
    max_bake: Bake | None = Field(default=None, description="Default: three times the bake.")


def _before(text: str) -> str:
    if not _BEFORE.fullmatch(text):
        raise ValueError(f"{told(text)} is no step: write start, or a step like step 2")
    return text


class ApprovalModel(Strict):
    """A person has to agree before a step begins."""

    before: Annotated[str, AfterValidator(_before)] = Field(
        description="`start`, or `step 2`: counted from 1."
    )
    timeout: Duration = Field(default=86400.0, description="How long guardian waits for it.")
    on_timeout: Literal["abort", "hold"] = Field(
        default="abort", description="Then: take the canary back, or go on waiting."
    )


class GroupModel(Strict):
    """Services that are rolled back together."""

    services: Annotated[list[str], Field(min_length=2)] = Field(
        description="Its members, in the order in which they are taken back."
    )
    rollback: Literal["together"] = Field(description="What binds them.")


class ServiceModel(PolicyModel):
    """One service."""

    promised: ClassVar[frozenset[str]] = frozenset({"actions"})
    meant: ClassVar[Mapping[str, str]] = {"group": "groups", "approvals": "approval"}

    router: dict[str, Any] = Field(description="type: the router; the rest are its options.")
    rules: Annotated[list[str], Field(min_length=1)] = Field(description="Rule files, presets.")
    vars: dict[str, str] = Field(default_factory=dict, description="For the rule files.")
    override: dict[str, Any] = Field(default_factory=dict, description="Changes of criteria.")
    steps: list[StepModel] = Field(default_factory=list, description="For rollouts.")
    approval: Any = Field(
        default=None, description="Who has to agree, before which step; one, or a list."
    )
    mode: Literal["enforce", "observe", "off"] = Field(default="enforce", description="What acts.")
    aws: AwsModel | None = Field(default=None, description="Where it differs from the file's.")
    notify: list[Any] | None = Field(default=None, description="Instead of the file's.")


class ConfigModel(Strict):
    """A configuration; each service is validated by itself, so that all errors show."""

    version: Version = Field(description="Of the format.")
    extends: str | None = Field(default=None, description="A file that this one changes.")
    include: str | list[str] | None = Field(
        default=None, description="Files with more services and groups, e.g. services.d/*.yaml."
    )
    environment: Label | None = Field(default=None, description="production, staging ...")
    aws: AwsModel = Field(default_factory=AwsModel, description="Where guardian acts.")
    journal: JournalText | None = Field(default=None, description="sqlite:PATH.")
    sources: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="By name, the options of where numbers come from."
    )
    defaults: dict[str, Any] = Field(
        default_factory=dict, description="What every service has unless it says otherwise."
    )
    services: Annotated[dict[Label, Any], Field(min_length=1)] = Field(description="By name.")
    groups: dict[Label, GroupModel] = Field(
        default_factory=dict, description="Services that are rolled back together."
    )
    notify: list[Any] = Field(default_factory=list, description="Who hears what.")


class NotifyModel(Strict):
    """The part of a `notify` entry that is not the notifier's own."""

    to: str = Field(description="The notifier.")
    on: Any = Field(default="all", description="Which events.")
    services: list[str] | None = Field(
        default=None, description="Of which services; without it, of all."
    )


class RouterModel(Strict):
    """The part of a `router` that is not the router's own."""

    type: str = Field(description="The router.")
