"""Bring a newer version of a module into a learner's, cell by cell.

Answers are lifted out of the learner's text first and put back last, so that a cell in which only
the answer was written counts as untouched: its docstring or its hint can still be mended.
"""

from __future__ import annotations

from tito.errors import CodeError
from tito.exercises import cells_of, strip_answers
from tito.learner import answers
from tito.notebook import percent
from tito.notebook.cell import Cell, name_cells
from tito.notebook.merge import Choice, merge


def combine(base: str, mine: str, theirs: str) -> tuple[str, list[str]]:
    """Return the text, and the cells that both sides changed: they stay the learner's."""
    try:
        written = answers.take(mine)
    except CodeError:
        written = {}  # a marker is lost: cells with answers count as changed
    text, left, kept = _combine(base, mine, theirs, written)
    if left:  # exercises that are gone: keep their cells
        written = {key: answer for key, answer in written.items() if key not in left}
        text, left, kept = _combine(base, mine, theirs, written)
    if left:
        raise CodeError(f"no place for the answers to {', '.join(sorted(key[0] for key in left))}")
    return text, kept


def _combine(
    base: str, mine: str, theirs: str, written: dict[answers.Key, answers.Written]
) -> tuple[str, set[answers.Key], list[str]]:
    lifted = strip_answers(mine, {key[0] for key in written}) if written else mine
    preamble, parsed = percent.parse(lifted)
    old = cells_of(base)
    merged = merge(old, name_cells(parsed), cells_of(theirs), script_wins=True)
    if merged.conflicts:
        raise CodeError(", ".join(conflict.name for conflict in merged.conflicts))
    text = preamble + _joined(merged.choices, old)
    left = set[answers.Key]()
    if written:
        text, left = answers.put(text, written)
    return text, left, merged.kept


def _joined(choices: list[Choice], base: list[Cell]) -> str:
    known = {cell.grade_id: cell for cell in base if cell.grade_id}
    chunks = [_raw(choice, known.get(choice.winner.grade_id)) for choice in choices]
    spaced = [one if one.endswith("\n\n") else one.rstrip("\n") + "\n\n" for one in chunks]
    return "".join(spaced).rstrip("\n") + "\n"


def _raw(choice: Choice, old: Cell | None) -> str:
    """The winner as it stands in its file; new metadata where the learner's were the old ones."""
    mine, theirs = choice.script, choice.notebook
    if mine and theirs and old and choice.winner is mine and mine.metadata == old.metadata:
        head, rest = theirs.raw.partition("\n")[0], mine.raw.partition("\n")[2]
        return f"{head}\n{rest}"
    return choice.winner.raw
