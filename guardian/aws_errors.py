"""What a failed AWS call means: one reason, and one sentence that says what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from guardian.core.model import Problem, Reason
from guardian.core.scrub import clean
from guardian.ports import EdgeError

NO_CREDENTIALS: Final = (
    "no AWS credentials were found: give this process a role (task role, instance profile, OIDC), "
    "AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)

SIGNED_BY: Final = "GuardianSignedBy"
"""Where an error's metadata says which of botocore's sources the credentials came from."""
_SOURCES: Final = {
    "shared-credentials-file": "from the shared credentials file",
    "config-file": "from AWS's config file",
    "custom-process": "from the credential_process",
    "assume-role": "of the role in aws.role_arn",
    "assume-role-with-web-identity": "from the web identity's token",
    "iam-role": "of the instance's role",
    "container-role": "of the task's or pod's role",
    "sso": "of the SSO session",
}

_CODES: Final = {
    code: kind
    for kind, codes in {
        "denied": "AccessDenied AccessDeniedException AuthorizationError Forbidden NotAuthorized "
        "UnauthorizedOperation UnauthorizedException",
        "expired": "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired",
        "refused": "AuthFailure IncompleteSignature IncompleteSignatureException "
        "InvalidAccessKeyId InvalidClientTokenId InvalidSignatureException InvalidToken "
        "MissingAuthenticationToken MissingAuthenticationTokenException NotAuthorizedException "
        "OptInRequired SignatureDoesNotMatch UnrecognizedClientException",
        "skewed": "InvalidSignatureDate RequestInTheFuture RequestTimeTooSkewed",
        "throttled": "BandwidthLimitExceeded LimitExceeded PriorRequestNotComplete "
        "ProvisionedThroughputExceededException RequestLimitExceeded RequestThrottled "
        "RequestThrottledException SlowDown Throttling ThrottledException ThrottlingException "
        "TooManyRequestsException",
        "changed": "ConcurrentModification ConflictException PreconditionFailed "
        "PreconditionFailedException ResourceConflictException",
        "slow": "RequestTimeout RequestTimeoutException",
    }.items()
    for code in codes.split()
}
_STATUSES: Final = {
    401: "refused",
    403: "denied",
    404: "missing",
    408: "slow",
    409: "changed",
    412: "changed",
    429: "throttled",
}
_SAY: Final[dict[str, tuple[Reason, str]]] = {
    "denied": (
        Reason.AUTH,
        "{what} was refused{said}: allow {action} to the role that guardian runs as",
    ),
    "untrusted": (
        Reason.AUTH,
        (
            "{what} was refused{said}: let the role's trust policy name the identity that guardian "
            "runs as, and allow that identity sts:AssumeRole"
        ),
    ),
    "expired": (
        Reason.AUTH,
        "{what} was refused because the AWS credentials{whose} have expired: {renew}",
    ),
    # AWS's own message is left out: it can quote the signed request, session token included.
    "refused": (
        Reason.AUTH,
        (
            "{what} was refused because AWS does not accept the credentials{whose} ({code}): check "
            "the access key, its secret and session token, and whether the key is still active; "
            "{renew}"
        ),
    ),
    "skewed": (
        Reason.AUTH,
        "{what} was refused because this machine's clock differs from AWS's: set the clock",
    ),
    "throttled": (
        Reason.THROTTLED,
        (
            "{what} was throttled ({code}): the account's request quota is used up. guardian tries "
            "again by itself; if it lasts, see who else calls this API or ask AWS for more"
        ),
    ),
    "changed": (
        Reason.CONFLICT,
        "{what} was refused because something else changes or changed it ({code}){said}",
    ),
    "slow": (Reason.TIMEOUT, "{what} timed out on AWS's side ({code})"),
    "missing": (
        Reason.NOT_FOUND,
        "{what} found nothing of that name{said}: check the name, the account and the region",
    ),
    "broken": (
        Reason.UNAVAILABLE,
        "{what} failed on AWS's side ({code}){said}; guardian tries again by itself",
    ),
    "invalid": (Reason.INVALID, "{what} was refused as invalid ({code}){said}"),
    "strange": (Reason.UNKNOWN, "{what} failed with {code}{said}"),
}


def problem_of(exc: BaseException, *, action: str, where: str) -> Problem:
    """What an exception of a vendor's call means: a reason, and a sentence with what to do.

    `action` is the IAM action that was tried (`lambda:UpdateAlias`), `where` what it was tried on
    ("on agents-api:live"). The sentence never holds a credential or a request's headers.
    """
    from botocore.exceptions import ClientError

    if isinstance(exc, EdgeError):
        return Problem(reason=exc.reason, detail=exc.detail)
    if not isinstance(exc, ClientError):
        return _local_problem(exc, f"{action} {where}")
    error = exc.response.get("Error", {})
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    kind = _kind(code, message, status)
    if exc.operation_name == "AssumeRole":
        action, where = "sts:AssumeRole", "for the role in aws.role_arn"
        kind = "untrusted" if kind == "denied" else kind
    reason, text = _SAY[kind]
    said = quoted(message)
    what = f"{action} {where}"
    whose, renew = _signed_by(exc.response.get("ResponseMetadata", {}).get(SIGNED_BY, ""))
    detail = text.format(
        what=what,
        action=action,
        code=clean(code[:80]) or f"HTTP {status}",
        said=said,
        whose=whose,
        renew=renew,
    )
    return Problem(reason=reason, detail=detail)


def _signed_by(method: str) -> tuple[str, str]:
    """Whose credentials these were, and how others come in; by botocore's name of the source."""
    if method == "env":
        renew = "start guardian again with new ones, since a process keeps its variables"
        return " from the environment variables", renew
    whose = f" {_SOURCES[method]}" if method in _SOURCES else ""
    return whose, "renew them, and guardian reads them again by itself"


