"""AWS accounts and errors, against a loopback server."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guardian.aws import CALL_S, Sessions
from guardian.aws_errors import talking
from guardian.clock import SystemClock
from guardian.core.codec import rfc3339
from guardian.core.model import Reason
from guardian.ports import ConfigError, RouterError, SourceError
from tests.contracts.adapters import (
    ACCOUNT,
    REGION,
    SECRET_KEY,
    TOKEN,
    account_for,
    use_endpoint,
)
from tests.contracts.canned import Answer, Asked, Canned, account_answer, canned

ASSUMED = (
    '<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>'
    "<Credentials><AccessKeyId>ASIAROLEROLEROLEROLE</AccessKeyId>"
    "<SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>"
    "<Expiration>2999-01-01T00:00:00Z</Expiration></Credentials>"
    "<AssumedRoleUser><AssumedRoleId>A:x</AssumedRoleId>"
    "<Arn>arn:aws:sts::333333333333:assumed-role/guardian/x</Arn></AssumedRoleUser>"
    "</AssumeRoleResult></AssumeRoleResponse>"
)

EXPIRED = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code>"
    "<Message>The security token included in the request is expired</Message></Error>"
    "</ErrorResponse>"
)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Canned]:
    """A server that is STS for the configured account, until a test says otherwise."""
    with canned(lambda _: account_answer(ACCOUNT)) as server:
        use_endpoint(monkeypatch, server.url)
        yield server


def script(**answers: Answer) -> Callable[[Asked], Answer]:
    """Answers by operation; STS knows the configured account."""
    answers.setdefault("GetCallerIdentity", account_answer(ACCOUNT))
    return lambda asked: answers.get(asked.operation, Answer(status=500))


def failing(status: int, code: str, message: str = "") -> Answer:
    """An error as AWS's JSON protocols write it."""
    return Answer(status=status, body=f'{{"__type": "{code}", "message": "{message}"}}')


def metrics_error(world: Canned, answer: Answer) -> SourceError:
    """What a failing GetMetricData becomes."""
    world.answer = script(GetMetricData=answer)
    client = account_for(Sessions()).client("cloudwatch")
    with (
        pytest.raises(SourceError) as caught,
        talking("cloudwatch:GetMetricData", f"in {REGION}", SourceError),
    ):
        client.get_metric_data(MetricDataQueries=[], StartTime=0, EndTime=60)
    return caught.value


