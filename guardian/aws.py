"""AWS sessions: assumed roles, time-outs, no retries, and the account guard.

Cheap to import: boto3 is loaded by the first client. Three choices rest on measurements
(reference figures for botocore 1.44): sessions share one data loader (0.3 MB and 14 ms each
instead of 9 MB and 73 ms); CloudWatch has a session of its own whose timestamps stay numbers and
whose parameters are not validated (500 series: a third of the CPU time); and no client retries,
because a write that was applied and lost its answer comes back from a retry as somebody else's
conflict, and a poll that waits inside the SDK delays every other rollout.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import guardian
from guardian.aws_credentials import renewed
from guardian.aws_errors import NO_CREDENTIALS, SIGNED_BY, problem_of, reason_of, spent, talking
from guardian.aws_wire import Wire, checked
from guardian.core.model import Reason
from guardian.ports import ConfigError, Metrics, RouterError, WrongAccount

CONNECT_TIMEOUT_S: Final = 2
READ_TIMEOUT_S: Final = 8
"""For one read from the socket."""
CALL_S: Final = {"dynamodb": 4.0, "sts": 4.0}
"""How long a whole call may take, in real seconds, by service; each write waits for these."""
USUAL_CALL_S: Final = 10.0

ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")
REGION: Final = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}")
ROLE_ARN: Final = re.compile(r"arn:aws[a-z-]*:iam::(?P<account>[0-9]{12}):role/[\w+=,.@/-]{1,576}")
_SESSION_NAME: Final = re.compile(r"[^\w+=,.@-]", re.ASCII)


def call_s(service: str) -> float:
    """How long a whole call of a service may take, in real seconds."""
    return CALL_S.get(service, USUAL_CALL_S)


@functools.cache
def _data() -> Any:
    """A loader of botocore's and boto3's data, that keeps what it has read."""
    from boto3 import Session
    from botocore.session import get_session

    inner = get_session()
    Session(botocore_session=inner)
    return inner.get_component("data_loader")


# --- sessions ----------------------------------------------------------------------------------


class Sessions:
    """Builds accounts whose boto3 sessions share the process's one data loader. Thread-safe.

    Every request that any of their clients makes is counted in `metrics`, asked for at each one,
    and is over after `call_s` of its service.
    """

    def __init__(
        self,
        metrics: Callable[[], Metrics] = Metrics,
        *,
        call_s: Callable[[str], float] = call_s,
    ) -> None:
        self.call_s = call_s
        self._metrics = metrics

    def account(
        self,
        *,
        region: str,
        account_id: str | None = None,
        role_arn: str | None = None,
        environment: str = "",
        pool: int = 10,
    ) -> Account:
        """The account that clients are made for; makes no call yet.

        `account_id=None` trusts whatever account the credentials belong to (`identity` names it).
        `pool` is how many connections each client keeps, at least the number of its threads.
        Raises ConfigError when region, account and role do not fit together.
        """
        check_arguments(region=region, account_id=account_id, role_arn=role_arn)
        return Account(
            self,
            region=region,
            account_id=account_id,
            role_arn=role_arn,
            environment=environment,
            pool=pool,
        )

    def session(self, *, metrics: bool = False, credentials: Any = None) -> Any:
        """A boto3 session of its own, at the price of a share.

        With `metrics` its timestamps stay numbers. Without `credentials` it looks for some where
        AWS's tools do.
        """
        from boto3 import Session
        from botocore.credentials import CredentialResolver
        from botocore.handlers import json_decode_template_body
        from botocore.session import get_session

        inner = get_session()
        session = Session(botocore_session=inner)
        session.events.register("after-call", self._answered)
        session.events.register("after-call-error", self._unanswered)
        session.events.register_first("after-call", checked)
        # It would run before that, and what it makes of a text is not of the model's type.
        session.events.unregister(
            "after-call.cloudformation.GetTemplate", json_decode_template_body
        )
        if metrics:
            parser = inner.get_component("response_parser_factory")
            parser.set_parser_defaults(timestamp_parser=seconds)
        if credentials is not None:
            resolver = CredentialResolver([_Fixed(credentials)])
            inner.register_component("credential_provider", resolver)
        # Last: boto3 adds a folder of its own to the loader that it finds.
        inner.register_component("data_loader", _data())
        return session

    def _answered(self, event_name: str, http_response: Any, parsed: Any, **_: Any) -> None:
        """A request was answered, with what was asked or with an error."""
        outcome = "ok"
        if http_response.status_code >= 300:
            error = parsed.get("Error", {})
            outcome = reason_of(
                str(error.get("Code", "")), str(error.get("Message", "")), http_response.status_code
            ).value
        self._count(event_name, outcome)

    def _unanswered(self, event_name: str, exception: Exception, **_: Any) -> None:
        """A request had no answer, or could not be sent."""
        self._count(event_name, problem_of(exception, action=event_name, where="").reason.value)

    def _count(self, event_name: str, outcome: str) -> None:
        # after-call.cloudwatch.GetMetricData: botocore hyphenates the service's id.
        _, service, operation = event_name.split(".", 2)
        self._metrics().aws(service, operation, outcome)


def check_arguments(*, region: str, account_id: str | None, role_arn: str | None) -> None:
    """Raise ConfigError unless region, account and role are well formed and agree."""
    if not REGION.fullmatch(region):
        raise ConfigError(f"{region!r} is not an AWS region: write it like us-east-1")
    if account_id is not None and not ACCOUNT_ID.fullmatch(account_id):
        raise ConfigError(
            f"{account_id!r} is not an AWS account id: write its 12 digits, in quotes"
        )
    if role_arn is None:
        return
    role = ROLE_ARN.fullmatch(role_arn)
    if role is None:
        raise ConfigError(
            f"{role_arn!r} is not the ARN of a role: write it like arn:aws:iam::ACCOUNT:role/NAME"
        )
    if account_id is not None and role["account"] != account_id:
        raise ConfigError(
            f"role_arn lies in account {role['account']}, and account_id says {account_id}: "
            "correct one of them"
        )


class _Fixed:
    """A credential provider that always gives the same, self-refreshing credentials."""

    METHOD = "guardian"
    CANONICAL_NAME = "guardian"

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load(self) -> Any:
        return self._credentials


class Account:
    """Clients for one account and region, made once each and guarded. Thread-safe."""

    def __init__(
        self,
        sessions: Sessions,
        *,
        region: str,
        account_id: str | None,
        role_arn: str | None,
        environment: str,
        pool: int,
    ) -> None:
        self.region = region
        self.account_id = account_id
        self.role_arn = role_arn
        self._sessions = sessions
        self._session_name = _SESSION_NAME.sub("-", f"guardian-{environment}".rstrip("-"))[:64]
        self._pool = pool
        self._lock = threading.RLock()
        self._clients: dict[str, Any] = {}
        self._made: dict[str, Any] = {}
        self._read = 0
        """How often credentials were read anew because AWS did not take those at hand."""

    def __repr__(self) -> str:
        return f"Account({self.account_id or 'any'}, {self.region})"

    def client(self, service: str) -> Any:
        """A boto3 client by service name; `cloudwatch@eu-west-1` is one for another region.

        Before a client is handed out for the first time the account is checked (`check_account`,
        with its errors), so that metrics of another account are never judged. CloudWatch clients
        return timestamps as seconds since the epoch and do not validate parameters.
        """
        with self._lock:
            client = self._clients.get(service)
        if client is not None:
            return client
        if self.account_id is not None:
            self.check_account()
        with self._lock:
            return self._clients.setdefault(service, self._raw_client(service))

    def sign(self, service: str, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """The headers of a request with a form, signed for a service (Signature Version 4).

        For what speaks AWS's signature and has no client of boto3's. The account is checked as for
        a client. Raises RouterError.
        """
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        with self._lock:
            session = self._clients.get("signatures")
        if session is None:
            if self.account_id is not None:
                self.check_account()
            with self._lock:
                session = self._clients.setdefault("signatures", self._session("main"))
        with talking(f"signing a request to {service}", f"in {self.region}", RouterError):
            credentials = session.get_credentials()
            if credentials is None:
                raise RouterError(Reason.AUTH, NO_CREDENTIALS)
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            request = AWSRequest(method=method, url=url, data=body, headers=headers)
            frozen = credentials.get_frozen_credentials()
            SigV4Auth(frozen, service, self.region).add_auth(request)
            return {str(name): str(value) for name, value in request.headers.items()}

    def check_account(self) -> None:
        """Ask STS who we are: a call each time, so that a swapped credential is noticed.

        Raises RouterError: AUTH in any other than the configured account or without usable
        credentials, another reason when STS did not answer. Nothing else was called.
        """
        found = self.identity()
        if self.account_id is not None and found != self.account_id:
            raise WrongAccount(
                f"these credentials belong to account {found}, and the configuration says "
                f"{self.account_id}: nothing was changed. Use credentials of {self.account_id}, "
                "or correct aws.account_id",
            )

    def identity(self) -> str:
        """The account that the credentials belong to; needs no permission. Raises RouterError."""
        with talking("sts:GetCallerIdentity", f"in {self.region}", RouterError):
            answer = self._raw_client("sts").get_caller_identity()
        account = answer.get("Account")
        if not isinstance(account, str) or not ACCOUNT_ID.fullmatch(account):
            raise RouterError(
                Reason.UNAVAILABLE,
                "STS did not say which account these credentials belong to: try again, and look "
                "at what answers on AWS_ENDPOINT_URL if that is set",
            )
        return account

    def _raw_client(self, service: str) -> Any:
        """A client without the account guard."""
        with self._lock:
            if service not in self._made:
                self._made[service] = self._make(service)
            return self._made[service]

    def _make(self, service: str) -> Any:
        name, _, region = service.partition("@")
        metrics = name == "cloudwatch"
        config = _config(
            max_pool_connections=max(10, self._pool),
            user_agent_extra=f"guardian/{guardian.__version__}",
            parameter_validation=not metrics,
        )
        region = region or self.region
        check_arguments(region=region, account_id=None, role_arn=None)
        with talking(f"making a client for {name}", f"in {region}", RouterError):
            session = self._session("metrics" if metrics else "main")
            client = session.client(name, region_name=region, config=config)
            return _bounded(client, self._sessions.call_s(name))

    def _session(self, use: str) -> Any:
        """The session for metrics or for everything else; both have the same credentials.

        That for metrics looks for none itself: botocore reads an STS answer's times as times.
        """
        key, metrics = f"session {use}", use == "metrics"
        if key not in self._made:
            credentials = None
            if self.role_arn is not None:
                credentials = self._role_credentials()
            elif metrics:
                credentials = self._session("main").get_credentials()
            self._made[key] = self._watched(metrics=metrics, credentials=credentials)
        return self._made[key]

    def _watched(self, *, metrics: bool = False, credentials: Any = None) -> Any:
        """A session whose credentials are read anew when AWS no longer takes them, or has none.

        botocore keeps a key from a file, a process or the environment for as long as it runs.
        """
        session = self._sessions.session(metrics=metrics, credentials=credentials)
        read = self._read

        def refused(http_response: Any, parsed: Any, **_: Any) -> None:
            if http_response.status_code >= 300 and spent(parsed, http_response.status_code):
                found = session.get_credentials()
                parsed["ResponseMetadata"][SIGNED_BY] = getattr(found, "method", "")
                self._read_anew(read)

        def unsigned(exception: Exception, **_: Any) -> None:
            from botocore.exceptions import NoCredentialsError

            if isinstance(exception, NoCredentialsError):
                self._read_anew(read)

        session.events.register("after-call", refused)
        session.events.register("after-call-error", unsigned)
        return session

    def _read_anew(self, read: int) -> None:
        """Make other clients at the next call, once for all that were made before."""
        with self._lock:
            if read == self._read:
                self._read += 1
                self._clients.clear()
                self._made.clear()

    def _role_credentials(self) -> Any:
        """Credentials of `role_arn`, fetched at first use and again before they run out."""
        if "role" not in self._made:
            from botocore.credentials import AssumeRoleCredentialFetcher

            base = self._watched()
            source = base.get_credentials()
            if source is None:
                raise RouterError(Reason.AUTH, NO_CREDENTIALS)

            def creator(service: str, **given: str) -> Any:
                client = base.client(service, region_name=self.region, config=_config(), **given)
                return _bounded(client, self._sessions.call_s(service))

            fetcher = AssumeRoleCredentialFetcher(
                creator, source, self.role_arn, extra_args={"RoleSessionName": self._session_name}
            )
            self._made["role"] = renewed(fetcher.fetch_credentials)
        return self._made["role"]


def _config(**more: Any) -> Any:
    """How every client is: impatient, and without a second attempt."""
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": 1},
        **more,
    )


def _bounded(client: Any, deadline_s: float) -> Any:
    """The client, each call of which ends in time and brings an answer of bounded size."""
    http = client._endpoint.http_session  # noqa: SLF001 - with the proxies and certificates of its endpoint
    wire = Wire(http, deadline_s=deadline_s)
    client.meta.events.register("before-send", wire.send)
    return client


def seconds(value: float | str) -> float:
    """A timestamp as seconds since the epoch; JSON carries it as a number already."""
    if isinstance(value, int | float):
        return float(value)
    from botocore.utils import parse_timestamp

    return float(parse_timestamp(value).timestamp())
