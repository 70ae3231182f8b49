"""Both files of a module stay one notebook, and no edit of either is ever lost."""

from __future__ import annotations

import json
import os

import nbformat
import pytest

from tito import sync as syncing
from tito.errors import CodeError
from tito.notebook.cells import read_notebook, read_percent

DOUBLE, NEXT = "1.1-double", "1.2-next-one"


@pytest.fixture
def pair(course):
    """alpha, synced once, with shorthands for editing its notebook."""
    syncing.sync(course.module())
    return Pair(course)


class Pair:
    def __init__(self, course) -> None:
        self.course, self.script, self.notebook = course, course.alpha, course.alpha_notebook

    def sync(self, force: bool = False) -> list[str]:
        return syncing.sync(self.course.module(), force).written

    def load(self):
        return json.loads(self.notebook.read_text("utf-8"))

    def save(self, notebook) -> None:
        self.notebook.write_text(json.dumps(notebook), "utf-8")

    def cell(self, notebook, name):
        return next(cell for cell in notebook["cells"] if cell["id"] == name.replace(".", "-"))

    def edit_notebook(self, name: str, old: str, new: str) -> None:
        notebook = self.load()
        cell = self.cell(notebook, name)
        text = "".join(cell["source"])
        assert old in text
        cell["source"] = text.replace(old, new)
        self.save(notebook)

    def edit_script(self, old: str, new: str) -> None:
        self.course.edit(self.script, old, new)

    def bytes(self) -> tuple[bytes, bytes]:
        return self.script.read_bytes(), self.notebook.read_bytes()

    def agree(self) -> bool:
        script, (_, notebook) = read_percent(self.script), read_notebook(self.notebook)
        return [(c.kind, c.text) for c in script] == [(c.kind, c.text) for c in notebook]


