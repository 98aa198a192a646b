"""Use cases that move traffic, called as a program would: the simulator's AWS, a real journal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from guardian.app import rollback
from guardian.app.guarding import Caller, Guarded, beginning, guard
from guardian.app.recover import RecoverRequest, recover
from guardian.app.rollback import RollbackRequest
from guardian.app.snapshots import snapshots
from guardian.app.start import Accepted, StartRequest, planned, retried, start
from guardian.app.watch import WatchRequest, changed, watching
from guardian.core.rollout.entries import Answer, Order, OrderKind, for_service
from guardian.core.rollout.machine import Phase
from guardian.engine.in_process import Limits
from guardian.engine.leadership import post
from guardian.engine.outcome import Exit
from guardian.engine.tick_result import TickResult
from guardian.ports import ConfigError, EdgeError, GuardianError, UsageError
from guardian.sim.simulated_traffic import Behaviour
from guardian.wiring import Wiring, open_wiring
from tests.app.remembered import order
from tests.cli.stage import SERVICE, Stage, stage
from tests.contracts.adapters import use_endpoint

STEPS = "{weight: 10%, bake: 10m}\n      - {weight: 50%, bake: 10m}\n      - "


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Stage, Wiring]]:
    """One service with one step in a simulated account, and its configuration as ready objects."""
    with stage(tmp_path) as made:
        made.config.write_text(made.config.read_text().replace(STEPS, ""))
        use_endpoint(monkeypatch, made.simulator.url)
        with open_wiring(made.config, environ=made.environ()) as wiring:
            yield made, wiring


def starting(version: str, **changes: object) -> Order:
    """An order to start, as a caller makes it."""
    fields = {"reason": "", "again": False, **changes}
    return Order(
        id="",
        rollout=for_service(SERVICE),
        kind=OrderKind.START,
        actor="ada",
        reason=str(fields["reason"]),
        at=0.0,
        subject=version,
        again=bool(fields["again"]),
    )


def api(seen: list[TickResult] | None = None) -> Caller:
    """A program that asks."""
    return Caller(
        actor="ada", owner="api pid 7", observer=(seen if seen is not None else []).append
    )


def test_a_start_is_driven_to_its_end(scene: tuple[Stage, Wiring]) -> None:
    """The result has the rollout and what it came to; the observer saw each tick as a value."""
    made, wiring = scene
    seen: list[TickResult] = []
    result = start(wiring, StartRequest.of(SERVICE, "42", actor="ada", wait=True), api(seen))
    assert isinstance(result, Guarded)
    ((rollout, exit_),) = result.results
    assert (exit_, result.exit(), rollout.plan.actor) == (Exit.HEALTHY, Exit.HEALTHY, "ada")
    assert made.alias.version == "42"
    assert {status.id for tick in seen for status in tick.statuses} == {rollout.plan.rollout}
    done = start(wiring, StartRequest(order=starting("42"), wait=True), api())
    assert isinstance(done, Guarded)
    assert (done.results, done.moot) == ((), "version 42 is live at 100% already: nothing to do")


def test_a_bad_release_is_taken_back_and_may_be_tried_again(scene: tuple[Stage, Wiring]) -> None:
    """What `retried` makes of a retry then is a start of the same version, with its reason."""
    made, wiring = scene
    made.behave("42", Behaviour(failure_rate=0.5))
    result = start(wiring, StartRequest(order=starting("42"), wait=True), api())
    assert isinstance(result, Guarded)
    assert (result.exit(), made.alias.version) == (Exit.ROLLED_BACK, "41")
    with pytest.raises(ConfigError, match="was rolled back before"):
        planned(wiring, starting("42"))
    with pytest.raises(UsageError, match="say why it may be tried again"):
        retried(wiring, order(OrderKind.RETRY))
    again = retried(wiring, order(OrderKind.RETRY, reason="a fluke"))
    assert (again.kind, again.subject, again.again) == (OrderKind.START, "42", True)
    plan = planned(wiring, again, rollout="r-again").plan
    assert (plan.rollout, plan.canary, plan.reason) == ("r-again", "42", "a fluke")


def test_a_start_that_makes_no_sense_reaches_nobody(scene: tuple[Stage, Wiring]) -> None:
    """Without its reason, without a process to observe in, without a daemon."""
    _, wiring = scene
    with pytest.raises(UsageError, match="say why the version may"):
        start(wiring, StartRequest(order=starting("42", again=True)), api())
    with pytest.raises(UsageError, match="a daemon does by"):
        start(wiring, StartRequest(order=starting("42"), observe=True), api())
    with pytest.raises(EdgeError, match="no daemon serves agents-api"):
        start(wiring, StartRequest(order=starting("42")), api())
    assert wiring.journal.orders([for_service(SERVICE)]) == []


@pytest.mark.parametrize("wait", [True, False])
def test_a_wrong_name_makes_no_journal(scene: tuple[Stage, Wiring], *, wait: bool) -> None:
    """It is known to be wrong by the files alone."""
    made, wiring = scene
    with pytest.raises(ConfigError, match="typo"):
        start(wiring, StartRequest.of("typo", "42", actor="ada", wait=wait), api())
    assert not (made.folder / "guardian.db").exists()


def test_a_journal_that_cannot_be_opened_is_said_once(scene: tuple[Stage, Wiring]) -> None:
    """By the error itself, and not once more for what an earlier process may have left in it."""
    made, _ = scene
    said: list[str] = []
    environ = {**made.environ(), "GUARDIAN_JOURNAL": "nosuch:there"}
    with open_wiring(made.config, environ=environ) as wiring:
        caller = Caller(actor="ada", owner="api pid 9", say=said.append)
        with pytest.raises(GuardianError, match="nosuch"), beginning(wiring, caller):
            wiring.journal.live()
    assert said == []


def test_a_daemon_is_given_the_order_whole(scene: tuple[Stage, Wiring]) -> None:
    """And its answer is the result."""
    made, wiring = scene
    wiring.journal.claim(wiring.journal.open_lease("daemon"), post("production", SERVICE))
    taken, over = [], Event()

    def daemon() -> None:
        with open_wiring(made.config, environ=made.environ()) as other:
            while not over.wait(timeout=0.05):
                for waits in other.journal.orders([for_service(SERVICE)]):
                    taken.append(waits)
                    other.journal.answer(Answer(order=waits.id, rollout="r1"))

    thread = Thread(target=daemon)
    thread.start()
    try:
        asked = starting("42", reason="a fluke", again=True)
        result = start(wiring, StartRequest(order=asked), api())
    finally:
        over.set()
        thread.join(timeout=10)
    assert isinstance(result, Accepted)
    assert (result.rollout, result.daemon, result.moot) == ("r1", "daemon", "")
    assert taken == [result.order]
    assert (result.order.subject, result.order.reason, result.order.again) == (
        "42",
        "a fluke",
        True,
    )


def test_what_somebody_deployed_is_watched_and_put_back(scene: tuple[Stage, Wiring]) -> None:
    """A snapshot says what was there; a rollback is seen before it is done, and done once."""
    made, wiring = scene
    ((name, taken),) = snapshots(wiring, [SERVICE], actor="ada")
    assert taken is not None
    assert (name, taken.traffic.primary, taken.taken_by) == (SERVICE, "41", "ada")
    assert changed(wiring, [SERVICE]) == []
    made.deploy("42")
    assert changed(wiring, [SERVICE]) == [SERVICE]
    asked = WatchRequest(actor="ada", reason="by CDK", duration_s=600.0, fixes=("PQ1",))
    task = watching(wiring, SERVICE, asked)
    assert (task.plan.canary, task.plan.stable, task.plan.fixes) == ("42", "41", ("PQ1",))
    assert guard(wiring, [task], api(), Limits()).exit() is Exit.HEALTHY
    back = RollbackRequest(service=SERVICE, reason="tickets")
    plan = rollback.planned(wiring, back, actor="ada")
    assert (plan.stable, plan.done, made.alias.version) == ("41", False, "42")
    assert rollback.rollback(wiring, plan, back, api()).exit() is Exit.ROLLED_BACK
    assert made.alias.version == "41"
    assert rollback.planned(wiring, back, actor="ada").done


def test_what_a_dead_process_left_is_put_back(scene: tuple[Stage, Wiring]) -> None:
    """Each service with what it comes to; what happens meanwhile goes to the caller's lines."""
    made, wiring = scene
    limits = Limits(timeout_s=300.0, leave_on_timeout=True)
    left = start(wiring, StartRequest(order=starting("42"), wait=True, limits=limits), api())
    assert isinstance(left, Guarded)
    assert left.exit() is Exit.TIMEOUT
    assert made.alias.weights
    lines: list[str] = []
    caller = Caller(actor="ada", owner="api pid 8", tell=lines.append)
    asked = RecoverRequest(services=[SERVICE], named=True)
    assert recover(wiring, asked, caller) == {SERVICE: Exit.HEALTHY}
    assert (made.alias.version, made.alias.weights) == ("41", {})
    assert "is driven by nobody: putting it back" in lines[0]
    assert lines[-1] == f"{SERVICE}: rolled back"
    ((rollout, _),) = left.results
    assert rollout.phase is not Phase.ROLLED_BACK
    assert recover(wiring, asked, api()) == {SERVICE: Exit.HEALTHY}
