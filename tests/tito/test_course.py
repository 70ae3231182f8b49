"""The course is found from any folder below it, and its modules by any of their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tito.course import Course, find_course
from tito.errors import CodeError, TitoError


@pytest.mark.parametrize("name", ["2", "02", "beta", "02_beta", "BETA", "02_beta/"])
def test_a_module_is_found_by_number_name_or_folder(course, name) -> None:
    assert course.module(name).folder_name == "02_beta"


@pytest.mark.parametrize(("typed", "meant"), [("bta", "beta"), ("2_beta", "02_beta")])
def test_a_mistyped_module_name_suggests_the_nearest(course, typed, meant) -> None:
    with pytest.raises(TitoError, match=f"no module '{typed}'; did you mean {meant}"):
        course.module(typed)


def test_a_name_far_from_all_suggests_nothing(course) -> None:
    with pytest.raises(TitoError) as caught:
        course.module("77")
    assert caught.value.message == "no module '77'"


def test_the_root_is_found_from_a_folder_below(course) -> None:
    assert find_course(course.alpha.parent).root == course.root


def test_outside_a_course_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TitoError, match="no course in") as caught:
        find_course(tmp_path)
    assert "tito init" in caught.value.fix


def test_title_target_and_prerequisites_are_read_from_the_file(course) -> None:
    module = course.module("beta")
    assert (module.title, module.package) == ("02. Beta", "tinytorch.core.beta")
    assert [one.name for one in Course(course.root).prerequisites(module)] == ["alpha"]


def test_a_module_without_a_target_says_what_to_write(course) -> None:
    course.edit(course.alpha, "#| default_exp core.alpha", "")
    with pytest.raises(CodeError) as caught:
        _ = course.module("alpha").target
    assert "#| default_exp core.alpha" in caught.value.fix


def test_folders_that_are_not_modules_are_left_alone(course) -> None:
    (course.root / "modules/notes").mkdir()
    (course.root / "modules/03_empty").mkdir()
    assert [module.name for module in Course(course.root).modules] == ["alpha", "beta"]
