"""Traffic between two published versions of a Lambda function, by the weights of one alias.

Every write is absolute, carries the alias's RevisionId, and is believed only when read back: an
answer can be lost after the write was applied, and then a repeated write fails with 412.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from guardian.cloudwatch import changed
from guardian.core.model import Query, Reason
from guardian.core.traffic import Reading, Snapshot, Stamp, Traffic, WayBack
from guardian.ports import Capabilities, Context, Guard, NotYet, RouterError, Unlisted
from guardian.ports.health import Health, Level
from guardian.routers._lambda_answers import (
    MAX_DESCRIPTION,
    VERSION,
    parsed_stamp,
    reading_of,
    stamped,
    timeout_of,
)
from guardian.routers._lambda_stack import version_health
from guardian.routers._lambda_versions import (
    age,
    in_the_making,
    numbers,
    pair_problems,
    require_published,
    state_problems,
)
from guardian.routers._writing import (
    ask,
    check_for_rollback,
    proven,
    read_back,
    require_pair,
    require_served,
    require_stable,
    same,
    unsure,
)

PERMISSIONS: tuple[str, ...] = (
    "lambda:GetAlias",
    "lambda:UpdateAlias",
    "lambda:ListVersionsByFunction",
    "lambda:GetFunctionConfiguration",
    "lambda:GetProvisionedConcurrencyConfig",
)

VARIABLES: tuple[str, ...] = ("function", "alias")
"""What rule files may name as `${router.NAME}`."""

EXAMINES: tuple[str, ...] = ("cloudformation:DescribeStackResources", "cloudformation:GetTemplate")
"""What `guardian doctor` asks besides; without them it says what it could not learn."""

NAMESPACE: Final = "AWS/Lambda"
_CANDIDATES: Final = 5
"""So many older versions are asked for whether they could serve in stable's place."""
_RETAIN: Final = (
    "CDK deletes old versions unless the function has "
    "`currentVersionOptions: {removalPolicy: RemovalPolicy.RETAIN}`"
)


