"""Values with units as people write them: `10m`, `5%`, `0.5pp`.

The functions read text exactly (as decimals); the annotated types are for pydantic models. A bare
number where a unit belongs is refused with what to write instead.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Final

from pydantic import PlainValidator, WithJsonSchema

from guardian.core.traffic import Weight

_SECONDS: Final = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
}
_NUMBER: Final = r"(?P<number>[0-9]{1,9}(\.[0-9]{1,9})?)"
_DURATION: Final = re.compile(rf"{_NUMBER}(?P<unit>ms|s|m|h|d)")
_PERCENT: Final = re.compile(rf"{_NUMBER}%")
_POINTS: Final = re.compile(rf"{_NUMBER}pp")
_BYTES: Final = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_SIZE: Final = re.compile(rf"{_NUMBER}(?P<unit>B|[KMG]i?B)")
_A_MINUTE: Final = re.compile(rf"{_NUMBER}/min")
_M_OF_N: Final = re.compile(r"(?P<m>[0-9]{1,3}) of (?P<n>[0-9]{1,3})")
MAX_DURATION_S: Final = 366 * 86400
MAX_DATAPOINTS: Final = 60
"""The longest stretch that a threshold looks at, in datapoints."""


# --- reading -----------------------------------------------------------------------------------


def is_number(value: object) -> bool:
    """Whether a file's value is a number without a unit."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read(form: re.Pattern[str], value: object, *, bare: str, what: str) -> re.Match[str]:
    """What was written, in parts; `{}` in `bare` is a number without its unit."""
    if is_number(value):
        raise ValueError(bare.format(value))
    match = form.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{told(value)} is not {what}")
    return match


def exact_seconds(value: object) -> Decimal:
    """Seconds from `90s`, `10m`, `24h`, `250ms`, `2d`. ValueError says how to write it."""
    what = "a duration: write it like 250ms, 90s, 10m, 24h or 2d"
    bare = "a duration needs a unit: write {0}s, {0}m or {0}h"
    match = _read(_DURATION, value, bare=bare, what=what)
    seconds = Decimal(match["number"]) * _SECONDS[match["unit"]]
    if seconds > MAX_DURATION_S:
        raise ValueError(f"{value} is longer than a year")
    return seconds


def exact_share(value: object) -> Decimal:
    """A share between 0 and 1 from `5%`. ValueError says how to write it."""
    bare = "a share needs its percent sign: write {}%"
    match = _read(_PERCENT, value, bare=bare, what="a percentage: write it like 5% or 0.5%")
    share = Decimal(match["number"]) / 100
    if share > 1:
        raise ValueError(f"{value} is more than everything: a percentage lies between 0% and 100%")
    return share


def exact_points(value: object) -> Decimal:
    """A difference of shares from percentage points, `0.5pp`. ValueError says how to write it."""
    bare, what = (
        "a difference of shares needs its unit: write {}pp",
        "a number of percentage points",
    )
    match = _read(_POINTS, value, bare=bare, what=f"{what}: write it like 0.5pp")
    share = Decimal(match["number"]) / 100
    if share > 1:
        raise ValueError(f"{value} is more than 100 percentage points")
    return share


def exact_percent(value: object) -> Decimal:
    """Percent from `80%`, also above 100 %. ValueError says how to write it."""
    bare = "this needs its percent sign: write {}%"
    match = _read(_PERCENT, value, bare=bare, what="a percentage: write it like 80% or 0.5%")
    return Decimal(match["number"])


def exact_bytes(value: object) -> Decimal:
    """Bytes from `512MiB`, `2GB`, `100B`. ValueError says how to write it."""
    bare = "a size needs a unit: write {0}B, {0}MB or {0}MiB"
    match = _read(_SIZE, value, bare=bare, what="a size: write it like 512MiB, 2GB or 100B")
    return Decimal(match["number"]) * _BYTES[match["unit"]]


def exact_number(value: object) -> Decimal:
    """A number without a unit. ValueError says how to write it."""
    if not is_number(value):
        raise ValueError(f"{told(value)} is not a plain number: write it without a unit, like 10")
    return Decimal(str(value))


def exact_rate(value: object) -> Decimal:
    """Events a minute from `10/min` or `10`. ValueError says how to write it."""
    match = _A_MINUTE.fullmatch(value) if isinstance(value, str) else None
    number = Decimal(match["number"]) if match else None
    if number is None and is_number(value):
        number = Decimal(str(value))
    if number is None or number < 0:
        raise ValueError(
            f"{told(value)} is not a rate: write how many events a minute, like 10/min or 0.5/min"
        )
    return number


def m_of_n(value: object) -> tuple[int, int]:
    """(M, N) from `3 of 5`. ValueError says how to write it."""
    match = _M_OF_N.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{told(value)} is not M of N datapoints: write it like 3 of 5")
    m, n = int(match["m"]), int(match["n"])
    if m > n:
        raise ValueError(f"{value} can never be reached: M is at most N")
    if not 1 <= m <= n <= MAX_DATAPOINTS:
        raise ValueError(f"{value}: M is at least 1 and N at most {MAX_DATAPOINTS}")
    return m, n


def plain(number: Decimal) -> str:
    """A decimal as digits, without an exponent or trailing zeros: `10000`, `0.25`."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def told(value: object) -> str:
    """A file's value inside a sentence."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            short = value if len(value) <= 60 else value[:57] + "..."
            return "'" + " ".join(short.split()) + "'"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            return str(value)


def pattern(read: re.Pattern[str]) -> str:
    """The pattern as JSON Schema and editors understand it: anchored, in JavaScript's syntax."""
    return f"^({read.pattern})$".replace("?P<", "?<")


def _schema(read: re.Pattern[str], *examples: str) -> WithJsonSchema:
    return WithJsonSchema(
        {
            "type": "string",
            "pattern": pattern(read),
            "patternErrorMessage": f"Write it like {', '.join(examples)}.",
            "examples": list(examples),
        }
    )


Duration = Annotated[
    float,
    PlainValidator(lambda value: float(exact_seconds(value))),
    _schema(_DURATION, "90s", "10m", "24h"),
]
"""Seconds, written `90s`, `10m`, `24h`, `250ms`, `2d`."""
Share = Annotated[
    float, PlainValidator(lambda value: float(exact_share(value))), _schema(_PERCENT, "5%")
]
"""A share between 0 and 1, written `5%`."""
Points = Annotated[
    float, PlainValidator(lambda value: float(exact_points(value))), _schema(_POINTS, "0.5pp")
]
"""A difference of shares, written `0.5pp`."""
WeightField = Annotated[
    Weight,
    PlainValidator(lambda value: Weight.ratio_of(float(exact_share(value)))),
    _schema(_PERCENT, "10%"),
]
"""The canary's share of traffic, written `10%`."""
MofN = Annotated[tuple[int, int], PlainValidator(m_of_n), _schema(_M_OF_N, "3 of 5")]
"""M of N datapoints, written `3 of 5`."""
LIMIT_SCHEMA: Final = {
    "anyOf": [
        {
            "type": "string",
            "pattern": pattern(
                re.compile(
                    "|".join(
                        re.sub(r"\?P<\w+>", "?:", read.pattern)
                        for read in (_PERCENT, _DURATION, _SIZE, _A_MINUTE)
                    )
                )
            ),
            "patternErrorMessage": "Write it like 5%, 10s, 250ms, 10/min or 512MiB.",
        },
        {"type": "number"},
    ],
    "examples": ["5%", "10s", "250ms", "10/min", "512MiB"],
}
"""A limit whose unit depends on what is measured."""
