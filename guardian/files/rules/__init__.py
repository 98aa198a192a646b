"""Rule files: text in, the core's criteria out, and every error with its place.

Nothing here knows a service or an adapter.
"""

from guardian.files.rules.rule_set import Report, RuleSet, lint, load

__all__ = ["Report", "RuleSet", "lint", "load"]
