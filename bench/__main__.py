"""`make bench`: how long guardian takes to start, to judge, to record and to notice, as a table."""

from __future__ import annotations

import platform
from collections.abc import Callable

from bench import detection, edges, herd, judging, processes
from bench.table import Row


def main() -> None:
    """Run every measurement, one after the other, and print as they come."""
    print(f"Python {platform.python_version()}, {platform.machine()}, {platform.system()}\n")
    print("| what | result | how it was measured |")
    print("|---|---|---|")
    for measure in (processes.rows, judging.rows, edges.rows, herd.rows, detection.rows):
        for row in measured(measure):
            print(f"| {row.what} | {row.result} | {row.how} |", flush=True)


def measured(measure: Callable[[], list[Row]]) -> list[Row]:
    """The rows of one group, or one that says why it was skipped."""
    try:
        return measure()
    except (ImportError, AttributeError) as missing:
        return [Row(measure.__module__, "skipped", f"not there yet: {missing}")]


if __name__ == "__main__":
    main()
