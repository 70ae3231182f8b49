"""`tito course check` finds a blind check, a stub that scores, an author's slip and a leak."""

from __future__ import annotations

import pytest

from tests.grader.grading import WRONG, add_checks, safe_level

pytestmark = pytest.mark.slow


@pytest.fixture
def toy(course):
    safe_level(add_checks(course))
    return course


def check(course, *args, code=0):
    done = course.tito("course", "check", *args)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def rewrite(course, old, new, file="tests/grading/test_alpha.py"):
    path = course.root / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_a_course_in_order_ends_with_a_table(toy) -> None:
    said = check(toy)
    assert "02_beta has no checks" in said
    row = said.splitlines()[-1].split()
    assert row == ["01_alpha", "3", "4", "1/1", "1/1", "2/2", "3/3", "0/0", "1/1"]


def test_a_wrong_answer_that_no_check_sees_is_named(toy) -> None:
    rewrite(toy, "submission.check(probe, x=int(rng.integers(100)))", "submission.run(probe)")
    rewrite(
        toy,
        "def probe(alpha, x):\n        return alpha.next_one(x)",
        "def probe(alpha):\n        return alpha.next_one(1) > -1",
    )
    said = check(toy, "1", code=1)
    assert "loses nothing: 1.2 next_one: one less" in said
    assert "2/3" in said


def test_a_stub_that_gets_points_is_named(toy) -> None:
    rewrite(toy, "return alpha.double(x)", "return 1", "tests/grading/hidden/test_alpha.py")
    assert "the stub gets 2 points" in check(toy, "1", code=1)


def test_a_check_that_the_given_code_passes_alone_is_named(toy) -> None:
    rewrite(toy, "return alpha.next_one(x)", "return [x, alpha.next_one(x)][:1]")
    said = check(toy, "1", code=1)
    assert "the given code passes alone: 1.2: test_one_more" in said and "1/2" in said


def test_a_check_that_the_reference_fails_is_named(toy) -> None:
    rewrite(toy, "== 6,", "== 7,")
    said = check(toy, "1", code=1)
    assert "the reference: TestDouble::test_three_gives_six: double(3) is 6" in said


def test_another_right_answer_that_loses_points_is_named(toy) -> None:
    right = toy.root / "tests/course/right/01_alpha.md"
    right.parent.mkdir()
    right.write_text(WRONG.partition("## 1.1 `double`: halved")[0], "utf-8")
    assert "loses points: 1.1 double: squared" in check(toy, "1", code=1)


def test_an_answer_in_the_released_files_is_named(toy) -> None:
    text = (toy.root / "tests/core/alpha/test_alpha.py").read_text("utf-8")
    leaked = "\n\ndef double(x):\n    return SCALE * x\n"
    (toy.root / "tests/core/alpha/test_alpha.py").write_text(text + leaked, "utf-8")
    assert "tests/core/alpha/test_alpha.py" in check(toy, "1", code=1)


def test_mistakes_of_a_person(toy, tmp_path) -> None:
    assert "no module 'gamma'" in check(toy, "gamma", code=2)
    assert "no checks for beta" in check(toy, "beta", code=2)
    assert toy.tito("init", str(tmp_path / "mine")).returncode == 0
    done = toy.tito("course", "check", cwd=str(tmp_path / "mine"))
    assert "learner's folder" in done.stdout
