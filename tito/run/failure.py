"""What went wrong in a child process, told in the learner's terms.

The exercise comes first; then the learner's own lines, with frames of the package led back to
cells of the notebook. Frames of NumPy, pytest and the standard library are cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from tito.course import Course, Module
from tito.errors import CodeError
from tito.exercises import Exercise, find_exercises, find_regions, number_in
from tito.places import Frame, Place, own_frames
from tito.run.own_code import own_code, own_line

MAX_SHOWN = 4  # frames
MAX_LINES = 8  # of a message
MAX_WIDTH = 500  # characters of a line


@dataclass
class Failure:
    error: str  # "AssertionError: the scale is missing"
    frames: list[Frame]
    exercise: str = ""  # "12.3: weighted_sum"
    test: str = ""  # pytest's name of the test
    modules: list[Module] = field(default_factory=list)  # those it can be about

    @classmethod
    def read(
        cls,
        course: Course,
        failed: dict[str, Any],
        module: Module | None,
        candidates: dict[str, Module],
    ) -> Failure:
        """Make sense of what the child recorded."""
        frames = own_frames(course, failed.get("frames", []), candidates, module)
        if failed.get("exercise"):
            frames = frames[-1:]  # a stub was reached: the way to it says nothing
        concerned = [module] if module else list(candidates.values()) or course.modules
        number = failed.get("exercise") or _from_cell(module, failed.get("cell"))
        number = number or _from_frames(frames)
        name = _named(concerned, number, failed.get("names", []))
        return cls(_error(failed), frames, name, failed.get("test", ""), concerned)

    @property
    def number(self) -> str:
        return self.exercise.partition(":")[0]

    @property
    def message(self) -> str:
        """The error; what a test says needs no name of an exception before it."""
        return self.error.removeprefix("AssertionError: ")

    @property
    def title(self) -> str:
        return f"exercise {self.exercise}" if self.exercise else self.test or "a cell"

    @property
    def own_code(self) -> list[str]:
        """Where to look, and the learner's own lines there; empty where there is none."""
        return own_code(self.frames, self.number, self.modules, self.error)

    @property
    def place(self) -> Place | None:
        """The learner's own line that ran last, where one failed."""
        return own_line(self.frames, self.modules)

    def as_error(self, what: str = "", then: str = "") -> CodeError:
        head = f"{what}: {self.title}" if what else self.title
        lines, frames = self.own_code, self.frames
        if lines:  # the way there says nothing more; what a test outside the notebook asks, does
            frames = [frame for frame in frames if frame.place is None][-1:]
        lines += [f"{frame.shown}: {frame.text}" for frame in frames[-MAX_SHOWN:]]
        lines += [f"in {self.test}"] if self.test and self.exercise else []
        return CodeError(f"{head}: {self.error}", "\n  ".join([*lines, *([then] if then else [])]))


def _error(failed: dict[str, Any]) -> str:
    """The exception in a few lines; a stub and a test file that cannot be read in one."""
    message: str = failed["message"].strip()
    if failed.get("exercise"):
        return "not written yet"
    if failed["type"] == "CollectError":
        return next((line[1:].strip() for line in message.splitlines() if line[:1] == "E"), message)
    short = "\n  ".join(line[:MAX_WIDTH] for line in message.splitlines()[:MAX_LINES])
    return ": ".join(part for part in (failed["type"], short) if part)


def _from_cell(module: Module | None, ordinal: int | None) -> str:
    """The exercise of the cell that was running: its test's number, or its own."""
    if module is None or ordinal is None:
        return ""
    cell = module.cells[ordinal - 1]
    return number_in(cell)


def _from_frames(frames: list[Frame]) -> str:
    """The innermost answer that was running, by its markers, or else by its cell's name."""
    for frame in reversed(frames):
        if frame.place is None:
            continue
        for region in find_regions(frame.place.cell.lines):
            if region.begin < frame.place.line - 1 < region.end:
                return region.number
        if number_in(frame.place.cell):
            return number_in(frame.place.cell)
    return ""


def _named(modules: list[Module], number: str, names: list[str]) -> str:
    """`12.3: weighted_sum`; without a number, the exercise that the test speaks of."""
    exercises = [one for module in modules for one in find_exercises(module.cells)]
    for exercise in exercises:
        if exercise.number == number:
            return f"{number}: {exercise.name}"
    if number:
        return number
    mentioned = [one for name in names for one in exercises if _about(one, name)]
    return f"{mentioned[0].number}: {mentioned[0].name}" if mentioned else ""


def _about(exercise: Exercise, name: str) -> bool:
    """A test speaks of an exercise by its function or by the class that holds it."""
    classes = re.findall(r"^class (\w+)", exercise.cell.source, re.MULTILINE)
    return name in exercise.functions or name in classes
