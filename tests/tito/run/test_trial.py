"""Whatever a learner's code does, the parent survives it and names the exercise."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tito.exercises import strip_answers
from tito.run import trial

BODY = "return SCALE * x"


def run(course, new: str = BODY, limit: float = 60, name: str = "alpha"):
    course.edit(course.alpha, BODY, new)
    return trial.run(course.module(name), limit, trial.everything).failure


def test_a_good_module_has_no_failure(course) -> None:
    assert run(course) is None


def test_a_failing_inline_test_names_its_exercise_and_line(course) -> None:
    failure = run(course, "return x")
    assert failure.exercise == "1.1: double"
    assert failure.error == "AssertionError: wrong"
    assert failure.frames[-1].shown == "alpha_dev, cell 6 (test-1.1), line 2"


def test_frames_are_the_learners_own_lines(course) -> None:
    failure = run(course, "import json\n    return json.loads('{')")
    assert [frame.shown for frame in failure.frames] == [
        "alpha_dev, cell 6 (test-1.1), line 7",
        "alpha_dev, cell 6 (test-1.1), line 2",
        "alpha_dev, cell 5 (1.1-double), line 6",
    ]
    assert failure.frames[-1].text == "return json.loads('{')"


def test_a_stub_names_its_exercise_even_behind_another_error(course) -> None:
    hidden = "try:\n        double(3)\n    except Exception as e:\n        raise ValueError from e"
    course.edit(course.alpha, "assert double(3)", f"{hidden}\n    assert double(3)")
    text = course.alpha.read_text("utf-8")
    course.alpha.write_text(strip_answers(text), "utf-8")
    failure = trial.run(course.module(), 60, trial.everything).failure
    assert (failure.exercise, failure.error) == ("1.1: double", "not written yet")
    assert len(failure.frames) == 1


def test_an_error_in_a_solution_cell_names_its_exercise(course) -> None:
    failure = run(course, f"{BODY}\n\n\nundefined_name")
    assert failure.exercise == "1.1: double"


def test_a_syntax_error_has_its_cell_and_line(course) -> None:
    failure = run(course, "return (x")
    assert failure.error == "SyntaxError: '(' was never closed"
    assert failure.frames[-1].shown == "alpha_dev, cell 5 (1.1-double), line 5"


def test_an_endless_loop_ends_with_all_it_started_and_names_the_exercise(course) -> None:
    mark = course.root / "alive"
    loop = f"import time\nwhile True: open({str(mark)!r}, 'w').close(); time.sleep(0.02)"
    start = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {loop!r}])"
    failure = run(course, f"{start}\n    while True: pass", limit=2)
    assert (failure.exercise, failure.error) == ("1.1: double", "did not finish within 2 s")
    mark.unlink(missing_ok=True)
    time.sleep(0.3)
    assert not mark.exists()


def test_a_loop_that_never_lets_another_thread_run_has_its_line(course) -> None:
    failure = run(course, "import itertools\n    return sum(itertools.count())", limit=1)
    assert (failure.exercise, failure.error) == ("1.1: double", "did not finish within 1 s")
    assert failure.frames[-1].text == "return sum(itertools.count())"


def test_the_line_of_an_endless_loop_is_known_in_a_folder_of_any_name(make, tmp_path) -> None:
    course = make(tmp_path / "Übung ☃ 🐍")
    failure = run(course, "while True: pass", limit=1)
    assert failure.frames[-1].text == "while True: pass"


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize("sign", ["SIGKILL", "SIGTERM", "SIGHUP", "SIGINT"])
def test_a_child_and_what_it_started_end_with_their_parent(course, sign) -> None:
    beat = course.root / "beat"
    loop = f"import time\nwhile True: open({str(beat)!r}, 'a').write('.'); time.sleep(0.01)"
    start = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {loop!r}])"
    course.edit(course.alpha, BODY, f"{start}\n    while True: pass")
    command = [sys.executable, "-m", "tito", "module", "test", "1"]
    environment = {**os.environ, "PYTHONPATH": os.fspath(course.repository)}
    parent = subprocess.Popen(command, cwd=course.root, env=environment, stdout=subprocess.DEVNULL)
    while not beat.exists():
        assert parent.poll() is None
        time.sleep(0.02)
    parent.send_signal(getattr(signal, sign))
    parent.wait()
    before = None
    for _ in range(200):  # until it stands still
        time.sleep(0.1)
        if before == (before := beat.stat().st_size):
            return
    raise AssertionError("what the child started still writes")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import os; os._exit(0)", "ended Python with exit code 0 before its last cell"),
        ("import os; os._exit(3)", "ended Python with exit code 3 before its last cell"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            f"crashed Python (signal {int(signal.SIGSEGV)})",
        ),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("input()", "EOFError: EOF when reading a line"),
    ],
)
def test_code_that_leaves_or_crashes_is_a_failure(course, code, error) -> None:
    failure = run(course, code)
    assert (failure.exercise, failure.error) == ("1.1: double", error)


def test_code_that_leaves_badly_after_its_last_cell_has_failed(course) -> None:
    failure = run(course, f"import atexit, os; atexit.register(os._exit, 3); {BODY}")
    assert failure.error == "ended Python with exit code 3 after its last cell"


def test_of_several_exercises_in_a_cell_the_one_that_ran_is_named(course) -> None:
    method = (
        "    def {}(self):\n        ### BEGIN SOLUTION 1.{}\n        return 1 / {}\n"
        "        ### END SOLUTION\n"
    )
    two = "class Two:\n" + method.format("one", 3, 1) + method.format("two", 4, 0)
    course.edit(course.alpha, "SCALE = 2\n", f"SCALE = 2\n{two}\n# %%\nTwo().two()\n")
    assert run(course).exercise == "1.4: two"


def test_the_run_is_that_of_a_script(course) -> None:
    course.edit(
        course.alpha,
        "SCALE = 2\n",
        "SCALE = 2\nfrom pathlib import Path\nassert __name__ == '__main__'\n"
        "assert Path(__file__).name == 'alpha_dev.py'\nassert Path.cwd() == Path(__file__).parent\n"
        "import sys\nassert sys.modules['__main__'].SCALE == 2\n",
    )
    assert run(course) is None


def test_a_future_import_holds_for_the_cells_below(course) -> None:
    course.edit(course.alpha, "import math\n", "from __future__ import annotations\n")
    course.edit(course.alpha, "def double(x):", "def double(x: Undefined):")
    assert run(course) is None


def test_magics_stay_comments_in_a_run(course) -> None:
    course.edit(course.alpha, "SCALE = 2\n", "SCALE = 2\n# %matplotlib inline\n# !ls\n")
    assert run(course) is None


def test_printing_anything_is_allowed(course) -> None:
    assert run(course, f"print('🔬 \\ud83d'.encode('utf-8', 'replace'), '✅')\n    {BODY}") is None


def test_no_compiled_files_are_left(course, monkeypatch) -> None:
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    course.edit(course.alpha, "import math\n", "import tinytorch.core\n")
    run(course)
    assert not list(course.root.rglob("__pycache__"))
