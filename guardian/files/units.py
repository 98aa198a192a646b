"""Values with units as people write them: `10m`, `5%`, `0.5pp`, and where a secret is found.

The functions read text exactly (as decimals); the annotated types are for pydantic models. A bare
number where a unit belongs is refused with what to write instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Literal, get_args

from pydantic import PlainValidator, WithJsonSchema

from guardian.core.traffic import Weight
from guardian.files.findings import not_yet
from guardian.files.regular import head_of
from guardian.ports import ConfigError

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


def exact_seconds(value: object) -> Decimal:
    """Seconds from `90s`, `10m`, `24h`, `250ms`, `2d`. ValueError says how to write it."""
    if is_number(value):
        raise ValueError(f"a duration needs a unit: write {value}s, {value}m or {value}h")
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(
            f"{told(value)} is not a duration: write it like 250ms, 90s, 10m, 24h or 2d"
        )
    seconds = Decimal(match["number"]) * _SECONDS[match["unit"]]
    if seconds > MAX_DURATION_S:
        raise ValueError(f"{value} is longer than a year")
    return seconds


def exact_share(value: object) -> Decimal:
    """A share between 0 and 1 from `5%`. ValueError says how to write it."""
    if is_number(value):
        raise ValueError(f"a share needs its percent sign: write {value}%")
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{told(value)} is not a percentage: write it like 5% or 0.5%")
    share = Decimal(match["number"]) / 100
    if share > 1:
        raise ValueError(f"{value} is more than everything: a percentage lies between 0% and 100%")
    return share


def exact_points(value: object) -> Decimal:
    """A difference of shares from percentage points, `0.5pp`. ValueError says how to write it."""
    if is_number(value):
        raise ValueError(f"a difference of shares needs its unit: write {value}pp")
    match = _POINTS.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{told(value)} is not a number of percentage points: write it like 0.5pp")
    share = Decimal(match["number"]) / 100
    if share > 1:
        raise ValueError(f"{value} is more than 100 percentage points")
    return share


def exact_percent(value: object) -> Decimal:
    """Percent from `80%`, also above 100 %. ValueError says how to write it."""
    if is_number(value):
        raise ValueError(f"this needs its percent sign: write {value}%")
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{told(value)} is not a percentage: write it like 80% or 0.5%")
    return Decimal(match["number"])


def exact_bytes(value: object) -> Decimal:
    """Bytes from `512MiB`, `2GB`, `100B`. ValueError says how to write it."""
    if is_number(value):
        raise ValueError(f"a size needs a unit: write {value}B, {value}MB or {value}MiB")
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{told(value)} is not a size: write it like 512MiB, 2GB or 100B")
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


def _seconds(value: object) -> float:
    return float(exact_seconds(value))


def _share(value: object) -> float:
    return float(exact_share(value))


def _points(value: object) -> float:
    return float(exact_points(value))


def _weight(value: object) -> Weight:
    return Weight.ratio_of(float(exact_share(value)))


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


Duration = Annotated[float, PlainValidator(_seconds), _schema(_DURATION, "90s", "10m", "24h")]
"""Seconds, written `90s`, `10m`, `24h`, `250ms`, `2d`."""
Share = Annotated[float, PlainValidator(_share), _schema(_PERCENT, "5%")]
"""A share between 0 and 1, written `5%`."""
Points = Annotated[float, PlainValidator(_points), _schema(_POINTS, "0.5pp")]
"""A difference of shares, written `0.5pp`."""
WeightField = Annotated[Weight, PlainValidator(_weight), _schema(_PERCENT, "10%")]
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


# --- secrets -----------------------------------------------------------------------------------

Keeper = Literal["env", "file", "secretsmanager", "ssm"]
_MAX_SECRET_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRef:
    """Where a secret is found; never the secret."""

    keeper: Keeper
    name: str

    def __str__(self) -> str:
        return f"{{{self.keeper}: {self.name}}}"


LITERAL: Final = (
    "a secret must not stand in a file: write {env: NAME} or {file: PATH}, and take back the one"
    " that stood here"
)


def secret_reference(value: object) -> SecretRef:
    """Where a secret is found, from a file's value. ValueError for anything else."""
    if isinstance(value, SecretRef):
        return value
    if not isinstance(value, dict):
        raise ValueError(LITERAL)  # noqa: TRY004 - pydantic collects ValueErrors
    keepers = get_args(Keeper)
    if len(value) != 1 or next(iter(value)) not in keepers:
        raise ValueError(f"a secret is named by exactly one of {', '.join(keepers)}: {{env: NAME}}")
    ((keeper, name),) = value.items()
    if not isinstance(name, str) or not name:
        raise ValueError(f"{keeper}: takes the name of what holds the secret, as text")
    if keeper == "env" and name.upper().startswith("AWS_"):
        raise ValueError(f"{name} is AWS's own and is given to nobody else: use another variable")
    return SecretRef(keeper=keeper, name=name)


Secret = Annotated[SecretRef, PlainValidator(secret_reference), WithJsonSchema({"type": "object"})]
"""A secret by reference: `{env: NAME}`, `{file: PATH}`, `{secretsmanager: ARN}`, `{ssm: NAME}`."""


def secret_value(reference: SecretRef, *, environ: Mapping[str, str], base: Path) -> str:
    """The secret itself; a relative path starts at `base`. Raises ConfigError, never showing it."""
    match reference.keeper:
        case "env":
            value = environ.get(reference.name, "")
            if not value:
                raise ConfigError(f"the environment variable {reference.name} is not set")
            return value
        case "file":
            path = base / reference.name
            if _of_aws(path, environ):
                raise ConfigError(f"the file {path} is AWS's own and is given to nobody else")
            return _from_file(path)
        case _:
            raise ConfigError(
                not_yet(f"a secret from {reference.keeper}") + ": use {env: NAME} or {file: PATH}"
            )


_AWS_FILES: Final = (
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)
"""Variables that name files with credentials (AWS SDKs and tools reference guide)."""


def _of_aws(path: Path, environ: Mapping[str, str]) -> bool:
    """Whether a file holds what AWS is asked with."""
    real = Path(os.path.realpath(path))  # unlike resolve() it minds no loop of links
    named = [os.path.realpath(environ[name]) for name in _AWS_FILES if environ.get(name)]
    ours = real.is_relative_to("/proc")  # where a process's own variables stand
    return str(real) in named or real.parent.name == ".aws" or ours


def _from_file(path: Path) -> str:
    try:
        value = head_of(path, _MAX_SECRET_BYTES + 1).decode("utf-8").strip()
    except (OSError, ValueError):
        value = ""
    if not value or len(value) > _MAX_SECRET_BYTES:
        raise ConfigError(f"the secret's file {path} is missing, empty, too large or not text")
    return value
