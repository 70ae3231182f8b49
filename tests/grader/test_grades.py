"""What each learner gets: verdicts, adjustments, lateness, teams, and nothing handed in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.grader.graded import BATCH, graded, learners
from tito.grader.adjustments import Adjustment
from tito.grader.grades import NOTHING, Grade
from tito.grader.roster import Person
from tito.grader.terms import HOUR, Lateness

ADA = Person("Lovelace, Ada", canvas="31", email="ada@uni.example", team="red")
BOB = Person("Bob Byte", canvas="32", team="red")
CY = Person("Cy", canvas="33")


def one(*adjustments: Adjustment, late_days: int = 0, **late: float) -> Grade:
    """Jane's 1 of 3.5 points in 12.1 and 0.5 of 3 in 12.10, as adjusted."""
    agreed = {"late": Lateness(**late), "adjustments": adjustments}
    (grade,) = learners(graded(late_days=late_days), **agreed)
    return grade


def by_student(*rows, **terms) -> dict[str, Grade]:
    return {grade.student: grade for grade in learners(*rows, **terms)}


@pytest.mark.parametrize("name", ["jane.py", "jane", "Jane"])
def test_points_of_an_exercise_take_the_place_of_the_checks(name) -> None:
    grade = one(Adjustment(name, "12.1", points=3))
    assert (grade.points, grade.by_checks) == ({"12.1": 3, "12.10": 0.5}, {"12.1": 1, "12.10": 0.5})
    assert (grade.earned, grade.final) == (3.5, 3.5)


def test_points_of_the_whole_take_the_place_of_the_sum() -> None:
    grade = one(Adjustment("jane.py", points=5), Adjustment("jane.py", "12.1", points=3))
    assert (grade.earned, grade.out_of, grade.final) == (5, 6.5, 5)


def test_an_excused_exercise_does_not_count_and_the_rest_stands_for_the_whole() -> None:
    grade = one(Adjustment("jane.py", "12.10", excused=True))
    assert (grade.earned, grade.out_of) == (1, 3.5)
    assert grade.final == pytest.approx(1 / 3.5 * 6.5)


def test_who_is_excused_has_no_grade() -> None:
    grade = one(Adjustment("jane.py", excused=True), late_days=2, percent=10)
    assert grade.is_excused and grade.final is None


def test_a_line_about_somebody_else_changes_nothing() -> None:
    assert one(Adjustment("joan.py", points=5)) == one()


@pytest.mark.parametrize(
    ("late_days", "late", "share"),
    [
        (2, {"percent": 10}, 0.8),
        (2, {"percent": 10, "cap": 15}, 0.85),
        (30, {"percent": 10}, 0),
        (30, {"percent": 10, "cap": 50}, 0.5),
        (0, {"percent": 10}, 1),
    ],
)
def test_each_day_costs_and_no_number_of_days_more_than_the_cap(late_days, late, share) -> None:
    assert one(late_days=late_days, **late).final == pytest.approx(1.5 * share)


def test_an_extension_moves_the_due_time_by_whole_days() -> None:
    grade = one(Adjustment("jane.py", extension=2), late_days=3, percent=10)
    assert (grade.late_days, grade.final) == (1, pytest.approx(1.35))
    assert one(Adjustment("jane.py", extension=5), late_days=3, percent=10).final == 1.5


@pytest.mark.parametrize(
    ("hours", "grace", "days"),
    [(-1, 0, 0), (0, 0, 0), (0.01, 0, 1), (24, 0, 1), (24.01, 0, 2), (2, 2, 0), (2.1, 2, 1)],
)
def test_a_day_late_begins_with_its_first_second_and_after_the_grace(hours, grace, days) -> None:
    due = 1_800_000_000.0
    assert Lateness(due, grace=grace).days(due + hours * HOUR, said=False) == days


def test_where_only_the_platform_says_late_it_is_a_day() -> None:
    assert Lateness().days(None, said=True) == 1
    assert Lateness(5.0).days(None, said=True) == 1


def test_a_team_gets_what_one_of_it_handed_in() -> None:
    work = graded("lovelaceada_31_4_a.py", ids=("canvas:31",))
    found = by_student(work, roster=(ADA, BOB, CY))
    earned = {name: grade.earned for name, grade in found.items()}
    assert earned == {"Bob Byte": 1.5, "Cy": 0, "Lovelace, Ada": 1.5}
    assert found["Bob Byte"].key != found["Lovelace, Ada"].key
    assert found["Cy"].graded is None and found["Cy"].note == NOTHING


def test_of_several_works_of_a_team_the_one_with_most_points_counts() -> None:
    less = graded("byte_32_5_a.py", ids=("canvas:32",), verdicts=())
    more = graded("lovelaceada_31_4_a.py", ids=("canvas:31",))
    found = by_student(less, more, roster=(ADA, BOB))
    assert {grade.graded for grade in found.values()} == {more}
    assert "also byte_32_5_a.py" in found["Bob Byte"].note


def test_a_line_may_name_a_team_or_one_of_it() -> None:
    work = graded("lovelaceada_31_4_a.py", ids=("canvas:31",), late_days=1)
    red, bob = Adjustment("red", "12.1", points=2), Adjustment("Bob Byte", extension=1)
    found = by_student(work, roster=(ADA, BOB), adjustments=(red, bob), late=Lateness(percent=10))
    assert [grade.final for grade in found.values()] == [2.5, pytest.approx(2.25)]


def test_who_handed_in_nothing_may_be_excused_or_get_points() -> None:
    lines = Adjustment("Cy", excused=True), Adjustment("31", points=4)
    found = by_student(roster=(replace(ADA, team=""), CY), adjustments=lines)
    assert found["Cy"].final is None
    assert found["Lovelace, Ada"].final == 4


@pytest.mark.parametrize(
    "student", ["lovelaceada", "Ada Lovelace", "ada", "ADA@uni.example", "adalovelace", "red"]
)
def test_a_name_without_a_platforms_number_finds_its_learner(student) -> None:
    found = by_student(graded("hw.py", student=student), roster=(ADA, BOB, CY))
    assert found["Lovelace, Ada"].graded


def test_a_name_that_two_bear_finds_none_of_them() -> None:
    other = Person("Lovelace, Ada", canvas="99")
    found = learners(graded("hw.py", student="lovelaceada"), roster=(ADA, other))
    assert [(grade.key, bool(grade.graded)) for grade in found if not grade.person] == [
        ("hw.py", True)
    ]
    assert {grade.student for grade in found if grade.person} == {
        "Lovelace, Ada 31",
        "Lovelace, Ada 99",
    }


def test_each_row_has_a_key_of_its_own_and_an_anonymous_name() -> None:
    rows = [graded(f"{name}.py", student=name) for name in ("ada", "bob", "/Cy")]
    found = learners(*rows, roster=(ADA, BOB, CY))
    assert len({grade.key for grade in found}) == len({grade.anonymous for grade in found}) == 4
    assert BATCH.out_of == 6.5
