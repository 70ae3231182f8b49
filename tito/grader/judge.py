"""The judge: asks a submission and the reference the same question, and compares the answers.

It never imports a submission. What it knows (expected values, points, names of mistakes) never
enters the submission's sandbox.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import textwrap
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

from tito.course import Course, Module
from tito.grader import other_answers
from tito.grader.inside import wire
from tito.grader.magics import as_python
from tito.grader.other_answers import OtherAnswer
from tito.grader.own_test import inputs_of, own_test
from tito.grader.reply import Loaded, Reply, compare, read_reply
from tito.grader.sandbox import Sandbox, SandboxError, best_level, inside_folder
from tito.places import exported_cells

LIMIT = 5.0  # seconds of computing for one probe
BUDGET = 30.0  # seconds lost on probes without an answer; after that each has SHORT
SHORT = 1.0
OWN_TEST_LIMITS = 3  # so many times the limit for a notebook's own test: it calls an answer often
RECORD = "tests/grading/expected_{}.json"
FORGED = Reply(category="strange value", reason="it returned something that is no value")
LOST = Reply(category="sandbox lost", reason="it ended the process that watches it")
Cells = Sequence[tuple[str, str]]
Probe = Callable[..., Any]
MISSING = re.compile(
    r"(?:NameError: name|AttributeError: module '[\w.]+' has no attribute) '(\w+)'"
)
BOUND = r"^(?:(?:def|class) +{0}\b|{0} *[:=]|(?:import|from) .{{0,200}}\b{0}\b)"
MAX_BROKEN, MAX_NOTES = 20, 3  # lines that did not run: looked at, and named
NAMEABLE = ("", "error", "strange value")  # categories in which two wrong answers can be told apart


class Failed(Exception):  # noqa: N818  a verdict, no error of ours
    """A check that was not passed."""

    def __init__(self, answer: Reply) -> None:
        super().__init__(answer.told)
        self.answer = answer


@dataclass(frozen=True)
class Question:
    """A probe and its inputs, as they are sent."""

    source: str
    inputs: bytes

    @property
    def key(self) -> str:
        return hashlib.sha256(self.source.encode() + self.inputs).hexdigest()

    @classmethod
    def of(cls, probe: Probe, inputs: dict[str, Any]) -> Question:
        return cls(_source(probe.__code__), wire.encode(inputs))


@cache
def _source(code: CodeType) -> str:
    if code.co_name == "<lambda>":
        raise TypeError("a probe is sent as source: write `def probe(module, ...)`, not a lambda")
    text = textwrap.dedent(inspect.getsource(code))
    return text.replace(f"def {code.co_name}", "def probe", 1)


Asked = list[tuple[Question, Reply]]


def own_cells(module: Module) -> Cells:
    """The module's own cells, as the grading of a submission takes them."""
    cells = exported_cells(module.cells)
    return [(f"cell {cell.ordinal} ({cell.name})", cell.source) for cell in cells]


