"""Which of the files in a submission is the module: its own place, its own name, or the only one.

Archives are looked into where the module does not lie open.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from tito.course import Module
from tito.grader.intake.archive import is_archive, members_of_archive
from tito.grader.intake.files import FOLDER, Member, Unreadable
from tito.grader.intake.names import stem

MAX_NESTING = 2  # a zip in a zip
_OF_ANOTHER = re.compile(r"\w+_dev\b|__init__\.py|conftest\.py|setup\.py|test_", re.IGNORECASE)


@dataclass
class Candidates:
    """The module's files: one, or a `.py` and an `.ipynb` from one place."""

    files: list[Member]
    common: list[Member]  # the text on which the two last agreed
    note: str = ""  # what else there was


def choose(members: list[Member], module: Module, nesting: int = MAX_NESTING) -> Candidates:
    """The module's files, looked for in archives where they do not lie open."""
    chosen = _choose(members, module)
    archives = [m for m in members if is_archive(m.name) and not m.ignored] if nesting else []
    reason = ""
    for archive in sorted(archives, key=lambda m: (-m.order, len(m.path.parts))):
        if chosen:
            break
        try:
            chosen = choose(members_of_archive(archive), module, nesting - 1)
        except Unreadable as error:
            reason = reason or str(error)
    if chosen:
        return chosen
    raise Unreadable(reason or _nothing(members, module))


def _choose(members: list[Member], module: Module) -> Candidates | None:
    usable = [m for m in members if m.suffix in (".py", ".ipynb") and not m.ignored]
    ranked = _ranked([m for m in usable if not m.problem], module) or _ranked(usable, module)
    if not ranked:
        return None
    first = ranked[0]
    beside = [m for m in ranked if m.path.parent == first.path.parent and m.suffix != first.suffix]
    files = [first, *beside[:1]]
    ending = (".tito", "sync", f"{module.folder_name}.py")
    common = [m for m in members if m.path.parts[-3:] == ending and not m.problem]
    return Candidates(files, common, _note(files, [m for m in ranked if m not in files]))


def _note(files: list[Member], others: list[Member]) -> str:
    names = ", ".join(str(m.path) for m in others[:2]) + (", ..." if others[2:] else "")
    return f"{files[0].path} was read, not {names}" if others else ""


def _ranked(usable: list[Member], module: Module) -> list[Member]:
    """Those of the best kind there is, the best first."""
    own = f"{module.name}_dev"
    place = ("modules", module.folder_name)
    named = [m for m in usable if own in m.name.lower()]
    strangers = [m for m in usable if not _OF_ANOTHER.match(m.name)]
    kinds = {(m.path.parent, stem(m.name), m.suffix) for m in strangers}  # hw.py, hw-1.py: one
    counts = Counter(suffix for *_, suffix in kinds)
    lone = [m for m in strangers if counts[m.suffix] == 1]
    exports = [m for m in usable if m.name.lower() == f"{module.name}.py"]
    in_place = [m for m in named if m.path.parts[-3:-1] == place and m.path.stem.lower() == own]
    best = next((kind for kind in (in_place, named, lone, exports) if kind), [])
    return sorted(
        best,
        key=lambda m: (len(m.path.parts), str(m.path.parent), -m.order, len(m.name), m.name),
    )


def _nothing(members: list[Member], module: Module) -> str:
    wanted = f"no {module.name}_dev.py or {module.name}_dev.ipynb in it"
    files = [m for m in members if m.problem != FOLDER and not m.ignored]
    problem = next((m for m in files if m.problem), None)
    if problem:
        return f"{wanted}: {problem.path}: {problem.problem}"
    tops = dict.fromkeys(m.path.parts[0] for m in members)
    names = [m.name for m in files] or list(tops)
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"{wanted}: " + (f"found {', '.join(names[:3])}{more}" if names else "it is empty")
