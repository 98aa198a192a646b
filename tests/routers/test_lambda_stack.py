"""Whether the version that a rollback restores survives the next deploy of its stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from guardian.ports.health import Level
from guardian.routers._lambda_stack import version_health

ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}},
}
FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "FunctionName": "agents-api",
        "Handler": "index.handler",
        "Runtime": "python3.12",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": "def handler(event, context): pass"},
    },
}


class CloudFormation:
    """moto's, which cannot look a stack up by one of its resources: that is added here."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.template: dict[str, Any] = {}

    def describe_stack_resources(self, *, PhysicalResourceId: str) -> Any:  # noqa: N803 - AWS's
        """The resources of the stack that made one of them."""
        for stack in self._client.describe_stacks()["Stacks"]:
            answer = self._client.describe_stack_resources(StackName=stack["StackName"])
            ids = [found.get("PhysicalResourceId") for found in answer["StackResources"]]
            if PhysicalResourceId in ids:
                return answer
        text = f"Stack for {PhysicalResourceId} does not exist"
        raise ClientError(
            {
                "Error": {"Code": "ValidationError", "Message": text},
                "ResponseMetadata": {"HTTPStatusCode": 400},
            },
            "DescribeStackResources",
        )

    def get_template(self, **named: str) -> Any:
        """As moto has it; a test may change it."""
        if not self.template:
            self.template = self._client.get_template(**named)["TemplateBody"]
        return {"TemplateBody": self.template}

    def deploy(self, **version: Any) -> None:
        """A stack with one version of the function."""
        made = {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Fn"}}}
        resources = {"Role": ROLE, "Fn": FUNCTION, "Current": {**made, **version}}
        template = json.dumps({"Resources": resources})
        self._client.create_stack(StackName="shop", TemplateBody=template)


@pytest.fixture
def stack() -> Iterator[CloudFormation]:
    """CloudFormation on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        # moto keeps its stacks for the whole process.
        urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST")).close()
        yield CloudFormation(
            boto3.client(
                "cloudformation",
                endpoint_url=f"http://{host}:{port}",
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1}),
            )
        )
    finally:
        server.stop()


def test_a_version_that_is_not_retained_is_deleted_by_the_next_deploy(
    stack: CloudFormation,
) -> None:
    """CDK's default: the fix says which option to set."""
    stack.deploy()
    found = version_health(stack, "agents-api")
    assert found.level is Level.FAIL
    assert "Current has no DeletionPolicy Retain" in found.what
    assert "RemovalPolicy.RETAIN" in found.fix


@pytest.mark.parametrize("policy", ["Retain", "RetainExceptOnCreate"])
def test_a_retained_version_can_be_restored(stack: CloudFormation, policy: str) -> None:
    """Both policies keep what leaves the template."""
    stack.deploy(DeletionPolicy=policy)
    assert version_health(stack, "agents-api").level is Level.OK


def test_a_version_of_another_function_does_not_matter(stack: CloudFormation) -> None:
    """Only versions of the guarded function are looked at."""
    stack.deploy()
    assert version_health(stack, "agents-api").level is Level.FAIL
    stack.template["Resources"]["Current"]["Properties"]["FunctionName"] = "other"
    assert version_health(stack, "agents-api").level is Level.OK


def test_a_function_of_no_stack_is_not_deleted_by_one(stack: CloudFormation) -> None:
    """There is no deploy to fear."""
    found = version_health(stack, "agents-api")
    assert found.level is Level.OK
    assert "no CloudFormation stack" in found.what


@pytest.mark.parametrize("resources", [[], [{"PhysicalResourceId": "another", "StackName": "s"}]])
def test_an_answer_that_does_not_name_the_function_says_nothing_of_it(
    resources: list[dict[str, str]],
) -> None:
    """What belongs to no stack is an error to CloudFormation, and no list without it."""

    class Elsewhere:
        """Answers with other resources."""

        def describe_stack_resources(self, **_: str) -> Any:
            """A list without the function."""
            return {"StackResources": resources}

    found = version_health(Elsewhere(), "agents-api")
    assert found.level is Level.WARN
    assert "does not name agents-api" in found.what


def test_what_cannot_be_asked_is_said_and_not_guessed() -> None:
    """Without the permission, the line is a warning that names it."""

    class Denied:
        """Credentials that may not ask CloudFormation."""

        def describe_stack_resources(self, **_: str) -> Any:
            """Refused."""
            raise ClientError(
                {
                    "Error": {"Code": "AccessDenied", "Message": "not authorized"},
                    "ResponseMetadata": {"HTTPStatusCode": 403},
                },
                "DescribeStackResources",
            )

    found = version_health(Denied(), "agents-api")
    assert found.level is Level.WARN
    assert "cloudformation:GetTemplate" in found.fix
