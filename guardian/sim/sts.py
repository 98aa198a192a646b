"""STS: who is asking, and assuming roles."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from guardian.sim.faults import Fault
from guardian.sim.wire import Refusals, Refused, Reply, Request
from guardian.sim.world import World

_XMLNS = "https://sts.amazonaws.com/doc/2011-06-15/"
_ROLE = re.compile(r"arn:aws:iam::(\d{12}):role/(.+)")
_KEY = re.compile(r"Credential=([^/,\s]+)/")
_NAME = re.compile(r"[\w+=,.@-]{2,64}")


_REFUSALS: Refusals = {
    "throttle": ("Throttling", "Rate exceeded", 400),
    "access_denied": ("AccessDenied", "Not authorized to perform: sts:{operation}", 403),
    "server_error": ("InternalFailure", "An internal error occurred.", 500),
    "other": ("ExpiredToken", "The security token included in the request is expired", 403),
}


class Sts:
    """Serves GetCallerIdentity and AssumeRole over the query protocol.

    Any access key belongs to the simulator's account; keys that AssumeRole gave out belong to the
    role's account. No signature is checked.
    """

    name = "sts"
    refusals = _REFUSALS

    def __init__(self, world: World) -> None:
        self._world = world
        self._sessions: dict[str, tuple[str, str]] = {}

    def operation(self, request: Request) -> str:
        """The name of the operation that a request asks for."""
        return str(request.mapping().get("Action", "Unknown"))

    def error(self, refused: Refused) -> Reply:
        """An error as STS puts it on the wire."""
        kind = "Receiver" if refused.status >= 500 else "Sender"
        body = (
            f'<ErrorResponse xmlns="{_XMLNS}"><Error><Type>{kind}</Type>'
            f"<Code>{escape(refused.code)}</Code><Message>{escape(refused.message)}</Message>"
            "</Error><RequestId>simulated</RequestId></ErrorResponse>"
        )
        return Reply(status=refused.status, body=body.encode(), content_type="text/xml")

    def answer(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """Do what is asked. Raises Refused."""
        del fault
        if operation == "GetCallerIdentity":
            account, arn = self._caller(request)
            shown = {"Arn": arn, "UserId": "AIDASIMULATED", "Account": account}
            return _xml(operation, "".join(f"<{k}>{escape(v)}</{k}>" for k, v in shown.items()))
        if operation == "AssumeRole":
            return self._assume(request)
        message = f"The simulator's STS does not know the action {operation}."
        raise Refused("InvalidAction", message, 400)

    def _caller(self, request: Request) -> tuple[str, str]:
        found = _KEY.search(request.headers.get("authorization", ""))
        account = self._world.account_id
        default = (account, f"arn:aws:iam::{account}:user/simulated")
        return self._sessions.get(found[1] if found else "", default)

    def _assume(self, request: Request) -> Reply:
        asked = request.mapping()
        role = _ROLE.fullmatch(str(asked.get("RoleArn", "")))
        session = str(asked.get("RoleSessionName", ""))
        if role is None or not _NAME.fullmatch(session):
            raise Refused("ValidationError", "RoleArn or RoleSessionName is invalid.", 400)
        account, name = role[1], role[2].rpartition("/")[2]
        key = f"ASIASIMULATED{len(self._sessions) + 1:07d}"
        arn = f"arn:aws:sts::{account}:assumed-role/{name}/{session}"
        self._sessions[key] = (account, arn)
        credentials = (
            f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>simulated</SecretAccessKey>"
            "<SessionToken>simulated</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
        )
        user = f"<AssumedRoleId>AROASIMULATED:{session}</AssumedRoleId><Arn>{arn}</Arn>"
        inner = f"<Credentials>{credentials}</Credentials><AssumedRoleUser>{user}</AssumedRoleUser>"
        return _xml("AssumeRole", inner)


def _xml(operation: str, inner: str) -> Reply:
    body = (
        f'<{operation}Response xmlns="{_XMLNS}"><{operation}Result>{inner}</{operation}Result>'
        f"<ResponseMetadata><RequestId>simulated</RequestId></ResponseMetadata></{operation}Response>"
    )
    return Reply(body=body.encode(), content_type="text/xml")
