"""A newer course replaces what the learner has not touched, and says what it left."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tito import cli, files, sync

pytestmark = pytest.mark.slow

STUB = 'raise NotImplementedError("exercise 2.1: quadruple")'
ANSWER = "return double(double(x))"
DOCSTRING = '"""Document quadruple."""'


@pytest.fixture
def mine(learner, course, monkeypatch, capfd):
    """A learner who wrote exercise 2.1; `mine.update` runs the command there."""
    monkeypatch.chdir(learner.root)
    learner.edit(learner.beta, STUB, "return 4 * x  # mine")
    sync.sync(learner.module("beta"))

    def update(*args: str, code: int = 0) -> str:
        capfd.readouterr()
        assert cli.run(["update", *args]) == code
        return capfd.readouterr().out

    learner.update, learner.course = update, course
    return learner


def everything(root) -> dict[str, bytes]:
    found = [path for path in root.rglob("*") if path.is_file()]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def test_nothing_new_changes_nothing(mine) -> None:
    before = everything(mine.root)
    assert mine.update() == f"✓ nothing to take over from {mine.course.root}\n"
    after = everything(mine.root)
    assert after.pop(".tito/lock") == b""
    assert after == before


def test_new_text_tests_and_docstrings_arrive_around_the_answer(mine) -> None:
    beta = mine.course.beta
    mine.course.edit(beta, "What it does, in words.", "What it does, in better words.")
    mine.course.edit(beta, DOCSTRING, '"""Four times x."""')
    mine.course.edit(beta, '"wrong"', '"the factor is 4"')
    said = mine.update()
    text, notebook = (
        mine.beta.read_text("utf-8"),
        mine.beta.with_suffix(".ipynb").read_text("utf-8"),
    )
    for new in ("in better words", "Four times x", "the factor is 4", "return 4 * x  # mine"):
        assert new in text and new in notebook
    assert "✓ took over modules/02_beta/beta_dev.py\n" in said
    assert "left" not in said and ANSWER not in text
    assert mine.tito("module", "complete", "2").returncode == 0
    assert "nothing to take over" in mine.update()


def long_marker(match: re.Match) -> str:
    """A marker as the course wrote it before they were short."""
    points = f', "points": {match[2]}' if match[2] else ""
    return f'# %% nbgrader={{"grade_id": "{match[1]}"{points}, "schema_version": 3}}'


def test_a_folder_with_nbgraders_long_markers_works_and_is_brought_to_the_short_ones(mine) -> None:
    for path in (mine.beta, mine.root / ".tito/pristine/modules/02_beta/beta_dev.py"):
        text = path.read_text("utf-8")
        long = re.sub(r"(?m)^# %% ([\w.-]+)(?: points=(\d+))?$", long_marker, text)
        assert long != text
        path.write_text(long, "utf-8")
    mine.beta.with_suffix(".ipynb").unlink()
    assert mine.tito("sync").returncode == 0
    assert "✓ inline tests of beta pass" in mine.tito("module", "test", "2").stdout
    mine.update()
    text = mine.beta.read_text("utf-8")
    assert "nbgrader" not in text and "# %% test-2.1 points=1\n" in text
    assert "return 4 * x  # mine" in text
    cells = json.loads(mine.beta.with_suffix(".ipynb").read_text("utf-8"))["cells"]
    assert {"title": "test-2.1", "points": 1} in [cell["metadata"] for cell in cells]
    assert mine.tito("module", "complete", "2").returncode == 0


def test_a_cell_that_both_changed_stays_the_learners_and_is_named_once(mine) -> None:
    mine.edit(mine.beta, DOCSTRING, '"""My own words."""')
    mine.course.edit(mine.course.beta, DOCSTRING, '"""Four times x."""')
    mine.course.edit(mine.course.beta, "in words", "in better words")
    said = mine.update()
    assert "left as you have it: modules/02_beta/beta_dev.py, cell 2.1-quadruple\n" in said
    text = mine.beta.read_text("utf-8")
    assert "My own words" in text and "Four times" not in text and "return 4 * x" in text
    assert "in better words" in text
    assert b"Four times x" in everything(mine.root)[".tito/pristine/modules/02_beta/beta_dev.py"]
    assert "left as" not in mine.update()


def test_the_printed_command_undoes_the_update(mine, capfd) -> None:
    before = everything(mine.root)
    mine.course.edit(mine.course.beta, "in words", "in better words")
    mine.course.edit(mine.course.root / "tests/core/beta/test_beta.py", "== 20", "== 10 + 10")
    undo = re.findall(r"`tito (restore [^`]+)` undoes", mine.update())[0]
    kept = everything(mine.root / ".tito/backups" / undo.split()[1])
    assert {Path(name).name for name in kept} == {"beta_dev.py", "beta_dev.ipynb", "test_beta.py"}
    assert cli.run(undo.split()) == 0
    after = everything(mine.root)
    own = [name for name in before if not name.startswith(".tito/")]
    assert {name: after[name] for name in own} == {name: before[name] for name in own}


def test_other_files_are_replaced_only_where_untouched(mine) -> None:
    tests = mine.root / "tests/core"
    for name in ("alpha/test_alpha.py", "beta/test_beta.py"):
        course_file = mine.course.root / "tests/core" / name
        course_file.write_text(course_file.read_text() + "# newer\n")
    (mine.course.root / "tests/core/test_more.py").write_text("# new\n")
    (tests / "alpha/test_alpha.py").write_text("# mine\n")
    said = mine.update()
    assert "✓ took over tests/core/beta/test_beta.py\n" in said
    assert "• left as you have it: tests/core/alpha/test_alpha.py\n" in said
    assert (tests / "alpha/test_alpha.py").read_text() == "# mine\n"
    assert (tests / "beta/test_beta.py").read_text().endswith("# newer\n")
    assert (tests / "test_more.py").read_text() == "# new\n"


def test_what_the_course_dropped_goes_and_what_the_learner_removed_stays_away(mine) -> None:
    (mine.course.root / "tests/core/beta/test_beta.py").unlink()
    mine.course.edit(mine.course.root / "tests/core/alpha/test_alpha.py", "== 10", "== 5 + 5")
    (mine.root / "tests/core/alpha/test_alpha.py").unlink()
    said = mine.update()
    assert "✓ removed tests/core/beta/test_beta.py" in said
    assert "test_alpha.py\n  you removed it" in said
    assert not list((mine.root / "tests/core").rglob("test_*"))


def test_a_module_the_course_dropped_stays_with_its_lent_export(mine) -> None:
    shutil.rmtree(mine.course.alpha.parent)
    mine.course.export.unlink()
    assert "alpha_dev.py\n  the course has it no more" in mine.update()
    assert "return SCALE * x" in mine.export.read_text("utf-8")
    assert (mine.root / "modules/01_alpha/alpha_dev.py").exists()


def test_a_lent_export_follows_the_course_and_an_own_one_does_not(mine) -> None:
    mine.course.edit(mine.course.export, "return SCALE * x", "return x * SCALE")
    assert "✓ took over tinytorch/core/alpha.py" in mine.update()
    assert "return x * SCALE" in mine.export.read_text("utf-8")
    mine.edit(mine.root / "modules/01_alpha/alpha_dev.py", "raise Not", "return 2 * x\n    # Not")
    mine.tito("export", "alpha")
    own = mine.export.read_bytes()
    mine.course.edit(mine.course.export, "return x * SCALE", "return x + x")
    assert "alpha.py" not in mine.update()
    assert mine.export.read_bytes() == own


def test_a_new_module_arrives_as_a_stub_with_its_notebook(mine) -> None:
    shutil.copytree(mine.course.beta.parent, mine.course.root / "modules/03_gamma")
    folder = mine.course.root / "modules/03_gamma"
    (folder / "beta_dev.py").rename(folder / "gamma_dev.py")
    mine.update()
    text = (mine.root / "modules/03_gamma/gamma_dev.py").read_text("utf-8")
    assert STUB in text and ANSWER not in text
    assert (mine.root / "modules/03_gamma/gamma_dev.ipynb").exists()


def test_files_that_disagree_are_left_and_taken_next_time(mine) -> None:
    mine.course.edit(mine.course.beta, "in words", "in better words")
    notebook = mine.beta.with_suffix(".ipynb")
    mine.edit(mine.beta, "4 * x", "5 * x")
    mine.edit(notebook, "4 * x", "6 * x")
    before = everything(mine.root / "modules")
    assert "left as you have it: modules/02_beta/beta_dev.py as a whole" in mine.update()
    assert everything(mine.root / "modules") == before
    mine.edit(notebook, "6 * x", "5 * x")
    assert "took over modules/02_beta/beta_dev.py" in mine.update()


def test_an_update_ended_at_any_write_is_finished_by_the_next(mine, monkeypatch, tmp_path) -> None:
    mine.course.edit(mine.course.beta, DOCSTRING, '"""Four times x."""')
    mine.course.edit(mine.course.root / "tests/core/beta/test_beta.py", "== 20", "== 10 + 10")
    shutil.copytree(mine.root, tmp_path / "old")
    write = files.atomic_write
    for stop in range(20):
        left = iter(range(stop))

        def ending(path, content, left=left) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt
            write(path, content)

        with monkeypatch.context() as patch:
            patch.setattr(files, "atomic_write", ending)
            ended = cli.run(["update"])
        mine.update()
        text = mine.beta.read_text("utf-8")
        assert "Four times x" in text and "return 4 * x  # mine" in text, stop
        assert sync.in_sync(mine.module("beta"))
        assert "10 + 10" in (mine.root / "tests/core/beta/test_beta.py").read_text("utf-8")
        if ended == 0:
            break
        shutil.rmtree(mine.root)
        shutil.copytree(tmp_path / "old", mine.root)
        monkeypatch.chdir(mine.root)
    assert ended == 0 and stop > 5


def test_another_clone_can_be_named_and_is_remembered(mine, make, tmp_path) -> None:
    other = make(tmp_path / "other")
    other.edit(other.beta, "in words", "in other words")
    assert "took over" in mine.update("--course", "../other")
    facts = json.loads((mine.root / ".tito/learner.json").read_text("utf-8"))
    assert (facts["course"], facts["borrowed"]) == (str(other.root), ["01_alpha"])


def test_a_folder_that_is_no_course_and_the_clone_itself_are_misuse(mine, monkeypatch) -> None:
    for where in ("../nowhere", "../mine"):
        assert "name a clone" in mine.update("--course", where, code=2)
    monkeypatch.chdir(mine.course.root)
    assert "`git pull`" in mine.update(code=2)
