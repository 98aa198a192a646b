"""What one command needs: settings and files become a journal, services, tasks and lanes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from guardian import config, rulefile
from guardian.aws import Account, Sessions
from guardian.clock import SystemLuck
from guardian.core.codec import rfc3339
from guardian.core.model import Query, floor_to
from guardian.core.plan import Policy
from guardian.engine.emergency import Emergency, plan_emergency
from guardian.engine.outbox import Lane
from guardian.engine.session import Busy, Task
from guardian.engine.start import (
    Request,
    Service,
    is_gate,
    live_on,
    plan_rollout,
    plan_watch,
    resolved,
)
from guardian.ports import (
    Ask,
    ConfigError,
    Context,
    EdgeError,
    Journal,
    JournalError,
    Notifier,
    Source,
    UsageError,
)
from guardian.settings import Settings
from guardian.settings import load as load_settings
from guardian.wiring.adapters import adapter, checked
from guardian.wiring.clocks import clock_of
from guardian.wiring.services import service_criteria

DEFAULT_CONFIG = Path("config/production.yaml")
HEARD_S = 3600.0
"""How far back a series' datapoints show that it speaks at all."""
HEARD_PERIOD_S = 300


class Wiring:
    """What one command needs of the process, made when it is first asked for."""

    def __init__(
        self, settings: Settings, configured: config.Config | None, environ: Mapping[str, str]
    ) -> None:
        self.settings = settings
        self.config = configured
        self._environ = environ
        self.clock = clock_of(settings, environ)
        self.luck = SystemLuck()
        self._sessions = Sessions()
        self._accounts: dict[config.Aws, Account] = {}
        self._sources: dict[config.Aws, Source] = {}
        self._services: dict[str, Service] = {}
        self._aws: dict[str, config.Aws] = {}
        self._journal: Journal | None = None

    # --- the journal -----------------------------------------------------------------------------

    @property
    def journal(self) -> Journal:
        """The configured journal, opened once."""
        if self._journal is None:
            self._journal = self._open(self._journal_address())
        return self._journal

    @property
    def journal_is_local(self) -> bool:
        """Whether only this machine can read the journal."""
        return self._journal_address().startswith("sqlite:")

    def journal_or_scratch(self, folder: str, say: Callable[[str], None]) -> Journal:
        """The journal, or an empty one in `folder` when it cannot be used: for emergencies."""
        try:
            # Opening a full disk's journal succeeds; only a write tells.
            self.journal.close_lease(self.journal.open_lease("guardian rollback, looking"))
        except (JournalError, ConfigError) as error:
            say(f"going on without the journal: {error}")
            self.close()
            self._journal = self._open(f"sqlite:{Path(folder) / 'guardian.db'}")
        return self.journal

    def _journal_address(self) -> str:
        configured = self.config.journal if self.config is not None else None
        return self.settings.journal or configured or self.settings.default_journal()

    def _open(self, address: str) -> Journal:
        scheme, _, rest = address.partition(":")
        module = adapter("journals", scheme)
        options = module.Options(path=rest)
        opened: Journal = module.build(options, self._context(None))
        return opened

    def close(self) -> None:
        """Let go of what was opened."""
        if self._journal is not None:
            self._journal.close()

    # --- services --------------------------------------------------------------------------------

    def names(self, asked: Sequence[str]) -> list[str]:
        """The services asked for, or all that are not switched off."""
        if asked:
            return [self.named(name) for name in asked]
        configured = self._configured()
        return [n for n, s in configured.services.items() if s.mode is not config.Mode.OFF]

    def named(self, name: str) -> str:
        """A configured service; `FUNCTION:ALIAS` that no file names is that Lambda alias."""
        known = self.config is not None and name in self.config.services
        if ":" in name and not known:
            return self.add_lambda(name)
        return self._configured().service(name).name

    def service(self, name: str, *, observe: bool = False) -> Service:
        """A service with its router built and its rules loaded."""
        if name in self._services:
            return replace(self._services[name], observe=observe or self._services[name].observe)
        given = self._configured().service(name)
        rules = service_criteria(self._configured(), name)
        module = self._adapter_of("routers", given.router)
        options = given.router.options(module.Options, environ=self._environ)
        self._aws[name] = given.aws
        self._services[name] = Service(
            name=name,
            environment=self._configured().environment,
            router=module.build(options, self._context(given.aws, service=name)),
            criteria=rules.criteria,
            rules=rules.files,
            steps=given.steps,
            policy=given.policy,
            observe=given.mode is config.Mode.OBSERVE,
        )
        return self.service(name, observe=observe)

    def add_lambda(self, text: str) -> str:
        """A service from `FUNCTION:ALIAS` alone, in the account that the credentials belong to."""
        from guardian.routers import lambda_alias

        function, _, alias = text.partition(":")
        if not function or not alias:
            raise UsageError(f"--lambda {text}: write it as FUNCTION:ALIAS, e.g. agents-api:live")
        region = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION")
        if not region:
            raise ConfigError("--lambda needs to know the region: set AWS_REGION")
        account_id = self._sessions.account(region=region, environment="ci").identity()
        aws = config.Aws(account_id=account_id, region=region)
        rules = rulefile.load(["preset:lambda"])
        options = checked(lambda_alias.Options, {"function": function, "alias": alias})
        self._aws[text] = aws
        self._services[text] = Service(
            name=text,
            environment=self._environ.get("ENVIRONMENT", "ci"),
            router=lambda_alias.build(options, self._context(aws, service=text)),
            criteria=rules.criteria,
            rules=rules.files,
            steps=(),
            policy=Policy(),
        )
        return text

    def changed(self) -> list[str]:
        """Services to watch: gates, and those that differ from their snapshot or have none."""
        found = []
        for name in self.names([]):
            router = self.service(name).router
            taken = self.journal.snapshots(name, limit=1)
            if is_gate(router) or not taken or router.read().traffic != taken[0].traffic:
                found.append(name)
        return found

    def _configured(self) -> config.Config:
        if self.config is None:
            raise ConfigError("no config file: name one with -c/--config or GUARDIAN_CONFIG")
        return self.config

    # --- tasks -----------------------------------------------------------------------------------

    def rollout_task(
        self,
        name: str,
        *,
        to: str,
        actor: str,
        reason: str,
        again: bool = False,
        observe: bool = False,
    ) -> Task:
        """Drive a canary; ConfigError when it must not start, NothingToDo when it is live.

        A live rollout of the same version is taken up where it was left; Busy for another one.
        """
        service = self.service(name, observe=observe)
        left = live_on(self.journal, service.router.target)
        if left is not None:
            if left.moved and left.plan.canary == resolved(service.router, to):
                plane = self._plane(name)
                return Task(plan=left.plan, router=service.router, plane=plane, resume=True)
            if left.moved:
                raise Busy(left)
        plan = plan_rollout(
            service,
            self._request(name, actor=actor, reason=reason, again=again),
            to=to,
            journal=self.journal,
            longest_s=lambda: self._longest_s(service),
        )
        return Task(plan=plan, router=service.router, plane=self._plane(name))

    def watch_task(
        self,
        name: str,
        *,
        actor: str,
        reason: str,
        duration_s: float,
        rollback_to: str | None,
        observe: bool,
    ) -> Task:
        """Guard what is live; ConfigError when a breach could not be rolled back."""
        service = self.service(name, observe=observe)
        plan = plan_watch(
            service,
            self._request(name, actor=actor, reason=reason),
            duration_s=duration_s,
            rollback_to=rollback_to,
            journal=self.journal,
            longest_s=lambda: self._longest_s(service),
            heard=lambda queries: self._heard(name, queries),
        )
        return Task(plan=plan, router=service.router, plane=self._plane(name))

    def emergency(
        self, name: str, *, to: str | None, actor: str, reason: str, journal: Journal
    ) -> Emergency:
        """What an emergency rollback of a service would do."""
        request = self._request(name, actor=actor, reason=reason)
        return plan_emergency(self.service(name), request, to=to, journal=journal)

    def _request(self, name: str, *, actor: str, reason: str, again: bool = False) -> Request:
        now = self.clock.now()
        stamp = rfc3339(now)[:16].replace("-", "").replace(":", "")
        return Request(
            rollout=f"{name.replace(':', '-')}-{stamp}-{self.luck.token()[:4]}",
            actor=actor,
            reason=reason,
            now=now,
            again=again,
        )

    def _longest_s(self, service: Service) -> float | None:
        """How long this service's Lambda may run before its datapoints appear, in seconds.

        Best effort: where it cannot be learned, the function's time-out stands, else nothing.
        """
        function = service.router.variables().get("function")
        timeout_s = getattr(service.router, "timeout_s", None)
        if function is None or timeout_s is None:
            return None
        source: Any = self._source(self._aws[service.name])
        limit_s: float | None = None
        try:
            limit_s = timeout_s()
            seen_s = source.longest_duration_s(function, now=self.clock.now())
        except EdgeError:
            return limit_s
        return limit_s if seen_s is None else min(seen_s, limit_s or seen_s)

    def _heard(self, name: str, queries: Sequence[Query]) -> frozenset[Query]:
        """Which of these series had datapoints lately; none where AWS does not say."""
        now = self.clock.now()
        start, end = (floor_to(at, HEARD_PERIOD_S) for at in (now - HEARD_S, now + HEARD_PERIOD_S))
        wide = {replace(query, period_s=HEARD_PERIOD_S): query for query in queries}
        asks = [Ask(query=query, start=start, end=end, settle_s=0.0) for query in wide]
        try:
            found = self._source(self._aws[name]).read(asks, now=now)
        except EdgeError:
            return frozenset()
        return frozenset(wide[query] for query, heard in found.items() if heard.points)

    # --- adapters --------------------------------------------------------------------------------

    def sources(self, tasks: Sequence[Task]) -> dict[str, Source]:
        """The metric source of each plane."""
        planes = {task.plane for task in tasks}
        return {
            _plane(aws): self._source(aws) for aws in self._aws.values() if _plane(aws) in planes
        }

    def lanes(self) -> list[Lane]:
        """The configured notifiers, each for the services of its own file alone."""
        if self.config is None:
            return []
        everything = frozenset(self.config.services)
        return [
            Lane(
                name=lane.name,
                notifier=self._notifier(lane.to),
                events=lane.on,
                services=everything if lane.services is None else lane.services,
            )
            for lane in self.config.lanes
        ]

    def _notifier(self, choice: config.Choice) -> Notifier:
        module = self._adapter_of("notifiers", choice)
        options = choice.options(module.Options, environ=self._environ)
        built: Notifier = module.build(options, self._context(None))
        return built

    def _adapter_of(self, room: str, choice: config.Choice) -> ModuleType:
        try:
            return adapter(room, choice.name)
        except ConfigError as error:
            raise choice.refusal(str(error)) from error

    def _source(self, aws: config.Aws) -> Source:
        if aws not in self._sources:
            module = adapter("sources", "cloudwatch")
            self._sources[aws] = module.build(module.Options(), self._context(aws))
        return self._sources[aws]

    def _plane(self, name: str) -> str:
        return _plane(self._aws[name])

    def _account(self, aws: config.Aws) -> Account:
        if aws not in self._accounts:
            self._accounts[aws] = self._sessions.account(
                region=aws.region,
                account_id=aws.account_id,
                role_arn=aws.role_arn,
                environment=self.config.environment if self.config else "ci",
            )
        return self._accounts[aws]

    def _context(self, aws: config.Aws | None, *, service: str = "") -> Context:
        account = self._account(aws) if aws is not None else None
        return Context(
            clock=self.clock,
            luck=self.luck,
            client=account.client if account is not None else _no_account,
            check_account=account.check_account if account is not None else _no_account,
            account_id=aws.account_id if aws is not None else "",
            region=aws.region if aws is not None else "",
            environment=self.config.environment if self.config is not None else "",
            service=service,
            secret=self.settings.secret,
            base_url=self.settings.base_url,
        )


def _plane(aws: config.Aws) -> str:
    return f"{aws.account_id}:{aws.region}:{aws.role_arn or ''}"


def _no_account(*_: object) -> Any:
    raise ConfigError("this needs an AWS account, and none is configured for it")


@contextmanager
def open_wiring(
    path: Path | None,
    *,
    without_file: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Wiring]:
    """Settings and the config file, checked; what was opened is closed at the end."""
    environ = os.environ if environ is None else environ
    settings = load_settings(environ)
    chosen = path or settings.config
    if chosen is None and not without_file and DEFAULT_CONFIG.is_file():
        chosen = DEFAULT_CONFIG
    if chosen is None and not without_file:
        raise ConfigError(
            f"no config file: there is no {DEFAULT_CONFIG} here, and neither -c/--config nor"
            " GUARDIAN_CONFIG names one"
        )
    configured = None if chosen is None else config.load(chosen, environ=environ)
    wiring = Wiring(settings, configured, environ)
    try:
        yield wiring
    finally:
        wiring.close()
