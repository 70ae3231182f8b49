"""What learners get of some modules: a folder to work in, a zip of it, and proof of no leak.

The folder is that of `tito init`, with the released modules alone as stubs: what they build on is
there as reference exports, their public tests beside them. Everything is made beside its place,
looked through, and only then put there.
"""

from __future__ import annotations

import ast
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import tito
from tito import __version__, sync
from tito.course import HIDDEN, Course, Module, pristine
from tito.errors import CodeError, TitoError
from tito.exercises import find_exercises
from tito.grader.judge import RECORD
from tito.grader.release.leaks import Leak, find_leaks
from tito.learner.folder import building, contents, put_in_place
from tito.notebook.cells import read_text
from tito.run.environment import chosen

LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
SHOWN = 20  # leaks in a message
README = """\
# TinyTorch: {titles}

You need Python 3.10 or newer and the course's `tito`. In this folder type

    tito status                # where you are, and what to type next
    tito watch {number}              # runs the inline tests at every save
    tito hint {exercise}             # a hint; again, a stronger one
    tito module complete {number}    # all tests; makes tinytorch/ from what you wrote

Hand in {files}: the notebook or the .py beside it. They are the
same text twice (`tito sync` sees to that), and nothing else counts: not tinytorch/, not tests/.
"""


def extra_files(course: Course, modules: list[Module]) -> dict[str, bytes]:
    """What the reference answers to the public checks: learners can run them without it."""
    found = {}
    for module in modules:
        recorded = _recorded(course, module.checks) if module.checks.exists() else b""
        if recorded:
            found[RECORD.format(module.name)] = recorded
    return found


def _recorded(course: Course, checks: Path) -> bytes:
    with tempfile.TemporaryDirectory(prefix="tito-") as name:
        record = Path(name, "expected.json")
        shown = checks.relative_to(course.root).as_posix()
        command = [sys.executable, "-m", "pytest", shown]
        command += ["-p", "no:cacheprovider", "--record-expected", str(record)]
        own = str(Path(tito.__file__).parents[1])  # the plugin is ours, wherever we were found
        env = chosen(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTHONPATH=own)
        done = subprocess.run(command, cwd=course.root, env=env, capture_output=True)
        if done.returncode:
            raise CodeError(f"the reference fails checks in {shown}", f"`pytest {shown}`")
        return record.read_bytes() if record.exists() else b""  # no check compares


def release(course: Course, modules: list[Module], folder: Path) -> Path:
    """Make the folder and a zip beside it; return the zip. A leak is an error, and nothing made."""
    packed = folder.with_name(f"{folder.name}.zip")
    if packed.exists():
        raise TitoError(f"{packed} exists", "move it away, or name another folder")
    with building(folder) as made:
        _fill(course, modules, Course(made))
        files = files_of(made)
        archive = pack(files, "tinytorch-" + "-".join(module.number for module in modules))
        refuse(find_leaks(course, modules, files))
        unplaced = made.with_name("zip")
        unplaced.write_bytes(archive)
        put_in_place(made, folder)
        os.replace(unplaced, packed)
    return packed


def refuse(leaks: list[Leak]) -> None:
    if not leaks:
        return
    lines = [f"  {leak}" for leak in leaks[:SHOWN]]
    more = [f"  and {len(leaks) - SHOWN} more"] if leaks[SHOWN:] else []
    what = f"{len(leaks)} leaks: nothing is released" if leaks[1:] else "a leak: nothing released"
    raise CodeError("\n".join([what, *lines, *more]), "take it out there, then release again")


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def pack(files: Mapping[str, bytes], top: str) -> bytes:
    """A zip that is the same bytes wherever it is made: stored, since compressors differ."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{top}/{name}", LONG_AGO)
            entry.create_system = 3  # Unix, on every system
            entry.external_attr = (0o100755 if name.startswith("scripts/") else 0o100644) << 16
            archive.writestr(entry, files[name])
    return memory.getvalue()


def _fill(course: Course, modules: list[Module], mine: Course) -> None:
    files = released_files(course, modules) | extra_files(course, modules)
    for name, content in files.items():
        for path in (mine.root / name, pristine(mine) / name):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    known = {"made_by": __version__, "from": modules[0].number, "borrowed": [], "course": ""}
    names = {"released": [module.folder_name for module in modules]}
    text = json.dumps(known | names, indent=1) + "\n"
    (mine.root / ".tito" / "learner.json").write_bytes(text.encode())
    for module in mine.modules:
        sync.sync(module)


def released_files(course: Course, modules: list[Module]) -> dict[str, bytes]:
    """Each file of the folder, but for notebooks, by its path."""
    every = contents(course, modules[0].number)
    own = tuple(f"modules/{module.folder_name}/" for module in modules)
    made = {
        name: content
        for name, content in every.items()
        if name.startswith(own) or not name.startswith(("modules/", "tests/"))
    }
    made |= _needed_exports(course, modules) | _tests(course, modules, every)
    return made | {"README.md": _readme(modules).encode()}


def _needed_exports(course: Course, modules: list[Module]) -> dict[str, bytes]:
    """The references that the modules build on, directly or not, without their own."""
    needed, found = list(modules), dict[str, bytes]()
    for module in needed:
        needed += [one for one in course.prerequisites(module) if one not in needed]
    for module in needed:
        if module not in modules:
            if not module.export.exists():
                fix = f"`tito export {module.name}`"
                raise TitoError(f"{module.show(module.export)} is missing", fix)
            found[module.show(module.export)] = module.export.read_bytes()
    return found


def _tests(course: Course, modules: list[Module], every: Mapping[str, bytes]) -> dict[str, bytes]:
    """The modules' public tests, what these import from tests/, and every conftest."""
    texts = {name: text.decode() for name, text in every.items() if name.startswith("tests/")}
    for path in course.root.joinpath("tests", "grading").rglob("*.py"):
        name = path.relative_to(course.root).as_posix()
        texts[name] = read_text(path)
    own = tuple(f"{module.show(module.tests)}/test_" for module in modules)
    own += tuple(module.show(module.checks) for module in modules)
    wanted = [name for name in texts if name.startswith(own)]
    wanted = [name for name in wanted if re.search(r"^\s*def test_", texts[name], re.MULTILINE)]
    _refuse_marks(texts, wanted)
    shared = [name for name in texts if name.endswith("/conftest.py")]
    wanted += [name for name in shared if not name.startswith(f"tests/grading/{HIDDEN}/")]
    for name in wanted:
        wanted += [one for one in _imported(texts[name]) if one in texts and one not in wanted]
    return {name: texts[name].encode() for name in wanted}


def _refuse_marks(texts: Mapping[str, str], names: list[str]) -> None:
    """A check that its author thinks hidden is not handed out."""
    for name in names:
        if "mark.hidden" in texts[name]:
            where = f"tests/grading/{HIDDEN}/{name.rpartition('/')[2]}"
            raise CodeError(f"{name}: `mark.hidden` hides nothing", f"move the check to {where}")


def _imported(text: str) -> Iterator[str]:
    """The files that `from tests import oracles` or `import tests.core.draw` may mean."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name.replace(".", "/") + ".py" for name in names)


def _readme(modules: list[Module]) -> str:
    files = ", ".join(module.show(module.notebook) for module in modules)
    number, exercises = modules[0].number, find_exercises(modules[0].cells)
    exercise = exercises[0].number if exercises else number
    titles = "; ".join(module.title for module in modules)
    return README.format(titles=titles, number=number, exercise=exercise, files=files)
