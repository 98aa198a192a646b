"""Lambda functions, their versions, and their aliases with revisions and weights."""

from __future__ import annotations

import bisect
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from guardian.core.model import Instant
from guardian.sim.wire import Refused
from guardian.sim.world import World

_INVALID = "InvalidParameterValueException"
_NOT_FOUND = "ResourceNotFoundException"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a function, as GetFunctionConfiguration shows it."""

    name: str
    role: str
    dead_letter_arn: str | None = None
    state: str = "Active"
    active_at: Instant = math.inf
    """When a version that is Pending becomes Active."""
    timeout_s: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasState:
    """An alias as GetAlias shows it; `weights` are the additional version's, 0.0 to 1.0."""

    version: str
    weights: Mapping[str, float] = field(default_factory=dict)
    description: str = ""
    revision: str

    def shares(self) -> dict[str, float]:
        """How traffic is split: a share for each version, which sum to 1."""
        return {self.version: 1.0 - sum(self.weights.values()), **self.weights}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an UpdateAlias asks for; None leaves a part as it is."""

    version: str | None = None
    weights: Mapping[str, float] | None = None
    description: str | None = None
    revision: str | None = None


@dataclass(slots=True)
class _Function:
    versions: dict[str, Version]
    aliases: dict[str, list[tuple[Instant, AliasState]]] = field(default_factory=dict)
    """Each alias's states, oldest first, and the instant at which each began."""


