"""A gate: nothing to move and nothing to put back, only a verdict on what is live."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NoReturn

from pydantic import BaseModel, ConfigDict, Field

from guardian.core.model import Query, Reason
from guardian.core.traffic import Reading, Snapshot, Stamp, Traffic, WayBack
from guardian.ports import Capabilities, Context, Guard, RouterError

PERMISSIONS: tuple[str, ...] = ()
VARIABLES: tuple[str, ...] = ("version",)
"""What rule files may name as `${router.NAME}`."""

LIVE = "live"
"""What the one version is called when the file does not name it."""


class Options(BaseModel):
    """What the one version is called."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._+-]{1,128}$",
        description="What `${canary}` means in the rule files; `live` when left out.",
    )


def build(options: Options, context: Context) -> Gate:
    """The router of a service that has none."""
    return Gate(options, context)


class Gate:
    """Reads as one version with all traffic, and refuses every write."""

    capabilities = Capabilities(moves=False, guard=Guard.NONE)

    def __init__(self, options: Options, context: Context) -> None:
        self._version = options.version or LIVE
        gate = context.service or self._version
        self.target = f"none:{context.account_id}:{context.region}:{gate}"

    def read(self) -> Reading:
        """The one version, with all traffic."""
        return Reading(traffic=Traffic(primary=self._version), revision="")

    def resolve(self, version: str) -> str:
        """The one version, however it is asked for; NOT_FOUND for any other."""
        if version in {"latest", self._version}:
            return self._version
        raise RouterError(
            Reason.NOT_FOUND,
            f"this service has no router, so version {version!r} cannot be found: it is always "
            f"{self._version!r}. Set `router:` to something that moves traffic, or its `version`",
        )

    def check(self, *, stable: str, canary: str) -> list[str]:
        """Two different versions cannot share traffic here."""
        if stable == canary:
            return []
        return [
            (
                f"this service has no router to share traffic between {stable} and {canary}: use "
                "`guardian watch` on it, or set `router:` to something that moves traffic"
            )
        ]

    def way_back(self, *, stable: str, canary: str) -> WayBack:
        """Nothing is put back here."""
        del stable, canary
        return WayBack()

    def variables(self) -> Mapping[str, str]:
        """`${router.version}`."""
        return {"version": self._version}

    def settles_later_s(
        self, queries: Collection[Query], *, stable: str, canary: str
    ) -> Mapping[Query, float]:
        """Nothing is known of what is live."""
        del queries, stable, canary
        return {}

    def fallback_query(self, query: Query, *, live: str) -> Query | None:
        """None: nothing here is reported by version."""
        del query, live
        return None

    def shift(self, traffic: Traffic, *, stamp: Stamp, after: Reading) -> Reading:
        """Always INVALID."""
        del stamp, after
        _refuse(f"give {traffic}")

    def promote(self, canary: str, *, after: Reading, detail: Mapping[str, str]) -> Reading:
        """Always INVALID."""
        del after, detail
        _refuse(f"promote {canary}")

    def restore(self, snapshot: Snapshot, *, stamp: Stamp | None, after: Reading) -> Reading:
        """Always INVALID."""
        del stamp, after
        _refuse(f"restore {snapshot.traffic}")


def _refuse(what: str) -> NoReturn:
    raise RouterError(
        Reason.INVALID,
        f"cannot {what}: this service has no router, so guardian only judges it. Set `router:` to "
        "something that moves traffic",
    )
