"""Wrong answers in other words: local names changed, dead code between lines, two mistakes at once.

A variant computes what the wrong answer it was made from computes, so it must lose points, too.
"""

from __future__ import annotations

import ast
import random
import textwrap
from collections.abc import Iterator

from tito.course import Module
from tito.grader import other_answers
from tito.grader.other_answers import OtherAnswer, plant

NOISE = ("pass", "_ = None", "if False:\n    raise ValueError", "assert True", "unused = [1, 2]")


def variants(module: Module, count: int, seed: int) -> Iterator[tuple[str, list[str]]]:
    """(text of a submission, numbers of the exercises it has wrong)."""
    draw = random.Random(seed)
    wrong = other_answers.read(module)
    for index in range(count):
        first = wrong[index % len(wrong)]
        others = [one for one in wrong if one.number != first.number]
        chosen = [first, *draw.sample(others, k=draw.randint(0, 2))]
        lines: list[str] | None = module.script.read_text("utf-8").splitlines()
        for answer in chosen:
            assert lines
            planted = plant(_reworded(answer, draw), lines)
            lines = planted or lines
        assert lines
        yield "\n".join(lines) + "\n", [answer.number for answer in chosen]


def _reworded(answer: OtherAnswer, draw: random.Random) -> OtherAnswer:
    tree = ast.parse("def answer(*given):\n" + textwrap.indent(answer.code, "    "))
    names = _local_names(tree)
    renamed = {name: f"{name}_{draw.choice('abc')}" for name in names if draw.random() < 0.7}
    tree = _Rename(renamed).visit(tree)
    function = tree.body[0]
    body: list[ast.stmt] = []
    for statement in function.body:
        if draw.random() < 0.3:
            body += ast.parse(draw.choice(NOISE)).body
        body.append(statement)
    code = ast.unparse(ast.Module(body=body, type_ignores=[]))
    return OtherAnswer(answer.number, answer.target, answer.what, answer.says, code)


def _local_names(tree: ast.AST) -> set[str]:
    """Names that the answer itself binds, and nothing outside it or by keyword can mean."""
    bound = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    declared = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Global | ast.Nonlocal)
        for name in node.names
    }
    inner = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return bound - declared - inner


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.copy_location(ast.Name(self.names.get(node.id, node.id), node.ctx), node)
