"""Find the exercise a learner means: `12.3`, `weighted_sum`, a part of its name, or a module's."""

from __future__ import annotations

import difflib
import re
from contextlib import suppress

from tito.course import Course, Module, plain, stub_file
from tito.errors import CodeError, MistypedError, TitoError
from tito.exercises import NUMBER, Exercise, cells_of, find_exercises
from tito.learner.folder import RENEW, given_text
from tito.notebook.cell import Cell
from tito.notebook.cells import read_text

Found = tuple[Module, Exercise]


def find_exercise(course: Course, name: str) -> Found:
    wanted = re.sub(r"(?<=\d)[,:-](?=\d)", ".", plain(name))
    if re.fullmatch(NUMBER, wanted):
        return _by_number(course, wanted)
    module = module_named(course, wanted)
    return _to_write(module) if module else _by_name(course, wanted)


def module_named(course: Course, name: str) -> Module | None:
    with suppress(TitoError):
        return course.module(name)
    return None


def exercises(course: Course, module: Module) -> list[Exercise]:
    """As the course gave them: a learner's file may have lost a heading or a marker."""
    given = given_text(course, module)
    if given is None:
        return find_exercises(_latest(module))
    try:
        return find_exercises(cells_of(given)) or find_exercises(_latest(module))
    except CodeError as error:
        raise TitoError(f"{stub_file(course, module)}: {error.message}", RENEW) from None


def _latest(module: Module) -> list[Cell]:
    from tito.sync import latest  # `hint 12.3` needs none of it, and answers faster

    return latest(module).cells


def _by_number(course: Course, wanted: str) -> Found:
    module = course.module(wanted.partition(".")[0])
    known = exercises(course, module)
    for exercise in known:
        if exercise.number == wanted:
            return module, exercise
    last = known[-1].number if known else "none"
    raise MistypedError(
        f"{module.name} has no exercise {wanted}; its last is {last}",
        f"`tito status {module.number}` lists them",
    )


def _to_write(module: Module) -> Found:
    """A module stands for the first of its exercises that is not written."""
    own = find_exercises(_latest(module))
    for exercise in own:
        if not exercise.written:
            return module, exercise
    what = "every exercise is written" if own else "it has no exercises"
    raise TitoError(f"{module.name}: {what}", "say which one, such as `12.3`")


def _by_name(course: Course, wanted: str) -> Found:
    likely = [module for module in course.modules if wanted in _text(course, module)]
    found = _fitting(_all(course, likely), wanted)
    everything = [] if found else _all(course, course.modules)
    found = found or _fitting(everything, wanted)
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(f"{one.number} {one.name}" for _, one in found[:5])
        raise TitoError(f"{wanted!r} may be {shown}{', ...' * bool(found[5:])}", "say the number")
    known = {name: one for _, one in everything for name in _title(one) | _functions(one)}
    close = difflib.get_close_matches(wanted, known, n=1)
    meant = known[close[0]] if close else None
    nearest = f"; did you mean {meant.number} {meant.name}?" if meant else ""
    fix = "`tito status N` lists those of module N"
    raise MistypedError(f"no exercise {wanted!r}{nearest}", fix, meant.number if meant else "")


def _text(course: Course, module: Module) -> str:
    """What a name must stand in: reading is fifty times faster than finding cells."""
    given = given_text(course, module)
    own = module.script if module.script.exists() else module.notebook
    return (read_text(own) if given is None else given).lower()


def _all(course: Course, modules: list[Module]) -> list[Found]:
    return [(module, one) for module in modules for one in exercises(course, module)]


def _fitting(everything: list[Found], wanted: str) -> list[Found]:
    """The whole name before its beginning before a part; the heading before its functions."""
    for fits in (str.__eq__, str.startswith, str.__contains__):
        for names in (_title, _functions):
            found = [each for each in everything if any(fits(n, wanted) for n in names(each[1]))]
            if found:
                return found
    return []


def _title(exercise: Exercise) -> set[str]:
    return {exercise.name.lower()}


def _functions(exercise: Exercise) -> set[str]:
    return {name.lower() for name in exercise.functions}
