"""What the page of an exercise asks of Python, in the browser.

The verdict is tito's own: the same cells, checks, names of mistakes. Only the child process is
missing there, so the cells run here, and what a run loaded is forgotten before the next.
"""

from __future__ import annotations

import builtins
import contextlib
import contextvars
import io
import json
import linecache
import os
import re
import sys
import time
import types
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tito.course import Course, Module, stub_file
from tito.errors import CodeError
from tito.exercises import find_regions, number_in, numbers_in, strip_answers
from tito.learner.answers import put, take
from tito.notebook.cell import Cell
from tito.notebook.ipynb import to_json
from tito.notebook.merge import Choice
from tito.run import child, trial
from tito.run.child import shortened
from tito.run.process import Outcome

ROOT = Path(__file__).parent  # the course as it was unpacked beside this file
CAUSAL = "create_causal_mask(len(words))"
WEIGHTS = {  # of the sentence of module 12, by the learner's own code: (weights, mask)
    "12.3": ("attention_weights(attention_scores(Q_words / 2, K_words))", "None"),
    "12.6": ("scaled_dot_product_attention(Q_words, K_words, V_words)[1]", "None"),
    "12.7": ("vectorized_attention(Q_words, K_words, V_words)[1]", "None"),
    "12.8": (f"vectorized_attention(Q_words, K_words, V_words, {CAUSAL})[1]", CAUSAL),
    "12.13": ("MultiHeadAttention(4, 2).attend(Q_words, K_words, K_words)[1]", "None"),
}
PICTURE = """
import contextlib
from tinytorch.head_view import head_view, in_notebook
with contextlib.suppress(Exception):
    in_notebook(head_view(({weights}).data[0], words, mask={mask}))
"""


@dataclass
class Asked:
    """The exercise, and what this browser keeps: texts of cells, and texts that passed."""

    number: str
    texts: dict[str, str]  # by name of the cell
    passed: dict[str, str]  # by number of the exercise: the text of its cell as it passed
    limit: float = trial.ONE_LIMIT  # seconds

    @property
    def module(self) -> Module:
        return Course(ROOT).module(self.number.partition(".")[0])


@dataclass
class Verdict:
    passes: bool
    title: str
    message: str = ""
    line: int = 0  # of the cell, as it was typed; 0 where none is known
    notes: list[str] = field(default_factory=list)
    printed: str = ""
    pictures: list[str] = field(default_factory=list)  # HTML, not to be trusted


def judge(text: str) -> str:
    """Run the test of one exercise; what is asked and answered is JSON."""
    asked = Asked(**json.loads(text))
    try:
        verdict = verdict_of(asked)
    except CodeError as error:  # markers that are no pair
        verdict = Verdict(False, f"exercise {asked.number}", error.message)
    return json.dumps(asdict(verdict))


def whole(text: str, form: str) -> str:
    """The module's file with every cell as it was typed, and stubs elsewhere."""
    asked = Asked(**json.loads(text))
    module = with_sources(stubs_of(asked.module), asked.texts)
    if form == "py":
        return "".join(cell.raw for cell in module.cells)
    return to_json([Choice(cell, cell, None) for cell in module.cells], module.cells, None)


def verdict_of(asked: Asked) -> Verdict:
    module = asked.module
    prepare(module)
    cell = cell_of(module, asked.number)
    ran = with_sources(module, sources(asked))
    text = "".join(one.raw for one in ran.cells)
    linecache.cache[str(ran.script)] = len(text), None, text.splitlines(True), str(ran.script)
    here = Here()
    done = trial.run(
        ran,
        asked.limit,
        lambda module: trial.one_test(module, asked.number) + picture(module, asked.number),
        child=here.child,
    )
    damage = [one.what for one in done.damage if one.number == asked.number]
    said = [re.sub(r"^\S+ \(cell .*?\): ", "", what) for what in damage]  # in the editor's own cell
    failure = done.failure
    if failure is None:
        title = f"exercise {asked.number} passes"
        return Verdict(True, title, notes=said, printed=here.printed, pictures=here.pictures)
    place, line = failure.place, 0
    if place and place.cell.name == cell.name:
        line = typed_line(asked.texts.get(cell.name, ""), place.cell.source, place.line)
    return Verdict(False, failure.title, failure.message, line, said, here.printed)


def picture(module: Module, number: str) -> list[dict[str, Any]]:
    """Code that draws what the answer does, run where its test has passed."""
    if number not in WEIGHTS:
        return []
    weights, mask = WEIGHTS[number]
    (test,) = trial.tests(module, number)
    code = PICTURE.format(weights=weights, mask=mask)
    return [{"ordinal": test.ordinal, "first_line": 1, "code": code}]


def prepare(module: Module) -> None:
    """Keep the module as it was given, by which tito sees what became of its cells."""
    path = stub_file(Course(ROOT), module)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(strip_answers(module.script.read_text("utf-8")), "utf-8")


def stubs_of(module: Module) -> Module:
    sources = {cell.name: strip_answers(cell.source) for cell in module.cells if number_in(cell)}
    return with_sources(module, sources)


