"""Small faults for a module, each made in its syntax tree, and a sample of those of a room."""

from __future__ import annotations

import ast
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

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
JUDGES = """
    alike counts judge decide preconditions observed orders pre_existing machine sequential silence
    stable progress holds threshold timeouts desired
    runner rollback_plan host known recorder in_process tick
"""
"""The modules that judge, decide and act: twice as many of their mutants are drawn."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One small fault: the module with it, and what was changed where."""

    path: Path
    lines: range
    """Where it was changed."""
    change: str
    text: str
    """The whole module with it."""
    imported: bool
    """Whether the change is met as soon as the module is imported, and not when it is called."""

    @property
    def name(self) -> str:
        """Which one it is, wherever it stands in its module."""
        return f"{self.path.parent.name}/{self.path.name}: {self.change}"


def sample(paths: Sequence[Path], number: int, seed: int) -> list[Mutant]:
    """A sample over all modules: more of large ones and of judges, one of each before others."""
    drawn: list[tuple[float, Path, Mutant]] = []
    for path in paths:
        every = list(mutants(path))
        random.Random(f"{seed} {path.name}").shuffle(every)  # noqa: S311 - a sample
        share = math.sqrt(len(every)) * (2 if path.stem in JUDGES.split() else 1)
        drawn += [(rank / share, path, mutant) for rank, mutant in enumerate(every)]
    drawn.sort(key=lambda each: each[:2])
    return [mutant for _, _, mutant in drawn[:number]]


def mutants(path: Path) -> Iterator[Mutant]:
    """Every mutant of a module that this knows to make."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bodies = [
        range(node.body[0].lineno, (node.end_lineno or 0) + 1)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    ]

    def mutant(where: ast.AST, before: str, after: str, text: str) -> Mutant:
        first, last = getattr(where, "lineno", 0), getattr(where, "end_lineno", 0)
        return Mutant(
            path=path,
            lines=range(first, last + 1),
            change=f"{before.splitlines()[0]}  ->  {after.splitlines()[0]}",
            text=text,
            imported=not any(first in body for body in bodies),
        )

    for node in working(tree):
        for field, new in changes(node):
            old, before = getattr(node, field), ast.unparse(node)
            setattr(node, field, new)
            after, text = ast.unparse(node), ast.unparse(tree)
            setattr(node, field, old)
            yield mutant(place(node), before, after, text)
        for block in ("body", "orelse"):
            for statement, text in removals(tree, getattr(node, block, [])):
                yield mutant(statement, ast.unparse(statement), "removed", text)


def place(node: ast.AST) -> ast.AST:
    """The part of a node that has lines of its own and is changed: not the blocks below it."""
    match node:
        case ast.If(test=test) | ast.While(test=test):
            return test
        case ast.comprehension(ifs=[first, *_]):
            return first
    return node


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
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "operand", ast.UnaryOp(op=ast.Not(), operand=operand)
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield "test", ast.UnaryOp(op=ast.Not(), operand=test)
        case ast.comprehension(ifs=[first, *others]):
            yield "ifs", [ast.UnaryOp(op=ast.Not(), operand=first), *others]
        case ast.Constant(value=bool(value)):
            yield "value", not value
        case ast.Constant(value=int(value) | float(value)):
            # Nobody would notice a second more of half an hour.
            yield "value", value + 1 if value < 10 else value * 2


def removals(tree: ast.Module, body: object) -> Iterator[tuple[ast.stmt, str]]:
    """Each statement of a block that is there for its effect, and the module without it."""
    statements = body if isinstance(body, list) else []
    for index, statement in enumerate(statements):
        effect = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
        if effect or isinstance(statement, ast.AugAssign):
            statements[index] = ast.Pass()
            text = ast.unparse(tree)
            statements[index] = statement
            yield statement, text
