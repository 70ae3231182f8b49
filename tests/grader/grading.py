"""A toy course with checks, and submissions to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tito.course import Course
from tito.exercises import strip_answers
from tito.grader.sandbox import SAFE, best_level, inside_folder
from tito.render import render

CHECKS = '''\
"""Public checks of module 01."""

import pytest


@pytest.mark.exercise("1.1")
class TestDouble:
    def test_three_gives_six(self, submission):
        def probe(alpha):
            return alpha.double(3)

        assert submission.run(probe) == 6, "double(3) is 6"


@pytest.mark.exercise("1.2")
def test_one_more(submission, rng):
    def probe(alpha, x):
        return alpha.next_one(x)

    submission.check(probe, x=int(rng.integers(100)))
'''
HIDDEN = '''\
"""Hidden checks of module 01."""

import pytest


@pytest.mark.exercise("1.1")
class TestDouble:
    @pytest.mark.points(2)
    def test_any_number(self, submission, rng):
        def probe(alpha, x):
            return alpha.double(x)

        submission.check(probe, x=rng.normal(size=(2, 3)))
'''
WRONG = """\
# Wrong answers

## 1.1 `double`: squared

Says: wrong

```python
return x * x
```

## 1.1 `double`: halved

Says: wrong

```python
return x / 2
```

## 1.2 `next_one`: one less

Says: wrong

```python
return x - 1
```
"""
GOOD = {"1.1": "return SCALE * x", "1.2": "return x + 1"}


def add_checks(course) -> Course:
    """Give the toy course checks and known mistakes, and exports."""
    for name, text in {
        "tests/grading/test_alpha.py": CHECKS,
        "tests/grading/hidden/test_alpha.py": HIDDEN,
        "tests/course/wrong/01_alpha.md": WRONG,
    }.items():
        path = course.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    toy = Course(course.root)
    for module in toy.modules:
        module.export.write_text(render(module), "utf-8")
    return toy


def submission(course, **answers: str) -> str:
    """The module's text with other answers: `submission(course, double="return 2")`."""
    text = course.alpha.read_text("utf-8")
    old = {"double": GOOD["1.1"], "next_one": GOOD["1.2"]}
    for name, answer in answers.items():
        assert old[name] in text
        text = text.replace(old[name], answer)
    return text


def stub(course) -> str:
    return strip_answers(course.alpha.read_text("utf-8"))


def hand_in(folder: Path, **texts: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    return folder


def safe_level(toy: Course) -> int:
    with inside_folder(toy, toy.modules[0]) as folder:
        level = best_level(folder)
    if level < SAFE:
        pytest.skip("no namespaces and no bubblewrap on this machine")
    return level