def cell_of(module: Module, number: str) -> Cell:
    """The cell that holds the answer to an exercise."""
    return next(cell for cell in module.cells if number in numbers_in(cell))


def sources(asked: Asked) -> dict[str, str]:
    """What runs in place of the reference: of each other exercise what passed here, if anything.

    In the cell that is asked about, what stands above the exercise is filled in likewise.
    """
    module, found = asked.module, dict[str, str]()
    for cell in module.cells:
        held = numbers_in(cell)
        if asked.number in held:
            above = held[: held.index(asked.number)]
            found[cell.name] = filled(asked, cell, asked.texts[cell.name], above)
            break
        own = [asked.passed[number] for number in held if number in asked.passed]
        if own:
            found[cell.name] = filled(asked, cell, own[-1], held)
    return found


def filled(asked: Asked, cell: Cell, text: str, held: list[str]) -> str:
    """The text of a cell, in which the answers to some exercises are those that passed."""
    answers = {
        key: answer
        for number in held
        for key, answer in take(asked.passed.get(number, cell.source)).items()
        if key[0] == number
    }
    return put(text, answers)[0]


def with_sources(module: Module, sources: dict[str, str]) -> Module:
    """The module with other texts in some of its cells, and the lines they then stand on."""
    cells, line = [], 1
    for old in module.cells:
        cell = replace(old)
        if old.name in sources:
            cell.source = sources[old.name].rstrip()
            marker, end = old.raw.partition("\n")[0], old.raw[len(old.raw.rstrip()) :]
            cell.raw = f"{marker}\n{cell.source}{end}"
        cell.begin, cell.first_line = line, line + old.first_line - old.begin
        line += cell.raw.count("\n")
        cells.append(cell)
    return module.having(cells)


def typed_line(typed: str, ran: str, line: int) -> int:
    """The line of the typed text that a line of the text that ran stands for."""
    shift = 0
    for own, other in zip(regions_of(typed), regions_of(ran), strict=False):
        if line <= other.begin + 1:
            break
        longer = (other.end - other.begin) - (own.end - own.begin)
        if longer and line <= other.end:
            return own.begin + 1
        shift += longer
    return line - shift


def regions_of(text: str) -> list[Any]:
    return find_regions(text.split("\n"))


class TimeUp(KeyboardInterrupt):  # no `except Exception` stops it, and tito's loop lets it through
    """The limit is over."""


class Here:
    """Runs cells in this process, as tito's child would; keeps what they print and show."""

    def __init__(self) -> None:
        self.printed = ""
        self.pictures: list[str] = []

    def child(self, action: str, root: Path, cwd: Path, limit: float, *_: Any, **spec: Any) -> Any:
        records: list[dict[str, Any]] = []
        stuck, code = "", -1
        with self.kept(cwd):
            try:
                run = contextvars.copy_context().run
                with clock(limit):
                    code = run(child.run_cells, spec, lambda **what: records.append(what))
            except TimeUp as up:
                stuck = up.args[0]
        return Outcome(code, records, self.printed, stuck, limit)

    @contextlib.contextmanager
    def kept(self, folder: Path) -> Iterator[None]:
        """Everything as it was, afterwards: modules, paths, folder, streams."""
        forget()
        before = os.getcwd(), [*sys.path], sys.modules["__main__"]
        printed = io.StringIO()
        builtins.display = self.show  # type: ignore[attr-defined]  # tinytorch.head_view asks for it
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                yield
        finally:
            os.chdir(before[0])
            sys.path[:], sys.modules["__main__"] = before[1:]
            del builtins.display  # type: ignore[attr-defined]
            self.printed = shortened(printed.getvalue())

    def show(self, *values: Any) -> None:
        self.pictures += [value._repr_html_() for value in values]


def forget() -> None:
    """The library and the checks are loaded anew: an answer may have left rules in them."""
    for name, module in [*sys.modules.items()]:
        file = getattr(module, "__file__", None) or ""
        if name.partition(".")[0] == "tinytorch" or file.startswith(str(ROOT / "modules")):
            del sys.modules[name]


@contextlib.contextmanager
def clock(limit: float) -> Iterator[None]:
    """Raise `TimeUp` in a loop or a function that goes on after the limit, and again."""
    monitoring, tool, end = sys.monitoring, sys.monitoring.PROFILER_ID, time.monotonic() + limit

    def look(*_: Any) -> None:
        nonlocal end
        if time.monotonic() > end:
            end += 1.0
            raise TimeUp(stack(sys._getframe(1)))

    events = monitoring.events.JUMP, monitoring.events.PY_START
    monitoring.use_tool_id(tool, "limit")
    for event in events:
        monitoring.register_callback(tool, event, look)
    monitoring.set_events(tool, sum(events))
    try:
        yield
    finally:
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)


def stack(frame: types.FrameType | None) -> str:
    """The frames as faulthandler writes them, innermost first, which is how tito reads them."""
    lines = ["Thread 0x0"]
    while frame:
        code = frame.f_code
        lines.append(f'  File "{code.co_filename}", line {frame.f_lineno} in {code.co_name}')
        frame = frame.f_back
    return "\n".join(lines)
