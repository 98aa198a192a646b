"""Settings of the process, from environment variables that begin with `GUARDIAN_`.

Adapters have variables of their own (`SECRETS` and `ADDRESSES` in their modules): what ends like a
secret is one, and what ends in `_URL` must be an address. Which there are is not known here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationError,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource
from pydantic_settings import SettingsConfigDict as Config

from guardian.ports import ConfigError
from guardian.ports.daemon_status import METRICS_LISTEN

PREFIX: Final = "GUARDIAN_"
SECRET: Final = ("_token", "_key", "_password")
"""How the names of secrets end."""
ADDRESS: Final = "_url"
"""How the names of addresses end."""
_LOG = logging.getLogger(__name__)
_LEVELS: Final = ("debug", "info", "warning", "error")
_FOREIGN: Final = {"trace": "debug", "warn": "warning", "critical": "error", "fatal": "error"}


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _level(value: object) -> object:
    """A level in our words: LOG_LEVEL is also other programs' variable."""
    word = _lower(value)
    return _FOREIGN.get(word, word) if isinstance(word, str) else word


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
        hidden = parts.username is not None or parts.password is not None
    except ValueError:
        usable = hidden = False
    if not usable or hidden:
        raise ValueError("must be an address like https://example.com/, without a user in it")
    return text


def _clock(text: str) -> str:
    try:
        origin, speed, started = (float(part) for part in text.split(","))
    except ValueError:
        speed = origin = started = 0.0
    if not (speed > 0 and origin > 0 and started >= 0):
        raise ValueError("must be written ORIGIN,SPEED,STARTED (three numbers)")
    return text


def _journal(text: str) -> str:
    scheme, _, rest = text.partition(":")
    if not scheme or not rest:
        raise ValueError("must be a journal like sqlite:PATH")
    return text


def _listen(text: str) -> str:
    _, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError("must be an address to listen on, like 127.0.0.1:9464")
    return text


class Settings(BaseSettings):
    """What the process is told by its environment; empty variables count as absent."""

    model_config = Config(
        env_prefix=PREFIX,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    config: Path | None = Field(default=None, description="The configuration file.")
    journal: Annotated[str, AfterValidator(_journal)] | None = Field(
        default=None, description="Wins over the file's journal; sqlite:PATH."
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_level)] = (
        Field(
            default="info",
            validation_alias=AliasChoices("GUARDIAN_LOG_LEVEL", "LOG_LEVEL"),
            description="The least that is logged; LOG_LEVEL when absent.",
        )
    )
    log_format: Annotated[Literal["text", "json"], BeforeValidator(_lower)] = Field(
        default="text", description="How it is logged."
    )
    metrics_listen: Annotated[str, AfterValidator(_listen)] = Field(
        default=METRICS_LISTEN,
        description="Where `guardian run` serves metrics and health: HOST:PORT.",
    )
    metrics_hosts: str = Field(
        default="",
        description="Names under which metrics and health may be asked for, beside addresses:"
        " NAME,NAME.",
    )
    simulated_clock: Annotated[str, AfterValidator(_clock)] | None = Field(
        default=None,
        description="ORIGIN,SPEED,STARTED: for simulations on loopback only.",
    )

    _given: Mapping[str, str] = PrivateAttr(default_factory=dict)

    def secret(self, name: str) -> str | None:
        """A secret by its name here (`slack_token`); None when it is not set."""
        return self._given.get(f"{PREFIX}{name.upper()}") if name.endswith(SECRET) else None

    def base_url(self, name: str) -> str | None:
        """Another address for a vendor by its name here (`slack_base_url`)."""
        return self._given.get(f"{PREFIX}{name.upper()}") if name.endswith(ADDRESS) else None

    def default_journal(self) -> str:
        """Where the journal is when nothing says so: `$XDG_STATE_HOME/guardian/guardian.db`."""
        # The XDG base directory specification: a relative path is to be ignored.
        stated = Path(self._given.get("XDG_STATE_HOME", ""))
        folder = stated if stated.is_absolute() else _home(self._given) / ".local" / "state"
        return journal_in(folder / "guardian" / "guardian.db")


