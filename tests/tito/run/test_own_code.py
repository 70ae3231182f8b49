"""Every command that runs a learner's code shows their own line, and not all that a loop prints."""

from __future__ import annotations

import pytest

from tito.run.child import FIRST, LAST, shortened
from tito.run.output import Output

pytestmark = pytest.mark.slow

BODY = "return SCALE * x"
WHERE = "  modules/01_alpha/alpha_dev.py:{} (in the notebook: cell 5, line {})\n"
LOOP = f"for i in range(13_000): print('row', i)\n    {BODY}"
MISSING = 13_000 - FIRST - LAST


def test_the_whole_answer_is_shown_where_a_test_refused_it(course) -> None:
    course.edit(course.alpha, BODY, "y = 3\n    return y")
    own = WHERE.format(27, 5) + "      y = 3\n      return y\n"
    for args in (["module", "test", "1"], ["module", "complete", "1"], ["watch", "1", "--once"]):
        done = course.tito(*args)
        assert done.returncode == 1
        assert own in done.stdout, args
        assert "test_double()" not in done.stdout, "the way there says nothing"


def test_the_line_that_raised_is_shown(course) -> None:
    course.edit(course.alpha, BODY, "y = x\n    return y / 0")
    own = WHERE.format(28, 6) + "      return y / 0\n"
    for args in (["module", "test", "1"], ["module", "complete", "1"], ["watch", "1", "--once"]):
        assert own in course.tito(*args).stdout, args


SECOND = """

def treble(x):
    ### BEGIN SOLUTION 1.1
    return 4 * x
    ### END SOLUTION


# %% test-1.1"""


@pytest.mark.parametrize(("said", "line"), [("treble: wrong", "return 4 * x"), ("wrong", "")])
def test_of_several_functions_the_one_is_shown_that_the_test_names(course, said, line) -> None:
    course.edit(course.alpha, "\n\n\n# %% test-1.1", SECOND)
    course.edit(
        course.alpha, "def test_double():", f"def test_double():\n    assert False, '{said}'"
    )
    shown = course.tito("module", "test", "1").stdout
    assert (line in shown) if line else ("return" not in shown)
    assert f"double: AssertionError: {said}\n  modules/01_alpha/alpha_dev.py:" in shown


def test_pytest_shows_the_learners_line_and_its_own(course) -> None:
    course.edit(course.alpha, BODY, "return 6  # right for three only")
    own = WHERE.format(27, 5) + "      return 6  # right for three only\n"
    asked = "  tests/core/alpha/test_alpha.py:5: assert double(5) == 10\n"
    assert own + asked in course.tito("module", "complete", "1").stdout
    course.tito("export")
    assert own + asked in course.tito("test", "alpha").stdout


def test_a_stub_shows_where_to_write(course) -> None:
    course.edit(course.alpha, BODY, 'raise NotImplementedError("exercise 1.1: double")')
    said = course.tito("module", "test", "1").stdout
    assert "✗ exercise 1.1: double: not written yet\n" + WHERE.format(27, 5) in said
    assert "raise" not in said


def test_a_loop_that_prints_does_not_bury_the_verdict(course) -> None:
    course.edit(course.alpha, BODY, LOOP)
    done = course.tito("module", "test", "1")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert lines[:FIRST] == [f"row {i}" for i in range(FIRST)]
    assert lines[FIRST] == f"... {MISSING + 2} more lines were printed; they are left out ..."
    assert "✓ inline tests of alpha pass" in lines[-2]
    assert len(lines) == FIRST + 1 + LAST + 2


def test_what_a_failing_test_printed_is_shortened_and_the_verdict_comes_last(course) -> None:
    course.edit(course.alpha, BODY, "for i in range(13_000): print('row', i)\n    return 5")
    course.tito("export", "alpha")
    for args in (["test", "alpha"], ["module", "complete", "1"], ["watch", "1", "--once"]):
        lines = course.tito(*args).stdout.splitlines()
        assert len(lines) < FIRST + LAST + 60, args
        assert any("modules/01_alpha/alpha_dev.py:27" in line for line in lines[-8:]), args


def test_what_was_printed_before_a_crash_is_shown(course) -> None:
    course.edit(course.alpha, BODY, "print('so far', end='')\n    import os; os._exit(3)")
    done = course.tito("module", "test", "1")
    assert done.stdout.startswith("so far\n✗ exercise 1.1: double: ended Python with exit code 3")


def test_a_process_left_behind_does_not_hold_the_verdict_up(course) -> None:
    sleeper = "[sys.executable, '-c', 'import time; time.sleep(30)'], start_new_session=True"
    course.edit(
        course.alpha, BODY, f"import subprocess, sys; subprocess.Popen({sleeper})\n    {BODY}"
    )
    assert course.tito("module", "test", "1").returncode == 0


@pytest.mark.parametrize("count", [0, 1, FIRST, FIRST + LAST, FIRST + LAST + 1, 5000])
def test_the_first_and_the_last_lines_are_kept(count) -> None:
    text = "\n".join(str(i) for i in range(count))
    with Output(show=False) as output, open(output.sink, "w", closefd=False) as sink:
        sink.write(text)
    assert output.text == shortened(text)
    if count > FIRST + LAST:
        assert output.text.endswith(f"\n{count - 1}")
        assert f"... {count - FIRST - LAST} more lines" in output.text


def test_an_endless_line_is_cut_and_bytes_may_be_anything() -> None:
    with Output(show=False) as output, open(output.sink, "wb", closefd=False) as sink:
        sink.write(b"\xff" * 2_000_000)
    assert len(output.text) < 300_000
    assert output.text.startswith("\ufffd")
