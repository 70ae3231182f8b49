"""CSV, JSON and folders: the same bytes from the same grades, and no cell that is a formula."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.grader.graded import (
    BATCH,
    HOSTILE,
    MISTAKE,
    NAMES,
    SECRET,
    everywhere,
    graded,
    learners,
)
from tito.errors import TitoError
from tito.grader.adjustments import Adjustment
from tito.grader.gradebook import Gradebook, merge_gradebooks
from tito.grader.report import checks_csv, grades_csv, grades_json, gradescope, write_reports
from tito.grader.terms import Lateness, Terms
from tito.grader.text import number, printable
from tito.grader.verdict import Graded, Verdict

FORMULA = "=+-@＝＋－＠"
TEXTS = st.text(st.characters(), max_size=40) | st.sampled_from(HOSTILE)


def read_csv(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def files_of(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def written(book: Gradebook, folder: Path) -> dict[str, bytes]:
    book.set_terms(Terms(Lateness(percent=10)))
    write_reports(book, folder, NAMES)
    return files_of(folder)


ROWS = [
    graded(),
    graded("Zoë 1.py", student="Zoë", late_days=3),
    graded("bad.ipynb", verdicts=(), note="not valid JSON"),
    *(everywhere(text) for text in HOSTILE),
]


def test_order_and_shards_do_not_change_a_byte(tmp_path) -> None:
    one, other = (Gradebook(tmp_path / f"{name}.db", BATCH) for name in ("one", "other"))
    one.record(*ROWS)
    for row in reversed(ROWS):
        other.record(graded(row.name))
        other.record(row)
    for k in range(4):
        Gradebook(tmp_path / f"shard{k}.db", BATCH).record(*ROWS[k::4])
    merged = merge_gradebooks([tmp_path / f"shard{k}.db" for k in range(4)], tmp_path / "merged.db")
    books = {"one": one, "other": other, "merged": merged}
    first, *rest = (written(book, tmp_path / name) for name, book in books.items())
    assert len(first) == 7 + 3 * len(ROWS)
    assert rest == [first, first]


def test_grades_has_a_row_a_submission_and_a_column_an_exercise() -> None:
    (grade,) = learners(graded(late_days=2, note="late, but whole"), percent=10)
    assert read_csv(grades_csv(BATCH, [grade]))[0] == {
        "name": "jane.py",
        "student": "jane",
        "id": "",
        "anonymous": grade.anonymous,
        "team": "",
        "points": "1.5",
        "out_of": "6.5",
        "final": "1.2",
        "late_days": "2",
        "comment": "",
        "sandbox": "3 bubblewrap",
        "seed": "7",
        "note": "late, but whole",
        "exercise 12.1": "1",
        "exercise 12.10": "0.5",
    }


def test_lateness_never_costs_more_than_all() -> None:
    row = read_csv(grades_csv(BATCH, learners(graded(late_days=30), percent=10)))[0]
    assert (row["points"], row["final"]) == ("1.5", "0")


def test_checks_has_a_row_a_check_with_the_reasons_of_hidden_ones() -> None:
    rows = read_csv(checks_csv(BATCH, [graded(), graded("none.py", verdicts=())]))
    assert len(rows) == 8
    assert (rows[1]["exercise"], rows[1]["hidden"], rows[1]["out_of"]) == (
        *("exercise 12.1", "yes", "2.5"),
    )
    assert (rows[1]["reason"], rows[1]["mistake"]) == (SECRET, MISTAKE)
    assert {row["category"] for row in rows[4:]} == {"not run"}


def test_csv_opens_in_excel_and_in_everything_else() -> None:
    content = grades_csv(BATCH, learners(graded(student="Zoë")))
    assert content.startswith(b"\xef\xbb\xbfname,")
    assert content.count(b"\r\n") == content.count(b"\n") == 2


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1+1", "'＝1+1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠a", "'＠a"),
        ("  =1+1", "  '=1+1"),
        ("\t=1+1", "\\t=1+1"),
        ("\r=1+1", "\\r=1+1"),
        ("\n=1+1", "\\n=1+1"),
        ("\u00a0=1+1", "\\xa0=1+1"),
        ('a;=1+1;""-2', "a;'=1+1;\"\"'-2"),
        ("doe-jane=1", "doe-jane=1"),
        ('say "hi", twice', 'say "hi", twice'),
    ],
)
def test_a_cell_is_never_a_formula(text, cell) -> None:
    (row,) = read_csv(grades_csv(BATCH, learners(graded(text, student=text, note=text))))
    assert [row["name"], row["student"], row["note"]] == [cell, cell, cell]


@given(TEXTS)
def test_no_text_becomes_a_formula_or_breaks_its_row(text) -> None:
    rows = read_csv(grades_csv(BATCH, learners(everywhere(text))))
    rows += read_csv(checks_csv(BATCH, [everywhere(text)]))
    assert len(rows) == 1 + len(BATCH.checks)
    for cell in (cell for row in rows for cell in row.values()):
        assert cell.isprintable()
        for part in cell.split(";"):
            assert not part.lstrip(' "').startswith(tuple(FORMULA))


@given(TEXTS, st.integers(2, 50))
def test_printable_text_is_one_short_line_and_stays_so(text, limit) -> None:
    shown = printable(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit
    assert printable(shown, limit) == shown
    assert shown == text or not text.isprintable() or len(text) > limit or "\\u" in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\u202ea\u200bb\u2028c\ufeff", "\\u202ea\\u200bb\\u2028c\\ufeff"),
        ("\ud83d", "\\ud83d"),
        ("a\u3164\u2800", "a\\u3164\\u2800"),
        ("\U000e0041", "\\U000e0041"),
        ("Zoë 注意 √2", "Zoë 注意 √2"),
    ],
)
def test_what_does_not_show_is_an_escape(text, shown) -> None:
    assert printable(text) == shown


def test_a_long_text_is_cut_with_a_mark() -> None:
    assert printable("a" * 10, 10) == "a" * 10
    assert printable("a" * 11, 10) == "a" * 9 + "…"
    assert len(printable("\x00" * 10**6)) == 2000


def test_numbers_have_two_decimals_at_most() -> None:
    assert [str(number(value)) for value in (2.0, 0.1 + 0.2, 1 / 3)] == ["2", "0.3", "0.33"]


def test_gradescope_gets_its_own_format_and_nothing_hidden() -> None:
    content = gradescope(BATCH, *learners(graded(late_days=1), percent=10))
    told = json.loads(content)
    assert told["score"] == 1.35
    assert told["output"] == "1 day late: 1.35 points count"
    assert told["stdout_visibility"] == "hidden"
    assert [test["number"] for test in told["tests"]] == ["12.1.1", "12.1.2", "12.10.1", "12.10.2"]
    assert told["tests"][1] == {
        "name": "batches stay apart",
        "number": "12.1.2",
        "score": 0,
        "max_score": 2.5,
        "status": "failed",
        "output": f"This looks like a known mistake: {MISTAKE}.\nThe result has a wrong value.",
        "visibility": "visible",
    }
    assert "expected (2, 3), got (3, 2)" in told["tests"][2]["output"]
    assert SECRET not in content
    assert "seed" not in content


def test_json_for_machines_holds_everything() -> None:
    told = json.loads(grades_json(BATCH, learners(graded())))
    assert (told["module"], told["seed"], told["out_of"]) == ("12_attention", 7, 6.5)
    (row,) = told["learners"]
    assert (row["earned"], row["points"]) == (1.5, {"12.1": 1, "12.10": 0.5})
    assert row["graded"]["verdicts"][1]["reason"] == SECRET


def test_each_name_has_a_page_of_its_own_on_every_system(tmp_path) -> None:
    names = ["jane_1.py", "Zoë Łukasz.ipynb", "A.py", "a.py", "ａ.py", "nul.py", "con", "../x", "/"]
    names += ["", ".", "x" * 300, "dot.", "a/b", "a\\b", "a:b", "\x1b", "注" * 100]
    book = make_book(tmp_path / "grades.db", *map(graded, names))
    write_reports(book, tmp_path / "out", NAMES)
    once = pages(tmp_path / "out")
    assert {"jane_1.py", "Zoë Łukasz.ipynb"} <= set(once)
    assert len({page.casefold() for page in once}) == len(names)
    for page in once:
        assert not set(page) & set('/\\:*?"<>|\x1b')
        assert len(page.encode()) <= 200
        assert page.partition(".")[0] not in ("", "nul", "con")
        assert page[-1] not in ". "
    book.record(*map(graded, once))  # names that look as if they were made for others
    write_reports(book, tmp_path / "out", NAMES)
    twice = pages(tmp_path / "out")
    assert len({page.casefold() for page in twice}) == len(book.all()) > len(names)


def pages(folder: Path) -> list[str]:
    return [path.name.removesuffix(".html") for path in folder.glob("feedback/*.html")]


def test_pages_of_a_submission_that_is_gone_are_gone_too(tmp_path) -> None:
    write_reports(make_book(tmp_path / "1.db", graded(), graded("john.py")), tmp_path, NAMES)
    assert (tmp_path / "feedback" / "john.py.html").exists()
    write_reports(make_book(tmp_path / "2.db", graded()), tmp_path, NAMES)
    made = {path.name for path in tmp_path.rglob("*")} - {"1.db", "2.db"}
    pages = {"jane.py.html", "jane.py.md", "jane.py.json"}
    tables = {
        "grades.csv",
        "checks.csv",
        "grades.json",
        "missing.csv",
        "skipped.csv",
        "batch.html",
        "alike.csv",
    }
    assert made == tables | {"feedback", "gradescope"} | pages


@pytest.mark.parametrize("theirs", ["feedback/notes.txt", "gradescope/old/a.json"])
def test_a_folder_with_files_of_others_is_left_alone(tmp_path, theirs) -> None:
    path = tmp_path / theirs
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    book = make_book(tmp_path / "grades.db", graded())
    before = files_of(tmp_path)
    with pytest.raises(TitoError, match="which tito did not write"):
        write_reports(book, tmp_path, NAMES)
    assert files_of(tmp_path) == before


def test_leftovers_of_a_killed_run_are_no_obstacle(tmp_path) -> None:
    (tmp_path / ".feedback.new").mkdir()
    (tmp_path / ".feedback.new" / "half.html").write_text("<")
    (tmp_path / ".feedback.old").mkdir()
    write_reports(make_book(tmp_path / "grades.db", graded()), tmp_path, NAMES)
    assert {path.name for path in (tmp_path / "feedback").iterdir()} == {
        *("jane.py.html", "jane.py.md"),
    }
    assert not list(tmp_path.glob(".*"))


def make_book(path: Path, *rows: Graded) -> Gradebook:
    book = Gradebook(path, BATCH)
    book.record(*rows)
    return book


def test_thirds_of_a_point_add_up_to_one() -> None:
    verdicts = tuple(Verdict(check.name, 1 / 3, "passed") for check in BATCH.checks[:3])
    (row,) = read_csv(grades_csv(BATCH, learners(graded(verdicts=verdicts))))
    assert (row["points"], row["exercise 12.1"]) == ("1", "0.67")


def test_a_comment_of_several_lines_stays_readable() -> None:
    said = (Adjustment("jane.py", "12.1", comment="First.\n\nSecond."),)
    (grade,) = learners(graded(), adjustments=said)
    assert b",First. Second.," in grades_csv(BATCH, [grade])
    assert "12.1 First.\nSecond." in json.loads(gradescope(BATCH, grade))["output"]
