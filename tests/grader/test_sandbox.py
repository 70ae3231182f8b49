"""What a probe can reach at each level, and how it is ended."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

from tests.grader.grading import add_checks
from tito.grader.judge import Question
from tito.grader.reply import read_reply
from tito.grader.sandbox import FRESH, NAMES, SAFE, Sandbox, SandboxError, inside_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="the levels above 0 are POSIX"),
]
SECRET = Path(__file__)


@pytest.fixture(params=NAMES, ids=NAMES.values())
def level(request):
    return request.param


ALONE = {
    3: ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"],
    2: ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--net", "true"],
}


def works_alone(level):
    """Does the machine allow it at all? If so, our use of it has to work."""
    command = ALONE.get(level, ["true"])
    return bool(shutil.which(command[0])) and not subprocess.run(command).returncode


@pytest.fixture
def ask(course, level):
    """Ask a sandbox of the level something: `ask(probe, cells=[("cell 1", "x = 1")], x=3)`."""
    toy = add_checks(course)
    with inside_folder(toy, toy.modules[0]) as folder:
        if not works_alone(level):
            pytest.skip(f"no {NAMES[level]} on this machine")
        sandbox = Sandbox(folder, level)

        def ask(probe, cells=(), limit=1.0, **inputs):
            sandbox.load("tinytorch.core.alpha", list(cells))
            question = Question.of(probe, inputs)
            return read_reply(sandbox.probe(question.source, question.inputs, limit))

        yield ask
        sandbox.close()


def test_a_probe_sees_the_cells_and_its_inputs(ask):
    def probe(module, x):
        return [module.two * x, module.later()]

    cells = [("cell 1", "two = 2"), ("cell 2", "def later(): return two + 1")]
    assert ask(probe, cells, x=21).value == [42, 3]


def test_a_cell_that_fails_costs_no_other_cell(ask):
    def probe(module):
        return [module.before, module.after]

    cells = [("cell 1", "before = 1"), ("cell 2", "this is no Python"), ("cell 3", "after = 3")]
    assert ask(probe, cells).value == [1, 3]


def test_a_future_import_counts_for_the_cells_below_it(ask):
    def probe(module):
        return module.late.__annotations__["x"]

    cells = [
        ("cell 1", "from __future__ import annotations"),
        ("cell 2", "def late(x: Nobody): ..."),
    ]
    assert ask(probe, cells).value == "Nobody"


def test_two_probes_share_no_memory(ask):
    def probe(module):
        module.state.append(1)
        return len(module.state)

    cells = [("cell 1", "state = []")]
    assert [ask(probe, cells).value for _ in range(2)] == [1, 1]


def test_two_probes_share_no_scratch_file(ask, level):
    if level == 0:
        pytest.skip("the plain process keeps its folder")

    def probe(module):
        import os
        import tempfile

        folder = tempfile.gettempdir()
        found = os.listdir(folder)
        os.makedirs(f"{folder}/left/behind")
        with open(f"{folder}/left/note", "w") as file:
            file.write("for the next")
        return found

    assert [ask(probe).value for _ in range(2)] == [[], []]


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("while True: pass", "time limit"),
        ("import os; os._exit(0)", "ended Python"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crash"),
        ("raise SystemExit(0)", "error"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", "time limit"),
    ],
)
def test_every_ending_has_its_name(ask, level, code, category):
    def probe(module, code):
        exec(code)

    category = "ended Python" if (level, category) == (0, "crash") else category
    assert ask(probe, limit=0.3, code=code).category == category


def test_the_next_probe_runs_as_if_nothing_had_been(ask):
    def ends(module):
        import os

        os._exit(3)

    def lives(module):
        return "alive"

    assert [ask(ends).category, ask(lives).value] == ["ended Python", "alive"]


def test_the_environment_holds_nothing_of_the_instructors(ask, monkeypatch):
    def probe(module):
        import os

        return sorted(os.environ)

    allowed = {"HOME", "LANG", "LC_CTYPE", "MPLBACKEND", "PATH", "PWD", "OLDPWD", "TMPDIR"}
    for name in ask(probe).value:
        assert (
            name in allowed
            or name.startswith("PYTHON")
            or name.endswith("_NUM_THREADS")
            or (name == "VECLIB_MAXIMUM_THREADS")
        )


def test_a_safe_level_shows_no_file_of_ours_no_network_and_no_other_process(ask, level):
    if level < SAFE:
        pytest.skip("only safe levels promise this")

    def probe(module, secret, root):
        import os
        import socket

        found = {"secret": os.path.exists(secret), "course": os.path.exists(root)}
        found["processes"] = len([name for name in os.listdir("/proc") if name.isdigit()])
        try:
            socket.create_connection(("127.0.0.1", 9), 0.5)
        except OSError as error:
            found["network"] = type(error).__name__
        found["interfaces"] = [name for _, name in socket.if_nameindex()]
        return found

    found = ask(probe, secret=str(SECRET), root=str(SECRET.parents[2])).value
    assert (found["secret"], found["course"], found["processes"]) == (False, False, 2)
    assert set(found["interfaces"]) <= {"lo"}


def test_the_working_folder_can_be_written_at_every_level(ask):
    def probe(module):
        import logging
        import os

        logging.basicConfig(filename="debug.log")
        logging.warning("here")
        with open("notes.txt", "w") as file:
            file.write("tried 3")
        return sorted(os.listdir())

    assert ask(probe).value == ["debug.log", "notes.txt"]


NOT_DECLARED = ("scipy", "torch", "tito", "pytest", "click", "jupytext", "IPython", "pip", "yaml")


def test_a_safe_level_imports_what_the_course_declares_and_nothing_else(ask, level):
    if level < SAFE:
        pytest.skip("only safe levels promise this")

    def probe(module, names):
        import importlib

        found = []
        for name in names:
            try:
                importlib.import_module(name)
                found.append(name)
            except ImportError:
                pass
        return found

    declared = ["numpy", "matplotlib.pyplot", "mpl_toolkits.mplot3d", "tinytorch"]
    names = [*declared, *NOT_DECLARED, "tinytorch.core.beta", "beta_dev", "attention_dev"]
    assert ask(probe, limit=20, names=names).value == declared


def test_a_safe_level_shows_nothing_that_is_installed_and_no_copy_of_the_course(ask, level):
    if level < SAFE:
        pytest.skip("only safe levels promise this")

    def probe(module):
        import os
        import re

        odd = re.compile(r"(scipy|torch|tito|attention\w*|.*_dev|solutions?)(\.(py|pyc|ipynb|md))?")
        found = []
        for top, folders, files in os.walk("/"):
            folders[:] = [] if top in ("/proc", "/sys") else folders
            installed = os.path.basename(top) in ("site-packages", "dist-packages")
            found += [top] if installed and (folders or files) else []
            found += [f"{top}/{name}" for name in folders + files if odd.fullmatch(name)]
        return [path for path in found if not path.startswith("/packages/")]

    assert ask(probe, limit=60).value == []


def test_a_python_below_the_temporary_folder_is_not_hidden_by_scratch_space(
    course, level, monkeypatch
):
    if level < SAFE:
        pytest.skip("the others have no scratch space of their own")
    if not works_alone(level):
        pytest.skip(f"no {NAMES[level]} on this machine")

    def probe(module):
        import os
        import sys

        with open("here", "w") as file:
            file.write("x")
        return [sys.base_prefix, os.listdir(os.environ["TMPDIR"])]

    toy = add_checks(course)
    with tempfile.TemporaryDirectory(dir="/tmp") as home, inside_folder(toy, toy.modules[0]) as at:
        monkeypatch.setattr(sys, "_base_executable", copy_of_python(Path(home)))
        monkeypatch.setattr(sys, "base_prefix", home)
        sandbox = Sandbox(at, level)
        sandbox.load("tinytorch.core.alpha", [])
        for _ in range(2):
            ended = sandbox.probe(Question.of(probe, {}).source, b"{}", 5.0)
            assert read_reply(ended).value == [home, ["here"]]
        sandbox.close()


def copy_of_python(home: Path) -> str:
    """A Python in a folder, without what is installed beside it."""
    own = Path(os.path.realpath(sys._base_executable))
    library = Path(sysconfig.get_path("stdlib"))
    skip = shutil.ignore_patterns("site-packages", "dist-packages", "test*", "config-*", "idlelib")
    shutil.copytree(library, home / library.relative_to(sys.base_prefix), ignore=skip)
    (home / "bin").mkdir()
    shutil.copy(own, home / "bin")
    return str(home / "bin" / own.name)


def test_a_safe_level_lets_nothing_be_written_but_a_bounded_scratch(ask, level):
    if level < SAFE:
        pytest.skip("only safe levels promise this")

    def probe(module):
        import os

        written = []
        for folder, _, _ in os.walk("/"):
            if folder.startswith(("/proc", "/sys")):
                continue
            try:
                with open(f"{folder}/new", "w") as file:
                    file.write("x")
                written.append(folder)
            except OSError:
                pass
        try:
            for number in range(100):
                with open(f"/tmp/{number}", "wb") as file:
                    file.write(bytes(10_000_000))
        except OSError as error:
            written.append(error.strerror)
        return written

    assert ask(probe, limit=10).value == ["/tmp", "No space left on device"]


def test_a_safe_level_ends_orphans_with_their_own_session(ask, level):
    if level < 1:
        pytest.skip("the plain process has no way to find them")

    def probe(module):
        import os

        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while True:
                    pass
            os._exit(0)
        return "gone"

    def others(module):
        import os

        return [name for name in os.listdir("/proc") if name.isdigit()]

    assert ask(probe).value == "gone"
    if level >= SAFE:
        assert len(ask(others).value) == 2


def test_a_new_worker_finds_nothing_of_the_one_before(course):
    if not works_alone(FRESH):
        pytest.skip("no namespaces on this machine")
    toy = add_checks(course)

    def leave(module):
        import ctypes
        import os

        libc = ctypes.CDLL(None)
        os.mkdir("/tmp/locked", 0)
        number = libc.shmget(77, 4096, 0o1666)
        os.setpriority(os.PRIO_PROCESS, 1, 5)
        return number >= 0

    def look(module):
        import ctypes
        import os

        found = [ctypes.CDLL(None).shmget(77, 4096, 0), os.getpriority(os.PRIO_PROCESS, 1)]
        with open("/proc/self/status") as file:
            held = [line.split()[1] for line in file if line.startswith("Cap")]
        return [*found, os.listdir("/tmp"), sorted(set(held))]

    with inside_folder(toy, toy.modules[0]) as folder:
        sandbox = Sandbox(folder, FRESH)
        answers = []
        for probe in (leave, look):
            sandbox.load("tinytorch.core.alpha", [])
            question = Question.of(probe, {})
            answers.append(read_reply(sandbox.probe(question.source, b"{}", 1.0)).value)
            assert sandbox.end()
            sandbox.begin()
        sandbox.close()
    assert answers == [True, [-1, 0, [], ["0000000000000000"]]]


def test_a_worker_that_is_killed_is_an_error_of_the_sandbox(course):
    toy = add_checks(course)
    with inside_folder(toy, toy.modules[0]) as folder:
        sandbox = Sandbox(folder, 1)
        sandbox.process.kill()
        sandbox.process.wait()
        with pytest.raises(SandboxError):
            sandbox.probe(None, b"{}", 1)
        sandbox.close()


def test_the_folder_holds_no_export_from_the_graded_module_on(course):
    toy = add_checks(course)
    with inside_folder(toy, toy.modules[1]) as folder:
        assert (folder / "tinytorch/core/alpha.py").exists()
        assert not (folder / "tinytorch/core/beta.py").exists()
    with inside_folder(toy, toy.modules[0]) as folder:
        assert not list(folder.rglob("alpha*"))


def test_what_is_too_big_for_the_pipe_is_said(ask, level):
    if level == 0:
        pytest.skip("the plain process reads it all")

    def probe(module):
        import os

        for number in range(3, 64):
            try:
                while True:
                    os.write(number, b"x" * 1_000_000)
            except OSError:
                pass

    assert ask(probe, limit=5).category in ("strange value", "crash")
