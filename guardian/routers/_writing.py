"""What every vendor's write has in common: it may have been applied, and its answer lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from guardian.core.model import Reason
from guardian.core.traffic import Traffic
from guardian.ports import Context, RouterError


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
