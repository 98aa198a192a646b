"""The Lambda alias router: the router contract, and what is particular to aliases."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from guardian.aws import Sessions
from guardian.core.model import Reason
from guardian.core.traffic import Reading, Snapshot, Stamp, Traffic, Weight
from guardian.ports import Router, RouterError
from guardian.routers.lambda_alias import VARIABLES, LambdaAlias, Options, build
from tests.contracts.adapters import (
    ACCOUNT,
    SECRET_KEY,
    TOKEN,
    account_for,
    context_for,
    use_endpoint,
)
from tests.contracts.canned import Answer, Canned, account_answer, canned
from tests.contracts.lambda_twin import ALIAS, FUNCTION, LambdaTwin, refusal
from tests.contracts.router_contract import RouterContract, RouterWorld


class World:
    """The contract's world over the strict twin."""

    stable = "6"
    canary = "10"
    secrets: tuple[str, ...] = (TOKEN, SECRET_KEY, "AKIAIOSFODNN7EXAMPLE")

    def __init__(self, server: Canned) -> None:
        self.server = server
        self.twin = LambdaTwin()
        self.twin.serve(server)

    def router(self, **options: Any) -> LambdaAlias:
        """The router with fresh clients."""
        chosen = Options(function=FUNCTION, alias=ALIAS, **options)
        return build(chosen, context_for(account_for(Sessions())))

    def stranger(self) -> Router:
        """The clients are made in time; then the credentials are swapped."""
        router = self.router()
        router.read()
        self.twin.account = "111111111111"
        return router

    def writes(self) -> int:
        """UpdateAlias calls so far."""
        return len(self.twin.writes)

    def somebody_changes(self) -> None:
        """The console: another weight."""
        self.twin.change(RoutingConfig={"AdditionalVersionWeights": {self.canary: 0.25}})

    def lose_answer(self) -> None:
        """The next UpdateAlias is applied and hangs up."""
        self.twin.next_write = Answer(drop=True)

    def fail_write(self, status: int, code: str) -> None:
        """The next UpdateAlias is refused, quoting what it should not."""
        self.twin.next_write = refusal(status, code, f"x-amz-security-token:{TOKEN}")

    def break_reads(self) -> None:
        """GetAlias fails from now on."""
        self.twin.reads = refusal(500, "ServiceException")

    def remove_target(self) -> None:
        """The alias is deleted."""
        self.twin.alias = None


