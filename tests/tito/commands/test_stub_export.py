"""A stub never becomes the package, and whoever meets one is told how to go on."""

from __future__ import annotations

import pytest

from tito.exercises import strip_answers
from tito.stubs import is_stub

pytestmark = pytest.mark.slow

STUB = 'raise NotImplementedError("exercise 2.1: quadruple")'
ANSWER = "return 4 * x"
REFUSED = "exercise 2.1: quadruple is not written yet; tinytorch/core/beta.py {}\n  `tito watch 02`"


def export_of(learner):
    return learner.root / "tinytorch/core/beta.py"


@pytest.mark.parametrize(
    "args", [["export", "beta"], ["export", "--all"], ["export"], ["module", "complete", "2"]]
)
def test_a_stub_is_not_exported_over_nothing(learner, args) -> None:
    done = learner.tito(*args)
    assert done.returncode == 1
    assert "exercise 2.1: quadruple" in done.stdout and "not written yet" in done.stdout
    assert not export_of(learner).exists()


def test_a_stub_is_not_exported_over_a_good_export(learner) -> None:
    learner.edit(learner.beta, STUB, ANSWER)
    assert learner.tito("module", "complete", "2").returncode == 0
    good = export_of(learner).read_bytes()
    assert learner.tito("reset", "2.1").returncode == 0
    for args in (["beta"], ["--all"], []):
        done = learner.tito("export", *args)
        assert (done.returncode, export_of(learner).read_bytes()) == (1, good)
        assert REFUSED.format("stands as it was") in done.stdout
    assert "tito export" not in learner.tito("test", "beta").stdout
    assert "`tito watch 02`" in learner.tito("test", "beta").stdout
    assert "tito export" not in learner.tito("doctor").stdout


def test_a_stub_is_not_exported_over_a_reference(learner) -> None:
    good = learner.export.read_bytes()
    done = learner.tito("export", "alpha")
    assert (done.returncode, learner.export.read_bytes()) == (1, good)
    assert "exercise 1.1: double is not written yet" in done.stdout
    learner.edit(learner.alpha, 'raise NotImplementedError("exercise 1.1: double")', "return 2*x")
    done = learner.tito("export", "alpha")
    assert (done.returncode, learner.export.read_bytes()) == (1, good)
    assert "exercise 1.2: next_one is not written yet" in done.stdout


def test_a_stub_that_no_test_reaches_is_not_completed(learner) -> None:
    learner.edit(learner.beta, "    test_quadruple()\n", "    pass\n")
    (learner.root / "tests/core/beta/test_beta.py").unlink()
    done = learner.tito("module", "complete", "2")
    assert done.returncode == 1
    assert REFUSED.format("is not made") in done.stdout
    assert not export_of(learner).exists()


def test_what_is_written_is_exported_and_the_rest_named(course) -> None:
    course.beta.write_text(strip_answers(course.beta.read_text("utf-8")), "utf-8")
    done = course.tito("export")
    assert done.returncode == 0
    assert "alpha exported" in done.stdout
    assert REFUSED.format("is not made") in done.stdout
    assert not export_of(course).exists()


def test_named_with_a_stub_nothing_is_exported_by_halves(course) -> None:
    course.beta.write_text(strip_answers(course.beta.read_text("utf-8")), "utf-8")
    assert course.tito("export", "alpha", "beta").returncode == 1
    assert not course.export.exists()


def test_bare_export_and_bare_test_are_about_everything(course) -> None:
    assert course.tito("export").returncode == 0
    assert course.export.exists() and export_of(course).exists()
    done = course.tito("test", "--", "-k", "of_five", "-q")
    assert (done.returncode, "2 tests passed" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("body", "stub"),
    [
        ('raise NotImplementedError("exercise 2.1: quadruple")', True),
        ("", True),
        ("# later", True),
        ("pass", True),
        ('"""in words"""\n...', True),
        ('y = x\nraise NotImplementedError("exercise 2.1: quadruple")', True),
        ('if x:\n    return 1\nraise NotImplementedError("exercise 2.1: quadruple")', True),
        ('return (\nraise NotImplementedError("exercise 2.1: quadruple")', True),
        ("return 4 * x", False),
        ('# raise NotImplementedError("exercise 2.1: quadruple")\nreturn 4 * x', False),
        ('return 4 * x\nraise NotImplementedError("exercise 2.1: quadruple")', False),
        (
            "if x:\n    return 1\nelse:\n    return 2\n"
            'raise NotImplementedError("exercise 2.1: quadruple")',
            False,
        ),
        ('raise NotImplementedError(f"{x} has no forward")', False),
        ("return (", False),
    ],
)
@pytest.mark.parametrize("indent", ["", "    "])
def test_an_answer_is_written_if_more_than_a_stub_can_be_reached(body, stub, indent) -> None:
    assert is_stub([indent + line for line in body.splitlines()]) is stub
