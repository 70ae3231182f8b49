"""The pages: the list, and one for each submission. What they show is plain text by rule."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast
from urllib.parse import quote, urlencode

from flask import Flask, Response, redirect, request
from werkzeug.exceptions import HTTPException

from tito.errors import TitoError, of_system
from tito.grader.adjustments import Adjustment
from tito.grader.feedback import IN_WORDS, late, out_of
from tito.grader.page import Shown, template, text
from tito.grader.review.code import NO_EXERCISE, Answers, Code
from tito.grader.review.desk import FIELDS, ChangedError, Desk, Entry, Fields
from tito.grader.review.guard import Guard
from tito.grader.text import lines, printable
from tito.grader.verdict import PASSED, Verdict
from tito.lines import plain

FAILED = "failed exercise "
STATES = ("commented", "points by hand", "excused", "more time", "not readable")


class Views:
    """Each page is made anew from the gradebook and the file of adjustments."""

    def __init__(self, desk: Desk, guard: Guard, update: Callable[[], None]) -> None:
        self.desk, self.guard, self.update = desk, guard, update

    def page(self, name: str, **told: Any) -> str:
        module, _, title = self.desk.batch.module.partition("_")
        called = {"base": f"/{self.guard.key}/", "module": f"{module}, {title.replace('_', ' ')}"}
        return template(name, text)(**called, show=self.show, views=self, **told)

    @property
    def show(self) -> str:
        """Which of the entries are leafed through."""
        return request.values.get("show", "")

    @property
    def anchor(self) -> str:
        """Where a page begins: at the exercise that is looked through."""
        _, failed, exercise = self.show.partition(FAILED)
        return f"#exercise-{exercise}" if failed else ""

    def entries(self) -> tuple[dict[str, Entry], str]:
        """With what is wrong in the file, if anything: then without what it says."""
        try:
            return self.desk.entries(self.desk.lines()), ""
        except TitoError as error:
            kept = self.desk.book.terms().adjustments
            return self.desk.entries(kept), f"nothing can be saved: {self.said(error)}"

    def said(self, error: Exception) -> str:
        """An error quotes what it found, so anybody's name."""
        if self.desk.is_anonymous and type(error) is TitoError:
            return "what is wrong may name somebody: `tito grade` tells it"
        told = error if isinstance(error, TitoError) else of_system(cast("OSError", error))
        return f"{told.message}: {told.fix}"

    def index(self, problem: str = "") -> str:
        entries, wrong = self.entries()
        chosen = [one for one in entries.values() if self.is_chosen(one)]
        failing = [f"{FAILED}{name}" for name in self.desk.batch.exercises]
        told = {"entries": chosen, "count": len(entries), "filters": [*STATES, *failing]}
        updated = "updated" in request.args
        return self.page("review-list.html", problem=problem or wrong, updated=updated, **told)

    def is_chosen(self, entry: Entry) -> bool:
        states = [*self.states(entry), *(f"{FAILED}{name}" for name in entry.failing)]
        return not self.show or self.show in states

    @staticmethod
    def states(entry: Entry) -> list[str]:
        graded, said = entry.grade.graded, [*entry.own.values(), *entry.others]
        found = {
            "commented": any(one.comment for one in said),
            "points by hand": any(one.points is not None for one in said),
            "excused": any(one.excused for one in said),
            "more time": any(one.extension for one in said),
            "not readable": bool(graded and not graded.verdicts),
            "nothing handed in": not graded,
        }
        return [state for state, is_so in found.items() if is_so]

    def name(self, entry: Entry) -> str:
        if self.desk.is_anonymous:
            return entry.id
        return " and ".join(one.student or one.key for one in entry.learners)

    def first(self) -> Any:
        """The address that the browser was started with leads to the real one, once."""
        return self.goto("") if self.guard.spend() else self.guard.refuse()

    def whose(self, line: Adjustment) -> str:
        return "a line" if self.desk.is_anonymous else line.name

    def entry(self, id_: str) -> str | tuple[str, int]:
        entries, problem = self.entries()
        if id_ not in entries:
            return self.index("no such submission now"), 404
        return self.form(entries, id_, problem=problem)

    def form(self, entries: dict[str, Entry], id_: str, **told: Any) -> str:
        entry = entries[id_]
        chosen = [one for one in entries if self.is_chosen(entries[one]) or one == id_]
        place = chosen.index(id_)
        usual = {"fields": entry.fields, "version": entry.version, "wrong": {}, "stands": {}}
        return self.page(
            "review-entry.html",
            entry=entry,
            at=f"{place + 1} of {len(chosen)}",
            before=chosen[place - 1] if place else "",
            after=chosen[place + 1] if place + 1 < len(chosen) else "",
            columns=FIELDS,
            saved="saved" in request.args,
            **self.shown(entry),
            **{**usual, "problem": "", **told},
        )

    def shown(self, entry: Entry) -> dict[str, Any]:
        """What is seen of a submission, beside what can be written about it."""
        answers, graded = self.desk.answers(entry), entry.grade.graded
        is_other = answers.sha256 not in ("", graded.sha256 if graded else "")
        return {
            "sections": [self.section(entry, answers, name) for name in self.desk.batch.exercises],
            "rest": _codes(answers, NO_EXERCISE),
            "unread": answers.problem if graded else "",
            "changed": bool(graded and graded.verdicts) and is_other,
            "others": [(self.whose(one), one, entry.form(one)) for one in entry.others],
            "late": late(entry.grade),
            "note": entry.mask(entry.grade.note),
        }

    def section(self, entry: Entry, answers: Answers, exercise: str) -> dict[str, Any]:
        graded, (name, most) = entry.grade.graded, self.desk.known.exercises[exercise]
        results = self.desk.batch.by_exercise(graded)[exercise] if graded else []
        return {
            "number": exercise,
            "name": name,
            "most": most,
            "by_checks": out_of(entry.grade.by_checks[exercise], most),
            "checks": [(*one, one[1].category == PASSED, _why(entry, one[1])) for one in results],
            "codes": _codes(answers, exercise),
        }

    def save(self, id_: str) -> Any:
        if id_ not in self.entries()[0]:
            return self.index("nothing was saved: no such submission now"), 404
        said, version = _said(self.desk.batch.exercises), request.form.get("version", "")
        try:
            wrong = self.desk.save(id_, version, said)
            problem, code = "nothing was saved: see the fields below", 422
        except ChangedError as error:
            entries = self.entries()[0]
            told = {"fields": said, "stands": entries[id_].fields, "problem": self.said(error)}
            return self.form(entries, id_, **told), 409
        except (TitoError, OSError) as error:
            wrong, problem, code = {}, f"nothing was saved: {self.said(error)}", 409
        if code == 409 or wrong:
            told = {"fields": said, "version": version, "wrong": wrong, "problem": problem}
            return self.form(self.entries()[0], id_, **told), code
        return self.goto(request.form.get("then") or id_, saved=id_, show=self.show)

    def goto(self, place: str, **told: str) -> Any:
        path = f"/{self.guard.key}/{quote(place, safe='')}"
        return redirect(f"{path}?{urlencode(told)}{self.anchor}", 303)

    def bring_up_to_date(self) -> Any:
        try:
            self.update()
        except (TitoError, OSError) as error:
            return self.index(self.said(error)), 409
        return self.goto("", updated="")