def test_importing_the_module_loads_no_sdk() -> None:
    """Listing adapters and printing help stay cheap."""
    code = (
        "import sys, guardian.aws, guardian.routers.lambda_alias, guardian.sources.cloudwatch\n"
        "assert not {'boto3', 'botocore'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_configured_account_passes_and_is_asked_each_time(world: Canned) -> None:
    """A swapped credential would be noticed, because nothing is remembered."""
    account = account_for(Sessions())
    account.check_account()
    account.check_account()
    assert world.operations() == ["GetCallerIdentity", "GetCallerIdentity"]


def test_another_account_is_refused_naming_both(world: Canned) -> None:
    """The sentence says whose credentials these are and what the configuration says."""
    world.answer = lambda _: account_answer("111111111111")
    with pytest.raises(
        RouterError, match=r"belong to account 111111111111.*says 333333333333"
    ) as e:
        account_for(Sessions()).check_account()
    assert e.value.reason is Reason.AUTH


def test_no_client_is_handed_out_for_another_account(world: Canned) -> None:
    """Metrics of the wrong account are never read: the first client already checks."""
    world.answer = lambda _: account_answer("111111111111")
    account = account_for(Sessions())
    for _ in range(2):
        with pytest.raises(RouterError, match="111111111111"):
            account.client("cloudwatch")
    assert set(world.operations()) == {"GetCallerIdentity"}


def test_without_a_configured_account_identity_names_it(world: Canned) -> None:
    """The mode with no file asks STS and pins the answer."""
    world.answer = lambda _: account_answer("123456789012")
    assert account_for(Sessions(), account_id=None).identity() == "123456789012"


def test_an_sts_answer_without_an_account_is_no_permission(world: Canned) -> None:
    """Garbage from a proxy is not taken for the right account."""
    world.answer = lambda _: Answer(body="<html>sign in</html>", type="text/html")
    with pytest.raises(RouterError):
        account_for(Sessions()).check_account()


def test_a_client_is_made_once(world: Canned) -> None:
    """Clients are cached by service and region."""
    account = account_for(Sessions())
    assert account.client("lambda") is account.client("lambda")
    assert account.client("cloudwatch") is not account.client("cloudwatch@eu-west-1")
    assert account.client("cloudwatch@eu-west-1").meta.region_name == "eu-west-1"


def test_metric_timestamps_stay_numbers(world: Canned) -> None:
    """The cheap parser gives seconds since the epoch for whole and broken seconds."""
    body = (
        '{"MetricDataResults": [{"Id": "q0", "Label": "x", "StatusCode": "Complete", '
        '"Timestamps": [1700000040, 1700000100.0], "Values": [1, 2.5]}]}'
    )
    world.answer = script(GetMetricData=Answer(body=body))
    answer = (
        account_for(Sessions())
        .client("cloudwatch")
        .get_metric_data(MetricDataQueries=[], StartTime=1699999980, EndTime=1700000160)
    )
    assert answer["MetricDataResults"][0]["Timestamps"] == [1700000040.0, 1700000100.0]
    assert world.asked[-1].json["StartTime"] == 1699999980


def test_a_failed_call_is_not_repeated(world: Canned) -> None:
    """The SDK's own retries are off: a poll must not wait, and a write must not come twice."""
    metrics_error(world, failing(500, "InternalServiceFault"))
    assert world.operations().count("GetMetricData") == 1


def test_a_request_is_signed_for_what_boto3_has_no_client_for(world: Canned) -> None:
    """For the account's region and the service's name; the account is asked once."""
    account = account_for(Sessions())
    url = "https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-1/api/v1/query"
    headers = account.sign("aps", "POST", url, b"query=up")
    assert (
        f"/{REGION}/aps/aws4_request, SignedHeaders=content-type;host;x-amz-date"
        in (headers["Authorization"])
    )
    assert headers["X-Amz-Security-Token"] == TOKEN
    other = account.sign("aps", "POST", url, b"query=down")
    assert other["Authorization"] != headers["Authorization"]
    assert [asked.operation for asked in world.asked] == ["GetCallerIdentity"]
    with pytest.raises(RouterError, match="these credentials belong to account"):
        account_for(Sessions(), account_id="222222222222").sign("aps", "GET", url, b"")


def test_a_role_is_assumed_and_signs_the_calls(world: Canned) -> None:
    """The role's credentials are fetched once and used by every client."""
    role = f"arn:aws:iam::{ACCOUNT}:role/guardian"
    world.answer = script(
        AssumeRole=Answer(body=ASSUMED, type="text/xml"),
        GetMetricData=Answer(body='{"MetricDataResults": []}'),
    )
    account = account_for(Sessions(), role_arn=role)
    account.check_account()
    account.client("cloudwatch").get_metric_data(MetricDataQueries=[], StartTime=0, EndTime=60)
    assume, *rest = world.asked
    assert "RoleSessionName=guardian-test" in assume.body
    assert "AKIAIOSFODNN7EXAMPLE" in assume.headers["authorization"]
    assert [asked.operation for asked in rest].count("AssumeRole") == 0
    assert all("ASIAROLEROLEROLEROLE" in asked.headers["authorization"] for asked in rest)


def test_metrics_are_read_by_the_role_of_a_web_identity(
    world: Canned, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a pod of EKS has it: what its token is turned in for signs everything."""
    for known in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(known)
    (token := tmp_path / "token").write_text("a pod's token")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", f"arn:aws:iam::{ACCOUNT}:role/pod")
    given = Answer(body=ASSUMED.replace("AssumeRole", "AssumeRoleWithWebIdentity"))
    listed = Answer(body="{}")
    world.answer = script(AssumeRoleWithWebIdentity=given, ListMetrics=listed)
    account_for(Sessions()).client("cloudwatch").list_metrics()
    assert all("ASIAROLE" in asked.headers["authorization"] for asked in world.asked[1:])


def test_a_role_is_renewed_beside_the_work_and_never_in_its_way(world: Canned) -> None:
    """A slow STS holds up no call as long as the credentials at hand are good."""
    asked = threading.Event()
    ends = rfc3339(SystemClock().now() + 300)
    usual = script(AssumeRole=Answer(body=ASSUMED.replace("2999-01-01T00:00:00Z", ends)))
    world.answer = usual
    account = account_for(Sessions(), role_arn=f"arn:aws:iam::{ACCOUNT}:role/guardian")
    account.check_account()

    def answer(request: Asked) -> Answer:
        if request.operation != "AssumeRole":
            return usual(request)
        asked.set()
        return Answer(drip_s=0.2)

    world.answer = answer
    for _ in range(3):
        began = SystemClock().monotonic()
        account.check_account()
        assert SystemClock().monotonic() - began < CALL_S["sts"] / 2
    assert asked.wait(10)
    assert world.operations().count("AssumeRole") == 2


def test_a_role_that_cannot_be_assumed_names_the_trust_policy(world: Canned) -> None:
    """The sentence points at the trust policy and not at the call that wanted the role."""
    denied = (
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
        "<Message>User: x is not authorized</Message></Error></ErrorResponse>"
    )
    world.answer = lambda _: Answer(status=403, body=denied, type="text/xml")
    account = account_for(Sessions(), role_arn=f"arn:aws:iam::{ACCOUNT}:role/guardian")
    with pytest.raises(RouterError, match=r"sts:AssumeRole.*trust policy") as caught:
        account.check_account()
    assert caught.value.reason is Reason.AUTH


@pytest.mark.parametrize(
    ("status", "code", "reason", "word"),
    [
        (400, "AccessDeniedException", Reason.AUTH, "allow cloudwatch:GetMetricData"),
        (403, "AccessDenied", Reason.AUTH, "allow cloudwatch:GetMetricData"),
        (400, "ExpiredToken", Reason.AUTH, "have expired"),
        (403, "UnrecognizedClientException", Reason.AUTH, "does not accept the credentials"),
        (400, "RequestTimeTooSkewed", Reason.AUTH, "set the clock"),
        (400, "Throttling", Reason.THROTTLED, "throttled"),
        (429, "SomethingNew", Reason.THROTTLED, "throttled"),
        (404, "ResourceNotFoundException", Reason.NOT_FOUND, "check the name"),
        (412, "PreconditionFailedException", Reason.CONFLICT, "changed it"),
        (409, "ResourceConflictException", Reason.CONFLICT, "changed it"),
        (400, "InvalidParameterValue", Reason.INVALID, "refused as invalid"),
        (500, "InternalServiceFault", Reason.UNAVAILABLE, "on AWS's side"),
        (503, "", Reason.UNAVAILABLE, "on AWS's side"),
        (408, "RequestTimeout", Reason.TIMEOUT, "timed out"),
    ],
)
def test_each_error_code_has_a_reason_and_a_sentence(
    world: Canned, status: int, code: str, reason: Reason, word: str
) -> None:
    """The sentence names the operation, and what to do."""
    error = metrics_error(world, failing(status, code))
    assert error.reason is reason
    assert word in error.detail
    assert "cloudwatch:GetMetricData in us-east-1" in error.detail


def test_a_lost_connection_is_a_reason_and_no_crash(world: Canned) -> None:
    """A server that hangs up is unavailable."""
    assert metrics_error(world, Answer(drop=True)).reason is Reason.UNAVAILABLE


def test_nobody_listening_is_unavailable(world: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the address variable, which is the likely mistake."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(RouterError, match="AWS_ENDPOINT_URL") as caught:
        account_for(Sessions()).check_account()
    assert caught.value.reason is Reason.UNAVAILABLE


@pytest.mark.parametrize("role_arn", [None, f"arn:aws:iam::{ACCOUNT}:role/guardian"])
def test_missing_credentials_say_how_to_give_some(
    world: Canned, monkeypatch: pytest.MonkeyPatch, role_arn: str | None
) -> None:
    """With and without a role to assume."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    with pytest.raises(RouterError, match="no AWS credentials were found") as caught:
        account_for(Sessions(), role_arn=role_arn).check_account()
    assert caught.value.reason is Reason.AUTH


@pytest.mark.parametrize("name", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_a_settings_file_that_is_no_ini_file_is_named_and_not_quoted(
    world: Canned, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """Of one's own AWS settings the path is told, and no line: it may be the secret key's."""
    broken = tmp_path / "settings"
    broken.write_text(f"aws_secret_access_key = {SECRET_KEY}\n")
    monkeypatch.setenv(name, str(broken))
    for known in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(known)
    with pytest.raises(RouterError, match=f"{broken} cannot be read as an INI file") as caught:
        account_for(Sessions()).check_account()
    assert caught.value.reason is Reason.INVALID
    assert SECRET_KEY not in str(caught.value)


@pytest.mark.parametrize("role_arn", [None, f"arn:aws:iam::{ACCOUNT}:role/guardian"])
def test_credentials_that_were_renewed_outside_are_read_again(
    world: Canned, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, role_arn: str | None
) -> None:
    """A rewritten file gives the next call its new key; until then it is said what expired."""
    file, refused = tmp_path / "credentials", set[str]()
    for known in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(known)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    text = "[default]\naws_access_key_id = {}\naws_secret_access_key = secret\n"
    usual = script(AssumeRole=Answer(body=ASSUMED))

    def answer(asked: Asked) -> Answer:
        if any(key in asked.headers["authorization"] for key in refused):
            return Answer(status=403, body=EXPIRED, type="text/xml")
        return usual(asked)

    world.answer = answer
    file.write_text(text.format("AKIAFIRST"))
    account = account_for(Sessions(), role_arn=role_arn)
    account.client("cloudwatch")
    refused |= {"AKIAFIRST", "ASIAROLE"}
    for _ in range(2):
        with pytest.raises(
            RouterError, match=r"have expired.*reads them again by itself"
        ) as caught:
            account.check_account()
    assert caught.value.reason is Reason.AUTH
    assert "from the shared credentials file" in caught.value.detail
    file.write_text(text.format("AKIASECOND"))
    refused.discard("ASIAROLE")
    account.client("cloudwatch")
    assert "AKIAFIRST" not in world.asked[-1].headers["authorization"]


def test_credentials_that_appear_later_are_found(
    world: Canned, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file that is not there yet is looked for again."""
    file = tmp_path / "credentials"
    for known in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(known)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    account = account_for(Sessions())
    with pytest.raises(RouterError, match="no AWS credentials were found"):
        account.check_account()
    file.write_text("[default]\naws_access_key_id = AKIA\naws_secret_access_key = secret\n")
    account.check_account()


def test_no_error_ever_quotes_a_secret(world: Canned) -> None:
    """AWS quotes signed requests in some errors; tokens and keys are kept out of the text."""
    leak = f"x-amz-security-token:{TOKEN} AKIAIOSFODNN7EXAMPLE {SECRET_KEY}"
    for code in ("SignatureDoesNotMatch", "AccessDenied", "InvalidParameterValue", "Strange"):
        error = metrics_error(world, failing(400, code, leak))
        for secret in (TOKEN, SECRET_KEY, "AKIAIOSFODNN7EXAMPLE"):
            assert secret not in str(error)
            assert secret not in repr(error)
        assert error.__suppress_context__


def test_a_garbled_answer_of_assume_role_does_not_show_its_credentials(world: Canned) -> None:
    """A parser's error quotes what it could not read; that part stays out."""
    world.answer = lambda _: Answer(body=ASSUMED.replace("</AssumeRole", "<"), type="text/xml")
    account = account_for(Sessions(), role_arn=f"arn:aws:iam::{ACCOUNT}:role/guardian")
    with pytest.raises(RouterError, match="not AWS's") as caught:
        account.check_account()
    assert caught.value.reason is Reason.UNAVAILABLE
    assert "role-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("region", "account_id", "role_arn", "word"),
    [
        ("us-east-1.evil.example/", ACCOUNT, None, "not an AWS region"),
        ("useast1", ACCOUNT, None, "not an AWS region"),
        (REGION, "3333", None, "12 digits"),
        (REGION, ACCOUNT, "guardian", "not the ARN of a role"),
        (REGION, ACCOUNT, "arn:aws:iam::111111111111:role/g", "account_id says 333333333333"),
    ],
)
def test_arguments_that_do_not_fit_are_a_configuration_error(
    region: str, account_id: str, role_arn: str | None, word: str
) -> None:
    """Region, account and role are checked before anything is called."""
    with pytest.raises(ConfigError, match=word):
        Sessions().account(region=region, account_id=account_id, role_arn=role_arn)
