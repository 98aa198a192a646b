"""`python -m bench.faults`: what comes of each outside call in each kind of trouble."""

from __future__ import annotations

import warnings
from collections import Counter

from guardian.clock import SystemClock
from tests.faults.calls import CALLS
from tests.faults.ground import ground
from tests.faults.kinds import WRONGS
from tests.faults.matrix import tried


def main() -> None:
    """Try each cell once, and print the words and their sum."""
    warnings.simplefilter("ignore", ResourceWarning)  # botocore's, of answers that it refuses
    clock = SystemClock()
    began, words = clock.monotonic(), Counter[str]()
    with ground() as world:
        for call in CALLS:
            cells = {wrong.name: tried(world, call, wrong) for wrong in WRONGS}
            words.update(cells.values())
            print(f"{call.name}: {', '.join(f'{k} {v}' for k, v in cells.items())}", flush=True)
    print(f"\n{len(CALLS)} calls x {len(WRONGS)} kinds, {clock.monotonic() - began:.0f} s")
    print(", ".join(f"{count} {word}" for word, count in words.most_common()))


if __name__ == "__main__":
    main()
