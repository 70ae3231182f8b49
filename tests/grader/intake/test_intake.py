"""Submissions as Canvas, Moodle, Gradescope, GitHub and people name and pack them, and what is
read out of them: the cells that a learner's own export would take."""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tito.course import Course, Module
from tito.errors import TitoError
from tito.exercises import ANY_MARK, cells_of, strip_answers
from tito.grader.intake.find import (
    Source,
    Submission,
    Unreadable,
    find_submissions,
    read_submission,
)
from tito.learner.folder import contents
from tito.notebook.cells import read_percent
from tito.notebook.ipynb import to_json
from tito.notebook.merge import Choice
from tito.places import exported_cells
from tito.render import block

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[3]
COURSE = Course(REPOSITORY)
WORK = "# %%\n#| export\nx = 1\n"


@pytest.fixture(scope="module")
def alpha(make: Callable[[Path], object], tmp_path_factory: pytest.TempPathFactory) -> Module:
    """A small module: the cells `imports`, `1.1-double` and `1.2-next-one` are exported."""
    root = tmp_path_factory.mktemp("reference")
    make(root)
    return Course(root).module("alpha")


def put(folder: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def zipped(files: dict[str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def notebook(text: str) -> str:
    cells = cells_of(text)
    return to_json([Choice(cell, None, None) for cell in cells], cells, None)


def cell(source: object, **metadata: object) -> dict[str, object]:
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": []}


def only(folder: Path, module: Module) -> Source:
    (found,) = find_submissions(folder)
    return read_submission(found, module)


def code(source: Source) -> list[str]:
    """Each cell without the line that exports it."""
    return [re.sub(r"\A\s*#\|\s*export[ \r]*\n", "", text) for _, text in source.cells]


def reason(folder: Path, module: Module) -> str:
    with pytest.raises(Unreadable) as caught:
        only(folder, module)
    return str(caught.value)


# Who handed in what.

NAMED = [
    ("doejane_12345_67890_attention_dev.py", "doejane", False),
    ("doejane_LATE_12345_67890_attention_dev-1.ipynb", "doejane", True),
    ("van_der_berg_12345_67890_work.zip", "van_der_berg", False),
    ("anon_x7KqP_67890_attention_dev.py", "anon_x7KqP", False),
    ("LATE_anon_x7KqP_67890_attention_dev.py", "anon_x7KqP", True),
    ("doejane_12345_text.html", "doejane", False),
    ("Jane Doe_1234567_assignsubmission_file_/attention_dev.py", "Jane Doe", False),
    ("Jane Doe_1234567_assignsubmission_file/attention_dev.py", "Jane Doe", False),
    ("Jane Doe_1234567_assignsubmission_file_attention_dev.py", "Jane Doe", False),
    ("12-attention-janedoe/.git/HEAD", "janedoe", False),
    ("12-attention-janedoe/attention_dev.py", "12-attention-janedoe", False),  # no repository
    ("submission_123456789/attention_dev.py", "submission_123456789", False),
    ("janedoe/attention_dev.py", "janedoe", False),
    ("janedoe.zip", "janedoe", False),
    ("janedoe.tar.gz", "janedoe", False),
    ("zoé 李.py", "zoé 李", False),
]


@pytest.mark.parametrize(("name", "student", "late"), NAMED)
def test_each_platform_names_its_students(
    tmp_path: Path, name: str, student: str, late: bool
) -> None:
    (found,) = find_submissions(put(tmp_path, {name: ""}))
    assert (found.student, found.late) == (student, late)
    assert found.name == found.path.name == name.split("/")[0]


def test_gradescope_names_the_submitters_in_its_own_file(tmp_path: Path) -> None:
    metadata = (
        "---\nsubmission_11:\n  :submitters:\n"
        "  - :name: Jane Doe\n    :sid: '3'\n  - :name: Li Wei\n"
        "  :created_at: 2026-01-02 03:04:05.6 Z\n  :history:\n  - :name: nobody\n"
        "submission_12:\n  :submitters:\n  - :name: 'Ann O’Neil'\n"
    )
    files = {
        "submission_metadata.yml": metadata,
        "submission_11/a.py": "",
        "submission_12/a.py": "",
    }
    found = find_submissions(put(tmp_path, files))
    assert [one.student for one in found] == ["Jane Doe, Li Wei", "Ann O’Neil"]


def test_two_students_of_one_name_are_told_apart_by_number(tmp_path: Path) -> None:
    names = [f"Participant_{number}_assignsubmission_file_" for number in (11, 12)]
    found = find_submissions(put(tmp_path, {f"{name}/attention_dev.py": "" for name in names}))
    assert [one.student for one in found] == ["Participant 11", "Participant 12"]


NOT_GRADED = ("ipynb.txt", "ipynb.json", "py.txt", "json", "html", "pdf", "tar.xz", "rar", "7z")


@pytest.mark.parametrize("ending", NOT_GRADED)
def test_what_is_not_graded_has_a_row_and_a_reason(
    tmp_path: Path, alpha: Module, ending: str
) -> None:
    (found,) = find_submissions(put(tmp_path, {f"jane.{ending}": "{}"}))
    assert (found.name, found.student) == (f"jane.{ending}", "jane")
    with pytest.raises(Unreadable, match=re.escape(f"found jane.{ending}")):
        read_submission(found, alpha)


def test_a_paper_beside_the_work_does_not_stand_in_its_way(tmp_path: Path, alpha: Module) -> None:
    (found,) = find_submissions(put(tmp_path, {"jane.pdf": "", "jane.py": WORK, "jane.json": "{}"}))
    assert (found.name, code(read_submission(found, alpha))) == ("jane.py", ["x = 1"])


ACCENTS = "zoe\u0301"  # as a Mac takes them apart
ATTEMPTS = [
    ("ada.py", "ada (1).py", "ada", "ada.py"),
    ("ada.py", "ada(2).py", "ada", "ada.py"),
    ("ada.py", "ada-2.py", "ada", "ada.py"),
    ("ada.ipynb.txt", "ada-2.py", "ada", "ada.ipynb.txt"),
    (f"{ACCENTS}.py", "zo\u00e9 (1).py", "zo\u00e9", "zo\u00e9.py"),
    ("doeada_7_40_hw.py", "doeada_LATE_7_52_hw-1.py", "doeada", "doeada_LATE_7_52_hw-1.py"),
    (f"{ACCENTS}_7_40_hw.py", "zo\u00e9_7_52_hw-1.py", "zo\u00e9", "zo\u00e9_7_52_hw-1.py"),
]


@pytest.mark.parametrize(("first", "second", "student", "name"), ATTEMPTS)
def test_two_attempts_are_one_learners_and_the_last_counts(
    tmp_path: Path, alpha: Module, first: str, second: str, student: str, name: str
) -> None:
    (found,) = find_submissions(put(tmp_path, {first: WORK, second: WORK.replace("1", "2")}))
    assert (found.student, found.name, found.late) == (student, name, "LATE" in second)
    source = read_submission(found, alpha)
    assert code(source) == ["x = 2"]
    assert first.endswith("txt") or "was read, not" in source.note


def test_numbers_without_a_first_attempt_are_learners_of_their_own(tmp_path: Path) -> None:
    names = ["student-1.py", "student-2.py", "student (3).py", "ada-2.py", "ada.py"]
    found = find_submissions(put(tmp_path, {name: "" for name in names}))
    assert [one.student for one in found] == ["ada", "student (3)", "student-1", "student-2"]


def test_what_is_nobodys_work_is_left_out(tmp_path: Path) -> None:
    noise = [".DS_Store", "__MACOSX/._jane.py", ".hidden/a.py", "submission_metadata.yml"]
    found = find_submissions(
        put(tmp_path, {name: "" for name in [*noise, "janedoe.py", "li_7_8_report.pdf"]})
    )
    assert [one.student for one in found] == ["janedoe", "li"]


def test_a_student_with_nothing_usable_still_appears(tmp_path: Path, alpha: Module) -> None:
    put(tmp_path, {"janedoe/report.pdf": "", "janedoe/data/a.csv": ""})
    expected = "no alpha_dev.py or alpha_dev.ipynb in it: found report.pdf, a.csv"
    assert reason(tmp_path, alpha) == expected
    (tmp_path / "li").mkdir()
    with pytest.raises(Unreadable, match=r"alpha_dev.ipynb in it: it is empty$"):
        read_submission(find_submissions(tmp_path)[1], alpha)


def test_a_folder_that_is_no_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TitoError, match="does not exist"):
        find_submissions(tmp_path / "nowhere")
    with pytest.raises(TitoError, match="no submissions in"):
        find_submissions(tmp_path)
    with pytest.raises(TitoError, match="is not a folder"):
        find_submissions(put(tmp_path, {"all.zip": ""}) / "all.zip")
    with pytest.raises(TitoError, match="is one submission"):
        find_submissions(put(tmp_path, {"modules/12_attention/attention_dev.py": ""}))


def test_several_files_of_one_student_are_one_submission(tmp_path: Path, alpha: Module) -> None:
    files = {
        "doe_7_100_alpha_dev.py": WORK.replace("1", "100"),
        "doe_7_99_alpha_dev.py": WORK.replace("1", "99"),
        "doe_LATE_7_101_alpha_dev-1.py": WORK.replace("1", "101"),
        "roe_8_50_alpha_dev.py": WORK,
    }
    doe, roe = find_submissions(put(tmp_path, files))
    assert (doe.student, doe.late, doe.path.name) == ("doe", True, "doe_LATE_7_101_alpha_dev-1.py")
    assert [path.name for path in doe.others] == ["doe_7_100_alpha_dev.py", "doe_7_99_alpha_dev.py"]
    source = read_submission(doe, alpha)
    assert code(source) == ["x = 101"]
    assert source.note == "alpha_dev-1.py was read, not alpha_dev.py, alpha_dev.py"
    assert code(read_submission(roe, alpha)) == ["x = 1"]


def test_a_zip_beside_its_unpacked_folder_is_one_submission(tmp_path: Path, alpha: Module) -> None:
    put(tmp_path, {"li/alpha_dev.py": WORK, "li.zip": b"no zip"})
    assert code(only(tmp_path, alpha)) == ["x = 1"]


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A clock nine hours from UTC, where the system can be told."""
    tell = getattr(time, "tzset", lambda: None)
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Tokyo")
        tell()
        yield
    tell()


@pytest.mark.usefixtures("tokyo")
def test_the_time_is_that_of_the_modules_file(tmp_path: Path, alpha: Module) -> None:
    info = zipfile.ZipInfo("alpha_dev.py", (2026, 3, 1, 12, 30, 0))
    with zipfile.ZipFile(tmp_path / "li.zip", "w") as archive:
        archive.writestr(info, WORK)
    put(tmp_path, {"jane/alpha_dev.py": WORK, "jane/beta_dev.py": WORK, "roe/notes.txt": ""})
    os.utime(tmp_path / "jane/alpha_dev.py", (1_700_000_000, 1_700_000_000))
    times = {one.name: one.time for one in find_submissions(tmp_path, alpha)}
    noon = time.mktime((2026, 3, 1, 12, 30, 0, 0, 0, -1))  # a zip tells no zone
    assert times == {"jane": 1_700_000_000.0, "li.zip": noon, "roe": None}
    assert {one.time for one in find_submissions(tmp_path)} == {None}


ZONES = [  # when it is half past eight in the morning, in winter and in summer
    ("Asia/Tokyo", 1_768_433_400, 1_784_071_800),
    ("America/Los_Angeles", 1_768_494_600, 1_784_129_400),
    ("UTC", 1_768_465_800, 1_784_104_200),
]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="POSIX changes its zone")
@pytest.mark.parametrize(("zone", "winter", "summer"), ZONES)
def test_the_time_in_a_zip_is_local(
    tmp_path: Path,
    alpha: Module,
    monkeypatch: pytest.MonkeyPatch,
    zone: str,
    winter: int,
    summer: int,
) -> None:
    exact = b"xx\x01\0y" + b"UT\x05\0\x01" + (1_700_000_000).to_bytes(4, "little")
    packed = {
        "a.zip": (1, b""),
        "b.zip": (7, b""),
        "c.zip": (7, exact),
        "d.zip": (7, b"UT\x01\0\0"),
    }
    for name, (month, extra) in packed.items():
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            info = zipfile.ZipInfo("alpha_dev.py", (2026, month, 15, 8, 30, 0))
            info.extra = extra
            archive.writestr(info, WORK)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        times = [one.time for one in find_submissions(tmp_path, alpha)]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert times == [winter, summer, 1_700_000_000, summer]


# Which file.

PLACES = [
    ("modules/01_alpha/alpha_dev.py", "alpha_dev.py"),
    ("a/modules/01_alpha/alpha_dev.py", "alpha_dev.py"),
    ("alpha_dev-1.py", "z/alpha_dev.py"),
    ("deep/alpha_dev (1).py", "only.py"),
    ("my work.py", "beta_dev.py"),
    ("my work.py", "tests/alpha_dev.py"),
    ("my work.py", ".ipynb_checkpoints/alpha_dev-checkpoint.py"),
    ("my work.py", "__MACOSX/._alpha_dev.py"),
    ("my work.py", ".tito/pristine/modules/01_alpha/alpha_dev.py"),
    ("my work.py", "__init__.py"),
    ("tinytorch/core/alpha.py", "tinytorch/core/beta.py"),
]


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize(("right", "wrong"), PLACES)
def test_the_modules_own_file_is_found(
    tmp_path: Path, alpha: Module, right: str, wrong: str, packed: bool
) -> None:
    files: dict[str, str | bytes] = {right: WORK, wrong: "x = 'wrong'"}
    if packed:
        put(tmp_path, {"jane.zip": zipped(files)})
    else:
        put(tmp_path / "jane", files)
    assert code(only(tmp_path, alpha)) == ["x = 1"]


def test_of_two_candidates_the_one_nearer_to_the_top_is_read(tmp_path: Path, alpha: Module) -> None:
    put(tmp_path / "jane", {"old/alpha_dev.py": "x = 2", "alpha_dev.py": WORK})
    source = only(tmp_path, alpha)
    assert code(source) == ["x = 1"]
    assert source.note == "alpha_dev.py was read, not old/alpha_dev.py"


def test_only_files_of_one_place_are_a_pair(tmp_path: Path, alpha: Module) -> None:
    old = notebook(alpha.script.read_text("utf-8"))
    put(tmp_path / "jane", {"alpha_dev.py": WORK, "old/alpha_dev.ipynb": old})
    source = only(tmp_path, alpha)
    assert code(source) == ["x = 1"]
    assert source.note == "alpha_dev.py was read, not old/alpha_dev.ipynb"


def test_another_modules_file_is_not_taken_for_this_one(tmp_path: Path, alpha: Module) -> None:
    put(tmp_path, {"jane/layers_dev.py": WORK})
    assert reason(tmp_path, alpha).endswith("found layers_dev.py")


@pytest.mark.parametrize("pack", [zipped, tarred], ids=["zip", "tar.gz"])
def test_archives_are_read_where_they_lie(
    tmp_path: Path, alpha: Module, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    inner = pack({"my course/modules/01_alpha/alpha_dev.py": WORK.encode()})
    name = "work.zip" if pack is zipped else "work.tgz"
    put(tmp_path, {f"Jane Doe_12_assignsubmission_file_/{name}": inner})
    assert code(only(tmp_path, alpha)) == ["x = 1"]


def test_a_zip_in_a_zip_is_read_and_no_deeper(tmp_path: Path, alpha: Module) -> None:
    once = zipped({"jane/alpha_dev.py": WORK})
    twice = zipped({"jane.zip": once})
    put(tmp_path, {"jane.zip": twice})
    assert code(only(tmp_path, alpha)) == ["x = 1"]
    put(tmp_path, {"jane.zip": zipped({"again.zip": twice})})
    assert reason(tmp_path, alpha).endswith("in it: found jane.zip")


# A .py and an .ipynb.

SOLVED = "return SCALE * x"


def two(script: str, other: str, common: str = "") -> dict[str, str | bytes]:
    files = {"alpha_dev.py": script, "alpha_dev.ipynb": notebook(other)}
    made: dict[str, str | bytes] = {f"jane/modules/01_alpha/{k}": v for k, v in files.items()}
    return made | ({"jane/.tito/sync/01_alpha.py": common} if common else {})


def test_two_files_that_agree_need_no_word(tmp_path: Path, alpha: Module) -> None:
    text = alpha.script.read_text("utf-8")
    source = only(put(tmp_path, two(text, text)), alpha)
    assert source.note == ""
    assert SOLVED in source.cells[1][1]


def test_the_file_that_was_worked_on_is_read(tmp_path: Path, alpha: Module) -> None:
    text = alpha.script.read_text("utf-8")
    for files, kept in [
        (two(strip_answers(text), text), "alpha_dev.ipynb was read, not alpha_dev.py"),
        (two(text, strip_answers(text)), "alpha_dev.py was read, not alpha_dev.ipynb"),
    ]:
        source = only(put(tmp_path, files), alpha)
        assert source.note == f"{kept}: only that one was worked on"
        assert SOLVED in source.cells[1][1]


def test_the_file_that_changed_since_both_agreed_is_read(tmp_path: Path, alpha: Module) -> None:
    text = alpha.script.read_text("utf-8")
    first = strip_answers(text, {"1.2"})  # agreed on; then the .py got a shorter answer
    changed = first.replace(SOLVED, "return x + x")
    source = only(put(tmp_path, two(changed, first, common=first)), alpha)
    assert "return x + x" in source.cells[1][1]
    assert source.note.endswith("only that one changed since both agreed")


def test_the_file_with_more_answers_is_read_and_else_the_notebook(
    tmp_path: Path, alpha: Module
) -> None:
    text = alpha.script.read_text("utf-8")
    source = only(put(tmp_path, two(text, strip_answers(text, {"1.2"}))), alpha)
    assert source.note.endswith("alpha_dev.ipynb: more exercises are written in it")
    source = only(put(tmp_path, two(text.replace(SOLVED, "return x + x"), text)), alpha)
    assert source.note == "alpha_dev.ipynb was read, not alpha_dev.py: both were worked on"
    assert SOLVED in source.cells[1][1]


def test_a_broken_file_beside_a_good_one_is_named(tmp_path: Path, alpha: Module) -> None:
    text = alpha.script.read_text("utf-8")
    folder = put(tmp_path, two(text, text)) / "jane/modules/01_alpha"
    put(folder, {"alpha_dev.ipynb": "{"})
    assert "alpha_dev.ipynb: not JSON" in only(tmp_path, alpha).note
    put(folder, {"alpha_dev.py": strip_answers(text)})
    assert reason(tmp_path, alpha).startswith("alpha_dev.ipynb: not JSON")


# Which cells.


def test_a_learners_own_helpers_count_and_lost_export_lines_are_made_good(
    tmp_path: Path, alpha: Module
) -> None:
    cells = [
        cell("#| export\nimport numpy"),
        cell("print('demo')"),
        cell(["def double(x):\n", "    return x"], nbgrader={"grade_id": "a", "solution": True}),
        cell("def next_one(x): ...", nbgrader={"grade_id": "1.2-next-one", "solution": False}),
        cell(" \n # |  export \n%time\ny = 1", nbgrader={"grade_id": "copied"}),
        {"cell_type": "markdown", "source": "#| export"},
    ]
    put(tmp_path, {"jane.ipynb": json.dumps({"cells": cells, "nbformat": 4})})
    assert only(tmp_path, alpha).cells == (
        ("cell 1", "#| export\nimport numpy"),
        ("cell 3 (a)", "def double(x):\n    return x"),
        ("cell 4 (1.2-next-one)", "def next_one(x): ..."),
        ("cell 5 (copied)", " \n # |  export \n%time\ny = 1"),
    )


def test_a_magic_that_the_script_hides_is_shown_again(tmp_path: Path, alpha: Module) -> None:
    put(tmp_path, {"jane.py": "# %%\n#| export\n# %matplotlib inline\nx = 1\n"})
    assert code(only(tmp_path, alpha)) == ["%matplotlib inline\nx = 1"]


@pytest.mark.parametrize("text", ["def double(x):\n    return x\n", "# %%\nx = 1\n\n# %%\ny = 2\n"])
def test_a_script_without_exports_is_one_cell(tmp_path: Path, alpha: Module, text: str) -> None:
    source = only(put(tmp_path, {"alpha.py": text}), alpha)
    assert source.cells == (("alpha.py", text),)
    assert source.note == "alpha.py exports no cell: all of it was read"


def test_a_notebook_without_exports_is_all_its_code(tmp_path: Path, alpha: Module) -> None:
    cells = [cell("x = 1"), {"cell_type": "markdown", "source": "text"}, cell("y = 2")]
    source = only(put(tmp_path, {"jane.ipynb": json.dumps({"cells": cells})}), alpha)
    assert source.cells == (("cell 1", "x = 1"), ("cell 3", "y = 2"))


def test_a_notebook_with_many_pictures_is_read(tmp_path: Path, alpha: Module) -> None:
    picture = {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo" * 200_000}}
    cells = [cell("#| export\nx = 1") | {"outputs": [picture] * 10}]
    put(tmp_path, {"jane.ipynb": json.dumps({"cells": cells})})
    assert (tmp_path / "jane.ipynb").stat().st_size > 20_000_000
    assert code(only(tmp_path, alpha)) == ["x = 1"]


def test_the_hash_is_that_of_the_cells(tmp_path: Path, alpha: Module) -> None:
    text = alpha.script.read_text("utf-8")
    put(tmp_path, {"a.py": text, "b.ipynb": notebook(text), "c.py": text.replace("x + 1", "x + 2")})
    one, same, other = (
        read_submission(found, alpha).sha256 for found in find_submissions(tmp_path)
    )
    assert one == same != other
    assert len(one) == 64


# Encodings.

CODECS = [b"cp1252", b"utf-7", b"rot13", b"hex", b"raw_unicode_escape", b"idna", b"gbk", b"u7"]
UMLAUT = "#| export\nname = 'Jürgen'\n"
ENCODED = [
    (UMLAUT.encode(), "", "ü"),
    (b"\xef\xbb\xbf" + UMLAUT.encode(), "", "ü"),
    (UMLAUT.replace("\n", "\r\n").encode(), "", "ü"),
    (UMLAUT.replace("\n", "\r").encode(), "", "ü"),
    (UMLAUT.encode("utf-16"), "read as UTF-16", "ü"),
    (b"\xfe\xff" + UMLAUT.encode("utf-16-be"), "read as UTF-16", "ü"),
    (UMLAUT.encode("latin-1"), "read as Latin-1", "ü"),
    (b"# coding: utf-8\n# %%\n" + UMLAUT.encode("latin-1"), "read as Latin-1", "ü"),
    *((b"# coding: " + codec + b"\n# %%\n" + UMLAUT.encode(), "", "ü") for codec in CODECS),
]


@pytest.mark.parametrize(("data", "note", "letter"), ENCODED)
def test_a_script_is_read_in_its_encoding(
    tmp_path: Path, alpha: Module, data: bytes, note: str, letter: str
) -> None:
    """No codec that a file names is looked up: some of them run code, or hide it."""
    source = only(put(tmp_path, {"jane.py": data}), alpha)
    assert code(source)[0].startswith(f"name = 'J{letter}")
    assert "\r" not in code(source)[0]
    assert source.note.startswith(note) and bool(source.note) == bool(note)


def test_a_notebook_may_begin_with_a_byte_order_mark(tmp_path: Path, alpha: Module) -> None:
    text = json.dumps({"cells": [cell("#| export\nx = 1")]})
    put(tmp_path, {"jane.ipynb": b"\xef\xbb\xbf" + text.encode()})
    assert only(tmp_path, alpha).note == ""


def test_words_about_conflict_markers_are_no_conflict(tmp_path: Path, alpha: Module) -> None:
    text = WORK + "<<<<<<< here\n# ======= and >>>>>>> there\n"
    assert len(code(only(put(tmp_path, {"jane.py": text}), alpha))) == 1


# The course's own modules.


def exported(text: str) -> list[str]:
    """A cell's lines as `tito export` keeps them."""
    kept = [line.rstrip() for line in text.splitlines() if not ANY_MARK.match(line)]
    return "\n".join(kept).strip("\n").split("\n")


@pytest.mark.parametrize("module", COURSE.modules, ids=lambda module: module.name)
def test_the_courses_own_modules_give_what_export_takes(module: Module, tmp_path: Path) -> None:
    text = module.script.read_text("utf-8")
    learner = {**contents(COURSE, module.number), module.show(module.script): text.encode()}
    put(tmp_path, {"a.py": text, "b.ipynb": notebook(text), "c.zip": zipped(learner)})
    put(tmp_path / "d", learner)
    expected = [block(one).split("\n")[1:] for one in exported_cells(read_percent(module.script))]
    for found in find_submissions(tmp_path):
        source = read_submission(found, module)
        assert [exported(text) for text in code(source)] == expected, found.name
        assert source.note == ""


def test_a_found_submission_is_read_again_just_so(tmp_path: Path, alpha: Module) -> None:
    put(tmp_path, {"jane.py": WORK})
    assert (
        find_submissions(tmp_path)
        == find_submissions(tmp_path)
        == [Submission("jane.py", "jane", tmp_path / "jane.py")]
    )
    assert only(tmp_path, alpha) == only(tmp_path, alpha)
