"""A graded batch of the toy course, and a browser without a network that leafs through it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.grader.grading import add_checks, hand_in, submission
from tito.grader.batch import exercise_names
from tito.grader.commands.terms import known_to
from tito.grader.gradebook import Batch, Gradebook
from tito.grader.grades import most_points, rows
from tito.grader.intake.find import find_submissions, read_submission
from tito.grader.review.desk import Desk
from tito.grader.review.guard import Guard
from tito.grader.review.views import add_views
from tito.grader.roster import Person
from tito.grader.terms import Terms
from tito.grader.verdict import Check, Graded, Verdict

CHECKS = (
    Check("TestDouble::test_three_gives_six", "1.1", 1, False),
    Check("TestDouble::test_any_number", "1.1", 2, True),
    Check("test_one_more", "1.2", 1, False),
)
BATCH = Batch("01_alpha", 7, CHECKS, "f" * 64)
JANE = Person("Doe, Jane", canvas="31", login="jdoe", email="jane@uni.example", team="red")
RIK = Person("Roe, Rik", canvas="32", login="rroe")
NINA = Person("None, Nina", canvas="33", team="red")
ZOE = Person("Zoë Zett", canvas="34")
PEOPLE = (JANE, RIK, ZOE)
PORT = 8000
ORIGIN = f"http://127.0.0.1:{PORT}"


def verdicts(*passed: bool, reason: str = "got 9, not 6") -> tuple[Verdict, ...]:
    return tuple(
        Verdict(check.name, check.points, "passed")
        if is_right
        else Verdict(check.name, 0, "wrong value", reason, "squared")
        for check, is_right in zip(CHECKS, passed, strict=True)
    )


def graded_batch(course, folder: Path, people=PEOPLE, anonymous=False, **texts: str) -> Desk:
    """Jane has all points, Rik squared; further texts are submissions that passed."""
    module = add_checks(course).modules[0]
    given = {
        "doejane_31_4_alpha_dev": submission(course),
        "roerik_32_5_alpha_dev": submission(course, double="return x * x"),
    }
    found = find_submissions(hand_in(folder / "in", **given, **texts))
    book = Gradebook(folder / "out/gradebook.sqlite", BATCH)
    book.set_terms(Terms(roster=people))
    for one in found:
        source = read_submission(one, module)
        is_rik = one.name.startswith("roerik")
        given_verdicts = verdicts(*((False, False, True) if is_rik else (True,) * 3))
        known = one.name, one.student, source.sha256, "3 bubblewrap", given_verdicts, source.note
        book.record(Graded(*known, ids=one.ids))
    every = rows(book.all(), people, most_points)
    known_names = known_to(BATCH, every, exercise_names(module))
    named = {one.name: one for one in found}
    return Desk(book, module, folder / "in", named, known_names, anonymous)


class Form(HTMLParser):
    """What a page's fields hold, as a browser would send them; and every text on the page."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.area, self.texts, self.tags = "", list[str](), list[str]()
        self.attributes = set[str]()
        self.feed(content)

    def handle_starttag(self, tag, attrs) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.attributes |= given.keys()
        if tag == "textarea":
            self.area, self.fields[given["name"]] = given["name"], ""
        elif tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self.fields[given["name"]] = given.get("value") or ""

    def handle_endtag(self, tag) -> None:
        if tag == "textarea":
            self.fields[self.area] = self.fields[self.area].removeprefix("\n")
            self.area = ""

    def handle_data(self, data) -> None:
        if self.area:
            self.fields[self.area] += data
        else:
            self.texts.append(data)


@dataclass
class Browser:
    """Knows the key, and sends what browsers send."""

    desk: Desk
    updates: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        app = Flask("review", static_folder=None)
        self.guard = Guard(app, PORT)
        add_views(app, self.desk, self.guard, lambda: self.updates.append("updated"))
        self.client: FlaskClient = app.test_client()

    def get(self, place: str = "", **headers: str) -> TestResponse:
        return self.client.get(f"/{self.guard.key}/{place}", base_url=ORIGIN, headers=headers)

    def text(self, place: str = "") -> str:
        found = self.get(place)
        assert found.status_code == 200
        return found.get_data(as_text=True)

    def form(self, id_: str) -> dict[str, str]:
        return Form(self.text(id_)).fields

    def post(self, place: str, fields: dict[str, str], **headers: str) -> TestResponse:
        own = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
        url = f"/{self.guard.key}/{place}"
        sent = {name: value.replace("\n", "\r\n") for name, value in fields.items()}
        return self.client.post(url, base_url=ORIGIN, data=sent, headers={**own, **headers})

    def id_of(self, student: str) -> str:
        entries = self.desk.entries(self.desk.lines()).values()
        (found,) = (one.id for one in entries if any(student in g.student for g in one.learners))
        return found
