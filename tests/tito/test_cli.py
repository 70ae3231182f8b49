"""The command line itself: what it imports, how it speaks, and its exit codes."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tito import cli

HEAVY = {"numpy", "pytest", "nbformat", "jsonschema", "jupytext", "IPython", "rich", "tinytorch"}
HEAVY |= {"jinja2"}
TITO = Path(cli.__file__).parent
LOADED = """
import json, sys
from tito import cli
code = cli.run(sys.argv[1:])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
sys.exit(code)
"""


def loaded(course, *args: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *args],
        cwd=course.root,
        env={**os.environ, "PYTHONPATH": str(TITO.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "args",
    [
        ["--help"],
        ["module", "--help"],
        ["status"],
        ["status", "alpha"],
        ["sync"],
        ["hint", "1.1"],
        ["hint", "double"],
        ["restore"],
        ["data"],
        ["data", "sheet", "cmudict"],
    ],
)
def test_everyday_commands_import_nothing_heavy(course, args) -> None:
    assert not HEAVY & loaded(course, *args)


def test_help_imports_no_command() -> None:
    code = "import sys; from tito import cli; cli.run(['--help']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=TITO.parent, capture_output=True, text=True, check=True
    )
    names = {name for name in done.stdout.split() if name.startswith("tito")}
    assert names == {"tito", "tito.cli", "tito.console", "tito.errors"}


def test_no_file_of_tito_imports_the_package_it_repairs() -> None:
    for path in TITO.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in getattr(node, "names", [])]
            names += [getattr(node, "module", None) or ""]
            assert not any(name.split(".")[0] == "tinytorch" for name in names), path


def test_every_command_of_the_table_exists_and_has_help(capfd) -> None:
    for table, prefix in ((cli.COMMANDS, []), (cli.MODULE_COMMANDS, ["module"])):
        for name in table:
            assert cli.run([*prefix, name, "--help"]) == 0
            assert "Usage: tito" in capfd.readouterr().out


def test_help_lists_the_commands_in_the_order_of_the_design(capfd) -> None:
    cli.run(["--help"])
    lines = capfd.readouterr().out.partition("Commands:")[2].splitlines()
    names = [line.split()[0] for line in lines if line.strip()]
    ways = ["init", "update", "status", "watch", "module", "hint", "solution", "reset", "restore"]
    instructors = ["release", "grade", "course"]
    rest = ["test", "export", "sync", "show", "data", "chat", *instructors, "doctor"]
    assert names == [*ways, *rest]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["tset"], "no command 'tset'\n  `tito test`"),
        (["module", "complet", "1"], "no command 'complet'\n  `tito module complete 01`"),
        (["xyzzy"], "no command 'xyzzy'\n  `tito --help` lists them"),
        (["module", "start"], "Missing argument 'N'.\n  `tito module start 01`"),
        (["export", "--nope"], "No such option"),
    ],
)
def test_misuse_is_one_line_a_fix_and_exit_code_2(course, capfd, monkeypatch, args, said) -> None:
    monkeypatch.chdir(course.root)
    assert cli.run(args) == 2
    assert said in capfd.readouterr().out


def test_outside_a_course_every_command_says_so(tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.chdir(tmp_path)
    for args in (["status"], ["sync"], ["doctor"], ["test", "1"], ["module", "view", "1"]):
        assert cli.run(args) == 2
        assert "no course in" in capfd.readouterr().out


def test_a_console_that_cannot_print_the_marks_gets_letters(course) -> None:
    course.edit(course.alpha, "# # 01. Alpha", "# # 01. Alpha − √")
    for encoding in ("cp1252", "ascii"):
        narrow = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
        done = course.tito("module", "start", "alpha", **narrow)
        assert done.returncode == 0, done.stderr
        assert course.tito("export", "alpha", **narrow).stdout[:9] == "ok alpha "
        assert course.tito("nope", **narrow).stdout[:2] == "x "


def test_a_learners_folder_with_odd_letters_works_on_a_narrow_console(tmp_path, course) -> None:
    moved = course.root.rename(tmp_path / "kürs ✓")
    course.root = moved
    done = course.tito("module", "complete", "1", PYTHONIOENCODING="cp1252", PYTHONUTF8="0")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("variable", "colour"), [({}, True), ({"NO_COLOR": "1"}, False)])
@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo terminal")
def test_colour_is_for_terminals_and_respects_no_color(course, variable, colour) -> None:
    import pty

    assert "\x1b[" not in course.tito("status").stdout
    parent, child = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(TITO.parent), "PYTHONUTF8": "1"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "tito", "status"]
    subprocess.run(command, cwd=course.root, env={**environment, **variable}, stdout=child)
    os.close(child)
    assert ("\x1b[" in os.read(parent, 10_000).decode()) == colour
    os.close(parent)


def test_tests_pass_on_what_stands_behind_two_dashes(course) -> None:
    course.tito("export", "--all")
    done = course.tito("test", "alpha", "beta", "--", "-k", "of_five", "-v")
    assert done.returncode == 0
    assert "test_quadruple_of_five PASSED" in done.stdout
    assert "2 tests passed" in done.stdout
    assert course.tito("test", "alpha", "--", "-k", "nothing").returncode == 2


def test_a_failing_test_is_exit_code_1_and_names_the_exercise(course) -> None:
    course.tito("export", "--all")
    course.edit(course.root / "tests/core/alpha/test_alpha.py", "== 10", "== 11")
    done = course.tito("test", "alpha")
    assert done.returncode == 1
    assert "exercise 1.1: double: AssertionError" in done.stdout
    assert course.tito("test", "--all").returncode == 1


def test_a_module_without_tests_is_said_so(course) -> None:
    (course.root / "tests/core/beta/test_beta.py").unlink()
    (course.root / "tests/core/test_beta.py").touch()  # beside the folder is not in it
    done = course.tito("test", "beta")
    assert done.returncode == 2
    assert "no tests for beta: tests/core/beta holds no test_*.py" in done.stdout


def test_a_source_newer_than_its_export_is_warned_about(course) -> None:
    course.tito("export", "--all")
    assert "older" not in course.tito("test", "alpha").stdout
    course.edit(course.alpha, "return x + 1", "return 1 + x")
    assert "tinytorch/core/alpha.py is older than alpha_dev" in course.tito("test", "alpha").stdout
