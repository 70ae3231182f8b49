"""adjustments.csv: what may stand in it, what is said of what may not, and that nothing is lost."""

from __future__ import annotations

import pytest

from tito.errors import TitoError
from tito.grader.adjustments import COLUMNS, Adjustment, Known, put, read_adjustments

OWNERS = {"jane.py": 1, "Jane Doe": 2, "=cmd.py": 1}
KNOWN = Known(
    {"12.1": ("attention_scores", 3.5), "12.10": ("merge", 3)},
    lambda name: OWNERS.get(name, 0),
    lambda name: "jane.py",
)


def read(folder, text: str | bytes) -> tuple[Adjustment, ...]:
    path = folder / "adjustments.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_adjustments(path, KNOWN)


WHOLE = """name,exercise,points,comment,excused,extension
jane.py,12.1,2.5,"Right, but slow",,
jane.py,12.10,,,yes,
jane.py,,,,,3
"""
READ = (
    Adjustment("jane.py", "12.1", 2.5, "Right, but slow"),
    Adjustment("jane.py", "12.10", excused=True),
    Adjustment("jane.py", extension=3),
)


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        "\ufeff" + WHOLE,
        WHOLE.replace("\n", "\r\n") + "\r\n,,,,,\r\n",
        WHOLE.replace("extension", "Extension in days").replace("12.1,", "Exercise 12.1,"),
        WHOLE.replace("12.10", "merge").replace("yes", "TRUE"),
        WHOLE.replace(',"Right, but slow"', ";Right, but slow")
        .replace("2.5", "2,5")
        .replace("jane.py,", "jane.py;")
        .replace(
            "name,exercise,points,comment,excused,ext", "name;exercise;points;comment;excused;ext"
        )
        .replace("12.1,", "12.1;")
        .replace("12.10,,,yes,", "12.10;;;yes;")
        .replace(",,,,3", ";;;;3")
        .replace("slow,,", "slow;;"),
    ],
    ids=["plain", "mark", "windows", "spelling", "names", "semicolons"],
)
def test_a_file_is_read_as_people_and_spreadsheets_write_it(tmp_path, text) -> None:
    assert read(tmp_path, text) == READ


def test_columns_may_be_few_and_in_any_order(tmp_path) -> None:
    assert read(tmp_path, "comment,name\nHello,jane.py\n") == (
        Adjustment("jane.py", comment="Hello"),
    )


def test_a_name_as_grades_csv_writes_it_is_the_name(tmp_path) -> None:
    assert read(tmp_path, "name,points\n'=cmd.py,1\n")[0].name == "=cmd.py"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("jan.py,12.1,2,,,", "line 2: nobody is called 'jan.py': did you mean jane.py?"),
        (",12.1,2,,,", "line 2: no name"),
        ("Jane Doe,12.1,2,,,", "'Jane Doe' stands for 2 learners"),
        ("jane.py,12.2,2,,,", "no exercise '12.2': the exercises are 12.1, 12.10"),
        ("jane.py,12.1,20,,,", "20 points for exercise 12.1, attention_scores, which has 3.5"),
        ("jane.py,12.1,-1,,,", "points '-1' are no number from 0 on"),
        ("jane.py,12.1,two,,,", "points 'two'"),
        ("jane.py,12.1,nan,,,", "points 'nan'"),
        ("jane.py,12.1,1e999,,,", "points '1e999'"),
        ("jane.py,,,,maybe,", "excused 'maybe' is neither yes nor no"),
        ("jane.py,,,,,soon", "extension 'soon' is no whole number of days"),
        ("jane.py,,,,,-2", "extension '-2'"),
        ("jane.py,,,,,1.5", "extension '1.5'"),
        ("jane.py,12.1,,,,2", "an extension of one exercise"),
        ("jane.py,12.1,2,,yes,", "points, and excused from them"),
        ("jane.py,12.1,,,,", "it changes nothing"),
        ("jane.py,12.1,2,well, done,,", "excused 'done' is neither yes nor no"),
        ("jane.py,12.1,2,well,,,done", "7 cells below 6 columns"),
        ("jane.py,12.1,1,,,\njane.py,exercise 12.1,2,,,", "line 3: line 2 is about jane.py 12.1"),
        ('jane.py,12.1,1,"open,,', 'close each "'),
    ],
)
def test_what_cannot_be_is_said_with_its_line(tmp_path, row, said) -> None:
    with pytest.raises(TitoError) as refused:
        read(tmp_path, f"{','.join(COLUMNS)}\n{row}\n")
    error = refused.value
    assert said in f"{error.message}: {error.fix}".replace(f"{tmp_path}/adjustments.csv, ", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("exercise,points\n12.1,2\n", "no column 'name': found exercise, points"),
        ("name,point\njane.py,2\n", "no column is called 'point'"),
        ("name,points,points\njane.py,2,3\n", "two columns 'points'"),
        ("name,comment\njane.py,sch\xf6n\n".encode("latin-1"), "line 2: not UTF-8"),
    ],
)
def test_a_file_that_is_no_table_of_adjustments_is_said(tmp_path, text, said) -> None:
    with pytest.raises(TitoError) as refused:
        read(tmp_path, text)
    assert said in refused.value.message


