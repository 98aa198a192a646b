"""Which journal is meant, by its address `NAME:REST`, and the journal itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from pydantic import BaseModel

from guardian.files import config
from guardian.files.compose import folder_of
from guardian.files.findings import Node
from guardian.ports import ConfigError, Context, Journal, UsageError
from guardian.wiring.adapters import adapter, adapters, checked

if TYPE_CHECKING:
    from guardian.wiring.process import Wiring


def in_file(configured: config.Config | None) -> str | None:
    """The address that a file names, a path in it made to start at the folder of that file."""
    if configured is None or configured.journal is None:
        return None
    name, _, rest = configured.journal.partition(":")
    if name not in adapters("journals"):
        return configured.journal  # Opening it says so.
    module = adapter("journals", name)
    if module.Options.model_fields[_first(module)].annotation is not Path:
        return configured.journal
    folder = folder_of(Node(configured.document, ("journal",)))
    try:
        return f"{name}:{os.path.normpath(folder / Path(rest).expanduser())}"
    except RuntimeError:
        return configured.journal  # A user without a home: opening it says so.


def addressed(address: str) -> tuple[ModuleType, BaseModel]:
    """The adapter that is meant, and its options: REST is the first. Raises ConfigError."""
    name, _, rest = address.partition(":")
    module = adapter("journals", name)
    try:
        return module, checked(module.Options, {_first(module): rest})
    except UsageError as error:
        raise ConfigError(f"the journal {address}: {error}") from error


def _first(module: ModuleType) -> str:
    fields: dict[str, object] = module.Options.model_fields
    return next(iter(fields))


def check_in_file(configured: config.Config) -> None:
    """Whether what a file names can be a journal. Raises ConfigError, at its place."""
    address = in_file(configured)
    try:
        if address is not None:
            addressed(address)
    except ConfigError as error:
        raise ConfigError(str(configured.document.finding(("journal",), str(error)))) from error


def opened(wiring: Wiring, address: str) -> Journal:
    """The journal at an address, in the account of the file. Raises ConfigError or Unavailable."""
    module, options, context = _meant(wiring, address)
    journal: Journal = module.build(options, context)
    return journal


def made(wiring: Wiring, address: str) -> bool:
    """Make the place at an address, where it has to be made before a journal can be opened there.

    False where it is there already, or makes itself. Raises ConfigError or EdgeError.
    """
    module, options, context = _meant(wiring, address)
    make: Callable[[BaseModel, Context], bool] = getattr(module, "make", lambda *_: False)
    return make(options, context)


def _meant(wiring: Wiring, address: str) -> tuple[ModuleType, BaseModel, Context]:
    """The adapter, its options, and the process as it may use it."""
    if wiring.config is not None and address == in_file(wiring.config):
        check_in_file(wiring.config)
    module, options = addressed(address)
    context, aws = wiring.context(None), wiring.config.aws if wiring.config is not None else None
    if aws is not None:  # Only a journal that asks AWS finds out that the account is wrong.
        context = replace(
            context,
            client=lambda service: wiring.context(aws).client(service),
            check_account=lambda: wiring.context(aws).check_account(),
            account_id=aws.account_id,
            region=aws.region,
        )
    return module, options, context
