"""How a metric of each source is written in a rule file, a module each, named as its source is.

What lies in this folder is what there is; each module exports its `FORM`.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, Union

from pydantic import BeforeValidator, Discriminator, Tag, ValidationInfo

from guardian.core.model import Query
from guardian.files.rules.source_form import MetricBase, SourceForm

USUAL: Final = "cloudwatch"
"""The source of a metric that names none, in a file that names none."""
FORMS: Final[dict[str, SourceForm[Any]]] = {
    module.name: import_module(f"{__name__}.{module.name}").FORM
    for module in pkgutil.iter_modules(__path__)
}
"""By the source's name."""
_SOURCES: Final = {form.written: name for name, form in FORMS.items()}


def _with_source(data: object, info: ValidationInfo) -> object:
    """What is written, with the source that the file's defaults name."""
    usual = (info.context or {}).get("source")
    return {"source": usual, **data} if usual and isinstance(data, dict) else data


def _source(data: object) -> object:
    return data.get("source", USUAL) if isinstance(data, dict) else USUAL


if TYPE_CHECKING:
    Metric: TypeAlias = MetricBase
else:
    _tagged = tuple(Annotated[form.written, Tag(name)] for name, form in FORMS.items())
    Metric = Annotated[Union[_tagged], Discriminator(_source), BeforeValidator(_with_source)]  # noqa: UP007 - made of what there is
    """One metric of any source."""


def form_of_metric(metric: MetricBase) -> SourceForm[Any]:
    """The form by which a metric was written."""
    return FORMS[_SOURCES[type(metric)]]


def form_of_query(query: Query) -> SourceForm[Any]:
    """The form that made a query."""
    return FORMS[query.source]
