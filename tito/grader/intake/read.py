"""The cells of a module that was handed in twice, as `.py` and as `.ipynb`.

Learners write in one of them and forget the other. The one that was worked on counts, and a note
says which that was.
"""

from __future__ import annotations

from dataclasses import replace

from tito.course import Module
from tito.exercises import cells_of, strip_answers
from tito.grader.intake.extract import Source, answer_code, extract
from tito.grader.intake.files import Member, Unreadable
from tito.notebook.cells import read_text
from tito.places import exported_cells
from tito.stubs import STUB


def answer_cells(module: Module) -> frozenset[str]:
    """The names of the cells that the course exports."""
    return frozenset(cell.grade_id for cell in exported_cells(module.cells) if cell.grade_id)


def read_versions(files: list[Member], common: list[Member], module: Module) -> Source:
    answers = answer_cells(module)
    read, failed = dict[str, Source](), dict[str, str]()
    for member in files:
        try:
            read[member.name] = extract(member, answers)
        except Unreadable as error:
            failed[member.name] = str(error)  # the error itself would keep the text alive
    if len(read) == 2:
        return _of_two(read, module, common)
    if not read or (failed and _untouched(read, module)):  # then the work is in the other file
        raise Unreadable(next(iter(failed.values())))
    (source,) = read.values()
    return replace(source, note="; ".join(filter(None, [source.note, *failed.values()])))


def _of_two(read: dict[str, Source], module: Module, common: list[Member]) -> Source:
    first, second = read
    if _texts(read[first]) == _texts(read[second]):
        return read[first]
    kept, why = _worked_on(read, module, common)
    other = second if kept == first else first
    notes = [f"{kept} was read, not {other}: {why}", read[kept].note]
    return replace(read[kept], note="; ".join(filter(None, notes)))


def _worked_on(read: dict[str, Source], module: Module, common: list[Member]) -> tuple[str, str]:
    touched = [name for name in read if name not in _untouched(read, module)]
    if len(touched) == 1:
        return touched[0], "only that one was worked on"
    agreed = _agreed(common, answer_cells(module))
    changed = [name for name, source in read.items() if _texts(source) != agreed]
    if len(changed) == 1:
        return changed[0], "only that one changed since both agreed"
    missing = {name: _unwritten(source) for name, source in read.items()}
    best = min(missing, key=lambda name: (missing[name], name.lower().endswith(".py")))
    fewer = len(set(missing.values())) == 2
    return best, "more exercises are written in it" if fewer else "both were worked on"


def _untouched(read: dict[str, Source], module: Module) -> list[str]:
    """Which of them are still as the course gives them."""
    stub = strip_answers(read_text(module.script))
    given = _texts(Source(answer_code(cells_of(stub), answer_cells(module))))
    return [name for name, source in read.items() if _texts(source) == given]


def _agreed(common: list[Member], answers: frozenset[str]) -> list[str]:
    try:
        return _texts(extract(common[0], answers)) if common else []
    except Unreadable:
        return []


def _texts(source: Source) -> list[str]:
    """The code, without the blank ends that the two formats keep differently."""
    return [code.strip() for _, code in source.cells if code.strip()]


def _unwritten(source: Source) -> int:
    return sum(len(STUB.findall(code)) for _, code in source.cells)
