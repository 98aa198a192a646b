"""A strict Lambda on loopback, just big enough for one function's versions and aliases."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.contracts.adapters import ACCOUNT, REGION
from tests.contracts.canned import Answer, Asked, Canned, account_answer

FUNCTION = "agents-api"
ALIAS = "live"
_LIST_PAGE = 2


def refusal(status: int, code: str, message: str = "refused") -> Answer:
    """An error as Lambda writes it: the code also stands in a header there."""
    return Answer(status=status, body=json.dumps({"__type": code, "message": message}))


@dataclass(slots=True)
class LambdaTwin:
    """One function; compares the revision with each write, and moves it, as Lambda does."""

    versions: dict[str, dict[str, Any]] = field(default_factory=dict)
    alias: dict[str, Any] | None = None
    account: str = ACCOUNT
    """Whom STS takes the caller for."""
    provisioned: bool = False
    writes: list[dict[str, Any]] = field(default_factory=list)
    next_write: Answer | None = None
    """Refuse the next write with this; `drop` applies it and loses the answer."""
    reads: Answer | None = None
    """Answer every GetAlias with this."""
    listing: Answer | None = None
    """Answer every ListVersionsByFunction with this."""
    sts: Answer | None = None
    _revision: int = 1

    def __post_init__(self) -> None:
        for version in ("5", "6", "10"):
            self.versions[version] = {"Role": "arn:aws:iam::333333333333:role/f", "Timeout": 30}
        self.alias = {
            "AliasArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}:{ALIAS}",
            "Name": ALIAS,
            "FunctionVersion": "6",
            "Description": "what callers use",
            "RevisionId": "r1",
        }

    def serve(self, server: Canned) -> None:
        """Answer on this server from now on."""
        server.answer = self.answer

    def answer(self, asked: Asked) -> Answer:
        """One request."""
        if asked.operation == "GetCallerIdentity":
            return self.sts or account_answer(self.account)
        url = urlsplit(asked.path)
        qualifier = parse_qs(url.query).get("Qualifier", [""])[0]
        what = url.path.partition("/functions/")[2].split("/")
        if what[0] != FUNCTION:
            return refusal(404, "ResourceNotFoundException")
        match (asked.method, *what[1:]):
            case ("GET", "aliases", _):
                return self._get(asked)
            case ("PUT", "aliases", _):
                return self._put(asked.json)
            case ("GET", "configuration"):
                return self._configuration(qualifier)
            case ("GET", "versions"):
                return self._list(parse_qs(url.query).get("Marker", ["0"])[0])
            case ("GET", "provisioned-concurrency") if self.provisioned:
                return Answer(body='{"Status": "READY"}')
            case _:
                return refusal(404, "ProvisionedConcurrencyConfigNotFoundException")

    def change(self, **fields: Any) -> None:
        """Somebody else writes the alias."""
        assert self.alias is not None
        self._revision += 1
        self.alias = {**self.alias, **fields, "RevisionId": f"r{self._revision}"}

    def _get(self, asked: Asked) -> Answer:
        del asked
        if self.alias is None:
            return refusal(404, "ResourceNotFoundException", "Cannot find alias")
        return self.reads or Answer(body=json.dumps(self.alias))

    def _put(self, desired: dict[str, Any]) -> Answer:
        self.writes.append(desired)
        trouble, self.next_write = self.next_write, None
        if trouble is not None and not trouble.drop:
            return trouble
        if self.alias is None:
            return refusal(404, "ResourceNotFoundException", "Cannot find alias")
        if desired.get("RevisionId") not in {None, self.alias["RevisionId"]}:
            return refusal(412, "PreconditionFailedException", "The RevisionId does not match")
        weights = desired.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        named = {desired["FunctionVersion"], *weights}
        if len(named) != 1 + len(weights) or not named <= self.versions.keys():
            return refusal(400, "InvalidParameterValueException")
        fields = {k: desired[k] for k in ("FunctionVersion", "Description") if k in desired}
        routing = {"AdditionalVersionWeights": weights} if weights else None
        self.change(**fields, RoutingConfig=routing)
        return trouble or Answer(body=json.dumps(self.alias))

    def _configuration(self, qualifier: str) -> Answer:
        assert self.alias is not None
        version = self.alias["FunctionVersion"] if qualifier == ALIAS else qualifier
        if version not in self.versions:
            return refusal(404, "ResourceNotFoundException", f"Function not found: {qualifier}")
        return Answer(body=json.dumps({"Version": version, **self.versions[version]}))

    def _list(self, marker: str) -> Answer:
        if self.listing is not None:
            return self.listing
        names = ["$LATEST", *self.versions]
        first = int(marker)
        page: dict[str, Any] = {"Versions": [{"Version": n} for n in names[first:][:_LIST_PAGE]]}
        if first + _LIST_PAGE < len(names):
            page["NextMarker"] = str(first + _LIST_PAGE)
        return Answer(body=json.dumps(page))
