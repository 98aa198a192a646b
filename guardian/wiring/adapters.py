"""The folder is the registry: an adapter is found by its module's name, and nowhere listed."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from guardian.core.plan import Reach
from guardian.files.config import AdapterRef, Aws
from guardian.ports import ConfigError, Unlisted, UsageError

M = TypeVar("M", bound=BaseModel)
ROOMS = ("sources", "routers", "notifiers", "journals")


def adapters(room: str) -> list[str]:
    """The adapters of a room: its modules' names."""
    package = importlib.import_module(f"guardian.{room}")
    found = pkgutil.iter_modules(package.__path__)
    return sorted(module.name for module in found if not module.name.startswith("_"))


def adapter(room: str, name: str) -> ModuleType:
    """An adapter's module; ConfigError with the known ones when there is none of that name."""
    known = adapters(room)
    if name not in known:
        raise ConfigError(f"there is no {room[:-1]} called '{name}'; known are {', '.join(known)}")
    return importlib.import_module(f"guardian.{room}.{name}")


def variables(what: str) -> set[str]:
    """The variables of adapters, by the names that they declare as `SECRETS` or `ADDRESSES`."""
    modules = (adapter(room, name) for room in ROOMS for name in adapters(room))
    return {name for module in modules for name in getattr(module, what, ())}


def router_variables() -> frozenset[str]:
    """The names that `${router.NAME}` may have, of all routers."""
    modules = (adapter("routers", name) for name in adapters("routers"))
    return frozenset(name for module in modules for name in getattr(module, "VARIABLES", ()))


def unlisted() -> dict[ModuleType, Unlisted]:
    """How targets that no file names are named, for each router that has such a way."""
    modules = [adapter("routers", name) for name in adapters("routers")]
    return {module: module.UNLISTED for module in modules if hasattr(module, "UNLISTED")}


def router_at(address: str) -> tuple[ModuleType, Mapping[str, str]]:
    """The router of a target that no file names, and its options; UsageError when none fits."""
    ways = unlisted()
    for module, way in ways.items():
        options = way.options(address)
        if options is not None:
            return module, options
    forms = " or ".join(f"{way.form} ({way.what})" for way in ways.values())
    raise UsageError(f"no file names {address}: without one, write it as {forms}")


def chosen(room: str, choice: AdapterRef) -> ModuleType:
    """The adapter that a file names; ConfigError at its place when there is none of that name."""
    try:
        return adapter(room, choice.name)
    except ConfigError as error:
        raise choice.refusal(str(error)) from error


def checked(options: type[M], values: Mapping[str, object]) -> M:
    """Options from values that a person typed; UsageError instead of pydantic's."""
    try:
        return options.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        why = first.get("ctx", {}).get("error") or first["msg"]
        raise UsageError(f"{place} {values.get(place)!r}: {why}") from error


def reach_of(module: ModuleType, options: BaseModel, aws: Aws) -> Reach:
    """What a journal keeps of a router, so that no file is needed to use it again."""
    written = options.model_dump(mode="json", exclude_none=True)
    return Reach(
        router=module.__name__.rpartition(".")[2],
        options={k: v if isinstance(v, str) else json.dumps(v) for k, v in written.items()},
        account_id=aws.account_id,
        region=aws.region,
        role_arn=aws.role_arn,
    )


def plane_of(aws: Aws) -> str:
    """A plane's name: `account:region:role`."""
    return f"{aws.account_id}:{aws.region}:{aws.role_arn or ''}"


def permissions_of(module: ModuleType, written: Mapping[str, object]) -> Iterable[str]:
    """What an adapter does in AWS, by its options as they stand in the file: no secret is asked."""
    some: Callable[[Mapping[str, object]], Iterable[str]] = getattr(
        module, "permissions", lambda _: module.PERMISSIONS
    )
    return some(written)


def require_no_account(module: ModuleType, written: Mapping[str, object]) -> None:
    """ConfigError where an adapter acts in AWS, of one for which nothing says an account."""
    if permissions_of(module, written):
        name = module.__name__.rpartition(".")[2]
        raise ConfigError(
            f"{name} asks AWS, and nothing says in which account: write account_id and region under"
            " aws, or set AWS_ACCOUNT_ID and AWS_REGION"
        )


def no_account(*_: object) -> Any:
    """In the place of a client where there is no account."""
    raise ConfigError("this needs an AWS account, and none is configured for it")
