"""Who is in the course: one learner a line, and which of them handed in what.

A platform's own export is a roster already: Canvas's gradebook, Moodle's grading worksheet, GitHub
Classroom's list. What a platform wrote into a submission's name finds its learner.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tito.errors import TitoError
from tito.grader.table import Line, read_table
from tito.grader.text import folded

FILE = "roster.csv"
COLUMNS = {
    "name": ("name", "student", "student name", "full name"),
    "first": ("first name", "given name"),
    "last": ("last name", "surname"),
    "canvas": ("id", "user id", "canvas id"),
    "sid": ("sis user id", "id number", "student id", "sid"),
    "login": ("sis login id", "login", "login id", "username"),
    "email": ("email", "email address", "e-mail"),
    "github": ("github", "github username"),
    "identifier": ("identifier", "participant"),
    "section": ("section",),
    "team": ("team", "group"),
}
_COLUMN_OF = {header: column for column, headers in COLUMNS.items() for header in headers}
_PARTICIPANT = re.compile(r"(?:Participant )?(\d+)", re.IGNORECASE)
IDS = ("canvas", "sid", "login", "email", "github", "moodle")


@dataclass(frozen=True)
class Person:
    """A learner, as the platforms know them; what a roster does not say is empty."""

    name: str
    canvas: str = ""  # Canvas's user number
    sid: str = ""  # the school's number
    login: str = ""
    email: str = ""
    github: str = ""
    moodle: str = ""  # Moodle's participant number
    section: str = ""
    team: str = ""

    @property
    def ids(self) -> set[str]:
        """As `Submission.ids` has them."""
        known = ((key, folded(getattr(self, key))) for key in IDS)
        return {f"{key}:{value}" for key, value in known if value}

    @property
    def id(self) -> str:
        """The first that there is, to tell two of one name apart."""
        return next((getattr(self, key) for key in IDS if getattr(self, key)), "")

    @property
    def names(self) -> set[str]:
        """What a file of theirs may be called: Canvas glues the last name to the first."""
        last, comma, first = self.name.partition(",")
        if not comma:
            first, _, last = self.name.rpartition(" ")
        spelt = [self.name, f"{first} {last}", f"{last} {first}", self.login, self.github]
        spelt += [self.email, self.email.partition("@")[0], self.sid]
        return {folded(one) for one in spelt} - {""}


class HandedIn(Protocol):
    """What tells whose a submission is: a `Submission`, or a `Graded`."""

    @property
    def name(self) -> str: ...
    @property
    def student(self) -> str: ...
    @property
    def ids(self) -> tuple[str, ...]: ...


def read_roster(path: Path) -> tuple[Person, ...]:
    lines = read_table(path, lambda header: _COLUMN_OF.get(header, ""), _needed(path))
    people = [(line, _person(line)) for line in lines if not _is_total(line)]
    if not people:
        raise TitoError(f"{path} names nobody", "one learner a line, below the columns' names")
    seen: dict[str, int] = {}
    for line, person in people:
        for one in sorted(person.ids) or [f"name:{folded(person.name)}"]:
            if one in seen:
                key, _, value = one.partition(":")
                raise line.error(
                    f"{key} {value} stands in line {seen[one]}, too", "leave one of the lines out"
                )
            seen[one] = line.number
    return tuple(person for _, person in people)


def _needed(path: Path) -> str:
    """Moodle's gradebook has the first and the last name apart."""
    first = path.read_bytes()[:2000].decode("utf-8-sig", "replace").partition("\n")[0].lower()
    return "last" if "last name" in first or "surname" in first else "name"


def _is_total(line: Line) -> bool:
    """Canvas's second line is about the assignments, not about somebody."""
    return line["name"].lower() in ("points possible", "student, test", "test student")


def _person(line: Line) -> Person:
    name = line["name"] or f"{line['first']} {line['last']}".strip()
    if not name:
        raise line.error("no name", "write the learner's name, or take the line out")
    number = _PARTICIPANT.fullmatch(line["identifier"])
    rest = {key: line[key] for key in ("canvas", "login", "email", "github", "section", "team")}
    sid = line["sid"] or ("" if number else line["identifier"])
    return Person(name, sid=sid, moodle=number[1] if number else "", **rest)


def labels(people: Sequence[Person]) -> list[str]:
    """The name, with an id where two have the same one."""
    counts = Counter(folded(person.name) for person in people)
    return [f"{one.name} {one.id}" if counts[folded(one.name)] > 1 else one.name for one in people]


class Owners:
    """Finds whose a submission is."""

    def __init__(self, people: Sequence[Person]) -> None:
        self.by_id: dict[str, list[Person]] = {}
        self.by_name: dict[str, list[Person]] = {}
        self.by_team: dict[str, list[Person]] = {}
        for person in people:
            for one in person.ids:
                self.by_id.setdefault(one, []).append(person)
            for one in person.names:
                self.by_name.setdefault(one, []).append(person)
            if person.team:
                self.by_team.setdefault(folded(person.team), []).append(person)

    def of(self, handed_in: HandedIn) -> list[Person]:
        """Those whom the platform's numbers name, else the only one of that name, else the team."""
        called = folded(handed_in.student)
        found = [person for one in handed_in.ids for person in self.by_id.get(one, [])]
        named = self.by_name.get(called, [])
        found = found or (named if len(named) == 1 else self.by_team.get(called, []))
        teams = dict.fromkeys(folded(person.team) for person in found if person.team)
        members = [person for team in teams for person in self.by_team[team]]
        return list(dict.fromkeys([*found, *members]))
