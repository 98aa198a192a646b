"""Configured notifiers as receivers, each by itself: one that is wrong takes no other along."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from guardian.engine.outbox import Receiver
from guardian.files import config
from guardian.ports import ConfigError, Notifier
from guardian.wiring.adapters import adapter, adapters, chosen

if TYPE_CHECKING:
    from guardian.wiring.process import Wiring


def receiver_of(wiring: Wiring, given: config.ConfiguredReceiver) -> Receiver:
    """One configured notifier. Raises ConfigError."""
    configured = wiring.configured()
    known = configured.services
    services = given.services
    if services is None and not configured.trouble:  # else also for those that are broken
        services = frozenset(known)
    accounts = {s.aws for name, s in known.items() if services is None or name in services}
    # As the file's account, for what tells of all; else as that of the services told of.
    only = accounts.pop() if len(accounts) == 1 else None
    usual = configured.aws
    aws = usual or only if given.services is None else only or usual
    module = chosen("notifiers", given.to)
    options = given.to.options(module.Options, environ=wiring.environ)
    notifier: Notifier = module.build(options, wiring.context(aws))
    return Receiver(name=given.name, notifier=notifier, events=given.on, services=services)


def usable_receivers(wiring: Wiring) -> tuple[list[Receiver], list[str]]:
    """The notifiers that can be used, and what is wrong with the others.

    Where files are wrong and a pager is not among theirs, one of the environment is.
    """
    found, wrong = [], []
    for given in wiring.configured().receivers:
        try:
            found.append(receiver_of(wiring, given))
        except ConfigError as error:
            wrong.append(str(error))
    if wrong or wiring.trouble or wiring.configured().trouble:
        found += list(_pagers(wiring, {receiver.name for receiver in found}))
    return found, wrong


def _pagers(wiring: Wiring, known: Collection[str]) -> Iterator[Receiver]:
    """Others that wake people and of which the environment holds every secret."""
    for name in adapters("notifiers"):
        module = adapter("notifiers", name)
        if (
            name not in known
            and getattr(module, "PAGES", False)
            and all(map(wiring.settings.secret, module.SECRETS))
        ):
            notifier: Notifier = module.build(module.Options(), wiring.context(None))
            yield Receiver(name=name, notifier=notifier)
