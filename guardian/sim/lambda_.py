"""Lambda's REST API: aliases, versions and configurations."""

from __future__ import annotations

import math
from typing import Any
from urllib.parse import unquote

from guardian.sim.aliases import Aliases, AliasState, Change, Version
from guardian.sim.faults import Fault
from guardian.sim.wire import HANG_UP, Refusals, Refused, Reply, Request, as_json
from guardian.sim.world import World

_MESSAGE_CAPITAL = frozenset({"ResourceNotFoundException", "ServiceException"})
_PAGE = 50
"""ListVersionsByFunction shows at most 50 versions a page, whatever MaxItems asks."""


class Lambda:
    """Serves `/2015-03-31/functions/...` and the provisioned-concurrency path of 2019-09-30."""

    name = "lambda"

    def __init__(self, world: World, aliases: Aliases) -> None:
        self._world = world
        self._aliases = aliases
        who = f"arn:aws:sts::{world.account_id}:assumed-role/guardian/session"
        busy = "The operation cannot be performed at this time. An update is in progress."
        denied = f"User: {who} is not authorized to perform: lambda:{{operation}}"
        self.refusals: Refusals = {
            "throttle": ("TooManyRequestsException", "Rate exceeded", 429),
            "access_denied": ("AccessDeniedException", denied, 403),
            "conflict": ("ResourceConflictException", busy, 409),
            "not_found": ("ResourceNotFoundException", "Function not found", 404),
            "bad_request": ("InvalidParameterValueException", "A parameter is invalid.", 400),
            "other": ("ServiceException", "An internal error occurred.", 500),
        }

    def operation(self, request: Request) -> str:
        """The name of the operation that a request asks for."""
        parts = request.path.split("/")[3:]
        match (request.method, *parts):
            case ("GET", _, "aliases", _):
                return "GetAlias"
            case ("PUT", _, "aliases", _):
                return "UpdateAlias"
            case ("GET", _, "aliases"):
                return "ListAliases"
            case ("GET", _, "versions"):
                return "ListVersionsByFunction"
            case ("GET", _, "configuration"):
                return "GetFunctionConfiguration"
            case ("GET", _, "provisioned-concurrency"):
                return "GetProvisionedConcurrencyConfig"
            case ("GET", _):
                return "GetFunction"
        return "Unknown"

    def error(self, refused: Refused) -> Reply:
        """An error as Lambda puts it on the wire."""
        key = "Message" if refused.code in _MESSAGE_CAPITAL else "message"
        kind = "Server" if refused.status >= 500 else "User"
        headers = {"x-amzn-ErrorType": refused.code}
        body = {"Type": kind, key: refused.message}
        return as_json(body, status=refused.status, headers=headers)

    def answer(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """Do what is asked. Raises Refused."""
        parts = [unquote(part) for part in request.path.split("/")[3:]]
        function, qualifier = _function_name(parts[0])
        qualifier = request.one("Qualifier") or qualifier
        match operation:
            case "GetAlias":
                stale = fault is not None and fault.kind == "stale"
                read = self._aliases.previous if stale else self._aliases.state
                return as_json(self._alias(function, parts[2], read(function, parts[2])))
            case "UpdateAlias":
                return self._update(function, parts[2], request.mapping(), fault)
            case "ListVersionsByFunction":
                return self._list_versions(function, request)
            case "GetFunctionConfiguration":
                version = self._aliases.version(function, qualifier or "$LATEST")
                return as_json(self._configuration(function, version, with_state=True))
            case "GetFunction":
                version = self._aliases.version(function, qualifier or "$LATEST")
                shown = self._configuration(function, version, with_state=True)
                return as_json({"Configuration": shown, "Tags": {}})
            case "GetProvisionedConcurrencyConfig":
                self._aliases.version(function, qualifier or "$LATEST")
                message = "No Provisioned Concurrency Config found for this function"
                raise Refused("ProvisionedConcurrencyConfigNotFoundException", message, 404)
        raise Refused("UnknownOperationException", "The simulator does not know this call.", 404)

    def _update(
        self, function: str, alias: str, body: dict[str, Any], fault: Fault | None
    ) -> Reply:
        change = _change(body)
        if fault is not None and fault.kind == "apply_late":
            due = self._world.clock.now() + fault.after_s
            self._aliases.update_late(function, alias, change, at=due)
            return HANG_UP
        if fault is not None and fault.kind == "ignored":
            return as_json(self._alias(function, alias, self._aliases.state(function, alias)))
        return as_json(self._alias(function, alias, self._aliases.update(function, alias, change)))

    def _alias(self, function: str, alias: str, state: AliasState) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "AliasArn": f"{self._aliases.arn(function)}:{alias}",
            "Name": alias,
            "FunctionVersion": state.version,
            "Description": state.description,
            "RevisionId": state.revision,
        }
        if state.weights:
            shown["RoutingConfig"] = {"AdditionalVersionWeights": dict(state.weights)}
        return shown

    def _list_versions(self, function: str, request: Request) -> Reply:
        known = [self._aliases.version(function, "$LATEST"), *self._aliases.versions(function)]
        start = int(request.one("Marker") or 0)
        size = min(int(request.one("MaxItems") or _PAGE), _PAGE)
        shown = [self._configuration(function, v, with_state=False) for v in known]
        page: dict[str, Any] = {"Versions": shown[start : start + size]}
        if start + size < len(known):
            page["NextMarker"] = str(start + size)
        return as_json(page)

    def _configuration(
        self, function: str, version: Version, *, with_state: bool
    ) -> dict[str, Any]:
        """A version's configuration; lists show it without its state, as Lambda's do."""
        shown: dict[str, Any] = {
            "FunctionName": function,
            "FunctionArn": f"{self._aliases.arn(function)}:{version.name}",
            "Runtime": "python3.12",
            "Role": version.role,
            "Handler": "app.handler",
            "Timeout": version.timeout_s,
            "MemorySize": 512,
            "Version": version.name,
            "LastModified": "2026-01-01T00:00:00.000+0000",
            "CodeSha256": f"code-of-{version.name}",
        }
        if version.dead_letter_arn is not None:
            shown["DeadLetterConfig"] = {"TargetArn": version.dead_letter_arn}
        if with_state:
            shown |= {"State": version.state, "LastUpdateStatus": "Successful"}
        return shown


def _function_name(text: str) -> tuple[str, str | None]:
    """The function and the qualifier of a name, a partial ARN or an ARN."""
    _, _, tail = text.rpartition("function:")
    name, _, qualifier = tail.partition(":")
    return name, qualifier or None


def _change(body: dict[str, Any]) -> Change:
    """UpdateAlias's parameters; a part that is absent is left as it is. Raises Refused."""
    routing = body.get("RoutingConfig")
    weights = None if routing is None else routing.get("AdditionalVersionWeights") or {}
    for weight in (weights or {}).values():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or math.isnan(weight):
            raise Refused("SerializationException", "A weight is not a number.")
    description = body.get("Description")
    if description is not None and len(description) > 256:
        message = "1 validation error detected: Member 'description' must have length <= 256"
        raise Refused("ValidationException", message)
    return Change(
        version=body.get("FunctionVersion"),
        weights=weights,
        description=description,
        revision=body.get("RevisionId"),
    )