def _why(entry: Entry, verdict: Verdict) -> str:
    if verdict.category == PASSED:
        return ""
    return entry.mask(verdict.reason) or IN_WORDS.get(verdict.category, verdict.category)


def _codes(answers: Answers, exercise: str) -> list[tuple[Code, list[list[tuple[str, Shown]]]]]:
    """Each cell, with its words as they may be shown."""
    return [
        (one, [[(kind, Shown(lines(word)[0])) for kind, word in row] for row in one.rows])
        for one in answers.by_exercise.get(exercise, [])
    ]


def _said(exercises: list[str]) -> Fields:
    """What is in the form's fields, a checkbox without its mark among them."""
    return {
        exercise: {column: plain(request.form.get(f"{column}-{exercise}", "")) for column in FIELDS}
        for exercise in ["", *exercises]
    }


def add_views(app: Flask, desk: Desk, guard: Guard, update: Callable[[], None]) -> None:
    views = Views(desk, guard, update)
    own = f"/{guard.key}"
    app.add_url_rule(f"{own}/", view_func=views.index)
    app.add_url_rule(f"{own}/update", view_func=views.bring_up_to_date, methods=["POST"])
    for name, kind in (("review.css", "text/css"), ("review.js", "text/javascript")):
        app.add_url_rule(f"{own}/{name}", name.replace(".", "-"), partial(_file, name, kind))
    app.add_url_rule(f"{own}/<id_>", view_func=views.entry)
    app.add_url_rule(f"{own}/<id_>", "save", view_func=views.save, methods=["POST"])
    app.add_url_rule("/<once>/", "first", view_func=lambda once: views.first())
    app.register_error_handler(HTTPException, _refused)


def _file(name: str, kind: str) -> Response:
    return Response(template(name, text)(), mimetype=kind)


def _refused(error: HTTPException) -> Response:
    told = "too much at once: nothing was saved; go back, your words are still there"
    said = told if error.code == 413 else str(error.description)
    return Response(printable(said) + "\n", error.code, mimetype="text/plain")
