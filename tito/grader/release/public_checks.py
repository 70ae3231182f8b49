"""A file of checks without its hidden ones, and the hidden ones alone.

What stays is the author's text byte for byte: whole statements are cut, with the comments that
belong to them, and then the helpers and imports that nothing but hidden checks used.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tito.errors import CodeError
from tito.lines import split_with_ends

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def public_part(text: str, file: str) -> str:
    """The text without hidden checks and what only they used; `file` is named in errors."""
    tree = _parsed(text, file)
    cut: list[ast.stmt] = list(_hidden(tree.body))
    while helpers := _left_over(tree, cut):
        cut += helpers
    kept = _without(split_with_ends(text), cut)
    for node in ast.walk(_parsed(kept, file)):
        if isinstance(node, ast.Attribute) and ast.unparse(node).endswith("mark.hidden"):
            raise CodeError(
                f"{file}: `{ast.unparse(node)}` is not a decorator, so it hides nothing",
                "write @pytest.mark.hidden above the function or the class",
            )
    return kept


def hidden_parts(text: str, file: str) -> Iterator[tuple[str, str]]:
    """The name and the text of each hidden function and class; methods of a class one by one."""
    lines = split_with_ends(text)
    for node in _hidden(_parsed(text, file).body):
        parts = [part for part in ast.walk(node) if isinstance(part, _DEFINITIONS)]
        tests = [part for part in parts if part is node or part.name.startswith("test")]
        for part in tests:
            yield part.name, "".join(lines[part.lineno - 1 : part.end_lineno])


def _parsed(text: str, file: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise CodeError(f"{file}:{error.lineno}: {error.msg}", "correct the file") from None


def _hidden(body: list[ast.stmt]) -> Iterator[Definition]:
    """What is marked, and a class in which every function is."""
    for node in body:
        if not isinstance(node, _DEFINITIONS):
            continue
        inner = list(_hidden(node.body)) if isinstance(node, ast.ClassDef) else []
        defined = [part for part in node.body if isinstance(part, _DEFINITIONS)]
        if _marked(node) or (inner and len(inner) == len(defined)):
            yield node
        else:
            yield from inner


def _marked(node: Definition) -> bool:
    names = [ast.unparse(one).partition("(")[0] for one in node.decorator_list]
    return any(name.endswith("mark.hidden") for name in names)


def _left_over(tree: ast.Module, cut: list[ast.stmt]) -> list[ast.stmt]:
    """Statements of the file whose names were used in what is cut, and nowhere else."""
    gone = {name for node in cut for name in _used(node, [])}
    found = []
    for node in tree.body:
        names = _bound(node)
        others = (name for one in tree.body if one is not node for name in _used(one, cut))
        if node not in cut and names & gone and not names & set(others):
            found.append(node)
    return found


def _bound(node: ast.stmt) -> set[str]:
    """The names a helper, a constant or an import binds; none for a test, which is no helper."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if isinstance(node, _DEFINITIONS):
        return set() if node.name.lower().startswith("test") else {node.name}
    if isinstance(node, ast.Assign | ast.AnnAssign):
        stored = (part for part in ast.walk(node) if isinstance(part, ast.Name))
        return {part.id for part in stored if isinstance(part.ctx, ast.Store)}
    return set()


def _used(node: ast.AST, cut: list[ast.stmt]) -> Iterator[str]:
    """Names that are read; a fixture is used by an argument's name, or by a string."""
    if node in cut:
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from _used(child, cut)


def _without(lines: list[str], cut: list[ast.stmt]) -> str:
    gone = {index for node in cut for index in _span(lines, node)}
    return "".join(line for index, line in enumerate(lines) if index not in gone)


def _span(lines: list[str], node: ast.stmt) -> range:
    """The statement with its decorators and comments, and blank lines on one side of it."""
    decorators = getattr(node, "decorator_list", [])
    begin = min([node.lineno, *(one.lineno for one in decorators)]) - 1
    while begin and lines[begin - 1].lstrip().startswith("#"):
        begin -= 1
    end = index = node.end_lineno or node.lineno
    while index < len(lines) and (not lines[index].strip() or _own_comment(lines[index], node)):
        index += 1
        end = index if lines[index - 1].strip() else end
    if not "".join(lines[end : end + 1]).strip():
        while begin and not lines[begin - 1].strip():
            begin -= 1
    return range(begin, end)


def _own_comment(line: str, node: ast.stmt) -> bool:
    depth = len(line) - len(line.lstrip())
    return line.lstrip().startswith("#") and depth > node.col_offset
