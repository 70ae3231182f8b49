"""roster.csv: the exports of platforms are rosters already."""

from __future__ import annotations

import pytest

from tito.errors import TitoError
from tito.grader.roster import Person, read_roster

CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Attention (98765)
    Points Possible,,,,,10
"Doe, Jane",31,s1,jdoe,A,
"Student, Test",7,,,A,
"""
MOODLE = """Identifier,"Full name","Email address",Status,Grade
"Participant 123",Jane Doe,jane@uni.example,"Submitted for grading",-
"""
MOODLE_GRADES = """"First name","Last name","ID number","Email address"
Jane,Doe,s1,jane@uni.example
"""
CLASSROOM = """"identifier","github_username","github_id","name"
"s1","janed","40261856","Jane Doe"
"""


@pytest.mark.parametrize(
    ("text", "person"),
    [
        (CANVAS, Person("Doe, Jane", canvas="31", sid="s1", login="jdoe", section="A")),
        (MOODLE, Person("Jane Doe", moodle="123", email="jane@uni.example")),
        (MOODLE_GRADES, Person("Jane Doe", sid="s1", email="jane@uni.example")),
        (CLASSROOM, Person("Jane Doe", sid="s1", github="janed")),
        ("name,team\nJane Doe,red\n", Person("Jane Doe", team="red")),
    ],
    ids=["Canvas", "Moodle", "Moodle grades", "GitHub Classroom", "own"],
)
def test_an_export_is_a_roster(tmp_path, text, person) -> None:
    path = tmp_path / "roster.csv"
    path.write_text(text, "utf-8")
    assert read_roster(path) == (person,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,email\n1,a@b\n", "no column 'name'"),
        ("name,id\nAda,1\nBob,1\n", "line 3: canvas 1 stands in line 2, too"),
        ("name\nAda\nada\n", "line 3: name ada stands in line 2, too"),
        ("name,id\n,1\n", "line 2: no name"),
        ("name\n", "names nobody"),
        ("", "is empty"),
    ],
)
def test_what_cannot_be_is_said_with_its_line(tmp_path, text, said) -> None:
    path = tmp_path / "roster.csv"
    path.write_text(text)
    with pytest.raises(TitoError) as refused:
        read_roster(path)
    assert said in refused.value.message
