"""Work that looks alike: pointed out for somebody to look at, never judged.

Two answers are alike when their syntax trees are the same but for names of variables; comments,
docstrings and layout are not in the tree. What equals the course's own text is left out, and so is
what is small, or written so by many: that is how one writes it.
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from tito.grader.verdict import Graded

SMALL = 40  # nodes of a tree
LONG = 50_000  # characters of a cell that is looked at
COMMON = 0.2  # the share of a batch, from which on an answer is how one writes it
FEW = 3  # that many may always be alike
SHARED, NEARLY_ALL = 2, 0.8  # cells that two have in common; of those of the shorter work


@dataclass(frozen=True)
class Alike:
    """Submissions of which each is like another one of them, and in which cells."""

    names: list[str]
    cells: list[str]


def prints(cells: Sequence[Sequence[str]]) -> list[list[str]]:
    """(cell, hash) for each that can be parsed and is not small."""
    found = [[name, _print(code)] for name, code in cells if len(code) <= LONG]
    return [[name, digest] for name, digest in found if digest]


def _print(code: str) -> str:
    try:
        tree = _Plain().visit(ast.parse(code))
        nodes = sum(1 for _ in ast.walk(tree))
        content = ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    return hashlib.sha256(content.encode("utf-8", "replace")).hexdigest()[:16] * (nodes >= SMALL)


class _Plain(ast.NodeTransformer):
    """Numbers the names that a function makes, in their order, and drops docstrings."""

    def __init__(self) -> None:
        self.made: dict[str, str] = {}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            node.body = node.body[1:] or [ast.Pass()]
        own = [one.arg for one in ast.walk(node) if isinstance(one, ast.arg)]
        stored = (one for one in ast.walk(node) if isinstance(one, ast.Name))
        own += [one.id for one in stored if isinstance(one.ctx, ast.Store)]
        for name in own:
            self.made.setdefault(name, f"v{len(self.made)}")
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self.made.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg, node.annotation = self.made.get(node.arg, node.arg), None
        return node


def alike(submissions: Iterable[Graded]) -> list[Alike]:
    """The groups, the largest first."""
    works = {one.name: set(one.answers) for one in submissions if one.answers}
    written = Counter(answer for answers in works.values() for answer in answers)
    most = max(FEW, COMMON * len(works))
    works = {name: {one for one in own if written[one] <= most} for name, own in works.items()}
    holders: dict[tuple[str, str], list[str]] = {}
    for name in sorted(works):
        for answer in works[name]:
            holders.setdefault(answer, []).append(name)
    shared = Counter(pair for names in holders.values() for pair in combinations(names, 2))
    pairs = [pair for pair, count in sorted(shared.items()) if _is_like(works, pair, count)]
    return sorted(_groups(works, pairs), key=lambda one: (-len(one.names), one.names))


def _is_like(works: dict[str, set[tuple[str, str]]], pair: tuple[str, str], count: int) -> bool:
    return count >= SHARED and count >= NEARLY_ALL * min(len(works[name]) for name in pair)


def _groups(
    works: dict[str, set[tuple[str, str]]], pairs: Sequence[tuple[str, str]]
) -> Iterable[Alike]:
    group_of: dict[str, set[str]] = {}
    for first, second in pairs:
        joined = group_of.get(first, {first}) | group_of.get(second, {second})
        group_of.update(dict.fromkeys(joined, joined))
    for names in {min(group): group for group in group_of.values()}.values():
        inside = [pair for pair in pairs if pair[0] in names]
        cells = {cell for one, other in inside for cell, _ in works[one] & works[other]}
        yield Alike(sorted(names), sorted(cells))
