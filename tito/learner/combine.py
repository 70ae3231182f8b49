"""Bring a newer version of a module into a learner's, cell by cell.

Answers are lifted out of the learner's text first and put back last, so that a cell in which only
the answer was written counts as untouched: its docstring or its hint can still be mended.
"""

from __future__ import annotations

from tito.errors import CodeError
from tito.exercises import cells_of, strip_answers
from tito.learner import answers
from tito.notebook import percent
from tito.notebook.align import align
from tito.notebook.cell import Cell, name_cells
from tito.notebook.merge import Choice, Conflict, Merged, merge


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
    base: str, mine: str, theirs: str, written: dict[answers.Key, answers.Answer]
) -> tuple[str, set[answers.Key], list[str]]:
    lifted = strip_answers(mine, {key[0] for key in written}) if written else mine
    preamble, parsed = percent.parse(lifted)
    old = cells_of(base)
    merged, kept = _settle(old, name_cells(parsed), cells_of(theirs))
    text = preamble + _joined(merged.choices, old)
    return (*answers.put(text, written), kept) if written else (text, set(), kept)


def _settle(base: list[Cell], mine: list[Cell], theirs: list[Cell]) -> tuple[Merged, list[str]]:
    """Merge; where both sides changed a cell, as if the course had not."""
    merged = merge(base, mine, theirs)
    conflicts = merged.conflicts
    if conflicts:
        for conflict in conflicts:
            theirs = _unchanged(conflict, base, mine, theirs)
        merged = merge(base, mine, name_cells(theirs))
    if merged.conflicts:
        raise CodeError(", ".join(conflict.name for conflict in merged.conflicts))
    return merged, [conflict.name for conflict in conflicts]


def _unchanged(
    conflict: Conflict, base: list[Cell], mine: list[Cell], theirs: list[Cell]
) -> list[Cell]:
    """The course's cells with the cell of the conflict as it was in the base."""
    places = align(base, theirs)
    for index, cell in enumerate(theirs):
        if conflict.notebook is not None and cell.text == conflict.notebook:
            place = places[index]
            return [
                *theirs[:index],
                *([] if place is None else [base[place]]),
                *theirs[index + 1 :],
            ]
    for cell, place in zip(mine, align(base, mine), strict=True):
        if conflict.notebook is None and cell.text == conflict.script and place is not None:
            before = [i for i, there in enumerate(places) if there is not None and there < place]
            at = before[-1] + 1 if before else 0
            return [*theirs[:at], base[place], *theirs[at:]]
    return theirs


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
