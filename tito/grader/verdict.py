"""What grading speaks of: a check, what became of it, and a submission with all its verdicts."""

from __future__ import annotations

from dataclasses import dataclass

PASSED = "passed"


@dataclass(frozen=True)
class Check:
    """One graded test of a module, as its author wrote it."""

    name: str  # "TestAttentionScores::test_a_pair_on_paper", unique in the module
    exercise: str  # "12.1"
    points: float
    hidden: bool

    @property
    def title(self) -> str:
        """The test's name as a sentence; it stands below its exercise."""
        name = self.name.rpartition("::")[2].removesuffix(f"[{self.exercise}]")
        return name.removeprefix("test_").replace("_", " ")


@dataclass(frozen=True)
class Verdict:
    """What became of one check on one submission.

    A category says no more than what kind of failure it was, so a hidden check can show it; the
    reason may hold inputs, values and text from the submission, and is one line.
    """

    check: str  # Check.name
    points: float  # earned
    category: str  # "passed", "wrong value", "wrong shape", "error", "time limit", ...
    reason: str = ""
    mistake: str = ""  # the known mistake whose result this is, by its name


@dataclass(frozen=True)
class Graded:
    """One submission, graded."""

    name: str  # unique in its batch: "doejane_31_42_attention_dev.py"
    student: str  # "doejane"
    sha256: str  # of the source that was graded
    level: str  # the sandbox: "3 bubblewrap", or "0 unsandboxed"
    verdicts: tuple[Verdict, ...]
    note: str = ""  # about the whole: why it could not be read, or what was read instead
    late_days: int = 0  # before any extension
    answers: tuple[tuple[str, str], ...] = ()  # cell and hash of its syntax tree, see `alike`
    ids: tuple[str, ...] = ()  # as platforms name the student: "canvas:31", "email:..."

    @property
    def points(self) -> float:
        return sum(verdict.points for verdict in self.verdicts)
