"""What `tito watch` shows: progress, and of all that is wrong the first thing only.

Every part is a list of lines, together at most `HEIGHT`, so that they fit into the corner of an
editor.
"""

from __future__ import annotations

import re

from rich.cells import set_cell_size
from rich.console import Console
from rich.text import Text

from tito import console
from tito.course import Module
from tito.errors import TitoError, of_system
from tito.run.failure import Failure
from tito.run.own_code import cut
from tito.run.trial import Trial

HEIGHT = 12
MESSAGE = 5  # lines of what failed, and of what the test says
HINT = 6  # lines of a hint
NEWS = 70  # columns, from which on the first line also says what is new
WIDE = 1000  # columns, where nothing needs to be wrapped
MARKS = {"passes": "ok", "fails": "bad", "to write": "note", "written": "note"}


def head(module: Module, trial: Trial | None, news: str = "") -> str:
    """`12 attention  ▓▓▓▓░░░░░░░░░  4/13  ✓ 12.4 passes`."""
    name = f"{module.number} {module.name}"
    if trial is None:
        return f"{name}  {news}".rstrip()
    done, total = len(trial.passed), len(trial.exercises)
    full, empty = "▓░" if console.can_print("▓░") else "#."
    columns = min(total, 20)
    filled = done * columns // max(total, 1)
    bar = full * filled + empty * (columns - filled)
    return f"{name}  {bar}  {done}/{total}  {news}".rstrip()


def news(before: Trial | None, now: Trial) -> str:
    """What passes now and did not before."""
    new = [number for number in now.passed if before and number not in before.passed]
    if not new:
        return ""
    what = f"{new[0]} passes" if len(new) == 1 else f"{len(new)} more pass"
    return f"{console.coloured_mark('ok')} {what}"


def keys(trial: Trial | None) -> str:
    helps = "h hint   " if trial and trial.current else ""
    helps += "s status   " if trial else ""
    return f"{helps}Enter run again   q quit"


def composed(lines: list[str], keys: str, width: int) -> list[str]:
    """The whole screen: progress, a body, and below it the keys."""
    first, *body = lines
    body = cut(body, HEIGHT - 2)
    room = [""] * (len(body) <= HEIGHT - 4)
    first = first if width >= NEWS else fit(first, width)
    return [first, *room, *body, *room, fit(keys, width)]


def verdict(trial: Trial, width: int = WIDE) -> list[str]:
    """The first failing exercise: what was expected, what came, the learner's own line."""
    if trial.failure:
        top = _headline(trial, trial.failure, width)
        return [*top, *_damage(trial, width), *_own_code(trial.failure, width)]
    for damage in trial.unjudged:
        return [*says("bad", damage.title, width), fit(f"  {damage.fix}", width)]
    if trial.untested:
        number = trial.untested[0].number
        gone = says("bad", f"exercise {number}: its test cell, test-{number}, is gone", width)
        return [*gone, f"  `tito restore {trial.module.number}` lists the backups"]
    done = says("ok", "every exercise passes", width)
    return [*done, f"  `tito module complete {trial.module.number}`"]


def says(kind: str, text: str, width: int = WIDE) -> list[str]:
    """A mark and a text, wrapped to the console."""
    lines = _wrapped(text, width - 2)
    return [f"{console.coloured_mark(kind)} {lines[0]}", *(f"  {line}" for line in lines[1:])]


def _wrapped(text: str, width: int) -> list[str]:
    """Without empty lines; a Chinese character takes two columns."""
    lines = Text("\n".join(line.strip() for line in text.splitlines()))
    parts = [part.plain.rstrip() for part in lines.wrap(Console(), max(width, 20))]
    return [part for part in parts if part] or [""]


def fit(text: str, width: int) -> str:
    """Cut to so many columns of a terminal."""
    return set_cell_size(text, width).rstrip()


def has_colours() -> bool:
    """Whether a terminal is written to that has 256 colours, and colour is wanted."""
    terminal = Console()
    return not terminal.no_color and terminal.color_system in ("256", "truecolor")


def problem(error: TitoError | OSError, width: int) -> list[str]:
    """What keeps the cells from being run at all, and what to do about it."""
    told = error if isinstance(error, TitoError) else of_system(error)
    then = [f"  {line}" for line in _wrapped(told.fix, width - 2)] if told.fix else []
    return [*cut(says("bad", told.message, width), HEIGHT - 2 - len(then)), *then]


def _headline(trial: Trial, failure: Failure, width: int) -> list[str]:
    if trial.current and not trial.current.written:
        return says("note", f"{failure.title}, {failure.message}", width)
    return cut(says("bad", f"{failure.title}\n{failure.message}", width), MESSAGE)


def _damage(trial: Trial, width: int) -> list[str]:
    """What became of a cell that the failure may be about."""
    current = trial.current.number if trial.current else ""
    found = [one for number in (current, "") for one in trial.damage if one.number == number]
    return [fit(f"  {line}", width) for one in found[:1] for line in (one.what, one.fix)]


def _own_code(failure: Failure, width: int) -> list[str]:
    """Where to look, and the learner's own lines there."""
    lines = failure.own_code or [frame.shown for frame in failure.frames[-1:]]
    return [fit(f"  {line}", width) for line in lines]


def hint(trial: Trial, shown: int, width: int) -> list[str]:
    """The plan, then the hints, one more at each call; what failed stands above, cut short."""
    exercise, failure = trial.current, trial.failure
    if exercise is None or failure is None:
        return verdict(trial, width)
    top = cut(_headline(trial, failure, width), HEIGHT - 3 - HINT)
    steps = [step for step in (exercise.plan, *exercise.hints) if step]
    if shown > len(steps):
        none = "that was the last hint" if steps else "there is no hint"
        return [*top, f"  {none}; `tito solution {exercise.number}` shows an answer"]
    lines = [f"    {line}" for line in _wrapped(_readable(steps[shown - 1]), width - 4)]
    return [*top, f"  hint {shown} of {len(steps)}:", *cut(lines, HINT)]


def _readable(text: str) -> str:
    """Without the stars of Markdown, and each paragraph in one line."""
    text = re.sub(r"\*\*(.+?)\*\*", r"\1", text, flags=re.DOTALL)
    return text if "```" in text else re.sub(r"(?<!\n)\n(?!\s*(\n|[-*]|\d+\.))", " ", text)


def exercises(trial: Trial, width: int) -> list[str]:
    """Every exercise, by what is known of it."""
    groups: dict[str, list[str]] = {}
    for exercise in trial.exercises:
        groups.setdefault(trial.state(exercise), []).append(exercise.number)
    told = [(MARKS[state], f"{state}: {', '.join(all_)}") for state, all_ in groups.items()]
    return [line for kind, text in told for line in says(kind, text, width)]
