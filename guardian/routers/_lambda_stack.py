"""Whether CloudFormation will keep a function's old versions: what a rollback restores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from guardian.aws_errors import talking
from guardian.core.model import Reason
from guardian.core.scrub import scrub
from guardian.ports import RouterError
from guardian.ports.health import Health, Level

_VERSION: Final = "AWS::Lambda::Version"
_KEPT: Final = frozenset({"Retain", "RetainExceptOnCreate"})
_FIX: Final = (
    "set the version's removal policy to RETAIN (in CDK: currentVersionOptions:"
    " {removalPolicy: RemovalPolicy.RETAIN}) and deploy that before the next release"
)


def version_health(client: Any, function: str) -> Health:
    """What becomes of the function's versions at the next deploy of its stack.

    A version that leaves the template is deleted by the DeletionPolicy it had there
    (CloudFormation user guide, DeletionPolicy attribute).
    """
    try:
        found = _stack_of(client, function)
        if found is None:
            return Health(
                level=Level.OK,
                what=f"{function} belongs to no CloudFormation stack: no deploy of one deletes"
                " its versions",
            )
        stack, logical = found
        template = _template(client, stack)
    except RouterError as error:
        return Health(
            level=Level.WARN,
            what=f"whether the versions of {function} survive the next deploy is not known:"
            f" {error.detail}",
            fix="allow cloudformation:DescribeStackResources and cloudformation:GetTemplate"
            if error.reason is Reason.AUTH
            else "look at the DeletionPolicy of its versions in the stack's template",
        )
    if template is None:
        return Health(
            level=Level.WARN,
            what=f"the template of stack {stack} is not JSON: its DeletionPolicies were not read",
            fix=_FIX,
        )
    return _judged(function, stack, logical, template)


def _judged(function: str, stack: str, logical: str, template: Mapping[str, Any]) -> Health:
    resources = template.get("Resources")
    listed = resources if isinstance(resources, Mapping) else {}
    doomed = [
        name
        for name, resource in listed.items()
        if isinstance(resource, Mapping)
        and resource.get("Type") == _VERSION
        and _names(resource, logical, function)
        and resource.get("DeletionPolicy") not in _KEPT
    ]
    if not doomed:
        return Health(
            level=Level.OK,
            what=f"stack {stack} keeps the versions of {function} when it deploys",
        )
    return Health(
        level=Level.FAIL,
        what=f"the next deploy of stack {stack} deletes the version that a rollback of {function}"
        f" restores: {scrub(', '.join(sorted(doomed)), 300)} has no DeletionPolicy Retain",
        fix=_FIX,
    )


def _names(resource: Mapping[str, Any], logical: str, function: str) -> bool:
    """Whether a version is the function's: by reference or by name; what cannot be read counts."""
    name = (resource.get("Properties") or {}).get("FunctionName")
    if isinstance(name, Mapping):
        reference = name.get("Ref") or (name.get("Fn::GetAtt") or [None])[0]
        return reference in (None, logical)
    return name in (None, function)


def _stack_of(client: Any, function: str) -> tuple[str, str] | None:
    """The stack that made the function, and the function's name in it; None without one."""
    try:
        with talking("cloudformation:DescribeStackResources", f"for {function}", RouterError):
            answer = client.describe_stack_resources(PhysicalResourceId=function)
    except RouterError as error:
        # What it did not make is a ValidationError to CloudFormation.
        if error.reason in (Reason.NOT_FOUND, Reason.INVALID):
            return None
        raise
    for resource in answer.get("StackResources", ()):
        if resource.get("PhysicalResourceId") == function:
            stack, logical = resource.get("StackName"), resource.get("LogicalResourceId")
            return scrub(str(stack), 130), str(logical)
    raise RouterError(Reason.UNKNOWN, f"CloudFormation's answer does not name {function}")


def _template(client: Any, stack: str) -> Mapping[str, Any] | None:
    with talking("cloudformation:GetTemplate", f"of stack {stack}", RouterError):
        body = client.get_template(StackName=stack, TemplateStage="Processed").get("TemplateBody")
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            return None
    return body if isinstance(body, Mapping) else None
