"""What every source of datapoints promises: subclass `SourceContract` and give it a world."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import pytest

from guardian.core.model import Instant, Query, Reason, floor_to
from guardian.ports import Ask, Source, SourceError


class SourceWorld(Protocol):
    """The vendor as the contract needs it."""

    now: Instant
    """The instant of the test; data published below is already visible."""
    busy: Query
    """A count per minute; `minutes` minutes before `now` hold data, the one in progress too."""
    quiet: Query
    """A series that nobody ever published to."""
    of_another_version: Query
    """The same series of a version that never spoke."""
    misspelt: Query
    """A series that there is not; its name resembles the busy one's."""
    hint: str
    """What is said of the misspelt one."""
    settle_s: float
    minutes: int

    def source(self) -> Source:
        """The source under test."""
        ...

    def forbid(self, query: Query) -> None:
        """From now on this one series may not be read."""
        ...

    def break_down(self) -> None:
        """From now on every call fails on the vendor's side."""
        ...

    def lock_out(self) -> None:
        """From now on every call is refused for lack of permission."""
        ...


class SourceContract:
    """The promises of `ports.Source`, each as one test."""

    @pytest.fixture
    def world(self) -> SourceWorld:
        """Overridden by the subclass."""
        raise NotImplementedError

    def ask(self, world: SourceWorld, query: Query, minutes: int | None = None) -> Ask:
        """The last minutes up to the end of the period in progress."""
        last = floor_to(world.now, query.period_s)
        span = (world.minutes if minutes is None else minutes) * query.period_s
        return Ask(
            query=query, start=last - span, end=last + query.period_s, settle_s=world.settle_s
        )

    def test_points_are_ascending_and_inside_the_window(self, world: SourceWorld) -> None:
        """Every published period comes once, labelled by its beginning."""
        ask = self.ask(world, world.busy, minutes=5)
        found = world.source().read([ask], now=world.now)[world.busy]
        starts = [point.start for point in found.points]
        assert starts == [ask.start + 60 * i for i in range(6)]
        assert found.problem is None

    def test_no_point_lies_in_the_future(self, world: SourceWorld) -> None:
        """Asking beyond now brings nothing that has not begun."""
        ask = replace(self.ask(world, world.busy), end=floor_to(world.now, 60) + 600)
        found = world.source().read([ask], now=world.now)[world.busy]
        assert found.points
        assert all(point.start <= world.now for point in found.points)

    def test_the_end_of_the_window_is_exclusive(self, world: SourceWorld) -> None:
        """A window that ends at the present period does not hold it."""
        end = floor_to(world.now, 60)
        ask = replace(self.ask(world, world.busy), end=end)
        found = world.source().read([ask], now=world.now)[world.busy]
        assert found.points[-1].start == end - 60

    def test_settled_and_unsettled_points_can_be_told_apart(self, world: SourceWorld) -> None:
        """`settled_before` is aligned, and the settle time before now."""
        ask = self.ask(world, world.busy)
        found = world.source().read([ask], now=world.now)[world.busy]
        assert found.settled_before == floor_to(world.now - world.settle_s, 60)
        assert found.points[0].start < found.settled_before <= found.points[-1].start

    def test_an_empty_series_stays_empty(self, world: SourceWorld) -> None:
        """Silence is neither a zero nor a problem."""
        found = world.source().read([self.ask(world, world.quiet)], now=world.now)[world.quiet]
        assert found.points == ()
        assert found.problem is None

    def test_an_empty_window_brings_nothing(self, world: SourceWorld) -> None:
        """A rollout that has just begun asks for no minute yet."""
        ask = self.ask(world, world.busy)
        found = world.source().read([replace(ask, end=ask.start)], now=world.now)[world.busy]
        assert found.points == ()
        assert found.problem is None

    def test_every_query_has_an_answer(self, world: SourceWorld) -> None:
        """Asked twice, over different windows, it is answered once over both."""
        wide, narrow = self.ask(world, world.busy, minutes=5), self.ask(world, world.busy, 1)
        asks = [narrow, self.ask(world, world.quiet), wide]
        found = world.source().read(asks, now=world.now)
        assert set(found) == {world.busy, world.quiet}
        assert found[world.busy].points[0].start == wide.start

    def test_a_series_that_speaks_is_known(self, world: SourceWorld) -> None:
        """Whatever its version."""
        asked = [world.busy, world.of_another_version]
        assert world.source().unknown(asked, now=world.now) == {}

    def test_a_series_that_nobody_has_seen_is_named(self, world: SourceWorld) -> None:
        """With what there is instead."""
        said = world.source().unknown([world.busy, world.misspelt], now=world.now)
        assert list(said) == [world.misspelt]
        assert world.hint in said[world.misspelt]

    def test_nothing_asked_is_nothing_read(self, world: SourceWorld) -> None:
        """No ask, no answer, no error."""
        assert world.source().read([], now=world.now) == {}

    def test_one_unreadable_series_does_not_blind_the_rest(self, world: SourceWorld) -> None:
        """It carries a problem and no points; the others are read."""
        world.forbid(world.busy)
        asks = [self.ask(world, world.busy), self.ask(world, world.quiet)]
        found = world.source().read(asks, now=world.now)
        problem = found[world.busy].problem
        assert problem is not None
        assert problem.reason is Reason.AUTH
        assert world.busy.name in problem.detail
        assert found[world.busy].points == ()
        assert found[world.quiet].problem is None

    def test_a_breakdown_is_a_source_error(self, world: SourceWorld) -> None:
        """When nothing could be read at all, that is said once, with a reason."""
        world.break_down()
        with pytest.raises(SourceError) as caught:
            world.source().read([self.ask(world, world.busy)], now=world.now)
        assert caught.value.reason is Reason.UNAVAILABLE

    def test_a_missing_permission_is_named(self, world: SourceWorld) -> None:
        """The reason is AUTH."""
        world.lock_out()
        with pytest.raises(SourceError) as caught:
            world.source().read([self.ask(world, world.busy)], now=world.now)
        assert caught.value.reason is Reason.AUTH