def test_a_comment_put_beside_others_changes_its_own_line_alone(tmp_path) -> None:
    read(tmp_path, WHOLE)
    path = tmp_path / "adjustments.csv"
    changed = Adjustment("jane.py", "12.10", None, '=1+1, "quoted"\nnext', excused=True)
    put(path, lambda _: [changed, Adjustment("=cmd.py", "12.1", 0)], KNOWN)
    found = read_adjustments(path, KNOWN)
    assert found[0] == READ[0] and found[2] == READ[2]
    assert (found[1].comment, found[1].excused) == ('=1+1, "quoted"\nnext', True)
    assert found[3] == Adjustment("=cmd.py", "12.1", 0)
    put(path, lambda _: [Adjustment("jane.py", "12.1")], KNOWN)  # emptied: the line goes
    assert read_adjustments(path, KNOWN) == found[1:]


def test_a_file_with_an_error_stays_as_it_is(tmp_path) -> None:
    path = tmp_path / "adjustments.csv"
    path.write_text("name,point\njane.py,2\n")
    with pytest.raises(TitoError):
        put(path, lambda _: [Adjustment("jane.py", "12.1", 1)], KNOWN)
    assert path.read_text() == "name,point\njane.py,2\n"


ODD = (
    "\ufeffname;comment;;Extension in days\n"  # a spreadsheet's, with notes beside the table
    ' jane.py ;"two\n\nlines";my own;3\n'
    ";;;\n"
    "=cmd.py;;;4"
)


def test_lines_that_do_not_change_keep_their_bytes(tmp_path) -> None:
    read(tmp_path, ODD)
    path = tmp_path / "adjustments.csv"
    put(path, lambda _: [Adjustment("=cmd.py", "12.1", 2.5, "a;b")], KNOWN)
    assert path.read_bytes().decode() == (
        ODD.replace("in days", "in days;exercise;points")
        + '\n\'=cmd.py;"a;b";;;exercise 12.1;2.5\n'
    )
    assert read_adjustments(path, KNOWN)[-1] == Adjustment("=cmd.py", "12.1", 2.5, "a;b")
    put(path, lambda _: [Adjustment("=cmd.py", "12.1")], KNOWN)
    assert path.read_bytes().decode() == ODD.replace("in days", "in days;exercise;points") + "\n"


def test_what_is_decided_rests_on_what_stands_there(tmp_path) -> None:
    read(tmp_path, WHOLE)
    seen = []
    put(tmp_path / "adjustments.csv", lambda stand: seen.extend(stand) or (), KNOWN)
    assert tuple(seen) == READ
    assert (tmp_path / "adjustments.csv").read_bytes().decode() == WHOLE
