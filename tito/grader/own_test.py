"""The notebook's own test of an exercise, put to a submission: what it must pass at home, too.

It runs beside the submission's code, as at home, so an answer that sets out to deceive it can. As
any fixed question it counts only beside a right answer to a drawn one.
"""

from __future__ import annotations

import ast
import base64
import marshal
from functools import cache
from pathlib import Path
from typing import Any

from tito.course import Module
from tito.exercises import TEST_ID
from tito.notebook.cell import Cell
from tito.places import is_export_line


def own_test(module: Any, name: str, checks: str, given: list[str], test: str) -> str:
    """Run in the sandbox: what the test cell tells of the submission, nothing where it passes."""
    import base64
    import contextlib
    import io
    import marshal
    import sys
    import types

    beside = sys.modules[name] = types.ModuleType(name)
    beside.__dict__["__file__"] = f"{sys.path[0]}/{name}.py"  # no table of mistakes lies there
    exec(marshal.loads(base64.b64decode(checks)), beside.__dict__)
    scope = {**vars(module), "checks": beside}
    for cell in given:
        with contextlib.suppress(Exception):  # what depends on it says that it is missing
            exec(cell, scope)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # a submission may have closed the other
            exec(compile(test, "test", "exec"), {**scope, "__name__": "__main__"})
    except AssertionError as wrong:
        return str(wrong)
    return ""


def inputs_of(module: Module, exercise: str) -> dict[str, Any]:
    """What `own_test` needs: the test cell, the given cells that it rests on, and the checks."""
    number = [cell.grade_id for cell in module.cells].index(f"test-{exercise}")
    test = module.cells[number].source
    return {
        "name": module.own_checks.stem,
        "checks": _compiled(module.own_checks),
        "given": _given(test, module.cells[:number]),
        "test": test,
    }


@cache
def _compiled(checks: Path) -> str:
    """Once for all submissions: it takes as long as most tests."""
    code = compile(checks.read_text("utf-8"), checks.name, "exec", dont_inherit=True)
    return base64.b64encode(marshal.dumps(code)).decode()


def _given(test: str, before: list[Cell]) -> list[str]:
    """The cells, not exported and no tests, that bind a name of the test, or of one of these."""
    needed, found = _used(test), list[str]()
    for cell in reversed(before):
        if cell.kind != "code" or is_export_line(cell.source) or TEST_ID.match(cell.grade_id):
            continue
        if needed & _bound(cell.source):
            needed |= _used(cell.source)
            found.insert(0, cell.source)
    return found


def _used(source: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


def _bound(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.alias | ast.FunctionDef | ast.ClassDef):
            found.add(getattr(node, "asname", None) or node.name)
    return found
