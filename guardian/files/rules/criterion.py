"""The shape of one criterion: the keys that all kinds share, and one for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, create_model

from guardian.files.fields import Pause, Silence
from guardian.files.rules.kinds import FORMS
from guardian.files.rules.model import (
    ClusterSize,
    CompareModel,
    JudgeWord,
    LimitModel,
    MissingWord,
    Name,
    OnFailWord,
    Periods,
    Sustain,
    Threshold,
)
from guardian.files.units import MofN
from guardian.files.validation import Strict


class CriterionBase(Strict):
    """One condition."""

    meant: ClassVar[Mapping[str, str]] = {
        "threshold": "fail_if",
        "limit": "fail_if",
        "breach_if": "fail_if",
        "action": "on_fail",
        "severity": "on_fail",
        "minimum_samples": "min_samples",
    }

    promised: ClassVar[frozenset[str]] = frozenset({"probe"} - FORMS.keys())

    name: Name = Field(description="Unique among a service's criteria.")
    description: str = Field(default="", description="In a sentence, for people.")
    fail_if: Threshold = Field(description="The limit; over it the criterion fails.")
    warn_if: LimitModel | None = Field(
        default=None, description="A nearer limit: crossing it is told once and stops nothing."
    )
    compare: CompareModel | None = Field(default=None, description="Against stable as well.")
    judge: JudgeWord | None = Field(
        default=None,
        description="By all the evidence together, or by M of N datapoints over the limit.",
    )
    datapoints: MofN | None = Field(
        default=None, description="M of N over the limit, where a threshold judges."
    )
    evaluation_periods: Periods | None = Field(default=None, description="CloudWatch's word for N.")
    datapoints_to_alarm: Periods | None = Field(
        default=None, description="CloudWatch's word for M; without it M is N."
    )
    treat_missing_data: MissingWord | None = Field(
        default=None, description="What a gauge's missing datapoint counts as."
    )
    scope: Literal["canary", "service"] | None = Field(
        default=None, description="Whether a step waits for its pass."
    )
    on_fail: OnFailWord | None = Field(default=None, description="What a breach does.")
    min_samples: Annotated[int, Field(ge=1, le=10_000_000)] | None = Field(
        default=None, description="Fewer samples in a step prove no health."
    )
    sustain: Sustain | None = Field(default=None, description="Fewest bad minutes that prove.")
    cluster_size: ClusterSize | None = Field(
        default=None, description="Errors that one fault makes."
    )
    warm_up: Pause | None = Field(default=None, description="Left out after each shift.")
    settle: Pause | None = Field(default=None, description="Age at which datapoints are final.")
    no_data_after: Silence | None = Field(
        default=None, description="Silence that counts as no data."
    )
    enabled: bool = Field(default=True, description="false turns it off.")


_KINDS: Final[dict[str, Any]] = {
    key: (form.written | None, Field(default=None, description=form.description))
    for key, form in FORMS.items()
}
CriterionModel: Final = create_model(
    "CriterionModel", __base__=CriterionBase, __doc__=CriterionBase.__doc__, **_KINDS
)
"""One condition, with a key for each kind."""
