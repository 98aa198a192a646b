"""From a path and the environment to a wiring, for as long as a command runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from guardian.files import config
from guardian.ports import ConfigError
from guardian.settings import Settings
from guardian.settings import load as load_settings
from guardian.settings import usable as usable_settings
from guardian.wiring.process import Wiring

DEFAULT_CONFIG = Path("config/production.yaml")


@contextmanager
def open_wiring(
    path: Path | None,
    *,
    without_file: bool = False,
    usable: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Wiring]:
    """Settings and the config file, checked; what was opened is closed at the end.

    With `usable`, whatever is wrong with them is the wiring's and the configuration's `trouble`.
    """
    environ = os.environ if environ is None else environ
    configured: config.Config | None
    wrong: list[str] = []
    if usable:
        settings, wrong = usable_settings(environ)
        named = path or settings.config or not without_file
        configured = _usable(path, settings, environ) if named else None
    else:
        settings = load_settings(environ)
        chosen = path or settings.config if without_file else config_file(path, settings)
        configured = None if chosen is None else config.load(chosen, environ=environ)
    wiring = Wiring(settings, configured, environ)
    wiring.trouble = "\n".join(wrong)
    try:
        yield wiring
    finally:
        wiring.close()


@contextmanager
def open_in_need(
    path: Path | None,
    *,
    say: Callable[[str], None],
    without_file: bool = False,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Wiring]:
    """Whatever can be used of settings and files; what is wrong with the rest is only said."""
    with open_wiring(path, without_file=without_file, usable=True, environ=environ) as wiring:
        wiring.say = say
        for trouble in (wiring.trouble, wiring.config.trouble if wiring.config else ""):
            if trouble:
                say(f"going on in spite of this: {trouble}")
        yield wiring


def open_records(
    path: Path | None, *, in_need: Callable[[str], None] | None = None
) -> AbstractContextManager[Wiring]:
    """The wiring of a command that needs the journal alone: a config file may be missing.

    `in_need`: it may be wrong as well, which is only said there.
    """
    without_file = not DEFAULT_CONFIG.is_file()
    if in_need is not None:
        return open_in_need(path, without_file=without_file, say=in_need)
    return open_wiring(path, without_file=without_file)


def _usable(path: Path | None, settings: Settings, environ: Mapping[str, str]) -> config.Config:
    try:
        return config.usable(config_file(path, settings), environ=environ)
    except ConfigError as error:
        return config.absent(DEFAULT_CONFIG, str(error))


def config_file(path: Path | None, settings: Settings) -> Path:
    """The file that a command uses: the one named, else the usual one. Raises ConfigError."""
    chosen = path or settings.config or (DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None)
    if chosen is None:
        raise ConfigError(
            f"no config file: there is no {DEFAULT_CONFIG} here, and neither -c/--config nor"
            " GUARDIAN_CONFIG names one"
        )
    return chosen
