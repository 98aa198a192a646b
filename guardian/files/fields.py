"""Fields that rule files and configurations share: versions, regions, spans of time."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, WithJsonSchema

from guardian.files.findings import SERIES
from guardian.files.units import Duration, pattern, told

_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]|\$\{\w+\}")
_DAY_S: Final = 86400.0


def _regional(text: str) -> str:
    if not _REGION.fullmatch(text):
        raise ValueError(f"{told(text)} is not an AWS region: write it like us-east-1")
    return text


def _up_to_a_day(seconds: float) -> float:
    if seconds > _DAY_S:
        raise ValueError("this may last at most 24h")
    return seconds


def _a_minute_or_more(seconds: float) -> float:
    if seconds < 60:
        raise ValueError("this must be at least 1m, the length of a CloudWatch period")
    return _up_to_a_day(seconds)


def _first_version(number: int) -> int:
    if number != 1:
        raise ValueError(
            f"version {number} of the format is not known to guardian {SERIES}: write 1, or use the"
            " guardian that the file was written for"
        )
    return number


Region = Annotated[
    str,
    AfterValidator(_regional),
    WithJsonSchema({"type": "string", "pattern": pattern(_REGION), "examples": ["us-east-1"]}),
]
Pause = Annotated[Duration, AfterValidator(_up_to_a_day)]
Silence = Annotated[Duration, AfterValidator(_a_minute_or_more)]
Version = Annotated[
    int, AfterValidator(_first_version), WithJsonSchema({"type": "integer", "const": 1})
]
