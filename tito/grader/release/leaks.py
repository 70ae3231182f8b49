"""Proof that nothing of the instructor's leaves with a release: answers, hidden checks, exports.

A release is built by us, so it may hold plain UTF-8 text and notebooks without outputs, and
nothing else. These are compared as words and signs, without comments, quotes and blanks: a new
indentation or a moved line hides nothing. Every run of WINDOW words of an answer counts once; an
answer has leaked where SHARE of its runs, or MANY, stand within twice its length.

Measured on modules 01 to 12, released one by one with their hints, inline tests and tests/core:
of answers with 24 words or more no innocent text holds over 48 % of the runs (11.2 beside
autograd's rule of `index`), nor over 44 runs (a hint of 12.1). Shorter ones, 5 to 23 words, cannot
be told from a hint that way (95 % of 1.10): they leak where they stand whole in a function of
their name. Only an answer rewritten with other names, outside its markers, passes unseen.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tito.course import HIDDEN, Course, Module
from tito.errors import CodeError
from tito.exercises import NUMBER, find_regions, strip_answers
from tito.lines import split
from tito.notebook.cells import read_text

WINDOW = 5
SHARE = 0.6
MANY = 60
SHORT = 24
_WORD = re.compile(r"\w+|[^\w\s\"'`\\]")
_PREFIX = re.compile(r"\b[rbfu]{1,2}(?=[\"'])", re.IGNORECASE)
_MARGIN = re.compile(r"^[\s#>|+]+")  # of a comment, a quotation, a table, a patch
_MARKED = re.compile(
    rf"^[\s#>]*### BEGIN SOLUTION ({NUMBER})\s*?\n(.*?)^[\s#>]*### END SOLUTION",
    re.MULTILINE | re.DOTALL,
)
_STUB = re.compile(r"[\s#>]*raise NotImplementedError\([^\n]*\)[\s#>]*")
Words = list[tuple[str, int]]  # with their lines
Run = tuple[str, ...]
Found = Iterator[tuple[int, str]]  # the line, and what stands there


@dataclass(frozen=True)
class Leak:
    """Where something stands that a learner must not have."""

    file: str
    line: int | None
    what: str

    def __str__(self) -> str:
        return f"{self.file}{f':{self.line}' if self.line else ''}: {self.what}"


@dataclass(frozen=True, eq=False)
class Body:
    """An answer or a hidden check that is long enough to be known by a part of it."""

    what: str
    length: int  # in words
    needed: int  # different runs that give it away


@dataclass
class Secrets:
    """What to look for, by the words that lead to it."""

    runs: dict[Run, set[Body]] = field(default_factory=lambda: defaultdict(set))
    short: dict[str, list[tuple[str, Run]]] = field(default_factory=lambda: defaultdict(list))
    names: dict[str, str] = field(default_factory=dict)
    marked: dict[str, str] = field(default_factory=dict)  # exercise -> what
    headers: dict[str, str] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)


def find_leaks(course: Course, modules: list[Module], files: Mapping[str, bytes]) -> list[Leak]:
    """Look through every file for what the released modules keep secret."""
    secrets = _secrets(course, modules)
    leaks: dict[tuple[str, str], Leak] = {}
    for name, data in files.items():
        found = [Leak(name, None, what) for part, what in secrets.paths.items() if part in name]
        refused = _refused(name, data)
        if refused:
            found.append(Leak(name, None, refused))
        for place, text in () if refused else _texts(name, data.decode()):
            found += [Leak(place, line, what) for line, what in _in_text(secrets, text)]
        for leak in found:
            leaks.setdefault((leak.file, leak.what), leak)
    return list(leaks.values())


def _refused(name: str, data: bytes) -> str:
    """Why a file may not be released, whatever it says; nothing if it may."""
    try:
        text = data.decode()
        cells = json.loads(text)["cells"] if name.endswith(".ipynb") else []
    except (ValueError, KeyError, TypeError):
        text, cells = "\0", []
    if "\0" in text:  # UTF-16 reads as UTF-8 full of them
        return "neither UTF-8 text nor a notebook: leave it out"
    if any(cell.get("outputs") or cell.get("attachments") for cell in cells):
        return "a notebook with outputs or attachments: take them out"
    return ""


def _texts(name: str, text: str) -> Iterator[tuple[str, str]]:
    """The text with its place; of a notebook, each cell, and what else it holds."""
    if name.endswith(".ipynb"):
        notebook = json.loads(text)
        for ordinal, cell in enumerate(notebook["cells"], 1):
            yield f"{name}, cell {ordinal}", "".join(cell.pop("source"))
        text = json.dumps(notebook, ensure_ascii=False)
    yield name, text


def _secrets(course: Course, modules: list[Module]) -> Secrets:
    secrets = Secrets()
    for module in modules:
        export = module.show(module.export)
        secrets.paths[export] = f"the reference export of {module.name}"
        made = f"Made from {module.show(module.script)} by `tito export`"
        secrets.headers[made] = secrets.paths[export]
        lines = split(read_text(module.script))
        for region in find_regions(lines):
            what = f"the answer to {region.number} {region.name}"
            secrets.marked[region.number] = what
            answer = _plain_words("\n".join(lines[region.begin + 1 : region.end]))
            if len(answer) < SHORT:
                secrets.short[region.name].append((what, answer))
            else:
                _add_runs(secrets, what, set(_runs(answer)), len(answer))
    secrets.paths["tests/course/"] = "a test of the course itself"
    secrets.paths[f"tests/grading/{HIDDEN}/"] = "a file of hidden checks"
    _add_hidden(secrets, course)
    return secrets


def _add_runs(secrets: Secrets, what: str, runs: set[Run], length: int) -> None:
    body = Body(what, length, min(math.ceil(SHARE * len(runs)), MANY))
    for run in runs:
        secrets.runs[run].add(body)


def _add_hidden(secrets: Secrets, course: Course) -> None:
    """Names and bodies of hidden checks, less what public tests and stubs say as well."""
    grading, core = (course.root / "tests" / name for name in ("grading", "core"))
    hidden = sorted(grading.joinpath(HIDDEN).rglob("*.py"))
    paths = [path for path in (*grading.rglob("*.py"), *core.rglob("*.py")) if path not in hidden]
    shown = [read_text(path) for path in paths]
    shown += [strip_answers(read_text(module.script)) for module in course.modules]
    public = [_plain_words(text) for text in shown]
    public_words = {word for text in public for word in text}
    public_runs = {run for text in public for run in _runs(text)}
    for path in hidden:
        file = path.relative_to(course.root).as_posix()
        for name, part in _definitions(read_text(path), file):
            what = f"the hidden check {name} ({file})"
            if name not in public_words and name.lower().startswith("test"):
                secrets.names[name] = what
            check = _plain_words(part)
            _add_runs(secrets, what, set(_runs(check)) - public_runs, len(check))


def _definitions(text: str, file: str) -> Iterator[tuple[str, str]]:
    """The name and the text of each function and class; methods of a class one by one, too."""
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise CodeError(f"{file}:{error.lineno}: {error.msg}", "correct the file") from None
    classes = (node for node in tree.body if isinstance(node, ast.ClassDef))
    for node in (*tree.body, *(part for one in classes for part in one.body)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, ast.get_source_segment(text, node) or ""


def words(text: str, margins: bool = False) -> Words:
    """The words of a text; with `margins`, those of lines that are comments as well."""
    found = []
    for number, line in enumerate(text.replace("\\n", " \n").split("\n"), 1):
        line = _MARGIN.sub("", line) if margins else line
        code = _PREFIX.sub("", line.partition("#")[0])
        found += [(word, number) for word in _WORD.findall(code)]
    return found


def _plain_words(text: str) -> Run:
    return tuple(word for word, _ in words(text))


def _runs(plain: Run) -> Iterator[Run]:
    for index in range(len(plain) - WINDOW + 1):
        yield plain[index : index + WINDOW]


def _in_text(secrets: Secrets, text: str) -> Found:
    for part, what in secrets.headers.items():
        if part in text:
            yield _line_of(text, text.index(part)), what
    for match in _MARKED.finditer(text):
        if match[1] in secrets.marked and not _STUB.fullmatch(match[2]):
            yield _line_of(text, match.start()), secrets.marked[match[1]]
    for stream in (words(text), words(text, margins=True)):
        yield from ((line, secrets.names[word]) for word, line in stream if word in secrets.names)
        yield from _short_answers(secrets, stream)
        yield from _long_ones(secrets, stream)


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _short_answers(secrets: Secrets, stream: Words) -> Found:
    """A short answer counts from `def` of its function to the next definition."""
    plain = [word for word, _ in stream]
    starts = [index for index, word in enumerate(plain) if word in ("def", "class")]
    for start, end in zip(starts, [*starts, len(plain)][1:], strict=True):
        inside = plain[start:end]
        for what, answer in secrets.short.get(plain[start + 1] if inside[1:] else "", []):
            places = range(len(inside) - len(answer) + 1)
            found = (i for i in places if tuple(inside[i : i + len(answer)]) == answer)
            for index in found:
                yield stream[start + index][1], what


def _long_ones(secrets: Secrets, stream: Words) -> Found:
    hits: dict[Body, list[tuple[int, Run]]] = defaultdict(list)
    for index, run in enumerate(_runs(tuple(word for word, _ in stream))):
        for body in secrets.runs.get(run, ()):
            hits[body].append((index, run))
    for body, found in hits.items():
        known = _known_at(body, found)
        if known is not None:
            yield stream[known][1], body.what


def _known_at(body: Body, found: list[tuple[int, Run]]) -> int | None:
    """Where enough different runs have come together, within twice the length."""
    inside: deque[tuple[int, Run]] = deque()
    counts: Counter[Run] = Counter()
    for index, run in found:
        inside.append((index, run))
        counts[run] += 1
        while inside[0][0] < index - 2 * body.length:
            _, left = inside.popleft()
            counts[left] -= 1
        if sum(map(bool, counts.values())) >= body.needed:
            return index
    return None
