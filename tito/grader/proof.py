"""Proof that the checks of a module are right: answers of all kinds are graded as submissions.

The reference and other right answers must get every point, the stub none; nor must an exercise
whose answer does nothing, beside right answers to all others; and each listed wrong answer must
lose points on its own exercise. What is released must leak nothing.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tito.course import Module
from tito.errors import TitoError
from tito.exercises import find_exercises, strip_answers
from tito.grader import other_answers
from tito.grader.batch import Plan, Run
from tito.grader.gradebook import Batch
from tito.grader.intake import find as intake
from tito.grader.other_answers import OtherAnswer
from tito.grader.release.folder import release
from tito.grader.verdict import Graded

NOT_WRITTEN = re.compile(r'raise NotImplementedError\("exercise [\d.]+: \w+"\)')


@dataclass
class Proof:
    """How many of each kind were as they must be, and a line for each that was not."""

    module: Module
    checks: int = 0
    points: float = 0
    held: dict[str, tuple[int, int]] = field(default_factory=dict)  # kind: (as it must be, of all)
    failures: list[str] = field(default_factory=list)

    def add(self, kind: str, failures: list[str], count: int) -> None:
        self.held[kind] = (count - len(failures), count)
        self.failures += failures


class Answers:
    """The submissions of a proof, as files."""

    def __init__(self, module: Module) -> None:
        self.module = module
        text = module.script.read_text("utf-8")
        self.texts = {"reference": text, "stub": strip_answers(text)}
        self.empty = [exercise.number for exercise in find_exercises(module.cells)]
        for number in self.empty:
            stub = strip_answers(text, only={number})
            self.texts[f"empty-{number}"] = NOT_WRITTEN.sub("pass", stub)
        self.wrong = self._planted("wrong", other_answers.read(module))
        self.right = self._planted("right", other_answers.read(module, other_answers.RIGHT))

    def _planted(self, kind: str, answers: list[OtherAnswer]) -> dict[str, OtherAnswer]:
        named = {f"{kind}-{number:03}": answer for number, answer in enumerate(answers, 1)}
        for name, answer in named.items():
            self.texts[name] = other_answers.planted_text(answer, self.module)
        return named

    def write(self, folder: Path) -> None:
        for name, text in self.texts.items():
            folder.joinpath(f"{name}.py").write_text(text, "utf-8")


class Proving:
    """Grades the answers; iterate to be told of each, then read `proof`."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.answers = plan, Answers(plan.module)
        self.graded: dict[str, Graded] = {}
        self.batch: Batch | None = None

    def __len__(self) -> int:
        return len(self.answers.texts)

    def __iter__(self) -> Iterator[str]:
        with tempfile.TemporaryDirectory(prefix="tito-") as name:
            folder = Path(name, "submissions")
            folder.mkdir()
            self.answers.write(folder)
            run = Run(self.plan, Path(name, "gradebook.sqlite"))
            yield from run.grade(intake.find_submissions(folder))
            self.batch = run.gradebook.batch
            self.graded = {one.student: one for one in run.gradebook.all()}

    @cached_property
    def proof(self) -> Proof:
        assert self.batch
        proof = Proof(self.plan.module, len(self.batch.checks), self.batch.out_of)
        proof.add("reference", self._not_full({"reference": "the reference"}), 1)
        stub = self.graded["stub"].points
        proof.add("stub", [f"the stub gets {stub:g} points"] if stub else [], 1)
        proof.add("empty", [*self._earned_by_nothing()], len(self.answers.empty))
        wrong, right = self.answers.wrong, self.answers.right
        unseen = [f"loses nothing: {one}" for name, one in wrong.items() if not self._loses(name)]
        proof.add("wrong", unseen, len(wrong))
        others = {name: str(one) for name, one in right.items()}
        proof.add("right", self._not_full(others), len(others))
        proof.add("release", _leaks(self.plan), 1)
        return proof

    def _not_full(self, names: dict[str, str]) -> list[str]:
        found = []
        for name, what in names.items():
            lost = [one for one in self.graded[name].verdicts if one.category != "passed"]
            found += [f"loses points: {what}: {lost[0].check}: {lost[0].reason}"] if lost else []
        return found

    def _earned_by_nothing(self) -> Iterator[str]:
        """Exercises that get points though their answer does nothing."""
        assert self.batch
        for number in self.answers.empty:
            results = self.batch.by_exercise(self.graded[f"empty-{number}"]).get(number, [])
            passed = [check.name for check, verdict in results if verdict.points]
            if passed:
                yield f"the given code passes alone: {number}: {', '.join(passed)}"

    def _loses(self, name: str) -> bool:
        """Does it lose points on its own exercise?"""
        assert self.batch
        number = self.answers.wrong[name].number
        results = self.batch.by_exercise(self.graded[name]).get(number, [])
        return any(verdict.points < check.points for check, verdict in results)


def _leaks(plan: Plan) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="tito-") as name:
        try:
            release(plan.course, [plan.module], Path(name, "release"))
        except TitoError as error:
            return [f"the release: {error.message}"]
    return []
