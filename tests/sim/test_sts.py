"""The simulated STS says who is asking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from guardian.sim.server import Simulator


def test_any_key_belongs_to_the_simulators_account(aws: Callable[..., Any]) -> None:
    """GetCallerIdentity answers the configured account."""
    assert aws("sts").get_caller_identity()["Account"] == "333333333333"


def test_an_assumed_role_belongs_to_its_own_account(aws: Callable[..., Any]) -> None:
    """Credentials from AssumeRole make GetCallerIdentity answer the role's account and session."""
    answer = aws("sts").assume_role(
        RoleArn="arn:aws:iam::111111111111:role/ops/guardian", RoleSessionName="guardian-demo"
    )
    given = answer["Credentials"]
    client = aws(
        "sts",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    who = client.get_caller_identity()
    assert who["Account"] == "111111111111"
    assert who["Arn"] == "arn:aws:sts::111111111111:assumed-role/guardian/guardian-demo"


def test_a_malformed_role_is_refused(aws: Callable[..., Any]) -> None:
    """AssumeRole checks the ARN."""
    with pytest.raises(ClientError, match="ValidationError"):
        aws("sts").assume_role(RoleArn="guardian-production-role", RoleSessionName="guardian")


def test_a_fault_makes_it_answer_another_account(sim: Simulator, aws: Callable[..., Any]) -> None:
    """The wrong-account fault strikes as often as it is told to."""
    sim.faults.add(service="sts", kind="wrong_account", account="444444444444", times=1)
    client = aws("sts")
    answers = [client.get_caller_identity()["Account"] for _ in range(2)]
    assert answers == ["444444444444", "333333333333"]


@pytest.mark.parametrize(
    ("kind", "code"), [("throttle", "Throttling"), ("access_denied", "AccessDenied")]
)
def test_its_errors_have_awss_codes(
    sim: Simulator, aws: Callable[..., Any], kind: str, code: str
) -> None:
    """Query-protocol errors carry their code."""
    sim.faults.add(service="sts", kind=kind)
    with pytest.raises(ClientError) as caught:
        aws("sts").get_caller_identity()
    assert caught.value.response["Error"]["Code"] == code