def spent(parsed: Mapping[str, Any], status: int) -> bool:
    """Whether AWS's error answer means that the credentials are no good any more."""
    error = parsed.get("Error", {})
    kind = _kind(str(error.get("Code", "")), str(error.get("Message", "")), status)
    return kind in {"expired", "refused"}


def reason_of(code: str, message: str, status: int) -> Reason:
    """Why AWS refused, from its error code and message and the HTTP status."""
    return _SAY[_kind(code, message, status)][0]


@contextmanager
def talking(action: str, where: str, error: type[EdgeError]) -> Iterator[None]:
    """Run one vendor's call; whatever it raises becomes `error` with a reason and a sentence."""
    try:
        yield
    except Exception as exc:  # noqa: BLE001 - garbage in an answer breaks SDKs in any way
        problem = problem_of(exc, action=action, where=where)
        # Without its cause: the SDK's own text can quote signed headers, and tracebacks get logged.
        raise error(problem.reason, problem.detail) from None


def _kind(code: str, message: str, status: int) -> str:
    """AWS's error code, or the HTTP status where the code says nothing, as a row of `_SAY`."""
    if "Signature expired" in message or "Signature not yet current" in message:
        return "skewed"
    if code in _CODES:
        return _CODES[code]
    if "NotFound" in code or code.startswith("NoSuch"):
        return "missing"
    if status in _STATUSES:
        return _STATUSES[status]
    if message.startswith("Rate exceeded"):
        return "throttled"
    if status >= 500:
        return "broken"
    return "invalid" if 400 <= status < 500 else "strange"


def _local_problem(exc: BaseException, what: str) -> Problem:
    """AWS did not answer, or was not asked."""
    from botocore import exceptions as vendor
    from botocore.parsers import ResponseParserError

    if isinstance(exc, vendor.NoCredentialsError):
        return Problem(reason=Reason.AUTH, detail=NO_CREDENTIALS)
    no_credentials = (
        vendor.PartialCredentialsError,
        vendor.CredentialRetrievalError,
        vendor.TokenRetrievalError,
        vendor.NoAuthTokenError,
        vendor.SSOError,
        vendor.LoginError,
        vendor.ProfileNotFound,
    )
    if isinstance(exc, no_credentials):
        return Problem(
            reason=Reason.AUTH,
            detail=f"{what} was not tried: the AWS credentials could not be loaded "
            f"({type(exc).__name__}): log in again, or check AWS_PROFILE and the role's source",
        )
    if isinstance(exc, vendor.ConfigParseError):
        # The parser's own words quote lines of the file, which may hold a secret key.
        path = exc.kwargs.get("path", "?")
        return Problem(
            reason=Reason.INVALID,
            detail=f"{what} was not tried: the AWS settings in {path} cannot be read as an INI "
            "file: mend it, or name another in AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE",
        )
    if isinstance(exc, vendor.ReadTimeoutError | TimeoutError):
        return Problem(reason=Reason.TIMEOUT, detail=f"{what} had no answer in time")
    if isinstance(exc, vendor.ConnectionError):
        return Problem(
            reason=Reason.UNAVAILABLE,
            detail=f"{what} could not connect to AWS ({type(exc).__name__}): check the network, "
            "the proxy, and AWS_ENDPOINT_URL if that is set",
        )
    if isinstance(exc, vendor.HTTPClientError | OSError):
        return Problem(
            reason=Reason.UNAVAILABLE,
            detail=f"{what} lost its connection before the answer ({type(exc).__name__})",
        )
    if isinstance(exc, vendor.ParamValidationError | vendor.ValidationError):
        return Problem(reason=Reason.INVALID, detail=f"{what} was not sent{quoted(str(exc))}")
    # The exception's own text is left out: a parser quotes the answer, and an answer of
    # AssumeRole holds credentials.
    if isinstance(exc, ResponseParserError):
        return Problem(
            reason=Reason.UNAVAILABLE,
            detail=f"{what} got an answer that is not AWS's: look for a proxy or a sign-in page "
            "on the way, and at AWS_ENDPOINT_URL if that is set",
        )
    return Problem(reason=Reason.UNKNOWN, detail=f"{what} failed with {type(exc).__name__}")


MOST_QUOTED: Final = 300
"""Characters of a vendor's message that are repeated."""
_KEY_LIKE: Final = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b|[A-Za-z0-9+/=]{40,}")


def quoted(message: str) -> str:
    """A vendor's message on one line, shortened and without anything that looks like a key."""
    said = _KEY_LIKE.sub("[removed]", clean(message[: 4 * MOST_QUOTED]))
    if not said:
        return ""
    said = said if len(said) <= MOST_QUOTED else f"{said[: MOST_QUOTED - 1]}…"
    return f': AWS says "{said}"'
