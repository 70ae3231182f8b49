"""A line of a text is what Python's reader takes for one, through sync, export and grading."""

from __future__ import annotations

import ast
import json
import random
import re
import time
from pathlib import PurePosixPath

import jupytext
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.toy import ALPHA, ToyCourse, make_course
from tito import lines, sync
from tito.errors import CodeError
from tito.exercises import strip_answers
from tito.grader.intake.extract import extract
from tito.grader.intake.files import Member
from tito.learner import answers
from tito.learner.combine import combine
from tito.learner.reset import _with_stub
from tito.notebook import percent
from tito.notebook.align import align
from tito.notebook.cell import Cell
from tito.notebook.cells import read_notebook, read_percent
from tito.render import render
from tito.run import trial

# What `str.splitlines` takes for the end of a line and Python does not, and blanks of other kinds.
ODD = [
    "\x0b",
    "\x0c",
    "\x1c",
    "\x1d",
    "\x1e",
    "\x85",
    "\u2028",
    "\u2029",
    "\xa0",
    "\ufeff",
    "\u3000",
]
NEWLINES = ["\n", "\r\n", "\r"]
SOLUTION = "1.1-double"
STUB_OF_NEXT = 'raise NotImplementedError("exercise 1.2: next_one")'


@given(st.text(st.sampled_from(["a", *"\r\n", *ODD]), max_size=12))
def test_the_pieces_join_to_the_text_and_agree_with_the_lines(text: str) -> None:
    kept = lines.split_with_ends(text)
    assert "".join(kept) == text
    assert lines.split(text) == [line.rstrip("\r\n") for line in kept]


@given(st.lists(st.sampled_from(["x = 1", "# a", "'a'", ""]), max_size=6), st.data())
def test_python_counts_the_same_lines(parts: list[str], data) -> None:
    """Each statement stands on the line on which `ast` finds it."""
    odd, newline = st.sampled_from(ODD), st.sampled_from(NEWLINES)
    filled = [f"{part} # {data.draw(odd)} b" for part in parts]
    text = "".join(part + data.draw(newline) for part in filled)
    found = lines.split(text)
    assert found == filled
    for node in ast.parse(text).body:
        assert found[node.lineno - 1].startswith(("x = 1", "'a'"))


def test_a_file_keeps_the_newline_that_most_of_its_lines_have() -> None:
    assert [lines.newline_of(text) for text in ("", "a\n", "a\r\nb\r\nc\n", "a\rb\r\n\r")] == [
        "\n",
        "\n",
        "\r\n",
        "\r",
    ]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(
        st.sampled_from(["# %%", "# %% [markdown]", "# a\0b", "s = 'a\0b'", '"""', "\0", "", "x"]),
        max_size=8,
    ),
    st.sampled_from(ODD),
)
def test_such_a_sign_is_a_sign_like_any_other_for_the_reader(parts: list[str], odd: str) -> None:
    """jupytext splits at them; with another sign in their place it says what is right."""
    text, other = "\n".join(parts), "\ue000"
    found = [(cell.kind, cell.source) for cell in percent.parse(text.replace("\0", odd))[1]]
    expected = jupytext.reads(text.replace("\0", other), fmt="py:percent").cells
    assert found == [(one.cell_type, one.source.replace(other, odd)) for one in expected]


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> ToyCourse:
    return make_course(tmp_path_factory.mktemp("lines") / "course")


def fresh(course: ToyCourse, text: str) -> None:
    """The module as this text, never synced before."""
    course.alpha.write_bytes(text.encode())
    for path in (course.alpha_notebook, course.module().common):
        path.unlink(missing_ok=True)


def text_of(odd: str, newline: str) -> str:
    """A module with the sign in a comment, in strings and in text."""
    text = ALPHA.replace("    return SCALE", f"    # side{odd}by\n    return SCALE")
    text = text.replace("import math", f'import math\nNAME = "a{odd}b"\nLONG = """c  \n{odd}d"""')
    text = text.replace("# A module", f"# In a{odd}module")
    return text.replace("\n", newline)


@pytest.mark.parametrize("newline", NEWLINES, ids=repr)
@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_both_files_and_the_export_keep_such_a_sign(shared, odd: str, newline: str) -> None:
    text = text_of(odd, newline)
    fresh(shared, text)
    sync.sync(shared.module())
    assert shared.alpha.read_bytes() == text.encode()
    _, cells = read_notebook(shared.alpha_notebook)
    assert [cell.text for cell in cells] == [cell.text for cell in read_percent(shared.alpha)]
    assert sync.sync(shared.module()).written == []
    names: dict[str, str] = {}
    exec(render(shared.module()), names)
    assert (names["NAME"], names["LONG"]) == (f"a{odd}b", f"c  \n{odd}d")


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_an_edit_in_the_notebook_brings_such_a_sign_and_changes_nothing_else(shared, odd) -> None:
    fresh(shared, ALPHA.replace("\n", "\r\n"))
    sync.sync(shared.module())
    edit_notebook(shared, "return SCALE * x", f"# a{odd}b\n    s = 'c{odd}d'\n    return SCALE * x")
    sync.sync(shared.module())
    new = ALPHA.replace("return SCALE", f"# a{odd}b\n    s = 'c{odd}d'\n    return SCALE")
    assert shared.alpha.read_bytes().decode() == new.replace("\n", "\r\n")


