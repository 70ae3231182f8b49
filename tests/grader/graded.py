"""A batch of four checks, submissions with verdicts on them, and text that means harm."""

from __future__ import annotations

from tito.grader.gradebook import Batch
from tito.grader.grades import Grade, grades
from tito.grader.terms import Lateness, Terms
from tito.grader.verdict import Check, Graded, Verdict

CHECKS = (
    Check("TestScores::test_it_and_dog_give_four", "12.1", 1, False),
    Check("TestScores::test_batches_stay_apart", "12.1", 2.5, True),
    Check("TestMerge::test_heads_come_back", "12.10", 2, False),
    Check("TestMerge::test_odd_sizes", "12.10", 1, True),
)
BATCH = Batch("12_attention", 7, CHECKS, "f" * 64)
NAMES = {"12.1": "attention_scores", "12.10": "MultiHeadAttention.__init__"}
SECRET = "input [[3.25, 1.5]] of a hidden check"
MISTAKE = "rows and columns swapped"
HOSTILE = [
    "<script>alert(1)</script>",
    '</style><img src=x onerror="alert(1)">',
    "--><!-- ' \" &lt;",
    "[click](javascript:alert(1)) <javascript:alert(1)>",
    "![](http://evil.example/pixel.png) http://evil.example",
    "` `` ``` ~~~ | a | b | **bold** # head",
    "\x1b[31mred\x1b[0m \x9b2J",
    "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x07",
    "\u202egnp.exe \u2066isolate\u200bzero\ufeff\u00ad\u3164",
    "one\ntwo\r\nthree\u2028four\u2029five\x0bsix\x00seven\x85",
    "half a pair \ud83d, a byte \udcff",
]


def graded(name: str = "jane.py", **changes: object) -> Graded:
    """Passed, failed hidden with a known mistake, failed public, failed hidden."""
    verdicts = (
        Verdict(CHECKS[0].name, 1, "passed"),
        Verdict(CHECKS[1].name, 0, "wrong value", SECRET, MISTAKE),
        Verdict(CHECKS[2].name, 0.5, "wrong shape", "expected (2, 3), got (3, 2)"),
        Verdict(CHECKS[3].name, 0, "error", SECRET),
    )
    parts = {"student": "jane", "sha256": "a" * 64, "level": "3 bubblewrap", "verdicts": verdicts}
    return Graded(**{"name": name, **parts, **changes})  # type: ignore[arg-type]


def learners(*submissions: Graded, percent: float = 0, **terms: object) -> list[Grade]:
    """The rows of a report."""
    agreed = {"late": Lateness(percent=percent), **terms}
    return grades(BATCH, submissions, Terms(**agreed))  # type: ignore[arg-type]


def everywhere(text: str) -> Graded:
    """A submission that has the text wherever a learner can put one."""
    reasons = (Verdict(check.name, 0, "error", text, MISTAKE) for check in CHECKS)
    return graded(text, student=text, note=text, verdicts=tuple(reasons))
