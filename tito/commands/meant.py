"""What a command line was meant to be, when it could not be run as it was typed.

Commands are looked up in the tables of `tito.cli`, names among the modules and exercises of the
course; what a command takes is read from the command itself.
"""

from __future__ import annotations

import difflib
import re
import shlex
from contextlib import suppress

import click

from tito import cli
from tito.commands.status import current, next_command, next_for, state
from tito.course import EXERCISE, Course, Module, find_course, plain
from tito.data_sets import table
from tito.errors import MistypedError, TitoError
from tito.exercises import find_exercises
from tito.learner.lookup import find_exercise
from tito.sync import latest

Path = tuple[str, ...]  # of a command: ("module", "start")
SAID: dict[str, Path] = {  # other words for a command
    "answer": ("solution",),
    "begin": ("module", "start"),
    "check": ("module", "test"),
    "dataset": ("data",),
    "datasets": ("data",),
    "download": ("data", "get"),
    "draw": ("show",),
    "fetch": ("data", "get"),
    "finish": ("module", "complete"),
    "help": ("--help",),
    "list": ("status",),
    "new": ("init",),
    "open": ("module", "view"),
    "run": ("module", "test"),
    "submit": ("module", "complete"),
    "undo": ("restore",),
}
EVERY: dict[str, Path] = {
    **{name: ("module", name) for name in cli.MODULE_COMMANDS},
    **{name: ("data", name) for name in ("get", "sheet")},
    **{name: (name,) for name in cli.COMMANDS},
    **SAID,
}
OF_EXERCISES: dict[Path, Path] = {("test",): ("module", "test")}  # exercise by exercise
NAME = re.compile(r"\d{1,2}(\.\d+)?")


def meant(args: list[str]) -> str:
    """The command to type instead; empty where none is alike."""
    with suppress(TitoError, OSError):
        found = _corrected(_course(), args)
        if found and found != args:
            return f"`{shlex.join(['tito', *found])}`"
    return ""


def refuse_learner(name: str) -> None:
    """What needs the answers is not for a folder without them."""
    course = _course()
    if course and course.learner is not None:
        labels = {module: state(course, module) for module in course.modules}
        raise TitoError(
            f"`tito {name}` is for teaching, and {course.root} is a learner's folder",
            f"`{next_command(labels)}`, or cd into a clone of the course first",
        )


def _course() -> Course | None:
    with suppress(TitoError):
        return find_course()
    return None


def _corrected(course: Course | None, args: list[str]) -> list[str]:
    end = next((i for i, word in enumerate(args) if word.startswith("-")), len(args))
    path, names = _split(course, args[:end])
    if any(EXERCISE.fullmatch(plain(name)) for name in names):
        path = OF_EXERCISES.get(path, path)
    command = _command(path)
    last = args.index("--") if "--" in args else len(args)  # what follows is another program's
    options = [*(_option(command, word) for word in args[end:last]), *args[last:]]
    if "" in options:
        return []
    if not isinstance(command, cli.LazyGroup):
        filled = any(not word.startswith("-") for word in options)
        return [*path, *_names(course, command, names, filled), *options]
    if not names:
        return [*path, *options]
    if path == ("data",):
        return [*path, "sheet", *_data_set(names[0])]
    if course is None:
        return []
    module, _ = _found(course, names[0], to_exercise=False)
    return next_for(module, state(course, module)).split()[1:]


def _split(course: Course | None, words: list[str]) -> tuple[Path, list[str]]:
    """The command, by its whole path, and what it is to be about."""
    path: Path = ()
    if len(words) > 1 and words[0] not in EVERY and _is_name(course, words[0]):
        words = [*words[1:], words[0]]  # `tito 12 test`
    while words and (found := _longer(course, path, words[0])):
        path, words = found, words[1:]
    return path, words


def _longer(course: Course | None, path: Path, word: str) -> Path | None:
    """The command that a word stands for below a group."""
    group, word = _command(path), plain(word)
    if not isinstance(group, cli.LazyGroup):
        return None
    own: dict[str, Path] = {name: (*path, name) for name in group.table}
    if word not in own and _is_name(course, word):
        return own.get(course.module(word).name) if course and "." not in word else None
    for names in (own, EVERY):
        if word in names:
            return names[word]
    for names in (own, EVERY):
        for close in difflib.get_close_matches(word, names, n=1):
            return names[close]
    return None


def _command(path: Path) -> click.Command | None:
    command: click.Command | None = cli.tito
    for name in path:
        table = command if isinstance(command, cli.LazyGroup) else None
        command = table.get_command(click.Context(table), name) if table else None
    return command


def _option(command: click.Command | None, word: str) -> str:
    """The option of that command that is most alike; empty where none is."""
    known = [*cli.HELP, *(opt for one in (command.params if command else []) for opt in one.opts)]
    wrong = word.startswith("--") and word.split("=")[0] not in known
    return next(iter(difflib.get_close_matches(word, known, n=1)), "") if wrong else word


def _names(
    course: Course | None, command: click.Command | None, names: list[str], filled: bool
) -> list[str]:
    """The names as the command takes them, or the place where the learner is."""
    takes = [one for one in (command.params if command else []) if isinstance(one, click.Argument)]
    metavar = str(takes[0].metavar) if takes else ""
    if metavar == "NAME":
        return _data_set(names[0] if names else metavar)
    if "N" not in metavar:
        return names
    to_exercise = ".k" in metavar
    if not names and takes[0].required and not filled:
        return [_here(course, to_exercise)]
    many = takes[0].nargs < 0
    return [_right(course, name, to_exercise) for name in (names if many else names[:1])]


def _data_set(name: str) -> list[str]:
    """The data set whose name is most alike."""
    if name == "NAME":
        return [name]
    if meant := table.nearest(name):
        return [meant]
    raise MistypedError(f"no data set {name!r}")


def _here(course: Course | None, to_exercise: bool) -> str:
    """The module, or exercise, that is next."""
    if course is None or not course.modules:
        return "N.k" if to_exercise else "N"
    module = current(course) or course.modules[-1]
    exercises = find_exercises(latest(module).cells) if to_exercise else []
    first = next((one for one in exercises if not one.written), None)
    return first.number if first else module.number


def _right(course: Course | None, name: str, to_exercise: bool) -> str:
    if course is None:
        return plain(name) if to_exercise else plain(name).split(".")[0]
    module, number = _found(course, name, to_exercise)
    return number if to_exercise and number else module.number


def _found(course: Course, name: str, to_exercise: bool) -> tuple[Module, str]:
    """What bears the name or, where nothing does, the nearest name."""
    try:
        return course.module(name), ""
    except MistypedError as error:
        near = error.meant
    try:
        module, exercise = find_exercise(course, name)
    except MistypedError as error:
        asked = error.meant if to_exercise else near
        other = "" if EXERCISE.fullmatch(plain(name)) else near or error.meant
        if not (asked or other):
            raise
        return _found(course, asked or other, to_exercise)
    return module, exercise.number


def _is_name(course: Course | None, word: str) -> bool:
    """A number, or a module's name to the letter."""
    with suppress(TitoError):
        return bool(NAME.fullmatch(plain(word)) or (course and course.module(word)))
    return False