class Sandboxed:
    """One submission in its sandbox."""

    def __init__(self, session: Session, cells: Cells, limit: float, outside: Cells) -> None:
        self.session, self.limit = session, limit
        self.code, self.outside = dict(cells), dict(outside)
        self.cells: Sequence[Sequence[str]] = [(name, *as_python(code)) for name, code in cells]
        self.sandbox: Sandbox | None = None
        self.lost = 0.0  # seconds
        self.broken: list[tuple[str, Reply]] = []
        self.fatal: Reply | None = None
        self.asked: dict[str, Asked] = defaultdict(list)  # by exercise
        self.own_tests: dict[str, Asked] = defaultdict(list)  # its own test, which takes longer
        self.not_exported: dict[str, str] = {}  # a name that was missing, and the cell that has it
        self.load()

    def load(self) -> None:
        """Run its cells once: what cannot be loaded at all is asked nothing more.

        They come back compiled, which saves the next probes half of their time. The judge does
        not look into that: it is run in the sandbox only.
        """
        loaded = self._answer(None, b"{}")
        if not isinstance(loaded.value, Loaded):
            self.fatal = loaded if loaded.category else FORGED
        else:
            self.broken, self.cells = loaded.value.broken[:MAX_BROKEN], loaded.value.cells
            if self.sandbox:
                self.sandbox.load(self.session.module.package, self.cells)

    def ask(self, question: Question, limits: float = 1) -> Reply:
        asked = question.source, question.inputs, limits
        return self.fatal or self._explained(self._answer(*asked))

    def _answer(self, source: str | None, inputs: bytes, limits: float = 1) -> Reply:
        limit = limits * self.limit if self.lost < BUDGET else min(SHORT, self.limit)
        self.sandbox = self.sandbox or self.session.open_sandbox(self.cells)  # or an error of ours
        try:
            answer = read_reply(self.sandbox.probe(source, inputs, limit))
        except SandboxError:
            self.sandbox.close()
            self.sandbox = None
            answer = LOST
        if answer.category in ("time limit", LOST.category):
            self.lost += limit
        return answer

    def _explained(self, answer: Reply) -> Reply:
        """A name may be missing because its cell did not run: then that is what to say."""
        missing = MISSING.match(answer.reason)
        if not missing:
            return answer
        for cell, error in self.broken:
            if re.search(rf"\b{missing[1]}\b", self.code.get(cell, "")):
                return replace(error, where=error.where or cell)
        bound = re.compile(BOUND.format(missing[1]), re.MULTILINE)
        cell = next((cell for cell, code in self.outside.items() if bound.search(code)), "")
        if cell:
            self.not_exported[missing[1]] = cell
        return answer

    def notes(self) -> list[str]:
        """What cost points, or might have, and is no answer to a question."""
        if self.fatal:
            return [f"it cannot be loaded: {self.fatal.told}"]
        told = [f"{error.where or cell} did not run: {error.reason}" for cell, error in self.broken]
        more = ["more lines did not run"] if told[MAX_NOTES:] else []
        outside = [
            f"{name} is used by an exported cell and stands in {cell}, which is not exported: "
            "`tito module complete` refuses that, too"
            for name, cell in self.not_exported.items()
        ]
        return [*told[:MAX_NOTES], *more, *outside]

    def close(self) -> None:
        if self.sandbox:
            self.session.take_back(self.sandbox)
        self.sandbox = None


class Session:
    """Everything that the submissions to one module share."""

    def __init__(self, course: Course, module: Module, seed: int, level: int | None = None) -> None:
        self.course, self.module, self.seed = course, module, seed
        self.closing = ExitStack()
        self.folder = self.closing.enter_context(inside_folder(course, module))
        self.level = best_level(self.folder) if level is None else level
        self.answers: dict[tuple[OtherAnswer | None, Question], Reply] = {}
        self.sandboxed: Sandboxed | None = None
        self.idle: Sandbox | None = None

    def open(self, cells: Cells, limit: float = LIMIT, outside: Cells = ()) -> None:
        """Grade this submission from now on; `outside` are the cells that do not count."""
        self.close_submission()
        self.sandboxed = Sandboxed(self, cells, limit, outside)

    def close_submission(self) -> None:
        if self.sandboxed:
            self.sandboxed.close()
        self.sandboxed = None

    def submission(self, exercise: str) -> Asker:
        assert self.sandboxed, "nothing to grade was taken"
        return Asker(self, self.sandboxed, exercise)

    def open_sandbox(self, cells: Sequence[Sequence[str]]) -> Sandbox:
        sandbox, self.idle = self.idle, None
        if sandbox:
            sandbox.begin()
        sandbox = sandbox or Sandbox(self.folder, self.level)
        sandbox.load(self.module.package, cells)
        return sandbox

    def take_back(self, sandbox: Sandbox) -> None:
        """Keep it for the next submission, where it can give each a worker of its own."""
        self.idle = sandbox if sandbox.end() else None

    def expected(self, question: Question) -> Reply:
        """What the reference answers; in a released folder, what it answered then."""
        if self.course.learner is None:
            return self._answered(None, question)
        if question.key not in self.recorded:
            raise AssertionError(f"no expected value in {RECORD.format(self.module.name)}")
        return Reply(wire.decode(self.recorded[question.key].encode()))

    def record(self, file: Path) -> None:
        """Write down what the reference answered, for learners who do not have it."""
        answers = {q.key: answer for (mistake, q), answer in self.answers.items() if not mistake}
        texts = {key: wire.encode(answer.value).decode() for key, answer in answers.items()}
        if texts:
            file.write_text(json.dumps(texts, indent=0, sort_keys=True) + "\n", "utf-8")

    @cached_property
    def recorded(self) -> dict[str, str]:
        file = self.course.root / RECORD.format(self.module.name)
        texts: dict[str, str] = json.loads(file.read_text("utf-8")) if file.exists() else {}
        return texts

    def known_mistake(self, exercise: str, asked: Asked) -> str:
        """The first listed mistake that answers every question as the submission did."""
        if not asked or any(answer.category not in NAMEABLE for _, answer in asked):
            return ""
        for mistake in self.mistakes:
            if mistake.number == exercise and all(
                self._answered(mistake, question).same(answer) for question, answer in asked
            ):
                return mistake.what
        return ""

    @cached_property
    def mistakes(self) -> list[OtherAnswer]:
        return other_answers.read(self.module)

    @cached_property
    def reference(self) -> Cells:
        return own_cells(self.module)

    @cached_property
    def reference_sandbox(self) -> Sandbox:
        """A sandbox for our own answers, right and wrong."""
        sandbox = self.open_sandbox(self.reference)
        self.closing.callback(sandbox.close)
        return sandbox

    def _answered(self, mistake: OtherAnswer | None, question: Question) -> Reply:
        key = (mistake, question)
        if key not in self.answers:
            cells = (
                other_answers.planted_cells(mistake, self.reference) if mistake else self.reference
            )
            self.reference_sandbox.load(self.module.package, cells)
            ended = self.reference_sandbox.probe(
                question.source, question.inputs, SHORT if mistake else LIMIT
            )
            self.answers[key] = read_reply(ended)
        return self.answers[key]

    def close(self) -> None:
        self.close_submission()
        if self.idle:
            self.idle.close()
        self.closing.close()


