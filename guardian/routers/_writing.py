"""What routers of AWS have in common: a write may have been applied, and its answer lost."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from guardian.aws_errors import talking
from guardian.core.model import Reason
from guardian.core.traffic import NONE, Reading, Stamp, Traffic
from guardian.ports import Context, RouterError


def ask(context: Context, service: str, action: str, what: str, **arguments: Any) -> dict[str, Any]:
    """One call, by its IAM action. Raises RouterError with a sentence."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", action.partition(":")[2]).lower()
    method = getattr(context.client(service), name)
    where = f"on {what} in {context.account_id} {context.region}"
    with talking(action, where, RouterError):
        answer: dict[str, Any] = method(**arguments)
    return answer


@contextmanager
def proven(context: Context) -> Iterator[None]:
    """Believe that something does not exist only in the account that was meant.

    Another account's credentials, there for a minute, find nothing of that name either.
    """
    try:
        yield
    except RouterError as error:
        if error.reason is Reason.NOT_FOUND:
            context.check_account()
        raise


def require_pair(traffic: Traffic, require: Callable[[str], None]) -> None:
    """A primary version, and at most one other with a weight; `require` refuses what is none."""
    for version in sorted(traffic.versions):
        require(version)
    if traffic.secondary == traffic.primary or (
        traffic.secondary is None and traffic.weight != NONE
    ):
        raise RouterError(
            Reason.INVALID, f"{traffic} does not name two different versions: nothing was written"
        )


def require_stable(traffic: Traffic, stamp: Stamp) -> None:
    """A shift shares traffic with stable."""
    if stamp.stable not in traffic.versions:
        raise RouterError(
            Reason.INVALID,
            f"the shift to {traffic} leaves out stable {stamp.stable}: nothing was written",
        )


def require_served(canary: str, after: Reading, what: str) -> None:
    """What is promoted has traffic already. Raises RouterError(CONFLICT)."""
    if canary not in after.traffic.versions:
        raise RouterError(
            Reason.CONFLICT,
            f"{what} no longer serves {canary} but {after.traffic}: somebody changed it, and"
            " nothing was written",
        )


def check_for_rollback(context: Context) -> bool:
    """Whether STS says that the account is right; False where it says nothing.

    A rollback does not depend on STS: the target's own ARN, which is read, says whose it is.
    """
    try:
        context.check_account()
    except RouterError as error:
        if error.reason is Reason.AUTH:
            raise
        return False
    return True


def read_back(read: Callable[[], Reading], what: str) -> Reading:
    """What a write that was accepted has come to. Raises RouterError(UNKNOWN)."""
    try:
        return read()
    except RouterError as error:
        raise RouterError(
            Reason.UNKNOWN,
            f"the write to {what} was accepted and could not be read back: {error.detail}",
        ) from None


def unsure(error: RouterError) -> RouterError:
    """After a write, a fault on the vendor's side or on the way leaves the outcome unknown."""
    if error.reason in {Reason.UNAVAILABLE, Reason.UNKNOWN, Reason.TIMEOUT}:
        reason = Reason.TIMEOUT if error.reason is Reason.TIMEOUT else Reason.UNKNOWN
        return RouterError(reason, f"{error.detail}; whether it was written is not known yet")
    return error


def same(found: Traffic, desired: Traffic) -> bool:
    """Whether two states send the same share to every version, by the same primary."""
    versions = found.versions | desired.versions
    return found.primary == desired.primary and all(
        found.share(version) == desired.share(version) for version in versions
    )
