"""Whether an answer is written, or what stands between its markers is still a stub."""

from __future__ import annotations

import ast
import re
from contextlib import suppress

STUB = re.compile(r"raise NotImplementedError\(\s*[\"']exercise (\d{1,2}\.\d+): ([^\"']+)[\"']")


def is_stub(lines: list[str]) -> bool:
    """Do the lines only hold a place: nothing at all, or a stub's raise that is always reached?

    A stub's line that was commented out, or left below the answer's `return`, is none.
    """
    code = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not code:
        return True
    with suppress(SyntaxError, ValueError):  # half an answer, a magic
        if code[0][0].isspace():
            block = ast.parse("\n".join(["if True:", *lines])).body[0]
            return _only_a_stub(getattr(block, "body", []))
        return _only_a_stub(ast.parse("\n".join(lines)).body)
    return any(STUB.match(line.strip()) for line in code)


def _only_a_stub(statements: list[ast.stmt]) -> bool:
    own = [one for one in statements if not _says_nothing(one)]
    for statement in own:
        if _is_raise_of_stub(statement):
            return True
        if _leaves(statement):
            return False
    return not own


def _says_nothing(statement: ast.stmt) -> bool:
    """`pass`, `...`, a text."""
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass)


def _is_raise_of_stub(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Raise) and bool(STUB.match(ast.unparse(statement)))


def _leaves(statement: ast.stmt) -> bool:
    """What stands below is never reached."""
    if isinstance(statement, ast.If):
        return any(map(_leaves, statement.body)) and any(map(_leaves, statement.orelse))
    if isinstance(statement, ast.With):
        return any(map(_leaves, statement.body))
    return isinstance(statement, ast.Return | ast.Raise)
