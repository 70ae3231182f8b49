"""What Canvas and Moodle read: their columns by place and name, and files named as they expect."""

from __future__ import annotations

import csv
import io
import json
import zipfile

from tests.grader.graded import BATCH, graded, learners
from tito.grader.adjustments import Adjustment
from tito.grader.grades import Grade
from tito.grader.platforms import (
    Pages,
    canvas_csv,
    canvas_feedback,
    moodle_csv,
    moodle_feedback,
)
from tito.grader.roster import Person

PEOPLE = (
    Person("Doe, Jane", canvas="31", sid="s1", login="jdoe", section="A", moodle="123"),
    Person("Zoë, Łu", canvas="32", moodle="124"),
    Person("Cy", canvas="33", moodle="125"),
)
CANVAS = graded("doejane_31_42_hw.py", student="doejane", ids=("canvas:31",))
MOODLE = graded("Jane Doe_123_assignsubmission_file_", student="Jane Doe", ids=("moodle:123",))


def rows(content: bytes) -> list[list[str]]:
    assert not content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def test_canvas_finds_its_columns_by_place() -> None:
    """lib/gradebook_importer.rb: Student, ID, SIS User ID, SIS Login ID, Section, assignments."""
    found = learners(CANVAS, roster=PEOPLE, adjustments=(Adjustment("Cy", excused=True),))
    assert rows(canvas_csv(BATCH, found, "Attention (98765)")) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Attention (98765)"],
        ["    Points Possible", "", "", "", "", "6.5"],
        ["Cy", "33", "", "", "", "EX"],
        ["Doe, Jane", "31", "s1", "jdoe", "A", "1.5"],
    ]


def test_without_a_roster_the_number_in_the_files_name_is_enough() -> None:
    (_, _, row) = rows(canvas_csv(BATCH, learners(CANVAS), "Attention"))
    assert row == ["doejane", "31", "", "", "", "1.5"]
    (_, row) = rows(moodle_csv(learners(MOODLE)))
    assert row == ["Participant 123", "Jane Doe", "1.5", "-"]


def test_moodle_gets_no_word_in_place_of_a_grade() -> None:
    """importgradeslib.php saves `EX` as 0, and leaves alone what is empty."""
    excused = (Adjustment("Cy", excused=True), Adjustment("Zoë, Łu", points=0))
    found = rows(moodle_csv(learners(MOODLE, roster=PEOPLE, adjustments=excused)))
    assert found[0] == ["Identifier", "Full name", "Grade", "Last modified (grade)"]
    assert {row[0]: row[2] for row in found[1:]} == {
        "Participant 123": "1.5",
        "Participant 124": "0",
        "Participant 125": "",
    }


def test_who_comes_from_elsewhere_is_in_no_file_of_a_platform() -> None:
    found = learners(graded())
    pages = [(grade, ("<p>", "#")) for grade in found]
    assert not canvas_csv(BATCH, found, "A") and not moodle_csv(found)
    assert not canvas_feedback(pages) and not moodle_feedback(pages)


def unzipped(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def paged(*found: Grade) -> list[tuple[Grade, Pages]]:
    return [(grade, (f"<p>{grade.student}", f"# {grade.student}")) for grade in found]


def test_feedback_for_canvas_is_of_the_kind_that_was_handed_in() -> None:
    """It shows the upload under the first file's name: a page called hw.ipynb would not open."""
    kinds = [graded(f"doe_31_4{n}_hw{end}") for n, end in enumerate((".py", ".ipynb", ".zip"))]
    packed = canvas_feedback(paged(*learners(*kinds)))
    assert packed == canvas_feedback(paged(*learners(*kinds)))
    script, notebook, archive = (unzipped(packed)[one.name] for one in kinds)
    assert script == b"# jane"
    assert json.loads(notebook)["cells"][0]["source"] == "# jane"
    assert unzipped(archive) == {"feedback.html": b"<p>jane"}


def test_feedback_for_moodle_lies_in_a_folder_for_each_participant() -> None:
    """importziplib.php splits the name at underscores and reads the number in second place."""
    team = tuple(Person(name, moodle=str(n), team="red") for n, name in enumerate(("A_b", "C")))
    found = paged(*learners(graded(student="red"), roster=team))
    assert unzipped(moodle_feedback(found)) == {
        "A b_0_assignsubmission_file_/feedback.html": b"<p>A_b",
        "C_1_assignsubmission_file_/feedback.html": b"<p>C",
    }