class _Environ(EnvSettingsSource):
    """Reads a mapping instead of the process's own environment."""

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        self._given = environ
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._given.items()}


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings from these variables, by default the process's.

    Raises ConfigError with every wrong variable by name; a secret's value is never shown. A word
    of other programs in LOG_LEVEL is warned of, and is no reason to stop.
    """
    settings, wrong = usable(environ)
    if wrong:
        raise ConfigError("\n".join(wrong))
    return settings


def usable(environ: Mapping[str, str] | None = None) -> tuple[Settings, list[str]]:
    """The settings without those that are wrong, and a sentence on each of these.

    For whoever must not be stopped by a variable: who puts traffic back.
    """
    # An empty variable is how shells and CI systems write an absent one.
    every = (os.environ if environ is None else environ).items()
    given = {name.upper(): value for name, value in every if value}
    if not _understood(given):
        del given["LOG_LEVEL"]
    wrong = _addresses(given)
    try:
        settings = _read(given, wrong)
    except ValidationError as error:
        wrong = {**_sentences(error, given), **wrong}
        settings = _read(given, wrong)
    return settings, list(wrong.values())


def _addresses(given: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the addresses of adapters, by variable."""
    wrong = {}
    for variable, value in given.items():
        if variable.startswith(PREFIX) and variable.endswith(ADDRESS.upper()):
            try:
                _address(value)
            except ValueError as error:
                wrong[variable] = _sentence(variable, value, str(error))
    return wrong


def _understood(given: Mapping[str, str]) -> bool:
    """Whether LOG_LEVEL is not another program's word, where guardian's own is absent."""
    word = given.get("LOG_LEVEL")
    if word is None or f"{PREFIX}LOG_LEVEL" in given or _level(word) in _LEVELS:
        return True
    _LOG.warning(
        "LOG_LEVEL is %r, which is no level of guardian's (%s): it is taken as info;"
        " GUARDIAN_LOG_LEVEL is guardian's own",
        word,
        ", ".join(_LEVELS),
    )
    return False


def _read(given: Mapping[str, str], without: Collection[str]) -> Settings:
    right = {name: value for name, value in given.items() if name not in without}

    class Read(Settings):
        def model_post_init(self, _: object, /) -> None:
            self._given = right

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *_: object, **__: object
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (_Environ(settings_cls, right),)

    return Read()


def journal_in(path: Path) -> str:
    """The address of a journal that needs nothing but a file."""
    return f"sqlite:{path}"


def _home(environ: Mapping[str, str]) -> Path:
    try:
        return Path(environ.get("HOME") or Path.home())
    except RuntimeError as error:  # a user without a passwd entry
        raise ConfigError(
            "nothing says where the journal is: this user has no home; set GUARDIAN_JOURNAL"
            " (sqlite:PATH), `journal:` in the config file, or HOME"
        ) from error


def _sentences(error: ValidationError, given: Mapping[str, str]) -> dict[str, str]:
    """One sentence for each wrong variable."""
    sentences = {}
    for details in error.errors(include_url=False, include_input=False):
        name = str(details["loc"][0])
        variable = name if name.isupper() else (PREFIX + name).upper()
        context = details.get("ctx", {})
        if details["type"] == "literal_error":
            why = f"must be one of {context['expected']}".replace("'", "").replace(" or ", ", ")
        else:
            why = str(context.get("error") or "has a value that cannot be used")
        sentences[variable] = _sentence(variable, given.get(variable, ""), why)
    return sentences


def _sentence(variable: str, value: str, why: str) -> str:
    # What stands before an @ may be a password.
    return f"{variable}{'' if '@' in value else f' is {value!r}, and'} {why}"
