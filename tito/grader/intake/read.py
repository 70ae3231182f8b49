"""The cells of a module that was handed in twice, as `.py` and as `.ipynb`.

Learners write in one of them and forget the other. The one that was worked on counts, and a note
says which that was.
"""

from __future__ import annotations

from tito.course import Module
from tito.exercises import cells_of, strip_answers
from tito.grader.intake.extract import Taken, extract, taken_cells
from tito.grader.intake.files import Member, Unreadable
from tito.notebook.cells import read_text
from tito.places import exported_cells
from tito.stubs import STUB


def answer_cells(module: Module) -> frozenset[str]:
    """The names of the cells that the course exports."""
    return frozenset(cell.grade_id for cell in exported_cells(module.cells) if cell.grade_id)


def read_versions(files: list[Member], common: list[Member], module: Module) -> Taken:
    answers = answer_cells(module)
    read, failed = dict[str, Taken](), dict[str, str]()
    for member in files:
        try:
            read[member.name] = extract(member, answers)
        except Unreadable as error:
            failed[member.name] = str(error)  # the error itself would keep the text alive
    if len(read) == 2:
        return _of_two(read, module, common)
    if not read or (failed and _untouched(read, module)):  # then the work is in the other file
        raise Unreadable(next(iter(failed.values())))
    (taken,) = read.values()
    return taken._replace(note="; ".join(filter(None, [taken.note, *failed.values()])))


def _of_two(read: dict[str, Taken], module: Module, common: list[Member]) -> Taken:
    first, second = read
    if _texts(read[first]) == _texts(read[second]):
        return read[first]
    kept, why = _worked_on(read, module, common)
    other = second if kept == first else first
    notes = [f"{kept} was read, not {other}: {why}", read[kept].note]
    return read[kept]._replace(note="; ".join(filter(None, notes)))


def _worked_on(read: dict[str, Taken], module: Module, common: list[Member]) -> tuple[str, str]:
    touched = [name for name in read if name not in _untouched(read, module)]
    if len(touched) == 1:
        return touched[0], "only that one was worked on"
    agreed = _agreed(common, answer_cells(module))
    changed = [name for name, taken in read.items() if _texts(taken) != agreed]
    if len(changed) == 1:
        return changed[0], "only that one changed since both agreed"
    missing = {name: _unwritten(taken) for name, taken in read.items()}
    best = min(missing, key=lambda name: (missing[name], name.lower().endswith(".py")))
    fewer = len(set(missing.values())) == 2
    return best, "more exercises are written in it" if fewer else "both were worked on"


def _untouched(read: dict[str, Taken], module: Module) -> list[str]:
    """Which of them are still as the course gives them."""
    stub = strip_answers(read_text(module.script))
    given = _texts(Taken(taken_cells(cells_of(stub), answer_cells(module)), ""))
    return [name for name, taken in read.items() if _texts(taken) == given]


def _agreed(common: list[Member], answers: frozenset[str]) -> list[str]:
    try:
        return _texts(extract(common[0], answers)) if common else []
    except Unreadable:
        return []


def _texts(taken: Taken) -> list[str]:
    """The code, without the blank ends that the two formats keep differently."""
    return [code.strip() for _, code in taken.cells if code.strip()]


def _unwritten(taken: Taken) -> int:
    return sum(len(STUB.findall(code)) for _, code in taken.cells)
