"""What one command needs: settings and files become a journal, services, tasks and receivers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import ModuleType

from pydantic import BaseModel

from guardian.app.known import Service
from guardian.aws import Account, Sessions
from guardian.clock import SystemRandom
from guardian.core.notices import Notice
from guardian.core.plan import Mode, Plan, Policy, Reach
from guardian.engine.outbox import Receiver
from guardian.engine.task import Task
from guardian.engine.unbuilt import UnbuiltSource
from guardian.files import config
from guardian.messages.table import is_for
from guardian.ports import ConfigError, Context, Journal, Metrics, Router, Source, Unlisted
from guardian.settings import Settings
from guardian.wiring.adapters import (
    adapter,
    checked,
    chosen,
    no_account,
    plane_of,
    reach_of,
    require_no_account,
    router_at,
)
from guardian.wiring.clocks import clock_of
from guardian.wiring.journal_address import addressed, check_in_file, in_file, opened
from guardian.wiring.receivers import receiver_of, usable_receivers
from guardian.wiring.services import service_criteria
from guardian.wiring.targets import check_alone, check_steps

_LOG = logging.getLogger(__name__)


class Wiring:
    """What one command needs of the process, made when it is first asked for."""

    def __init__(
        self, settings: Settings, configured: config.Config | None, environ: Mapping[str, str]
    ) -> None:
        self.settings = settings
        self.config = configured
        self.environ = environ
        self.clock = clock_of(settings, environ)
        self.rng = SystemRandom()
        self.metrics: Metrics = Metrics()
        """Counts what the process does; set before anything is built."""
        self.trouble = ""
        """What is wrong with the process's variables: as good as a file that is wrong."""
        self._sessions = Sessions(lambda: self.metrics)
        self._accounts: dict[config.Aws, Account] = {}
        self._sources: dict[tuple[config.Aws, str], Source] = {}
        self._services: dict[str, Service] = {}
        self._aws: dict[str, config.Aws] = {}
        self._targets: dict[str, str | None] = {}
        self._journal: Journal | None = None
        self._until: Callable[[], None] = lambda: None
        self.say: Callable[[str], None] | None = None
        """Tells what is left out because it is wrong; without it what is wrong is an error."""

    # --- the journal -----------------------------------------------------------------------------

    @property
    def journal(self) -> Journal:
        """The configured journal, opened once."""
        if self._journal is None:
            named = in_file(self.config)
            if named is not None and self.address != named:
                told = "guardian: GUARDIAN_JOURNAL wins over the file's journal: %s, not %s"
                _LOG.warning(told, self.address, named)
            self._journal = opened(self, self.address)
        return self._journal

    @property
    def journal_is_local(self) -> bool:
        """Whether only this machine can read the journal."""
        return getattr(addressed(self.address)[0], "LOCAL", False)

    def use(self, address: str, *, until: Callable[[], None]) -> None:
        """Another journal from now on; `until` is called once it is closed."""
        self.close()
        self._until = until
        self._journal = opened(self, address)

    @property
    def address(self) -> str:
        """Where the journal is: `NAME:REST`."""
        return self.settings.journal or in_file(self.config) or self.settings.default_journal()

    def check_address(self) -> None:
        """Whether the file's journal, and the one in force, can be one. Raises ConfigError."""
        if self.config is not None:
            check_in_file(self.config)
        addressed(self.address)

    def renewed(self) -> Wiring:
        """The same process with its file read again, whatever is wrong there, and its journal."""
        path = self.configured().path
        other = Wiring(self.settings, config.usable(path, environ=self.environ), self.environ)
        other.metrics, other._journal = self.metrics, self.journal
        other.trouble = self.trouble
        return other

    @property
    def file_journal(self) -> str | None:
        """The journal that the file names, where no variable says otherwise."""
        return None if self.settings.journal else in_file(self.config)

    def close(self) -> None:
        """Let go of what was opened."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        self._until()

    # --- services --------------------------------------------------------------------------------

    @property
    def configured_names(self) -> Collection[str]:
        """The services of the config file; none without one."""
        return self.config.services if self.config is not None else ()

    def names(self, asked: Sequence[str]) -> list[str]:
        """The services asked for, or all that are not switched off."""
        if asked:
            return [self.named(name) for name in asked]
        configured = self.configured()
        return [n for n, s in configured.services.items() if s.mode is not Mode.OFF]

    def named(self, name: str) -> str:
        """A configured service; what no file names is the address of its target."""
        known = self.config is not None and name in self.config.services
        if ":" in name and not known:
            return self.add_unlisted(name)
        return self.configured().service(name).name

    def service(self, name: str, *, observe: bool = False) -> Service:
        """A service with its router built and its rules loaded."""
        if name in self._services:
            return replace(self._services[name], observe=observe or self._services[name].observe)
        given = self.configured().service(name)
        rules = service_criteria(self.configured(), name)
        router, reach = self.router(name)
        check_steps(given, router)
        self._aws[name] = given.aws
        self._services[name] = Service(
            name=name,
            environment=self.configured().environment,
            router=router,
            criteria=rules.criteria,
            rules=rules.files,
            steps=given.steps,
            policy=given.policy,
            observe=given.mode is Mode.OBSERVE,
            approvals=given.approvals,
            group=given.group,
            reach=reach,
        )
        return self.service(name, observe=observe)

    def router(self, name: str) -> tuple[Router, Reach]:
        """What moves a configured service's traffic, by its own keys alone. Raises ConfigError."""
        given = self.configured().service(name)
        module = chosen("routers", given.router)
        options = given.router.options(module.Options, environ=self.environ)
        self._aws[name] = given.aws
        return self._routed(name, module, options, given.aws)

    def target(self, name: str) -> str | None:
        """What a configured service moves, found once; None where its own keys are wrong."""
        if name not in self._targets:
            self._targets[name] = None
            with suppress(ConfigError):
                self._targets[name] = self.router(name)[0].target
        return self._targets[name]

    def reached(self, plan: Plan) -> Router:
        """A journalled plan's router, whatever the files say; its plane goes by the rollout's id.

        Raises ConfigError where the journal does not say how.
        """
        reach = plan.reach
        if reach is None:
            raise ConfigError(f"the journal does not say how {plan.target} is reached")
        module = adapter("routers", reach.router)
        options = checked(module.Options, reach.options)
        aws = config.Aws(account_id=reach.account_id, region=reach.region, role_arn=reach.role_arn)
        self._aws[plan.rollout] = aws
        return self._routed(plan.service, module, options, aws)[0]

    def _routed(
        self, name: str, module: ModuleType, options: BaseModel, aws: config.Aws
    ) -> tuple[Router, Reach]:
        if not aws.account_id:
            require_no_account(module, options.model_dump())
        router: Router = module.build(options, self.context(aws, service=name))
        return router, reach_of(module, options, aws)

    def add_unlisted(self, address: str) -> str:
        """A service from its target's address alone, in the account of the credentials."""
        from guardian.files import rules

        module, written = router_at(address)
        way: Unlisted = module.UNLISTED
        stated = (self.environ.get(name) for name in ("AWS_REGION", "AWS_DEFAULT_REGION"))
        region = next(filter(None, (way.region(address), *stated)), None)
        if region is None:
            raise ConfigError(f"{address} needs to know the region: set AWS_REGION")
        account_id = self._sessions.account(region=region, environment="ci").identity()
        aws = config.Aws(account_id=account_id, region=region)
        preset = rules.load([f"preset:{way.preset}"], variables=way.variables)
        options = checked(module.Options, written)
        router, reach = self._routed(address, module, options, aws)
        self._aws[address] = aws
        self._services[address] = Service(
            name=address,
            environment=self.environ.get("ENVIRONMENT", "ci"),
            router=router,
            criteria=preset.criteria,
            rules=preset.files,
            steps=(),
            policy=Policy(),
            reach=reach,
        )
        return address

    def configured(self) -> config.Config:
        """The configuration; ConfigError when there is none."""
        if self.config is None:
            raise ConfigError("no config file: name one with -c/--config or GUARDIAN_CONFIG")
        return self.config

    # --- what use cases ask ----------------------------------------------------------------------

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Services that are rolled back together."""
        return self.config.groups if self.config is not None else {}

    def environment_of(self, service: str) -> str:
        """The environment of a service of the config file; ConfigError when it has none such."""
        self.configured().service(service)
        return self.configured().environment

    def listeners(self) -> Callable[[Notice], tuple[str, ...]] | None:
        """Which receivers of the config file a notice is for; None without a file."""
        if self.config is None:
            return None
        receivers, everything = self.config.receivers, frozenset(self.config.services)
        return lambda notice: tuple(
            one.name
            for one in receivers
            if is_for(notice, one.on, everything if one.services is None else one.services)
        )

    def reachable(self, name: str) -> Service:
        """A service of which only the way to its target is known."""
        from guardian.wiring import need

        return need.reachable(self, name)

    def check_alone(self, name: str) -> None:
        """Raise ConfigError when another service moves the same target."""
        check_alone(self, name)

    def check_account(self, name: str) -> None:
        """Raise when the credentials belong to another account than the service's."""
        if self._aws[name].account_id:
            self._account(self._aws[name]).check_account()

    # --- adapters --------------------------------------------------------------------------------

    def sources(self, tasks: Sequence[Task]) -> dict[str, dict[str, Source]]:
        """For each plane, the sources that its tasks' criteria read, by name.

        Raises ConfigError where one cannot be built, but for a rollout that is live already.
        """
        planes = {plane_of(aws): aws for aws in self._aws.values()}
        found: dict[str, dict[str, Source]] = {}
        for task in tasks:
            if task.plane not in planes:  # an emergency asks no metrics
                found[task.plane] = {}
                continue
            named = {query.source for query in task.plan.queries()}
            by_name = found.setdefault(task.plane, {})
            for name in sorted(named):
                try:
                    by_name[name] = self._source(planes[task.plane], name)
                except ConfigError as error:
                    if not task.resume:
                        raise
                    by_name[name] = UnbuiltSource(str(error))
        return found

    def receivers(self) -> list[Receiver]:
        """The configured notifiers. Raises ConfigError where the options of one do not fit."""
        if self.config is None:
            return []
        if self.say is None:
            return [receiver_of(self, receiver) for receiver in self.config.receivers]
        found, wrong = usable_receivers(self)
        for text in wrong:
            self.say(f"a notifier cannot be used, and is left out: {text}")
        return found

    def _source(self, aws: config.Aws, name: str) -> Source:
        if (aws, name) not in self._sources:
            module, options = self.source_options(name)
            if not aws.account_id:
                require_no_account(module, options.model_dump())
            self._sources[aws, name] = module.build(options, self.context(aws))
        return self._sources[aws, name]

    def source_options(self, name: str) -> tuple[ModuleType, BaseModel]:
        """A source by its name, and what the file says of it. Raises ConfigError."""
        given = self.config.sources.get(name) if self.config is not None else None
        if given is None:
            module = adapter("sources", name)
            return module, checked(module.Options, {})
        module = chosen("sources", given)
        return module, given.options(module.Options, environ=self.environ)

    def source(self, service: str, name: str) -> Source:
        """A source by its name, for a service that was built."""
        return self._source(self._aws[service], name)

    def plane(self, name: str) -> str:
        """The plane of what was built under that name: `account:region:role`."""
        return plane_of(self._aws[name])

    def _account(self, aws: config.Aws) -> Account:
        if aws not in self._accounts:
            self._accounts[aws] = self._sessions.account(
                region=aws.region,
                account_id=aws.account_id,
                role_arn=aws.role_arn,
                environment=self.config.environment if self.config else "ci",
            )
        return self._accounts[aws]

    def context(self, aws: config.Aws | None, *, service: str = "") -> Context:
        """What an adapter is built with, for that account or for none."""
        aws = aws or config.NOWHERE
        account = self._account(aws) if aws.account_id else None
        return Context(
            clock=self.clock,
            rng=self.rng,
            client=account.client if account is not None else no_account,
            check_account=account.check_account if account is not None else no_account,
            sign=account.sign if account is not None else None,
            account_id=aws.account_id,
            region=aws.region,
            environment=self.config.environment if self.config is not None else "",
            service=service,
            secret=self.settings.secret,
            base_url=self.settings.base_url,
            metrics=self.metrics,
        )
