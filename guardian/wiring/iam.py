"""The least IAM policies of a configuration, made of what each adapter says it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Final

from guardian.files.config import Aws
from guardian.wiring.adapters import adapter, permissions_of
from guardian.wiring.journal_address import addressed
from guardian.wiring.process import Wiring

_READS: Final = ("Get", "List", "Describe")
_EVERYTHING: Final = "*"


@dataclass(slots=True)
class Grants:
    """Actions and what they are allowed on."""

    by_action: dict[str, set[str]] = field(default_factory=dict)

    def add(self, actions: Iterable[str], resources: Mapping[str, Iterable[str]]) -> None:
        """Allow actions; one without a resource of its own is allowed on all, as AWS wants it."""
        for action in actions:
            self.by_action.setdefault(action, set()).update(resources.get(action, (_EVERYTHING,)))

    def policy(self) -> dict[str, Any]:
        """The policy document: one statement for each set of resources."""
        grouped: dict[tuple[str, ...], list[str]] = {}
        for action in sorted(self.by_action):
            resources = self.by_action[action]
            wide = (_EVERYTHING,) if _EVERYTHING in resources else tuple(sorted(resources))
            grouped.setdefault(wide, []).append(action)
        return {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": actions, "Resource": list(resources)}
                for resources, actions in sorted(grouped.items(), key=lambda item: item[1])
            ],
        }


def policies(wiring: Wiring, services: Iterable[str], role: str) -> dict[str, dict[str, Any]]:
    """For each account, the policy of a role.

    `read` judges, and gives orders through the journal; `act` also moves traffic and tells;
    `break-glass` is what `guardian rollback` needs of a person: the router alone, no metrics.
    """
    grants: dict[str, Grants] = {}
    for name in services:
        service = wiring.configured().service(name)
        if not service.aws.account_id:
            continue
        mine = grants.setdefault(service.aws.account_id, Grants())
        module = adapter("routers", service.router.name)
        options = service.router.options(module.Options, environ=wiring.environ)
        resources = _resources(module, options, service.aws)
        if role == "read":
            mine.add(filter(_is_read, module.PERMISSIONS), resources)
        else:
            mine.add(module.PERMISSIONS, resources)
        if role != "break-glass":  # What `guardian doctor` looks at, whoever runs it.
            mine.add(getattr(module, "EXAMINES", ()), resources)
        if role == "break-glass":
            continue
        used = {q.source for c in wiring.service(name).criteria for q in c.queries()}
        for source in sorted(used):
            stated = wiring.configured().sources.get(source)
            written = stated.node.data if stated is not None else {}
            mine.add(permissions_of(adapter("sources", source), written), {})
    _journal(wiring, grants)
    if role == "act":
        _notifiers(wiring, grants)
    return {account: grants[account].policy() for account in sorted(grants)}


def _journal(wiring: Wiring, grants: dict[str, Grants]) -> None:
    """A journal that is an AWS service is in the file's account; every role writes to it."""
    aws = wiring.configured().aws
    wiring.check_address()
    module, options = addressed(wiring.address)
    if aws is not None and module.PERMISSIONS:
        mine = grants.setdefault(aws.account_id, Grants())
        mine.add(module.PERMISSIONS, _resources(module, options, aws))


def _notifiers(wiring: Wiring, grants: dict[str, Grants]) -> None:
    """Notifiers that are AWS services act in the file's account, in each where it has none."""
    configured = wiring.configured()
    for receiver in configured.receivers:
        needed = permissions_of(adapter("notifiers", receiver.to.name), receiver.to.node.data)
        told = receiver.services or frozenset(configured.services)
        accounts = {configured.services[name].aws.account_id for name in told} - {""}
        if receiver.services is None and configured.aws is not None:
            accounts = {configured.aws.account_id}
        for account in accounts if needed else ():
            grants.setdefault(account, Grants()).add(needed, {})


def _resources(module: ModuleType, options: Any, aws: Aws) -> Mapping[str, Iterable[str]]:
    """What an adapter's actions can be narrowed to, where it says so."""
    narrowed = getattr(module, "resources", None)
    if narrowed is None:
        return {}
    found: Mapping[str, Iterable[str]] = narrowed(
        options, account_id=aws.account_id, region=aws.region
    )
    return found


def _is_read(action: str) -> bool:
    return action.partition(":")[2].startswith(_READS)
