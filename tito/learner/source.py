"""Where the course itself is: the clone or the wheel that a learner's folder was made from.

The reference answers stay there; a learner's folder does not hold them.
"""

from __future__ import annotations

from pathlib import Path

from tito.course import Course, find_course
from tito.errors import TitoError

PACKAGE = Path(__file__).parents[1]


def own_course() -> Course | None:
    """The course this `tito` came with: in its wheel, or the clone it stands in."""
    for root in (PACKAGE / "course_files", PACKAGE.parent):
        if (root / "modules").is_dir() and (root / "tinytorch").is_dir():
            return Course(root)
    return None


def course_here() -> Course:
    """The clone around this folder, or else the course this `tito` came with."""
    try:
        return find_course()
    except TitoError:
        course = own_course()
        if course is None:
            raise
        return course


def reference(course: Course, named: Path | None = None) -> Course:
    """The course a folder was made from, or the one that was named instead."""
    if course.learner is None and named is None:
        return course
    if "released" in (course.learner or {}):
        raise TitoError(
            "this folder was released for a course that is graded",
            "the reference, and newer versions, come from your instructor",
        )
    recorded = str((course.learner or {}).get("course") or "")
    root = named.resolve() if named else Path(recorded) if recorded else None
    if root and (root / "modules").is_dir():
        found = Course(root)
        if found.learner is not None:
            raise TitoError(f"{root} is a learner's folder", "name a clone of the course")
        return found
    if named:
        raise TitoError(f"no course in {root}", "name a clone of the course")
    own = own_course()
    if own is None:
        raise TitoError(
            f"the course this folder was made from is gone: {recorded or PACKAGE}",
            "`tito update --course DIR` names another",
        )
    return own
