"""`tito status` by exercise: read from the files, or with `--run` from their tests."""

from __future__ import annotations

import pytest

from tito.exercises import strip_answers

pytestmark = pytest.mark.slow

BODY = "return SCALE * x"


def test_an_exercise_is_to_write_or_written_and_no_code_runs(course) -> None:
    mark = course.root / "ran"
    course.edit(course.alpha, "SCALE = 2\n", f"SCALE = 2\nopen({str(mark)!r}, 'w').close()\n")
    course.alpha.write_text(strip_answers(course.alpha.read_text("utf-8"), {"1.2"}), "utf-8")
    said = course.tito("status", "alpha").stdout
    assert "1.1 double: written\n" in said
    assert "1.2 next_one: to write\n" in said
    assert said.endswith("next: tito watch 01\n")
    assert not mark.exists()


def test_with_run_every_exercise_is_tried_and_the_failing_ones_say_why(course) -> None:
    course.edit(course.alpha, BODY, "return x")
    done = course.tito("status", "alpha", "--run")
    assert "✗   1.1 double: fails: wrong\n✓   1.2 next_one: passes\n" in done.stdout
    assert done.stdout.endswith("next: tito watch 01\n")


def test_an_exercise_that_stands_on_one_to_write_waits_for_it(course) -> None:
    course.edit(course.alpha, "return x + 1", "return double(x) - x + 1")
    course.alpha.write_text(strip_answers(course.alpha.read_text("utf-8"), {"1.1"}), "utf-8")
    said = course.tito("status", "alpha", "--run").stdout
    assert "1.1 double: to write\n" in said
    assert "1.2 next_one: written, waits for 1.1\n" in said


def test_what_an_endless_loop_kept_from_running_is_not_called_passing(course) -> None:
    course.edit(course.alpha, BODY, "while True: pass")
    said = course.tito("status", "alpha", "--run", "--limit", "1").stdout
    assert "1.1 double: fails: did not finish within 1 s\n" in said
    assert "1.2 next_one: written\n" in said


def test_to_run_everything_at_once_is_misuse(course) -> None:
    done = course.tito("status", "--run")
    assert (done.returncode, "which module" in done.stdout) == (2, True)


def test_the_last_line_is_the_next_command_of_the_first_module_not_done(learner) -> None:
    assert learner.tito("status").stdout.endswith("next: tito module start 02\n")
    learner.edit(learner.beta, 'raise NotImplementedError("exercise 2.1: quadruple")', "return 4*x")
    assert learner.tito("status").stdout.endswith("next: tito module complete 02\n")
    assert learner.tito("module", "complete", "2").returncode == 0
    assert learner.tito("status").stdout.endswith("next: tito test --all\n")


def test_the_next_command_follows_from_what_was_done(learner) -> None:
    assert learner.tito("status").stdout.endswith("next: tito module start 02\n")
    assert learner.tito("module", "start", "2").returncode == 0
    assert learner.tito("status").stdout.endswith("next: tito watch 02\n")


@pytest.mark.parametrize("args", [["watch", "2", "--once"], ["module", "test", "2"]])
def test_whatever_works_on_a_module_begins_it(learner, args) -> None:
    learner.tito(*args)
    assert learner.tito("status").stdout.endswith("next: tito watch 02\n")
