"""A batch in numbers: how each exercise went, which mistakes were made how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

from tito.grader.gradebook import Batch
from tito.grader.grades import Grade
from tito.grader.text import number
from tito.grader.verdict import PASSED, Graded

BINS = 10  # of the share of points: [0, 10 %), ..., [90 %, 100 %), all
UNWRITTEN = {"not written", "not run"}


@dataclass(frozen=True)
class ExerciseNumbers:
    """How one exercise went, for those whose work could be graded."""

    number: str
    name: str
    most: float
    mean: float
    median: float
    full: int  # learners with all points
    none: int  # with no points
    unwritten: int  # of whom no check saw an answer
    only_public: int  # who pass every public check and not every hidden one
    mistakes: list[tuple[str, int]]  # known ones, by learners, the most frequent first
    failures: list[tuple[str, int]]  # other kinds of failure, alike

    @property
    def share(self) -> float:
        return self.mean / self.most if self.most else 1


@dataclass(frozen=True)
class BatchNumbers:
    """What the page of a batch shows."""

    graded: int  # learners whose work could be graded
    unreadable: int
    missing: int
    excused: int
    most: float
    mean: float  # of the final points
    median: float
    bins: list[int]  # learners by share of the final points
    late: list[tuple[int, int]]  # days, learners
    exercises: list[ExerciseNumbers]

    @property
    def talk(self) -> list[str]:
        """What to talk about tomorrow, each with its number."""
        return [*_talk(self)][:5]


def numbers(batch: Batch, learners: Sequence[Grade], names: Mapping[str, str]) -> BatchNumbers:
    counted = [one for one in learners if one.graded and one.graded.verdicts]
    final = [one.final for one in counted if one.final is not None]
    late = Counter(one.late_days for one in counted if one.late_days)
    return BatchNumbers(
        graded=len(counted),
        unreadable=sum(one.graded is not None for one in learners) - len(counted),
        missing=sum(one.graded is None and not one.is_excused for one in learners),
        excused=sum(one.is_excused for one in learners),
        most=batch.out_of,
        mean=mean(final) if final else 0,
        median=median(final) if final else 0,
        bins=_bins(final, batch.out_of),
        late=sorted(late.items()),
        exercises=[_exercise(batch, number, names, counted) for number in batch.exercises],
    )


def _bins(final: Sequence[float], most: float) -> list[int]:
    bins = [0] * (BINS + 1)
    for points in final:
        share = min(1, points / most) if most else 1
        bins[BINS if share >= 1 - 1e-9 else int(share * BINS)] += 1
    return bins


def _exercise(
    batch: Batch, exercise: str, names: Mapping[str, str], counted: Sequence[Grade]
) -> ExerciseNumbers:
    points = [one.points[exercise] for one in counted if exercise in one.points]
    most = sum(check.points for check in batch.checks if check.exercise == exercise)
    verdicts = [_results(batch, one.graded, exercise) for one in counted if one.graded]
    mistakes = Counter(name for one in verdicts for name in {row[2] for row in one} - {""})
    failures = Counter(kind for one in verdicts for kind in {row[1] for row in one if not row[2]})
    return ExerciseNumbers(
        number=exercise,
        name=names.get(exercise, ""),
        most=most,
        mean=mean(points) if points else 0,
        median=median(points) if points else 0,
        full=sum(one >= most for one in points),
        none=sum(one == 0 for one in points),
        unwritten=sum({row[1] for row in one} <= UNWRITTEN for one in verdicts),
        only_public=sum(_only_public(one) for one in verdicts),
        mistakes=_most_frequent(mistakes),
        failures=_most_frequent(failures - Counter({PASSED: len(verdicts)})),
    )


def _results(batch: Batch, graded: Graded, exercise: str) -> list[tuple[bool, str, str]]:
    """Of each check: whether it is hidden, the category, the known mistake."""
    found = batch.by_exercise(graded)[exercise]
    return [(check.hidden, verdict.category, verdict.mistake) for check, verdict in found]


def _only_public(results: Sequence[tuple[bool, str, str]]) -> bool:
    public = {category for hidden, category, _ in results if not hidden}
    hidden = {category for hidden, category, _ in results if hidden}
    return public == {PASSED} and bool(hidden - {PASSED})


def _most_frequent(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def _talk(found: BatchNumbers) -> Iterator[str]:
    if not found.graded:
        return
    if all(one.full == found.graded for one in found.exercises):
        yield f"All {found.graded} have all points: nothing is left to explain."
        return
    worst = max(found.exercises, key=lambda one: one.most - one.mean)
    lost = number(worst.most - worst.mean)
    yield f"Exercise {_called(worst)} cost most: {lost} of {number(worst.most)} points on average."
    yield from _shared_mistakes(found)
    left = max(found.exercises, key=lambda one: one.unwritten)
    if left.unwritten:
        yield f"{left.unwritten} of {found.graded} wrote nothing for {_called(left)}."
    tricky = max(found.exercises, key=lambda one: one.only_public)
    if tricky.only_public:
        passed = f"{tricky.only_public} of {found.graded} pass every public check"
        yield f"{passed} of {_called(tricky)} and fail a hidden one."


def _shared_mistakes(found: BatchNumbers) -> Iterator[str]:
    """The two that most learners made, of those that more than one made."""
    every = [(count, one, name) for one in found.exercises for name, count in one.mistakes]
    for count, one, name in sorted(every, key=lambda row: (-row[0], row[2]))[:2]:
        if count > 1:
            yield f"{count} of {found.graded} made one mistake in {_called(one)}: {name}."


def _called(one: ExerciseNumbers) -> str:
    return f"{one.number} {one.name}".rstrip()
