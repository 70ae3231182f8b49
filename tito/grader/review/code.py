"""A learner's answer to each exercise, to be shown: split, cut and coloured in the limited child.

A submission may be anything, so neither its bytes nor a lexer's patterns run where grades are
decided. What comes back is words and the kind of each; a template writes them as text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tito import lines
from tito.course import Module
from tito.exercises import NUMBER, cells_of, strip_answers
from tito.grader.intake.extract import Source
from tito.grader.intake.find import Submission, Unreadable, read_here
from tito.grader.intake.limits import within_limits
from tito.grader.review.mask import Mask
from tito.notebook.cells import read_text

MOST_LINES, MOST_CHARS, MOST_IN_LINE = 300, 20_000, 1000  # of one cell
MOST_CELLS, MOST_EXERCISES = 5, 3  # of one exercise, in one cell
NO_EXERCISE = ""
_NAMED = re.compile(rf"\((?:test-)?({NUMBER})[)-]")
_MARKED = re.compile(rf"### BEGIN SOLUTION ({NUMBER})\b|exercise ({NUMBER}):")
_PROSE = ("Token.Comment", "Token.Literal.String")
_KINDS = {
    "Token.Comment": "comment",
    "Token.Literal.String": "string",
    "Token.Literal.Number": "literal",
    "Token.Keyword": "keyword",
    "Token.Name.Function": "defined",
    "Token.Name.Class": "defined",
}
Words = list[tuple[str, str]]  # a word's kind, "" for most, and the word


@dataclass(frozen=True)
class Code:
    """Some code as it is shown."""

    cell: str  # what a person would call it
    rows: list[Words]
    cut: str  # how much more there is


@dataclass(frozen=True)
class Answers:
    """All code of a submission, by exercise."""

    by_exercise: dict[str, list[Code]]  # "": what belongs to none and is not the course's
    sha256: str
    problem: str = ""  # why there is none


def read_answers(found: Submission | None, module: Module, mask: Mask) -> Answers:
    if not found:
        return Answers({}, "", "no such file is among the submissions now")
    try:
        told, sha256 = within_limits(_read, found, module, mask, _of_course(module))
    except Unreadable as error:
        return Answers({}, "", mask(str(error)))
    return Answers({key: [Code(*one) for one in shown] for key, shown in told.items()}, sha256)


def _of_course(module: Module) -> set[str]:
    """The cells that everybody has."""
    stub = cells_of(strip_answers(read_text(module.script)))
    return {cell.source.strip() for cell in (*module.cells, *stub)}


def _read(
    found: Submission, module: Module, mask: Mask, usual: set[str]
) -> tuple[dict[str, list[tuple[str, list[Words], str]]], str]:
    cells, note, outside = read_here(found, module)
    shown: dict[str, list[tuple[str, list[Words], str]]] = {}
    placed = [(name, code, _exercises(name, code)) for name, code in cells]
    placed += [(f"{name}, not exported", code, []) for name, code in outside]
    for name, code, exercises in placed:
        if exercises or code.strip() not in usual:
            for exercise in exercises or [NO_EXERCISE]:
                place = shown.setdefault(exercise, [])
                if len(place) < MOST_CELLS:
                    place.append((mask(name), *_coloured(code, mask)))
                elif len(place) == MOST_CELLS:
                    place.append(("and so on", [], "more cells"))
    return shown, Source(cells, note, outside).sha256


def _exercises(name: str, code: str) -> list[str]:
    """Those that the cell is named after, else those whose markers or stubs are in it.

    A cell that holds most of the module is nobody's in particular.
    """
    found = _NAMED.findall(name) or [one or other for one, other in _MARKED.findall(code)]
    return list(dict.fromkeys(found)) if len(set(found)) <= MOST_EXERCISES else []


def _coloured(code: str, mask: Mask) -> tuple[list[Words], str]:
    from pygments.lexers import PythonLexer

    text, cut = _cut(code.strip("\n").expandtabs(8))
    rows: list[Words] = [[]]
    for kind, value in PythonLexer(stripnl=False, ensurenl=False).get_tokens(text):
        known = str(kind)
        write = mask if known.startswith(_PROSE) else mask.code
        css = next((css for start, css in _KINDS.items() if known.startswith(start)), "")
        first, *more = value.split("\n")
        rows[-1].append((css, write(first)))
        rows += [[(css, write(one))] for one in more]
    return rows, cut


def _cut(text: str) -> tuple[str, str]:
    """The beginning, and how much that leaves out."""
    every = lines.split(text)
    kept, size = list[str](), 0
    for line in every[:MOST_LINES]:
        shown = line if len(line) <= MOST_IN_LINE else line[:MOST_IN_LINE] + "…"
        if size + len(shown) > MOST_CHARS:
            break
        kept.append(shown)
        size += len(shown)
    left = len(every) - len(kept)
    is_long = any(len(line) > MOST_IN_LINE for line in every[: len(kept)])
    notes = ["the ends of long lines"] * is_long
    notes += [f"{left:,} more lines"] * bool(left)
    return "\n".join(kept), " and ".join(notes)
