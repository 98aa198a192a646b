"""Configured notifiers as receivers, each by itself: one that is wrong takes no other along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from guardian.engine.outbox import Receiver
from guardian.files import config
from guardian.ports import ConfigError, Notifier
from guardian.wiring.adapters import adapter, chosen

if TYPE_CHECKING:
    from guardian.wiring.process import Wiring

PAGER: Final = "pagerduty"
"""The notifier that needs nothing but a secret, which the environment may hold."""


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

    Where files are wrong and their own pager cannot be used, that of the environment is.
    """
    found, wrong = [], []
    for given in wiring.configured().receivers:
        try:
            found.append(receiver_of(wiring, given))
        except ConfigError as error:
            wrong.append(str(error))
    troubled = wrong or wiring.trouble or wiring.configured().trouble
    if troubled and not any(receiver.name == PAGER for receiver in found):
        found += _pager(wiring)
    return found, wrong


def _pager(wiring: Wiring) -> list[Receiver]:
    if wiring.settings.secret("pagerduty_routing_key") is None:
        return []
    module = adapter("notifiers", PAGER)
    notifier: Notifier = module.build(module.Options(), wiring.context(None))
    return [Receiver(name=PAGER, notifier=notifier)]
