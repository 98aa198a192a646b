"""Numbers with their units, and how they are written: the only place where digits are chosen.

Figures are in base units: shares from 0 to 1, seconds, bytes, events a minute. Programs get them as
they are. People get a prefix, and as many digits as tell two figures apart that are not the same.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from guardian.core.model import MINUTE_S, Direction
from guardian.core.wording import span


class Unit(Enum):
    """The base units; also what programs read beside a number."""

    RATIO = "ratio"
    SECONDS = "seconds"
    BYTES = "bytes"
    BITS = "bits"
    BYTES_PER_SECOND = "bytes_per_second"
    BITS_PER_SECOND = "bits_per_second"
    PER_SECOND = "per_second"
    PER_MINUTE = "per_minute"
    COUNT = "count"
    INCIDENTS = "incidents"
    ALARMS = "alarms"
    UNKNOWN = "unknown"
    """The number is as its source has it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number in a base unit."""

    value: float
    unit: Unit

    @classmethod
    def held(cls, value: float, unit: str | None) -> Figure:
        """A number as CloudWatch holds it, by CloudWatch's word for its unit."""
        base, times, per = _HELD.get(unit or "", (Unit.UNKNOWN, 1.0, 1.0))
        converted = value * times / per
        if math.isinf(converted) and math.isfinite(value):
            converted = math.copysign(_MOST, value)
        return cls(converted, base)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a value is held against, and which side of it hurts."""

    direction: Direction
    figure: Figure


class _Held(NamedTuple):
    """A unit of CloudWatch: its base unit, and `times / per` base units in one of it."""

    base: Unit
    times: float = 1.0
    per: float = 1.0


_MOST: Final = sys.float_info.max
_PREFIXES: Final = {"Kilo": 1e3, "Mega": 1e6, "Giga": 1e9, "Tera": 1e12}
"""CloudWatch's prefixes, as the SI has them: AWS does not say that its kilobyte has 1024 bytes."""
_SIZED: Final = {
    "Bytes": Unit.BYTES,
    "Bits": Unit.BITS,
    "Bytes/Second": Unit.BYTES_PER_SECOND,
    "Bits/Second": Unit.BITS_PER_SECOND,
}
_HELD: Final = {
    "Percent": _Held(Unit.RATIO, per=100.0),
    "Seconds": _Held(Unit.SECONDS),
    "Milliseconds": _Held(Unit.SECONDS, per=1e3),
    "Microseconds": _Held(Unit.SECONDS, per=1e6),
    "Count": _Held(Unit.COUNT),
    "Count/Second": _Held(Unit.PER_SECOND),
    **{word: _Held(base) for word, base in _SIZED.items()},
    **{
        prefix + word.lower().replace("/second", "/Second"): _Held(base, times)
        for prefix, times in _PREFIXES.items()
        for word, base in _SIZED.items()
    },
}

# --- in words ----------------------------------------------------------------------------------


class _Scale(NamedTuple):
    """How a figure is written: so many of `suffix` in one base unit are `per / size`."""

    suffix: str
    size: float = 1.0


_PERCENT: Final = _Scale("%", 0.01)
_PLAIN: Final = {
    Unit.PER_SECOND: _Scale("/s"),
    Unit.PER_MINUTE: _Scale("/min"),
    Unit.COUNT: _Scale(""),
    Unit.INCIDENTS: _Scale(" open"),
    Unit.ALARMS: _Scale(" firing"),
    Unit.UNKNOWN: _Scale(""),
}
_TIMES: Final = (_Scale("s"), _Scale("ms", 1e-3), _Scale("us", 1e-6))
_DECIMAL: Final = (_Scale("T", 1e12), _Scale("G", 1e9), _Scale("M", 1e6), _Scale("K", 1e3))
_BINARY: Final = (
    _Scale("Ti", 2.0**40),
    _Scale("Gi", 2.0**30),
    _Scale("Mi", 2.0**20),
    _Scale("Ki", 2.0**10),
)
_ENDS: Final = {
    Unit.BYTES: "B",
    Unit.BITS: "bit",
    Unit.BYTES_PER_SECOND: "B/s",
    Unit.BITS_PER_SECOND: "bit/s",
}
_EXACT_DIGITS: Final = 12
_MOST_DECIMALS: Final = 12
_USUAL_DIGITS: Final = 4