class Options(BaseModel):
    """Which alias to move, and whether to leave a mark on it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    function: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = Field(
        description="The function's name (not its ARN)."
    )
    alias: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9_-]*[A-Za-z_-][A-Za-z0-9_-]*$", max_length=128)
    ] = Field(description="The alias that callers use; a version number is not an alias.")
    stamp: bool = Field(
        default=True,
        description="Write rollout, epoch and stable version into the alias's description while a "
        "rollout is live; the description is put back at its end.",
    )


def _addressed(address: str) -> Mapping[str, str] | None:
    parts = address.split(":")
    both = len(parts) == len(VARIABLES) and all(parts)
    return dict(zip(VARIABLES, parts, strict=True)) if both else None


UNLISTED: Final = Unlisted(
    option="lambda",
    form="FUNCTION:ALIAS",
    example="agents-api:live",
    what="a Lambda alias",
    options=_addressed,
    preset="lambda",
)


def build(options: Options, context: Context) -> LambdaAlias:
    """The router of one alias."""
    return LambdaAlias(options, context)


def resources(options: Options, *, account_id: str, region: str) -> dict[str, tuple[str, ...]]:
    """The function, its versions and its aliases: IAM cannot tell one alias from another."""
    kind = {"cn": "-cn", "us-gov": "-us-gov"}.get(region.rsplit("-", 2)[0], "")
    function = f"arn:aws{kind}:lambda:{region}:{account_id}:function:{options.function}"
    both = (function, f"{function}:*")
    return dict.fromkeys(PERMISSIONS, both)


class LambdaAlias:
    """The router of one alias; the alias's RevisionId guards each write."""

    capabilities = Capabilities(guard=Guard.HARD, age=age)

    def __init__(self, options: Options, context: Context) -> None:
        self._options = options
        self._context = context
        self._name = f"{options.function}:{options.alias}"
        self.target = f"lambda_alias:{context.account_id}:{context.region}:{self._name}"

    # --- reading ---------------------------------------------------------------------------

    def read(self) -> Reading:
        """The alias now. `detail` holds its description, unless guardian's stamp stands there."""
        with proven(self._context):
            answer = self._ask("GetAlias", self._name, Name=self._options.alias)
        here = self._context
        return reading_of(answer, name=self._name, account=here.account_id, region=here.region)

    def resolve(self, version: str) -> str:
        """`latest` is the highest published number. INVALID for anything but that or a number."""
        if version == "latest":
            return self._latest()
        require_published(version)
        self._configuration(version)
        return version

    def examine(self) -> list[Health]:
        """Whether the alias can be read, and the version that a rollback restores will be kept."""
        reading = self.read()
        problems = self.check(stable=reading.traffic.primary, canary=reading.traffic.primary)
        unpublished = not VERSION.fullmatch(reading.traffic.primary)
        serves = Health(
            # A rollout, a watch and a snapshot all refuse what is not published.
            level=Level.FAIL if unpublished else Level.WARN if problems else Level.OK,
            what=f"{self.target} serves {reading.traffic}",
            fix="; ".join(problems),
        )
        stack = self._context.client("cloudformation")
        return [serves, version_health(stack, self._options.function)]

    def check(self, *, stable: str, canary: str) -> list[str]:
        """Missing or inactive versions, unequal roles or queues, provisioned concurrency."""
        self.read()
        found: dict[str, dict[str, Any]] = {}
        problems: list[str] = []
        pending: list[str] = []
        for version in dict.fromkeys((stable, canary)):
            try:
                require_published(version)
                found[version] = self._configuration(version)
            except RouterError as error:
                if error.reason not in {Reason.NOT_FOUND, Reason.INVALID}:
                    raise
                problems.append(error.detail)
                continue
            if in_the_making(found[version]):
                pending.append(version)
            else:
                problems += state_problems(self._options.function, version, found[version])
        if stable == canary:
            return self._ready(problems, pending)
        if len(found) == 2:
            name = self._options.function
            problems += pair_problems(name, stable, found[stable], canary, found[canary])
        if self._has_provisioned_concurrency():
            problems.append(
                f"alias {self._name} has provisioned concurrency, and Lambda refuses weights on "
                "such an alias: provision the versions instead, or remove it from the alias"
            )
        return self._ready(problems, pending)

    def _ready(self, problems: list[str], pending: list[str]) -> list[str]:
        """The problems; NotYet where there is none but that Lambda is still preparing a version."""
        if pending and not problems:
            raise NotYet(
                Reason.UNAVAILABLE,
                f"version {' and '.join(pending)} of {self._options.function} is still Pending:"
                " Lambda prepares it, and it can take traffic when it is Active",
            )
        return problems

    def way_back(self, *, stable: str, canary: str) -> WayBack:
        """Whether stable exists and is Active, and else the newest version below it that is."""
        problems = self._unable(stable)
        if not problems:
            return WayBack()
        try:
            below = [v for v in self._published() if v < int(stable) and str(v) != canary]
            newest = map(str, sorted(below, reverse=True)[:_CANDIDATES])
            older = next((v for v in newest if not self._unable(v)), "")
        except RouterError:
            older = ""  # What is told of stable does not wait for it.
        return WayBack(problem="; ".join(problems), older=older)

    def _unable(self, version: str) -> list[str]:
        """Why a version cannot be invoked; empty when it can, or is about to be."""
        try:
            found = self._configuration(version)
        except RouterError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            return [error.detail]
        making = in_the_making(found)
        return [] if making else state_problems(self._options.function, version, found)

    def variables(self) -> Mapping[str, str]:
        """`${router.function}` and `${router.alias}`."""
        return {"function": self._options.function, "alias": self._options.alias}

    def fallback_query(self, query: Query, *, live: str) -> Query | None:
        """The alias's own series: Lambda may report by `ExecutedVersion` only under weights."""
        dimensions = dict(query.pairs())
        own = query.word("namespace") == NAMESPACE and dimensions.get("Resource") == self._name
        if not own or dimensions.pop("ExecutedVersion", None) != live:
            return None
        return changed(query, dimensions=tuple(sorted(dimensions.items())))

    def settles_later_s(
        self, queries: Collection[Query], *, stable: str, canary: str
    ) -> Mapping[Query, float]:
        """Lambda's own by the longer time-out: requests that hang show only when it ends them.

        Lambda stamps an invocation's metrics with the time at which it began.
        """
        own = [query for query in queries if query.word("namespace") == NAMESPACE]
        if not own:
            return {}
        longest_s = max(
            timeout_of(self._ask("GetFunctionConfiguration", self._name, Qualifier=version))
            for version in dict.fromkeys((stable, canary))
        )
        return dict.fromkeys(own, longest_s)

    # --- writing ---------------------------------------------------------------------------

    def shift(self, traffic: Traffic, *, stamp: Stamp, after: Reading) -> Reading:
        """The canary's weight as the additional version; the primary keeps the rest."""
        require_pair(traffic, require_published)
        require_stable(traffic, stamp)
        self._context.check_account()
        return self._write(traffic, after=after, stamp=stamp, description="")

    def promote(self, canary: str, *, after: Reading, detail: Mapping[str, str]) -> Reading:
        """The canary alone, in one write; the description is what `detail` remembers of it."""
        require_published(canary)
        require_served(canary, after, f"alias {self._name}")
        self._context.check_account()
        description = detail.get("description", "")
        return self._write(
            Traffic(primary=canary), after=after, stamp=None, description=description
        )

    def restore(self, snapshot: Snapshot, *, stamp: Stamp | None, after: Reading) -> Reading:
        """The snapshot's versions and weights; writes even when the alias looks right already."""
        require_pair(snapshot.traffic, require_published)
        if not check_for_rollback(self._context):
            self.read()
        description = snapshot.detail.get("description", "")
        return self._write(snapshot.traffic, after=after, stamp=stamp, description=description)

    def _write(
        self, traffic: Traffic, *, after: Reading, stamp: Stamp | None, description: str
    ) -> Reading:
        """One guarded UpdateAlias, and what the alias says afterwards."""
        if not after.revision:
            raise RouterError(Reason.INVALID, f"alias {self._name} must be read before a write")
        weights = {traffic.secondary: traffic.weight.ratio} if traffic.secondary else {}
        change: dict[str, Any] = {
            "FunctionVersion": traffic.primary,
            "RoutingConfig": {"AdditionalVersionWeights": weights},
            "RevisionId": after.revision,
        }
        text = stamped(stamp) if stamp else description[:MAX_DESCRIPTION]
        if self._options.stamp and text is not None:
            change["Description"] = text
        wished = parsed_stamp(text or "")
        try:
            self._ask("UpdateAlias", self._name, Name=self._options.alias, **change)
        except RouterError as error:
            return self._after_failure(error, traffic, wished, check_stamp="Description" in change)
        return read_back(self.read, f"alias {self._name}")

    def _after_failure(
        self, error: RouterError, desired: Traffic, stamp: Stamp | None, *, check_stamp: bool
    ) -> Reading:
        """Read before judging: the write may have been applied and only its answer lost."""
        try:
            reading = self.read()
        except RouterError:
            raise unsure(error) from None
        if same(reading.traffic, desired) and (not check_stamp or reading.stamp == stamp):
            return reading
        if error.reason is Reason.CONFLICT:
            raise RouterError(
                Reason.CONFLICT,
                f"somebody changed alias {self._name} since it was read: it now serves "
                f"{reading.traffic}, and nothing was written",
            ) from None
        raise unsure(error) from None

    # --- Lambda's API ----------------------------------------------------------------------

    def _ask(self, operation: str, what: str, **arguments: Any) -> dict[str, Any]:
        """One call about this function. Raises RouterError with a sentence."""
        function = self._options.function
        action = f"lambda:{operation}"
        return ask(self._context, "lambda", action, what, FunctionName=function, **arguments)

    def _configuration(self, qualifier: str) -> dict[str, Any]:
        """The configuration of one version. NOT_FOUND with how such a version gets lost."""
        name = f"{self._options.function}:{qualifier}"
        try:
            with proven(self._context):
                return self._ask("GetFunctionConfiguration", name, Qualifier=qualifier)
        except RouterError as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            raise RouterError(
                Reason.NOT_FOUND,
                f"version {qualifier} of {self._options.function} does not exist in "
                f"{self._context.account_id} {self._context.region}, so it can take no traffic: "
                f"publish it again, or name another one. {_RETAIN}",
            ) from None

    def _latest(self) -> str:
        """The highest published version number."""
        found = self._published()
        if not found:
            raise RouterError(
                Reason.NOT_FOUND,
                f"{self._options.function} has no published version: publish one "
                "(`aws lambda publish-version`, or CDK's `currentVersion`)",
            )
        return str(max(found))

    def _published(self) -> list[int]:
        function = self._options.function
        return numbers(function, partial(self._ask, "ListVersionsByFunction", function))

    def _has_provisioned_concurrency(self) -> bool:
        try:
            self._ask("GetProvisionedConcurrencyConfig", self._name, Qualifier=self._options.alias)
        except RouterError as error:
            if error.reason is Reason.NOT_FOUND:
                return False
            raise
        return True