@pytest.fixture
def lambdas(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A function with versions 5, 6 and 10, whose alias serves 6."""
    with canned(lambda _: account_answer(ACCOUNT)) as server:
        use_endpoint(monkeypatch, server.url)
        yield World(server)


class TestContract(RouterContract):
    """The promises of every router."""

    @pytest.fixture
    def world(self, lambdas: World) -> RouterWorld:
        """The twin."""
        return lambdas


STAMP = Stamp(rollout="r-1", epoch=3, stable="6")
TEN = Traffic(primary="6", secondary="10", weight=Weight.percent(10))


def snapshot(found: Reading) -> Snapshot:
    """What a rollback restores."""
    return Snapshot(
        service="s",
        target="t",
        traffic=found.traffic,
        taken_at=0,
        taken_by="x",
        detail=found.detail,
    )


def test_an_additional_version_at_weight_0_is_no_traffic(lambdas: World) -> None:
    """A finished shift may leave it behind; it receives nothing."""
    lambdas.twin.change(RoutingConfig={"AdditionalVersionWeights": {"10": 0.0}})
    assert lambdas.router().read().traffic == Traffic(primary="6")


def test_a_shift_is_one_absolute_guarded_write(lambdas: World) -> None:
    """Primary, weights, revision and stamp go in one UpdateAlias."""
    router = lambdas.router()
    found = router.shift(TEN, stamp=STAMP, after=router.read())
    assert lambdas.twin.writes == [
        {
            "FunctionVersion": "6",
            "RoutingConfig": {"AdditionalVersionWeights": {"10": 0.1}},
            "RevisionId": "r1",
            "Description": "guardian r=r-1 e=3 s=6",
        }
    ]
    assert found.stamp == STAMP
    assert found.detail == {}


def test_promotion_clears_the_weights_in_the_same_write(lambdas: World) -> None:
    """An explicit empty map, as leaving RoutingConfig out would keep the weights."""
    router = lambdas.router()
    before = router.read()
    found = router.shift(TEN, stamp=STAMP, after=before)
    router.promote("10", after=found, detail=before.detail)
    last = lambdas.twin.writes[-1]
    assert last["RoutingConfig"] == {"AdditionalVersionWeights": {}}
    assert last["FunctionVersion"] == "10"
    assert last["Description"] == "what callers use"


def test_a_weighted_snapshot_is_restored_with_its_weight(lambdas: World) -> None:
    """What was found is what comes back, a second version included."""
    lambdas.twin.change(RoutingConfig={"AdditionalVersionWeights": {"5": 0.2}})
    router = lambdas.router()
    before = snapshot(router.read())
    found = router.shift(TEN, stamp=STAMP, after=router.read())
    assert router.restore(before, stamp=None, after=found).traffic == before.traffic


def test_the_stamp_of_a_rollback_stays_until_it_is_confirmed(lambdas: World) -> None:
    """A restore can carry the new holder's stamp; the next one without takes it off."""
    router = lambdas.router()
    before = snapshot(router.read())
    found = router.restore(before, stamp=STAMP, after=router.read())
    assert found.stamp == STAMP
    found = router.restore(before, stamp=None, after=found)
    assert found.stamp is None
    assert found.detail == {"description": "what callers use"}


def test_a_fencing_write_keeps_traffic_and_moves_the_revision(lambdas: World) -> None:
    """A new holder writes the present traffic under its own epoch."""
    router = lambdas.router()
    old = router.read()
    found = router.shift(old.traffic, stamp=STAMP, after=old)
    assert found.traffic == old.traffic
    assert found.revision != old.revision
    assert found.stamp == STAMP


def test_without_a_stamp_the_description_is_left_alone(lambdas: World) -> None:
    """No write mentions it."""
    router = lambdas.router(stamp=False)
    before = snapshot(router.read())
    found = router.shift(TEN, stamp=STAMP, after=router.read())
    router.restore(before, stamp=STAMP, after=found)
    assert all("Description" not in write for write in lambdas.twin.writes)
    assert router.read().detail == {"description": "what callers use"}


def test_a_stamp_that_does_not_fit_never_blocks_a_rollback(lambdas: World) -> None:
    """Traffic comes first: the write goes without it."""
    router = lambdas.router()
    before = snapshot(router.read())
    long = Stamp(rollout="r" * 300, epoch=1, stable="6")
    found = router.restore(before, stamp=long, after=router.read())
    assert found.traffic == before.traffic
    assert found.stamp is None


def test_the_same_traffic_under_another_epoch_is_not_our_write(lambdas: World) -> None:
    """Whoever was fenced does not take the new holder's write for its own."""
    router = lambdas.router()
    stale = router.read()
    router.shift(TEN, stamp=Stamp(rollout="r-1", epoch=4, stable="6"), after=stale)
    with pytest.raises(RouterError) as caught:
        router.shift(TEN, stamp=STAMP, after=stale)
    assert caught.value.reason is Reason.CONFLICT


def test_an_accepted_write_that_cannot_be_read_back_is_unknown(lambdas: World) -> None:
    """A weight is true only when it was read."""
    router = lambdas.router()
    after = router.read()
    lambdas.break_reads()
    with pytest.raises(RouterError, match="could not be read back") as caught:
        router.shift(TEN, stamp=STAMP, after=after)
    assert caught.value.reason is Reason.UNKNOWN


def test_a_refused_write_names_the_permission(lambdas: World) -> None:
    """The sentence names the IAM action and the alias."""
    router = lambdas.router()
    after = router.read()
    lambdas.fail_write(403, "AccessDeniedException")
    with pytest.raises(RouterError, match="allow lambda:UpdateAlias") as caught:
        router.shift(TEN, stamp=STAMP, after=after)
    assert "agents-api:live in 333333333333 us-east-1" in caught.value.detail


def test_a_rollback_goes_on_without_sts_and_a_shift_does_not(lambdas: World) -> None:
    """The alias's own ARN names the account too; taking traffic back does not wait for STS."""
    router = lambdas.router()
    before = snapshot(router.read())
    found = router.shift(TEN, stamp=STAMP, after=router.read())
    lambdas.twin.sts = refusal(503, "ServiceUnavailable")
    with pytest.raises(RouterError) as caught:
        router.shift(TEN, stamp=STAMP, after=found)
    assert caught.value.reason is Reason.UNAVAILABLE
    assert router.restore(before, stamp=None, after=found).traffic == before.traffic


@pytest.mark.parametrize("version", ["$LATEST", "live", "0", "07", "7:x", ""])
def test_only_published_numbers_are_versions(lambdas: World, version: str) -> None:
    """Neither resolving nor writing takes anything else, and nothing is sent."""
    router = lambdas.router()
    after = router.read()
    attempts = (
        lambda: router.resolve(version),
        lambda: router.promote(version, after=after, detail={}),
        lambda: router.shift(Traffic(primary=version), stamp=STAMP, after=after),
        lambda: router.restore(
            snapshot(Reading(traffic=Traffic(primary=version), revision="")),
            stamp=None,
            after=after,
        ),
    )
    for attempt in attempts:
        with pytest.raises(RouterError, match="not a published version") as caught:
            attempt()
        assert caught.value.reason is Reason.INVALID
    assert any("not a published version" in s for s in router.check(stable="6", canary=version))
    assert lambdas.twin.writes == []


def test_latest_is_the_highest_number_over_all_pages(lambdas: World) -> None:
    """10 is after 6, as numbers go."""
    assert lambdas.router().resolve("latest") == "10"


def test_a_function_without_versions_has_no_latest(lambdas: World) -> None:
    """The sentence says how to publish one."""
    lambdas.twin.versions.clear()
    with pytest.raises(RouterError, match="publish one") as caught:
        lambdas.router().resolve("latest")
    assert caught.value.reason is Reason.NOT_FOUND


def test_a_shift_that_leaves_out_stable_is_refused(lambdas: World) -> None:
    """Only versions of the rollout ever receive traffic."""
    router = lambdas.router()
    stray = Traffic(primary="5", secondary="10", weight=Weight.percent(10))
    with pytest.raises(RouterError, match="leaves out stable 6"):
        router.shift(stray, stamp=STAMP, after=router.read())
    assert lambdas.twin.writes == []


def test_a_version_that_is_not_live_cannot_be_promoted(lambdas: World) -> None:
    """Somebody took the canary off the alias: that is a conflict."""
    router = lambdas.router()
    with pytest.raises(RouterError, match="no longer serves 10") as caught:
        router.promote("10", after=router.read(), detail={})
    assert caught.value.reason is Reason.CONFLICT


def test_a_write_needs_a_reading(lambdas: World) -> None:
    """Without a revision there would be no guard."""
    router = lambdas.router()
    with pytest.raises(RouterError, match="must be read"):
        router.shift(TEN, stamp=STAMP, after=Reading(traffic=TEN, revision=""))
    assert lambdas.twin.writes == []


@pytest.mark.parametrize(
    ("version", "fields", "word"),
    [
        ("10", {"Role": "arn:aws:iam::333333333333:role/g"}, "different execution roles"),
        ("10", {"DeadLetterConfig": {"TargetArn": "arn:q"}}, "different dead-letter queues"),
        ("10", {"State": "Failed", "StateReason": "no image"}, "is Failed (no image)"),
        ("6", {"State": "Deactivated"}, "is Deactivated (no reason given)"),
        ("10", {"LastUpdateStatus": "Failed"}, "last update of version 10"),
    ],
)
def test_a_pair_that_lambda_would_refuse_is_told_before(
    lambdas: World, version: str, fields: dict[str, Any], word: str
) -> None:
    """One whole sentence each."""
    lambdas.twin.versions[version].update(fields)
    (said,) = lambdas.router().check(stable="6", canary="10")
    assert word in said


def test_a_deleted_stable_version_names_the_cdk_setting(lambdas: World) -> None:
    """It could not be restored; the sentence says how to keep old versions."""
    del lambdas.twin.versions["6"]
    (said,) = lambdas.router().check(stable="6", canary="10")
    assert "RemovalPolicy.RETAIN" in said


def test_provisioned_concurrency_on_the_alias_is_told_before(lambdas: World) -> None:
    """It stands in the way of weights only, so a watch of one version is not disturbed."""
    lambdas.twin.provisioned = True
    router = lambdas.router()
    (said,) = router.check(stable="6", canary="10")
    assert "provisioned concurrency" in said
    assert router.check(stable="10", canary="10") == []


def test_the_target_names_account_region_function_and_alias(lambdas: World) -> None:
    """And rule files can name function and alias."""
    router = lambdas.router()
    assert router.target == "lambda_alias:333333333333:us-east-1:agents-api:live"
    assert router.variables() == {"function": "agents-api", "alias": "live"}
    assert tuple(router.variables()) == VARIABLES


@pytest.mark.parametrize(
    "options",
    [
        {"function": "arn:aws:lambda:us-east-1:1:function:f", "alias": "live"},
        {"function": "f/../g", "alias": "live"},
        {"function": "f", "alias": "7"},
        {"function": "f", "alias": "$LATEST"},
        {"function": "f", "alias": "live\n"},
        {"function": "f"},
        {"function": "f", "alias": "live", "weight": 10},
    ],
)
def test_options_are_strict(options: dict[str, Any]) -> None:
    """Names only, an alias that is no version, and nothing unknown."""
    with pytest.raises(ValidationError):
        Options.model_validate(options)


def test_nothing_is_gone_in_another_account(lambdas: World) -> None:
    """A 404 is believed once STS has said whose account it comes from."""
    router = lambdas.router()
    router.read()
    for ask in (partial(router.resolve, "99"), router.read):
        if ask == router.read:
            lambdas.remove_target()
        lambdas.twin.account, lambdas.twin.sts = "111111111111", None
        with pytest.raises(RouterError) as elsewhere:
            ask()
        assert elsewhere.value.reason is Reason.AUTH
        assert "111111111111" in elsewhere.value.detail
        lambdas.twin.sts = refusal(500, "InternalFailure")
        with pytest.raises(RouterError) as unproven:
            ask()
        assert unproven.value.reason is Reason.UNAVAILABLE
        lambdas.twin.account, lambdas.twin.sts = ACCOUNT, None
    with pytest.raises(RouterError) as gone:
        router.read()
    assert gone.value.reason is Reason.NOT_FOUND
