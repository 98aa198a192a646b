"""Vendors that the simulator does not know: each takes what it is sent, and fails as arranged."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from guardian.sim.faults import Fault
from guardian.sim.server import Simulator
from guardian.sim.wire import Refused, Reply, Request, as_json

_REFUSALS: Final = {
    "throttle": ("ThrottlingException", "no", 429),
    "server_error": ("InternalFailure", "no", 500),
    "access_denied": ("AccessDeniedException", "no", 403),
    "not_found": ("ResourceNotFoundException", "no", 404),
    "other": ("ValidationException", "no", 400),
}
"""What AWS's younger services say."""
_ERROR: Final = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error>"
    "</ErrorResponse>"
)


@dataclass(slots=True, kw_only=True)
class Guest:
    """One vendor: what it is called, how its operations are named, and what it says."""

    name: str
    named: Callable[[Request], str]
    says: Callable[[Request, str], Reply]
    xml: bool = False
    refusals: Mapping[str, tuple[str, str, int]] = field(default_factory=lambda: _REFUSALS)
    taken: list[Request] = field(default_factory=list)
    """What it did as it was asked."""

    def operation(self, request: Request) -> str:
        """The name of the operation that a request asks for."""
        return self.named(request)

    def error(self, refused: Refused) -> Reply:
        """An error as it goes over the wire."""
        if self.xml:
            body = _ERROR.format(code=refused.code).encode()
            return Reply(status=refused.status, body=body, content_type="text/xml")
        body_ = {"__type": refused.code, "message": refused.message}
        headers = {"x-amzn-ErrorType": refused.code}
        return as_json(body_, status=refused.status, headers=headers)

    def answer(self, request: Request, operation: str, fault: Fault | None) -> Reply:
        """Take it."""
        del fault
        self.taken.append(request)
        return self.says(request, operation)


def bus(simulator: Simulator) -> Guest:
    """EventBridge's PutEvents."""
    said = {"FailedEntryCount": 0, "Entries": [{"EventId": "11710aed-b79e-4468-a20b-bb3c0c3b4860"}]}
    guest = Guest(name="events", named=lambda _: "PutEvents", says=lambda *_: as_json(said))
    simulator.host(guest, lambda r: r.headers.get("x-amz-target", "").startswith("AWSEvents."))
    return guest


def mail(simulator: Simulator) -> Guest:
    """SES's SendEmail."""
    said = {"MessageId": "0100018c-example-000000"}
    guest = Guest(name="ses", named=lambda _: "SendEmail", says=lambda *_: as_json(said))
    simulator.host(guest, lambda r: r.path.startswith("/v2/email/"))
    return guest


def hook(simulator: Simulator) -> Guest:
    """A webhook's receiver that gives receipts."""

    def receipt(request: Request, operation: str) -> Reply:
        del operation
        return as_json({"received": request.headers["guardian-delivery"]})

    guest = Guest(name="webhook", named=lambda _: "POST", says=receipt)
    simulator.host(guest, lambda r: r.path == "/hook")
    return guest


def stacks(simulator: Simulator) -> Guest:
    """CloudFormation's DescribeStackResources and GetTemplate."""
    inner = {
        "DescribeStackResources": "<StackResources><member><StackName>agents</StackName>"
        "<LogicalResourceId>Function</LogicalResourceId>"
        "<PhysicalResourceId>agents-api</PhysicalResourceId></member></StackResources>",
        "GetTemplate": f"<TemplateBody>{json.dumps({'Resources': {}})}</TemplateBody>",
    }

    def says(request: Request, operation: str) -> Reply:
        del request
        body = f"<{operation}Response><{operation}Result>{inner[operation]}</{operation}Result>"
        body += f"</{operation}Response>"
        return Reply(body=body.encode(), content_type="text/xml")

    guest = Guest(name="cloudformation", named=_action, says=says, xml=True)
    simulator.host(guest, lambda r: r.path == "/" and _action(r) in inner)
    return guest


def _action(request: Request) -> str:
    form = "x-www-form-urlencoded" in request.headers.get("content-type", "")
    return str(request.mapping().get("Action", "")) if form else ""
