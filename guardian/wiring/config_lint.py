"""All that can be said of a configuration without AWS: files, rules, adapters, variables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from guardian.app.planning import names_of
from guardian.core.binding import UnboundVariable, bind
from guardian.files import config
from guardian.files.findings import Finding, Node, is_secret, refuse
from guardian.files.secret import LITERAL
from guardian.ports import ConfigError, GuardianError
from guardian.settings import PREFIX
from guardian.settings import load as load_settings
from guardian.wiring.adapters import chosen, variables
from guardian.wiring.journal_address import check_in_file
from guardian.wiring.opening import config_file
from guardian.wiring.process import Wiring
from guardian.wiring.receivers import receiver_of
from guardian.wiring.services import service_criteria
from guardian.wiring.targets import check_alone

ASSUMED = "assumed"
"""In the place of a secret that only the process that guards has."""
ELSEWHERE = "https://assumed.invalid"
"""In the place of an address that only its variables may say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linted:
    """What was found: errors keep guardian from starting, warnings do not."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def lint_file(path: Path | None, environ: Mapping[str, str]) -> Linted:
    """Check a config file, or the usual one, and all that it names; asks nobody, opens nothing."""
    settings = load_settings(environ)
    try:
        configured = config.load(config_file(path, settings), environ=environ)
    except ConfigError as error:
        return Linted(errors=error.each)
    here = Wiring(settings, configured, environ)
    everything = _with_named(configured, {**environ, f"{PREFIX}LOG_LEVEL": settings.log_level})
    there = Wiring(load_settings(everything), configured, everything)
    errors: list[str] = []
    warnings: list[str] = []
    for real, assumed in zip(_checks(here), _checks(there), strict=True):
        errors += (wrong := _why(assumed))
        warnings += () if wrong else _why(real)
    warnings += [str(found) for name in configured.services for found in _doubts(configured, name)]
    return Linted(errors=tuple(dict.fromkeys(errors)), warnings=tuple(dict.fromkeys(warnings)))


def check_names(configured: config.Config) -> None:
    """Whether every adapter that it names is there, and no secret stands in it. Raises ConfigError.

    What is asked of a file that is only shown, where secrets need not be at hand.
    """
    check_in_file(configured)
    for service in configured.services.values():
        chosen("routers", service.router)
    for source in configured.sources.values():
        chosen("sources", source)
    for receiver in configured.receivers:
        chosen("notifiers", receiver.to)
    entries = [*configured.sources.values(), *(r.to for r in configured.receivers)]
    refuse(found for entry in entries for found in _literals(entry.node))


def _literals(entry: Node) -> Iterator[Finding]:
    """Each secret that is written out in the options of an adapter."""
    for key, value in entry.data.items():
        if isinstance(value, str) and is_secret((*entry.place, key)):
            yield entry.finding((key,), LITERAL)


def _checks(wiring: Wiring) -> list[Callable[[], object]]:
    """What has to hold, one by one."""
    configured = wiring.configured()
    return [
        *(partial(wiring.source_options, name) for name in configured.sources),
        *(partial(_service, wiring, name) for name in configured.services),
        *(partial(_sources, wiring, name) for name in configured.services),
        *(partial(receiver_of, wiring, receiver) for receiver in configured.receivers),
        wiring.check_address,
    ]


def _with_named(configured: config.Config, environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment of a process that has all that adapters and the file name."""
    named = {f"{PREFIX}{secret.upper()}": ASSUMED for secret in variables("SECRETS")}
    named |= {f"{PREFIX}{address.upper()}": ELSEWHERE for address in variables("ADDRESSES")}
    waiting: list[object] = [configured.document.data]
    while waiting:
        match waiting.pop():
            case {"env": str(name), **others} if not others:
                named[name] = ASSUMED
            case dict() as mapping:
                waiting += mapping.values()
            case list() as listed:
                waiting += listed
    return {**named, **{name: value for name, value in environ.items() if value}}


def _service(wiring: Wiring, name: str) -> None:
    """Raises ConfigError for what no rollout of the service could ever use."""
    service = wiring.service(name)
    check_alone(wiring, name)
    names = names_of(service.router, stable="1", canary="2")
    for criterion in service.criteria:
        try:
            bind(criterion, names)
        except UnboundVariable as error:
            raise ConfigError(f"{wiring.configured().path}: service {name}: {error}") from error


def _sources(wiring: Wiring, name: str) -> None:
    """Raises ConfigError for each source that the service's rules read and that cannot be built."""
    try:
        criteria = wiring.service(name).criteria
    except GuardianError:
        return  # Its errors are told as such.
    refuse(_unbuilt(wiring, name, dict.fromkeys(q.source for c in criteria for q in c.queries())))


def _unbuilt(wiring: Wiring, name: str, sources: Iterable[str]) -> Iterator[Finding]:
    configured = wiring.configured()
    for source in sources:
        given = configured.sources.get(source)
        if given is not None and _why(partial(wiring.source_options, source)):
            continue  # Told as such.
        for why in _why(partial(wiring.source, name, source)):
            if given is not None:
                yield given.node.finding((), why, key=True)
            else:
                yield configured.service(name).node.finding(
                    ("rules",), f"they read from the source {source}: {why}", key=True
                )


def _why(check: Callable[[], object]) -> Sequence[str]:
    try:
        check()
    except ConfigError as error:
        return error.each
    except GuardianError as error:
        return (str(error),)
    return ()


def _doubts(configured: config.Config, name: str) -> tuple[Finding, ...]:
    try:
        return service_criteria(configured, name).warnings
    except ConfigError:
        return ()  # Its errors are told as such.
