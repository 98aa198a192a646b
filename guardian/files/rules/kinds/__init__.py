"""How each kind of criterion is written in a rule file, a module each, named by its key.

What lies in this folder is what there is; each module exports its `FORM`.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from typing import Any, Final

from guardian.core.measure import Measure
from guardian.files.rules.measure_form import MeasureForm

FORMS: Final[dict[str, MeasureForm[Any, Any]]] = {
    module.name: import_module(f"{__name__}.{module.name}").FORM
    for module in pkgutil.iter_modules(__path__)
}
"""By the key of which a criterion has exactly one."""
_KEYS: Final = {made: key for key, form in FORMS.items() for made in form.makes}


def key_of(measure: Measure) -> str:
    """The key under which a measure is written."""
    return _KEYS[type(measure)]


def form_of(measure: Measure) -> MeasureForm[Any, Any]:
    """The form that a measure was made by."""
    return FORMS[key_of(measure)]