class Aliases:
    """Lambda's control plane. Methods take the world's lock, and raise Refused as AWS would."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._functions: dict[str, _Function] = {}
        self._late: list[tuple[Instant, str, str, Change]] = []
        self._writes = 0

    # --- what a test or the demo sets up ---------------------------------------------------------

    def create_function(
        self, function: str, *, versions: Sequence[str] = ("1",), timeout_s: int = 30
    ) -> None:
        """A function with published versions, all with the same role."""
        with self._world.lock:
            self._functions[function] = _Function({})
            for version in versions:
                self.publish(function, version, timeout_s=timeout_s)

    def publish(
        self,
        function: str,
        version: str | None = None,
        *,
        role: str | None = None,
        dead_letter_arn: str | None = None,
        state: str = "Active",
        pending_s: float = 0.0,
        timeout_s: int = 30,
    ) -> str:
        """Publish a version, or replace what is known of one; the next number by default.

        With `pending_s` it is Pending for so long, as one in a VPC is.
        """
        with self._world.lock:
            versions = self._function(function).versions
            name = version or str(max((int(v) for v in versions), default=0) + 1)
            versions[name] = Version(
                name=name,
                role=role or f"arn:aws:iam::{self._world.account_id}:role/{function}",
                dead_letter_arn=dead_letter_arn,
                state="Pending" if pending_s else state,
                active_at=self._world.clock.now() + pending_s if pending_s else math.inf,
                timeout_s=timeout_s,
            )
            return name

    def delete_version(self, function: str, version: str) -> None:
        """Remove a version, even one in use: what a CDK deploy may do to an old one."""
        with self._world.lock:
            self._function(function).versions.pop(version, None)

    def create_alias(
        self, function: str, alias: str, *, version: str, description: str = ""
    ) -> None:
        """An alias with all traffic on `version`, as if it had always been so."""
        with self._world.lock:
            self.version(function, version)
            state = AliasState(
                version=version, description=description, revision=self._new_revision()
            )
            self._function(function).aliases[alias] = [(-math.inf, state)]

    def delete_alias(self, function: str, alias: str) -> None:
        """Remove an alias."""
        with self._world.lock:
            self._function(function).aliases.pop(alias, None)

    def write_as_person(
        self,
        function: str,
        alias: str,
        *,
        version: str | None = None,
        weights: Mapping[str, float] | None = None,
        description: str | None = None,
    ) -> AliasState:
        """A change at the console: no revision given, and no fault in its way."""
        change = Change(version=version, weights=weights, description=description)
        return self.update(function, alias, change, actor="person")

    # --- what is so ------------------------------------------------------------------------------

    def state(self, function: str, alias: str) -> AliasState:
        """The alias now."""
        with self._world.lock:
            self.settle()
            return self._states(function, alias)[-1][1]

    def previous(self, function: str, alias: str) -> AliasState:
        """The alias before its last change."""
        with self._world.lock:
            states = self._states(function, alias)
            return states[-2 if len(states) > 1 else -1][1]

    def history(self, function: str, alias: str) -> list[tuple[Instant, AliasState]]:
        """Every state of the alias with the instant it began (minus infinity for the first)."""
        with self._world.lock:
            self.settle()
            return list(self._states(function, alias))

    def between(
        self, function: str, alias: str, start: Instant, end: Instant
    ) -> list[tuple[Instant, Instant, AliasState]]:
        """The spans of [start, end) with the state that held in each; none when it is gone."""
        known = self._functions.get(function)
        if known is None or alias not in known.aliases:
            return []
        states = known.aliases[alias]
        index = max(0, bisect.bisect_right(states, start, key=lambda entry: entry[0]) - 1)
        spans = []
        for position in range(index, len(states)):
            begun, state = states[position]
            ended = states[position + 1][0] if position + 1 < len(states) else math.inf
            if begun >= end:
                break
            if min(end, ended) > max(start, begun):
                spans.append((max(start, begun), min(end, ended), state))
        return spans

    def versions(self, function: str) -> list[Version]:
        """Published versions by number."""
        with self._world.lock:
            return sorted(self._function(function).versions.values(), key=lambda v: int(v.name))

    def version(self, function: str, qualifier: str) -> Version:
        """A version by its number, by an alias's name, or `$LATEST`."""
        with self._world.lock:
            known = self._function(function)
            if qualifier == "$LATEST":
                newest = self.versions(function)[-1]
                return replace(newest, name="$LATEST")
            if qualifier in known.aliases:
                qualifier = known.aliases[qualifier][-1][1].version
            if qualifier not in known.versions:
                raise Refused(
                    _NOT_FOUND, f"Function not found: {self.arn(function)}:{qualifier}", 404
                )
            found = known.versions[qualifier]
            ready = found.active_at <= self._world.clock.now()
            return replace(found, state="Active") if ready else found

    def arn(self, function: str) -> str:
        """The unqualified ARN."""
        return f"arn:aws:lambda:{self._world.region}:{self._world.account_id}:function:{function}"

    # --- writes ----------------------------------------------------------------------------------

    def update(
        self, function: str, alias: str, change: Change, *, actor: str = "api"
    ) -> AliasState:
        """Write the alias. Each write, even one that changes nothing, gives a new revision."""
        with self._world.lock:
            self.settle()
            return self._apply(function, alias, change, actor)

    def update_late(self, function: str, alias: str, change: Change, *, at: Instant) -> None:
        """Write the alias once the clock shows `at`, with the revision compared only then."""
        with self._world.lock:
            self._late.append((at, function, alias, change))
            self._late.sort(key=lambda late: late[0])

    def settle(self) -> None:
        """Do the late writes that have become due."""
        while self._late and self._late[0][0] <= self._world.clock.now():
            _, function, alias, change = self._late.pop(0)
            try:
                self._apply(function, alias, change, "api, late")
            except Refused as refused:
                data = {"function": function, "alias": alias, "refused": refused.code}
                self._world.log("alias.refused", data)

    def _apply(self, function: str, alias: str, change: Change, actor: str) -> AliasState:
        states = self._states(function, alias)
        current = states[-1][1]
        after = replace(
            current,
            version=current.version if change.version is None else change.version,
            weights=current.weights if change.weights is None else dict(change.weights),
            description=current.description if change.description is None else change.description,
        )
        self._check(function, after)
        if change.revision is not None and change.revision != current.revision:
            raise Refused(
                "PreconditionFailedException",
                "The Revision Id provided does not match the latest Revision Id. "
                "Call the GetAlias API to retrieve the latest Revision Id.",
                412,
            )
        after = replace(after, revision=self._new_revision())
        data = {
            "function": function,
            "alias": alias,
            "version": after.version,
            "weights": dict(after.weights),
            "description": after.description,
            "actor": actor,
        }
        event = self._world.log("alias", data)
        states.append((event.at, after))
        return after

    def _check(self, function: str, state: AliasState) -> None:
        """Lambda's conditions on an alias that shares traffic (developer guide, alias routing)."""
        primary = self.version(function, state.version)
        for name, weight in state.weights.items():
            if not name.isascii() or not name.isdigit():
                raise _violated(name, "Map keys must satisfy regular expression pattern: [0-9]+")
            if not 0.0 <= weight <= 1.0:
                raise _violated(weight, "Map value must have value between 0 and 1")
        if len(state.weights) > 1:
            raise Refused(_INVALID, "Number of items in AdditionalVersionWeights cannot exceed 1.")
        for name in state.weights:
            if state.version == "$LATEST":
                message = "$LATEST is not supported for an alias pointing to more than 1 version"
                raise Refused(_INVALID, message)
            if name == state.version:
                message = f"Version {name} is already included in the routing configuration."
                raise Refused(_INVALID, message)
            other = self.version(function, name)
            if (other.role, other.dead_letter_arn) != (primary.role, primary.dead_letter_arn):
                message = "The versions of an alias must have the same role and dead-letter queue."
                raise Refused(_INVALID, message)

    def _function(self, function: str) -> _Function:
        if function not in self._functions:
            raise Refused(_NOT_FOUND, f"Function not found: {self.arn(function)}", 404)
        return self._functions[function]

    def _states(self, function: str, alias: str) -> list[tuple[Instant, AliasState]]:
        aliases = self._function(function).aliases
        if alias not in aliases:
            raise Refused(_NOT_FOUND, f"Cannot find alias arn: {self.arn(function)}:{alias}", 404)
        return aliases[alias]

    def _new_revision(self) -> str:
        """A UUID-shaped token that is never given twice, and the same in every run."""
        self._writes += 1
        text = hashlib.sha256(f"{self._world.seed}:{self._writes}".encode()).hexdigest()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:32]))


def _violated(value: object, constraint: str) -> Refused:
    message = (
        f"1 validation error detected: Value '{value}' at 'routingConfig.additionalVersionWeights' "
        f"failed to satisfy constraint: {constraint}"
    )
    return Refused("ValidationException", message)
