"""What stands beside a notice's texts, whoever shows it: versions and the step."""

from __future__ import annotations

from guardian.core.notices import Notice


def versions(notice: Notice) -> str:
    """`stable 41, canary 42 at 10%`; empty for what is of no rollout."""
    if notice.own:
        return ""
    return f"stable {notice.stable}, canary {notice.canary} at {notice.weight}"


def step(notice: Notice) -> str:
    """`2 of 3`; empty before the first."""
    return f"{notice.step} of {notice.steps}" if notice.step else ""
