"""The text of `tinytorch/core/name.py`, made from a module's cells.

The cells that begin with `#| export` are kept in order, without that line and without the
solution markers; above each stands `# cell: <grade_id>`, which leads from a line of the package
back to the notebook (tito/places.py).
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings

from tito import places
from tito.course import Module
from tito.errors import CodeError
from tito.exercises import find_regions
from tito.notebook.cell import Cell
from tito.notebook.percent import is_magic
from tito.places import exported_cells, kept_lines


def render(module: Module) -> str:
    """The text of the package file, or an error that names cell and line."""
    cells = exported_cells(module.cells)
    if not cells:
        raise CodeError(
            f"{module.show(module.script)} exports nothing",
            "write `#| export` as the first line of a code cell",
        )
    trees = [_parse(module, cell) for cell in cells]
    blocks = [block(cell) for cell in cells]
    text = with_header(module, "\n\n\n".join([*blocks, _all(trees)]) + "\n")
    _compile(module, text)
    return text


def block(cell: Cell) -> str:
    return "\n".join([f"# cell: {cell.name}", *(line for _, line in kept_lines(cell))])


def with_header(module: Module, content: str) -> str:
    return (
        f"# {module.title}\n"
        f"# Made from {module.show(module.script)} by `tito export`: edit that, not this.\n"
        f"# sha256 of the lines below: {content_hash(content)}\n\n\n{content}"
    )


def content_hash(content: str) -> str:
    return hashlib.sha256(content.encode("utf-8")).hexdigest()


def _parse(module: Module, cell: Cell) -> ast.Module:
    find_regions(cell.lines, f"{module.name}_dev, cell {cell.ordinal} ({cell.name}), line")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # it is shown when the cell runs
            return ast.parse(cell.source)
    except SyntaxError as error:
        line = min(error.lineno or 1, max(len(cell.lines), 1))
        raise _syntax_error(module, places.Place(module, cell, line), error.msg) from None


def _syntax_error(module: Module, place: places.Place, problem: str) -> CodeError:
    source = place.source.strip()
    if is_magic(source):
        problem = f"`{source}` is a notebook magic, which a package cannot hold"
        return CodeError(f"{place}: {problem}", f"move it to a cell without export ({place.file})")
    return CodeError(f"{place}: {problem}: `{source}`", f"correct {place.file}")


def _compile(module: Module, text: str) -> None:
    """Find what only shows in the whole, such as a `from __future__` import too far down."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            compile(text, str(module.export), "exec", dont_inherit=True)
    except SyntaxError as error:
        place = places.find(module, text, error.lineno or 1)
        if place is None:
            raise CodeError(f"{module.name}_dev as a whole: {error.msg}") from None
        raise _syntax_error(module, place, error.msg) from None


def _all(trees: list[ast.Module]) -> str:
    names = {name for tree in trees for node in tree.body for name in _defined(node)}
    public = sorted((name for name in names if not name.startswith("_")), key=_rank)
    return "\n".join(["__all__ = [", *(f'    "{name}",' for name in public), "]"])


def _defined(node: ast.stmt) -> list[str]:
    """Functions and classes, and constants by their capitals."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    named = [target.id for target in targets if isinstance(target, ast.Name)]
    return [name for name in named if name.isupper()]


def _rank(name: str) -> tuple[int, list[tuple[int, str]]]:
    """Constants, classes, functions; numbers in names by value. The order ruff asks for."""
    group = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    parts = re.findall(r"\d+|\D+", name)
    return group, [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