def edit_notebook(course: ToyCourse, old: str, new: str, name: str = SOLUTION) -> None:
    notebook = json.loads(course.alpha_notebook.read_text("utf-8"))
    cell = next(one for one in notebook["cells"] if one["id"] == name.replace(".", "-"))
    source = "".join(cell["source"])
    assert old in source
    cell["source"] = source.replace(old, new)
    course.alpha_notebook.write_text(json.dumps(notebook), "utf-8")


@pytest.mark.parametrize("newline", NEWLINES, ids=repr)
def test_newlines_of_any_kind_in_a_cell_are_newlines(shared, newline: str) -> None:
    fresh(shared, ALPHA)
    sync.sync(shared.module())
    before = shared.alpha_notebook.read_bytes()
    edit_notebook(shared, "\n", newline)
    saved = shared.alpha_notebook.read_bytes()
    assert sync.sync(shared.module()).written == []  # nothing was edited
    assert shared.alpha_notebook.read_bytes() == saved
    edit_notebook(shared, f"x{newline}", f"x  # an edit{newline}")
    sync.sync(shared.module())
    expected = ALPHA.replace("return SCALE * x", "return SCALE * x  # an edit")
    assert shared.alpha.read_text("utf-8") == expected
    assert before != saved or newline == "\n"


def test_cells_that_were_not_edited_keep_mixed_newlines(shared) -> None:
    text = ALPHA.replace("# A module", "# A\r\n# module").replace("import math", "import math\r")
    fresh(shared, text)
    sync.sync(shared.module())
    edit_notebook(shared, "SCALE * x", "x * SCALE")
    sync.sync(shared.module())
    assert shared.alpha.read_bytes() == text.replace("SCALE * x", "x * SCALE").encode()


@pytest.mark.parametrize("odd", ["\x0c", "\x85", "\u2028"], ids=ascii)
def test_runs_count_lines_as_python_does(shared, odd: str) -> None:
    """A comment never becomes code, and a line of a failure is the line of the file."""
    fresh(shared, text_of(odd, "\n").replace("SCALE * x", "SCALE * x + 1"))
    code = [cell for cell in shared.module().cells if cell.kind == "code"]
    for cell, packed in zip(code, trial.everything(shared.module()), strict=True):
        assert packed["code"].split("\n", 1)[1].rstrip("\n") == cell.text
    failure = trial.run(shared.module()).failure
    assert failure and failure.message == "wrong"
    line = failure.frames[-1].place.file.rpartition(":")[2]
    assert "assert double(3)" in shared.alpha.read_text("utf-8").split("\n")[int(line) - 1]


@pytest.mark.parametrize("newline", NEWLINES, ids=repr)
@pytest.mark.parametrize("odd", ["\x0c", "\u2028", "\x85"], ids=ascii)
def test_answers_are_stripped_and_put_back_whole(odd: str, newline: str) -> None:
    text = text_of(odd, newline)
    stub = strip_answers(text)
    assert stub.count(newline) == len(lines.split(stub)) and f"side{odd}by" not in stub
    filled, left = answers.put(lines.plain(stub), answers.take(text))
    assert (filled, left) == (lines.plain(text), set())


def test_conflict_markers_are_seen_whatever_the_newlines(course) -> None:
    for newline in NEWLINES:
        marks = newline.join(["# %%", "<<<<<<< HEAD", "a", "=======", "b", ">>>>>>> other", ""])
        course.alpha.write_bytes(marks.encode())
        with pytest.raises(CodeError, match=re.escape(f"{course.alpha}:2: git's conflict markers")):
            read_percent(course.alpha)


@pytest.mark.parametrize("blank", [" ", "\t", "\xa0", "\u2009"], ids=ascii)
def test_a_blank_of_any_kind_in_an_export_line_or_a_marker_exports(shared, blank: str) -> None:
    """A Mac types U+00A0 with Option held down."""
    text = ALPHA.replace("#| export", f"#|{blank}export").replace(
        "### BEGIN SOLUTION 1.1", f"### BEGIN SOLUTION 1.1{blank}"
    )
    fresh(shared, text)
    assert render(shared.module()).count("# cell:") == 3
    assert "SOLUTION" not in render(shared.module())