@dataclass
class Asker:
    """What a check speaks to: the fixture `submission`."""

    session: Session
    sandboxed: Sandboxed
    exercise: str
    asked: Asked = field(default_factory=list)

    def run(self, probe: Probe, **inputs: Any) -> Any:
        """Return what the probe returns from the submission.

        Args:
            probe: a function of the learner's module and the inputs. Its source is run in the
                sandbox, so it uses nothing from around it; it returns None, numbers, text, lists,
                tuples, dicts with text keys, and arrays.
            inputs: values of the same kinds.

        Raises:
            Failed: no value came back; says why.
        """
        answer = self._ask(Question.of(probe, inputs))
        if answer.category:
            raise Failed(answer)
        return answer.value

    def check(self, probe: Probe, rtol: float = 1e-4, atol: float = 1e-6, **inputs: Any) -> None:
        """Compare what the probe returns from the submission with what the reference returns.

        Raises:
            Failed: they differ, or no value came back.
        """
        question = Question.of(probe, inputs)
        expected = self.session.expected(question)
        if expected.category:
            raise AssertionError(f"the reference gives no value: {expected.told}")
        answer = self._ask(question)
        wrong = answer if answer.category else compare(answer.value, expected.value, rtol, atol)
        if wrong:
            raise Failed(wrong)

    def expect(self, got: Any, value: Any, rtol: float = 1e-4, atol: float = 1e-6) -> None:
        """Compare what `run` returned with a value given in sight, a nested list for an array.

        Raises:
            Failed: they differ; says where.
        """
        wrong = compare(got, np.array(value) if isinstance(value, list) else value, rtol, atol)
        if wrong:
            raise Failed(wrong)

    def pass_own_test(self) -> None:
        """Run the notebook's own test of the exercise on the submission.

        Raises:
            Failed: it does not pass; says what the test says.
        """
        question = Question.of(own_test, inputs_of(self.session.module, self.exercise))
        answer = self.sandboxed.ask(question, OWN_TEST_LIMITS)
        self.sandboxed.own_tests[self.exercise] = [(question, answer)]
        if answer.category or answer.value:
            wrong = Reply(category="wrong value", reason=str(answer.value))
            raise Failed(answer if answer.category else wrong)

    def _ask(self, question: Question) -> Reply:
        answer = self.sandboxed.ask(question)
        self.asked.append((question, answer))
        self.sandboxed.asked[self.exercise].append((question, answer))
        return answer

    def mistake(self) -> str:
        """The name of the known mistake that answers as this submission did, or nothing."""
        return self.session.known_mistake(self.exercise, self.asked)
