"""`make mutants`: small faults put into a copy of a room, one at a time; which no test notices.

The work tree is never changed. Each mutant is judged by its room's quick tests, the likeliest file
first; one that hangs them is noticed too. The seed makes a sample that can be drawn again.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from guardian.clock import SystemClock

ROOT = Path(__file__).parent.parent
ROOMS = ("core", "engine")
SPARE_S = 20.0
"""What a mutant's tests may take, beside three times what they take without it."""
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One small fault: the module with it, and what was changed where."""

    path: Path
    line: int
    change: str
    text: str


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of a module that this knows to make."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in working(tree):
        for field, new in changes(node):
            old, before = getattr(node, field), ast.unparse(node)
            setattr(node, field, new)
            after, text = ast.unparse(node), ast.unparse(tree)
            setattr(node, field, old)
            change = f"{before.splitlines()[0]}  ->  {after.splitlines()[0]}"
            yield Mutant(path=path, line=getattr(node, "lineno", 0), change=change, text=text)
        for block in ("body", "orelse"):
            yield from removals(path, tree, node, block)


def working(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that do something: neither decorators nor annotations."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("decorator_list", "annotation", "returns", "type_params"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from working(child)


def changes(node: ast.AST) -> Iterator[tuple[str, object]]:
    """(field, what it becomes) for each way to change a node in place."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in SWAPS:
            yield "ops", [SWAPS[type(op)]()]
        case ast.BoolOp(op=op) | ast.BinOp(op=op) if type(op) in SWAPS:
            yield "op", SWAPS[type(op)]()
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield "test", ast.UnaryOp(op=ast.Not(), operand=test)
        case ast.comprehension(ifs=[first, *others]):
            yield "ifs", [ast.UnaryOp(op=ast.Not(), operand=first), *others]
        case ast.Constant(value=bool(value)):
            yield "value", not value
        case ast.Constant(value=int(value) | float(value)):
            yield "value", value + 1


def removals(path: Path, tree: ast.Module, node: ast.AST, block: str) -> Iterator[Mutant]:
    """The module without one statement that is there for its effect."""
    body = getattr(node, block, [])
    for index, statement in enumerate(body if isinstance(body, list) else []):
        effect = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
        if effect or isinstance(statement, ast.AugAssign):
            body[index] = ast.Pass()
            text = ast.unparse(tree)
            body[index] = statement
            change = f"{ast.unparse(statement).splitlines()[0]}  ->  removed"
            yield Mutant(path=path, line=statement.lineno, change=change, text=text)


def judged(copy: Path, room: str, likely: str, limit_s: float) -> bool:
    """Whether the room's tests pass in the copy, within the limit."""
    # The likeliest first; pytest runs a file that is named twice only once.
    first = [str(p.relative_to(copy)) for p in copy.glob(f"tests/{room}/test_{likely}.py")]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    process = subprocess.Popen(
        [*command, "--hypothesis-seed=0", *first, f"tests/{room}"],
        cwd=copy,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(copy)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(timeout=limit_s) == 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
        return False


def survivors(copy: Path, room: str, number: int, seed: int) -> Iterator[Mutant]:
    """The mutants of a sample that no test notices, as they are found."""
    clock = SystemClock()
    began = clock.monotonic()
    if not judged(copy, room, "", 3600.0):
        raise SystemExit(f"tests/{room} fails without any mutant: mend that first")
    limit_s = SPARE_S + 3 * (clock.monotonic() - began)
    folder = copy / "guardian" / room
    every = [m for path in sorted(folder.glob("*.py")) for m in mutants(path)]
    sample = random.Random(seed).sample(every, min(number, len(every)))  # noqa: S311 - a sample
    for mutant in sample:
        original = mutant.path.read_text(encoding="utf-8")
        mutant.path.write_text(mutant.text, encoding="utf-8")
        try:
            if judged(copy, room, mutant.path.stem, limit_s):
                yield mutant
        finally:
            mutant.path.write_text(original, encoding="utf-8")


def main() -> None:
    """Sample, judge, and print what survives; exit code 1 where something does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", type=int, default=40, help="mutants of guardian/core")
    parser.add_argument("--engine", type=int, default=20, help="mutants of guardian/engine")
    parser.add_argument("--seed", type=int, default=1, help="another one draws another sample")
    asked = parser.parse_args()
    os.nice(10)
    lived = 0
    with tempfile.TemporaryDirectory(prefix="guardian-mutants-") as folder:
        copy = Path(folder) / "tree"
        unused = shutil.ignore_patterns(".*", "__pycache__", "node_modules")
        shutil.copytree(ROOT, copy, ignore=unused)
        for room, number in zip(ROOMS, (asked.core, asked.engine), strict=True):
            found = 0
            for mutant in survivors(copy, room, number, asked.seed) if number else ():
                found += 1
                place = f"{mutant.path.relative_to(copy)}:{mutant.line}"
                print(f"survives: {place}: {mutant.change}", flush=True)
            print(f"guardian/{room}: {number - found} of {number} noticed", flush=True)
            lived += found
    raise SystemExit(1 if lived else 0)


if __name__ == "__main__":
    main()
