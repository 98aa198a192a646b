"""The machine's clocks, a scaled one, and random numbers."""

from __future__ import annotations

from freezegun import freeze_time

from guardian.clock import ScaledClock, SystemClock, SystemRandom

AT = "2026-09-21T10:00:00.1234Z"


def test_the_wall_clock_shows_milliseconds() -> None:
    """Seconds since the epoch, UTC, whatever the machine's zone is."""
    with freeze_time(AT, tz_offset=-7):
        assert SystemClock().now() == 1_789_984_800.123


def test_a_monotonic_clock_never_goes_back() -> None:
    """One reading after another."""
    clock = SystemClock()
    readings = [clock.monotonic() for _ in range(1000)]
    assert readings == sorted(readings)


def test_a_wall_second_of_the_machine_is_a_real_second() -> None:
    """Nothing is scaled."""
    assert SystemClock().real_s(30.0) == 30.0


def test_a_scaled_clock_starts_at_its_origin_and_runs_fast() -> None:
    """A minute of the machine is an hour at a speed of 60."""
    with freeze_time(AT) as machine:
        clock = ScaledClock(origin=1_800_000_000.0, speed=60)
        assert clock.now() == 1_800_000_000.0
        machine.tick(60)
        assert clock.now() == 1_800_003_600.0


def test_a_scaled_clock_scales_the_wall_alone() -> None:
    """Time-outs and heartbeats stay on the machine's own time."""
    with freeze_time(AT) as machine:
        clock = ScaledClock(origin=0.0, speed=60)
        before = clock.monotonic()
        machine.tick(10)
        assert clock.monotonic() - before == 10.0
    assert clock.real_s(120.0) == 2.0


def test_several_processes_can_share_a_scaled_time() -> None:
    """Who knows when it started sees the same wall clock."""
    with freeze_time(AT) as machine:
        first = ScaledClock(origin=0.0, speed=10)
        machine.tick(5)
        second = ScaledClock(origin=0.0, speed=10, started=first.started)
        assert first.now() == second.now() == 50.0


def test_luck_is_a_share() -> None:
    """From 0 to below 1, and not always the same."""
    rng = SystemRandom()
    drawn = [rng.uniform() for _ in range(1000)]
    assert all(0.0 <= number < 1.0 for number in drawn)
    assert len(set(drawn)) > 900


def test_tokens_are_short_and_differ() -> None:
    """Eight lower-case letters and digits."""
    rng = SystemRandom()
    tokens = {rng.token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(len(t) == 8 and t.isascii() and t.isalnum() and t == t.lower() for t in tokens)