def text(figure: Figure, beside: Figure | None = None) -> str:
    """A figure with its unit, in as many digits as put it on its own side of `beside`."""
    if not math.isfinite(figure.value):
        return str(figure.value)
    scale = _scale(figure, beside)
    value = figure.value / scale.size
    decimals = _decimals(figure.unit, value)
    if beside is not None and beside.unit is figure.unit:
        decimals = _apart(value, beside.value / scale.size, decimals)
    return f"{_written(value, decimals, padded=scale is _PERCENT)}{scale.suffix}"


def exact(figure: Figure) -> str:
    """A figure that somebody wrote, with every digit: "5%", "2m", "512MiB"."""
    if figure.unit is Unit.SECONDS and figure.value >= MINUTE_S and figure.value % MINUTE_S == 0:
        return span(figure.value)
    scale = _scale(figure, None)
    return f"{figure.value / scale.size:.{_EXACT_DIGITS}g}{scale.suffix}"


def bound(limit: Bound) -> str:
    """A limit with its direction: "above 5%"."""
    return f"{limit.direction.value.replace('_', ' ')} {exact(limit.figure)}"


def side(limit: Bound, *, over: bool) -> str:
    """On which side of a limit: "over 5%", "not under 80%"."""
    sides = ("within", "over") if limit.direction.rising else ("not under", "under")
    return f"{sides[over]} {exact(limit.figure)}"


def _written(value: float, decimals: int, *, padded: bool) -> str:
    """A number in so many decimals; without the zeros at its end, unless `padded`."""
    if abs(value) >= 1e15:
        return f"{value:.{_USUAL_DIGITS}g}"
    digits = f"{value:.{decimals}f}"
    return digits if padded or "." not in digits else digits.rstrip("0").rstrip(".")


def _decimals(unit: Unit, value: float) -> int:
    """How many decimals are usual for a number as it is shown."""
    if unit is Unit.RATIO:
        # One, and close to 0% or 100% two significant digits.
        edge = min(value, 100.0 - value)
        return 1 if edge <= 0 else min(4, max(1, 1 - _magnitude(edge)))
    return 0 if value == 0 else min(_MOST_DECIMALS, max(0, _USUAL_DIGITS - 1 - _magnitude(value)))


def _magnitude(value: float) -> int:
    return math.floor(math.log10(abs(value)))


def _apart(value: float, other: float, decimals: int) -> int:
    """The fewest decimals, `decimals` at least, in which two numbers lie as they do."""
    if math.isclose(value, other, rel_tol=1e-9):
        return decimals
    while decimals < _MOST_DECIMALS and round(value, decimals) == round(other, decimals):
        decimals += 1
    return decimals


def _scale(figure: Figure, beside: Figure | None) -> _Scale:
    """In what a figure is written; sizes by powers of ten where what stands beside it is so."""
    if figure.unit is Unit.RATIO:
        return _PERCENT
    if figure.unit is Unit.SECONDS:
        return _fitting(_TIMES, figure.value, _TIMES[0] if figure.value == 0 else _TIMES[-1])
    end = _ENDS.get(figure.unit)
    if end is None:
        return _PLAIN[figure.unit]
    binary = end.startswith("B") and _is_binary(beside or figure)
    scale = _fitting(_BINARY if binary else _DECIMAL, figure.value, _Scale(""))
    return _Scale(scale.suffix + end, scale.size)


def _fitting(scales: tuple[_Scale, ...], value: float, least: _Scale) -> _Scale:
    """The largest scale in which a number is 1 or more."""
    return next((s for s in scales if abs(value) >= s.size), least)


def _is_binary(figure: Figure) -> bool:
    """Whether a size is shorter in powers of two than in powers of ten."""
    two, ten = (
        figure.value / _fitting(scales, figure.value, _Scale("")).size
        for scales in (_BINARY, _DECIMAL)
    )
    return len(f"{two:.{_EXACT_DIGITS}g}") <= len(f"{ten:.{_EXACT_DIGITS}g}")