def test_the_first_sync_makes_a_valid_notebook_with_the_grade_ids(pair) -> None:
    notebook = nbformat.read(pair.notebook, as_version=4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    cell = pair.cell(notebook, DOUBLE)
    assert cell.metadata.title == DOUBLE
    assert pair.agree()


def test_converting_twice_gives_the_same_bytes(pair) -> None:
    before = pair.notebook.read_bytes()
    pair.notebook.unlink()
    pair.course.module().common.unlink()
    pair.sync()
    assert pair.notebook.read_bytes() == before


def test_a_second_sync_writes_nothing(pair) -> None:
    before = pair.bytes()
    assert pair.sync() == []
    assert pair.bytes() == before


def test_a_notebook_as_nbformat_writes_it_is_left_alone(pair) -> None:
    before = pair.notebook.read_bytes()
    nbformat.write(nbformat.read(pair.notebook, as_version=4), pair.notebook)
    assert pair.notebook.read_bytes() == before
    assert pair.sync() == []


def test_cells_that_the_notebook_did_not_change_keep_every_byte(course) -> None:
    course.edit(course.alpha, "# %% [markdown]\n# # 01", "#%%   [markdown]\n#\n#odd\n# # 01")
    pair = Pair(course)
    pair.sync()
    before = pair.script.read_text("utf-8")
    pair.edit_notebook(DOUBLE, "SCALE * x", "x * SCALE")
    pair.sync()
    assert pair.script.read_text("utf-8") == before.replace("SCALE * x", "x * SCALE")


def test_a_notebook_is_never_newer_than_its_script(pair) -> None:
    """JupyterLab's jupytext extension would refuse to open it."""
    os.utime(pair.script, (1_000_000_000, 1_000_000_000))
    pair.notebook.unlink()
    pair.sync()
    assert pair.notebook.stat().st_mtime_ns <= pair.script.stat().st_mtime_ns


def test_a_notebook_with_a_byte_order_mark_is_read(pair) -> None:
    pair.notebook.write_bytes(b"\xef\xbb\xbf" + pair.notebook.read_bytes())
    assert pair.sync() == []


def test_an_edit_of_the_script_reaches_the_notebook(pair) -> None:
    pair.edit_script("return SCALE * x", "return x + x")
    pair.sync()
    assert pair.agree()
    assert "return x + x" in pair.notebook.read_text("utf-8")


def test_an_edit_of_the_notebook_changes_only_its_own_lines_of_the_script(pair) -> None:
    before = pair.script.read_text("utf-8")
    pair.edit_notebook(DOUBLE, "SCALE * x", "x * SCALE")
    pair.sync()
    assert pair.script.read_text("utf-8") == before.replace("SCALE * x", "x * SCALE")


def test_edits_of_different_cells_on_both_sides_merge(pair) -> None:
    pair.edit_script("return SCALE * x", "return x + x")
    pair.edit_notebook(NEXT, "return x + 1", "return 1 + x")
    pair.sync()
    text = pair.script.read_text("utf-8")
    assert pair.agree()
    assert "return x + x" in text
    assert "return 1 + x" in text


def test_the_same_edit_on_both_sides_is_no_conflict(pair) -> None:
    pair.edit_script("return SCALE * x", "return x + x")
    pair.edit_notebook(DOUBLE, "return SCALE * x", "return x + x")
    pair.sync()
    assert pair.agree()


def test_the_same_cell_changed_on_both_sides_keeps_both_files(pair) -> None:
    pair.edit_script("return SCALE * x", "return x + x")
    pair.edit_notebook(DOUBLE, "return SCALE * x", "return 2 * x")
    before = pair.bytes()
    with pytest.raises(CodeError) as caught:
        pair.sync()
    assert pair.bytes() == before
    for part in (DOUBLE, "return x + x", "return 2 * x"):
        assert part in caught.value.message
    assert caught.value.exit_code == 1


def test_a_conflict_in_one_cell_holds_back_the_edits_of_all(pair) -> None:
    pair.edit_script("return SCALE * x", "return x + x")
    pair.edit_script("return x + 1", "return 1 + x")
    pair.edit_notebook(DOUBLE, "return SCALE * x", "return 2 * x")
    before = pair.bytes()
    with pytest.raises(CodeError):
        pair.sync()
    assert pair.bytes() == before


def test_cells_added_on_both_sides_in_different_places_are_both_kept(pair) -> None:
    pair.edit_script(
        "# %% [markdown]\n# ### Exercise 1.2",
        "# %%\nmine = 1\n\n# %% [markdown]\n# ### Exercise 1.2",
    )
    notebook = pair.load()
    new = {"cell_type": "code", "id": "f00", "metadata": {}, "source": "yours = 2", "outputs": []}
    notebook["cells"].append({**new, "execution_count": None})
    pair.save(notebook)
    pair.sync()
    sources = [cell.text for cell in read_percent(pair.script)]
    assert sources[-1] == "yours = 2"
    assert sources.index("mine = 1") == 6
    assert pair.agree()


def test_a_cell_deleted_on_one_side_is_deleted_on_the_other(pair) -> None:
    notebook = pair.load()
    notebook["cells"].remove(pair.cell(notebook, NEXT))
    pair.save(notebook)
    pair.sync()
    assert f'"{NEXT}"' not in pair.script.read_text("utf-8")
    assert pair.agree()


@pytest.mark.parametrize("deleted_in", ["script", "notebook"])
def test_a_delete_against_an_edit_is_a_conflict(pair, deleted_in) -> None:
    if deleted_in == "notebook":
        notebook = pair.load()
        notebook["cells"].remove(pair.cell(notebook, DOUBLE))
        pair.save(notebook)
        pair.edit_script("return SCALE * x", "return x + x")
    else:
        cell = next(c for c in read_percent(pair.script) if c.grade_id == DOUBLE)
        pair.edit_notebook(DOUBLE, "return SCALE * x", "return x + x")
        pair.edit_script(cell.raw, "")
    before = pair.bytes()
    with pytest.raises(CodeError, match=DOUBLE) as caught:
        pair.sync()
    assert "deleted" in caught.value.message
    assert pair.bytes() == before


def test_a_cell_moved_in_the_notebook_moves_in_the_script(pair) -> None:
    notebook = pair.load()
    notebook["cells"].insert(3, notebook["cells"].pop())
    pair.save(notebook)
    pair.edit_script("return SCALE * x", "return x + x")
    pair.sync()
    assert pair.agree()
    assert read_percent(pair.script)[3].grade_id == "test-1.2"
    assert "return x + x" in pair.notebook.read_text("utf-8")


def test_an_edited_text_cell_keeps_its_place_and_merges(pair) -> None:
    pair.edit_notebook("start-text-1", "throw-away", "lasting")
    pair.edit_script("return SCALE * x", "return x + x")
    pair.sync()
    assert pair.agree()
    assert "# A module of a lasting course." in pair.script.read_text("utf-8")


def test_outputs_of_unchanged_cells_are_kept(pair) -> None:
    notebook = pair.load()
    output = {"name": "stdout", "output_type": "stream", "text": ["6\n"]}
    for name in (DOUBLE, NEXT):
        pair.cell(notebook, name).update(outputs=[output], execution_count=4)
    pair.cell(notebook, DOUBLE)["metadata"]["collapsed"] = True
    notebook["metadata"]["mine"] = "kept"
    notebook["cells"][0]["attachments"] = {"a.png": {"image/png": "AA=="}}
    pair.save(notebook)
    pair.edit_script("return x + 1", "return 1 + x")
    pair.sync()
    after = pair.load()
    same, changed = pair.cell(after, DOUBLE), pair.cell(after, NEXT)
    assert (same["outputs"], same["execution_count"]) == ([output], 4)
    assert same["metadata"]["collapsed"] is True
    assert (changed["outputs"], changed["execution_count"]) == ([], None)
    assert after["metadata"]["mine"] == "kept"
    assert "a.png" in after["cells"][0]["attachments"]


def test_metadata_changed_in_the_script_reaches_the_notebook(pair) -> None:
    pair.edit_script("test-1.1 points=1", "test-1.1 points=5")
    pair.sync()
    assert pair.cell(pair.load(), "test-1.1")["metadata"] == {"title": "test-1.1", "points": 5}


def test_a_key_taken_out_of_the_script_leaves_the_notebook_too(course) -> None:
    course.edit(course.alpha, "test-1.1 points=1", 'test-1.1 points=1 tags=["slow"]')
    pair = Pair(course)
    pair.sync()
    assert "tags" in pair.cell(pair.load(), "test-1.1")["metadata"]
    pair.edit_script(' tags=["slow"]', "")
    pair.sync()
    assert "tags" not in pair.cell(pair.load(), "test-1.1")["metadata"]


def test_an_emptied_script_does_not_wipe_the_notebook(pair) -> None:
    pair.script.write_text("")
    before = pair.bytes()
    with pytest.raises(CodeError, match="would lose 9 of its 9 cells; nothing was changed"):
        pair.sync()
    assert pair.bytes() == before
    pair.sync(force=True)
    assert pair.load()["cells"] == []
    backups = list(pair.course.root.glob(".tito/backups/*/modules/01_alpha/alpha_dev.ipynb"))
    assert before[1] in [path.read_bytes() for path in backups]


def test_an_emptied_notebook_does_not_wipe_the_script(pair) -> None:
    notebook = pair.load()
    pair.save({**notebook, "cells": notebook["cells"][:1]})
    with pytest.raises(CodeError, match=r"alpha_dev\.py would lose 8 of its 9 cells"):
        pair.sync()


def test_without_a_common_text_the_script_wins_and_the_notebook_is_kept_aside(pair) -> None:
    pair.edit_notebook(DOUBLE, "SCALE * x", "x * SCALE")
    old = pair.notebook.read_bytes()
    pair.course.module().common.unlink()
    (written,) = pair.sync()
    assert "(before: .tito/backups/" in written
    assert "x * SCALE" not in pair.notebook.read_text("utf-8")
    copy = pair.course.root / written.split("before: ")[1].rstrip(")")
    assert copy.read_bytes() == old


def test_a_missing_script_is_made_from_the_notebook(pair) -> None:
    before = [(cell.kind, cell.text, cell.grade_id) for cell in read_percent(pair.script)]
    pair.script.unlink()
    pair.sync()
    after = [(cell.kind, cell.text, cell.grade_id) for cell in read_percent(pair.script)]
    assert after == before


def test_windows_newlines_and_the_byte_order_mark_of_a_script_stay(pair) -> None:
    windows = b"\xef\xbb\xbf" + pair.script.read_bytes().replace(b"\n", b"\r\n")
    pair.script.write_bytes(windows)
    assert pair.sync() == []
    pair.edit_notebook(DOUBLE, "SCALE * x", "x * SCALE")
    pair.sync()
    assert pair.script.read_bytes() == windows.replace(b"SCALE * x", b"x * SCALE")


def test_a_magic_typed_in_the_notebook_is_commented_in_the_script(pair) -> None:
    pair.edit_notebook("imports", "SCALE = 2", "SCALE = 2\n%matplotlib inline")
    pair.sync()
    assert "\n# %matplotlib inline\n" in pair.script.read_text("utf-8")
    assert pair.agree()
    assert pair.sync() == []


def test_a_text_cell_in_triple_quotes_keeps_them(course) -> None:
    course.edit(course.alpha, "# # 01. Alpha\n# A module of", '"""\n# 01. Alpha\nA module of')
    course.edit(course.alpha, "throw-away course.\n", 'throw-away course.\n"""\n')
    pair = Pair(course)
    pair.sync()
    before = pair.script.read_text("utf-8")
    pair.edit_notebook("start-text-1", "throw-away", "lasting")
    pair.sync()
    assert pair.script.read_text("utf-8") == before.replace("throw-away", "lasting")


@pytest.mark.parametrize("line", ["%% not a magic", "# Why?"])
def test_a_line_that_a_script_cannot_hold_is_refused(pair, line) -> None:
    pair.edit_notebook("start-text-1", "# 01. Alpha", line)
    before = pair.bytes()
    with pytest.raises(CodeError, match=r"cell 1 .* would read differently"):
        pair.sync()
    assert pair.bytes() == before


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("notebook", '{"cells": [', "alpha_dev.ipynb:1: not a notebook"),
        ("notebook", "[]", "not a notebook of format 4"),
        ("notebook", "", "not a notebook"),
        ("script", "# %%\n<<<<<<< a\nx\n=======\ny\n>>>>>>> b\n", "alpha_dev.py:2: git's conflict"),
        ("script", b"# %%\n\xff", "not UTF-8 at byte 5"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_and_nothing_changes(
    pair, name, content, problem
) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    getattr(pair, name).write_bytes(data)
    before = pair.bytes()
    with pytest.raises(CodeError, match=problem):
        pair.sync()
    assert pair.bytes() == before


def test_check_says_which_pair_differs_and_changes_nothing(pair) -> None:
    pair.course.module("beta")
    pair.edit_script("return SCALE * x", "return x + x")
    before = pair.bytes()
    done = pair.course.tito("sync", "--check", "alpha")
    assert done.returncode == 1
    assert "01_alpha" in done.stdout
    assert pair.bytes() == before
    assert pair.course.tito("sync", "alpha").returncode == 0
    assert pair.course.tito("sync", "--check", "alpha").returncode == 0


def test_one_conflict_does_not_keep_the_other_modules_waiting(pair) -> None:
    pair.edit_script("return SCALE * x", "return x + x")
    pair.edit_notebook(DOUBLE, "return SCALE * x", "return 2 * x")
    done = pair.course.tito("sync")
    assert done.returncode == 1
    assert pair.course.beta.with_suffix(".ipynb").exists()


def test_status_looks_at_the_side_that_was_edited(pair) -> None:
    pair.edit_notebook(DOUBLE, "return SCALE * x", "return 3 * x")
    assert "return 3 * x" in syncing.latest(pair.course.module()).cells[4].source
    pair.edit_script("return SCALE * x", "return 4 * x")
    assert "return 4 * x" in syncing.latest(pair.course.module()).cells[4].source
