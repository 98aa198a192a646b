"""`guardian/v1`, what is said of files and of the installation: lint, explain, show and doctor."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from guardian.messages.v1 import StepRecord
from guardian.ports.health import Level


class FindingRecord(TypedDict):
    """Something wrong in a file, and where."""

    path: str
    line: int
    column: int
    severity: Literal["error", "warning"]
    message: str
    source: str
    """The line it is in, as it may be shown."""


class LintRecord(TypedDict):
    """`rules lint`."""

    schema: Literal["guardian/v1/lint"]
    files: int
    criteria: int
    findings: list[FindingRecord]


class ConfigLintRecord(TypedDict):
    """`config lint`: each finding as people read it."""

    schema: Literal["guardian/v1/config-lint"]
    errors: list[str]
    warnings: list[str]


class ConfigValueRecord(TypedDict):
    """One value of a configuration, and the file and line that it comes from."""

    path: list[str]
    value: Any
    origin: str


class ConfigRecord(TypedDict):
    """`config show`."""

    schema: Literal["guardian/v1/config"]
    values: list[ConfigValueRecord]


class ValueRecord(TypedDict):
    """The value of a criterion's key, and where it comes from."""

    key: str
    value: str
    origin: Literal["written", "default"]
    where: NotRequired[str]
    why: NotRequired[str]


AskedRecord = TypedDict(
    "AskedRecord",
    {"for": str, "source": str, "keys": list[ValueRecord]},
)
"""One query of a criterion: what it is for, who is asked, and its keys."""


class ExplainedRecord(TypedDict):
    """One criterion in plain English."""

    name: str
    where: str
    description: str
    sentences: list[str]
    reads: list[AskedRecord]
    values: list[ValueRecord]


class ExplanationRecord(TypedDict):
    """The criteria that are judged together."""

    files: list[str]
    criteria: list[ExplainedRecord]
    all: list[str]
    """What holds for all of them, in sentences."""
    service: NotRequired[str]
    steps: NotRequired[list[StepRecord]]


class ExplainRecord(TypedDict):
    """`rules explain`."""

    schema: Literal["guardian/v1/explain"]
    rules: list[ExplanationRecord]


class HealthRecord(TypedDict):
    """One thing that was looked at."""

    level: Annotated[str, Level]
    what: str
    fix: str


class DoctorRecord(TypedDict):
    """`doctor`."""

    schema: Literal["guardian/v1/doctor"]
    findings: list[HealthRecord]