@pytest.mark.parametrize(
    ("sign", "what"), [("\ud83d", "half a character (U+D83D)"), ("\0", "a NUL")]
)
def test_half_a_character_in_a_cell_is_named_and_nothing_is_lost(course, sign, what) -> None:
    sync.sync(course.module())
    edit_notebook(course, "return SCALE", f"\n    # a{sign}\n    return SCALE")
    before = course.alpha.read_bytes(), course.alpha_notebook.read_bytes()
    for command in (["sync", "1"], ["watch", "1", "--once"], ["module", "complete", "1"]):
        done = course.tito(*command)
        assert (done.returncode, done.stderr) == (1, "")
        assert f"cell 5 ({SOLUTION}), line 6: {what}" in done.stdout
        assert len(done.stdout.splitlines()) == 2
    assert (course.alpha.read_bytes(), course.alpha_notebook.read_bytes()) == before


def test_half_a_character_elsewhere_in_a_notebook_stays(course) -> None:
    sync.sync(course.module())
    notebook = json.loads(course.alpha_notebook.read_text("utf-8"))
    notebook["metadata"]["note"] = "\ud83d"
    notebook["cells"][1]["metadata"]["note"] = "\ud83d"
    notebook["cells"][1]["outputs"] = [
        {"name": "stdout", "output_type": "stream", "text": "\udc00"}
    ]
    course.alpha_notebook.write_text(json.dumps(notebook), "utf-8")
    edit_notebook(course, "SCALE * x", "x * SCALE")
    course.edit(course.alpha, "return x + 1", "return 1 + x")
    assert course.tito("sync", "1").returncode == 0
    synced = json.loads(course.alpha_notebook.read_text("utf-8"))
    for path in (("metadata", "note"), ("cells", 1, "metadata", "note"), ("cells", 1, "outputs")):
        one, other = notebook, synced
        for key in path:
            one, other = one[key], other[key]
        assert one == other
    assert "1 + x" in course.alpha_notebook.read_text("utf-8")
    assert "x * SCALE" in course.alpha.read_text("utf-8")


def test_a_nul_in_the_script_is_named_by_its_line(course) -> None:
    course.alpha.write_bytes(course.alpha.read_bytes().replace(b"import math", b"import math\0"))
    done = course.tito("module", "test", "1")
    assert (done.returncode, done.stderr) == (1, "")
    assert "alpha_dev.py:10: a NUL character" in done.stdout


LONG = 60_000  # signs in a line; what takes their square takes minutes


@pytest.mark.parametrize("line", ["#" * LONG, "# " * LONG, "a?" * LONG + "x", " " * LONG + "x"])
def test_a_very_long_line_is_read_in_a_moment(line: str) -> None:
    start = time.process_time()
    cells = percent.parse(f"# %%\n{line}\n")[1]
    assert cells[0].raw.endswith(f"{line}\n")
    assert time.process_time() - start < 5


def test_an_edited_cell_with_a_picture_in_it_is_found_again_in_a_moment() -> None:
    draw = random.Random(1)
    picture = "".join(draw.choice("abcdefghijklmnop") for _ in range(LONG))
    old = [Cell("markdown", f"![]({picture})"), Cell("markdown", "other")]
    start = time.process_time()
    edited = Cell("markdown", f"A picture:\n![]({picture})\nThat was it.")
    assert align(old, [edited, old[1]]) == [0, 1]
    other = Cell("markdown", "".join(draw.choice("qrstuvwx\n") for _ in range(LONG)))
    assert align(old, [other, old[1]]) == [None, 1]
    assert time.process_time() - start < 5


def odd_texts() -> st.SearchStrategy[str]:
    return st.text(st.sampled_from(["a", " ", *"\x0c\x1d\x85\u2028\xa0\ufeff"]), max_size=6)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(odd_texts(), st.sampled_from(NEWLINES), st.booleans())
def test_a_learners_own_text_survives_every_way_it_goes(
    shared, odd: str, newline: str, mark: bool
) -> None:
    """Sync both ways, a reset of another exercise, an update, an export, and grading's intake."""
    answer = f"s = 'b{odd}c'  # d{odd}e\n    return SCALE * x"
    mine = ALPHA.replace("return SCALE * x", answer).replace("# A module", f"# A {odd}. module")
    content = (b"\xef\xbb\xbf" * mark) + mine.replace("\n", newline).encode()
    fresh(shared, "")
    shared.alpha.write_bytes(content)
    sync.sync(shared.module())
    edit_notebook(shared, "return x + 1", "return 1 + x", "1.2-next-one")
    sync.sync(shared.module())
    assert shared.alpha.read_bytes() == content.replace(b"return x + 1", b"return 1 + x")
    stub = strip_answers(ALPHA)
    undone = _with_stub(shared.module(), mine, stub, "1.2")
    assert undone == mine.replace("return x + 1", STUB_OF_NEXT)
    newer = stub.replace("Document next_one.", "Say what it does.")
    taken = mine.replace("Document next_one.", "Say what it does.").rstrip("\n") + "\n"
    assert combine(stub, mine, newer) == (taken, [])
    assert answer in render(shared.module())
    member = Member(PurePosixPath("a.py"), lambda limit: content)
    assert any(answer in code for _, code in extract(member, frozenset()).cells)
