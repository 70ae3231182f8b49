"""What is written: where it lands, that nothing else changes, and that nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.grader.graded import HOSTILE
from tests.grader.review.batch import NINA, PEOPLE, Browser, Form, graded_batch
from tito.grader import adjustments
from tito.grader.adjustments import MAX_COMMENT, Adjustment
from tito.grader.grades import grades

FILE = "doejane_31_4_alpha_dev.py"
OTHERS = '\ufeffname;comment;exercise\n "Roe, Rik" ;"two\n lines";\n\nzoëzett;Hello;\n'.replace(
    "\n", "\r\n"
)


def lines(browser: Browser) -> set[Adjustment]:
    return set(browser.desk.lines())


def save(browser: Browser, student: str, **said: str):
    """`save(browser, "Jane", comment_1_1="Good")`."""
    id_ = browser.id_of(student)
    named = {key.replace("_", "-", 1).replace("_", "."): text for key, text in said.items()}
    return browser.post(id_, {**browser.form(id_), **named})


def test_each_field_lands_in_the_file(browser) -> None:
    two = 'First, so:\n\nSecond; "quoted", =1+1'
    found = save(
        browser, "Jane", points_1_1="2,5", comment_1_1=two, **{"extension_": "3", "comment_": "=x"}
    )
    assert found.status_code == 303 and f"{browser.id_of('Jane')}?saved=" in found.location
    save(browser, "Rik", excused_1_2="yes")
    save(browser, "Zoë", excused_="yes")
    assert lines(browser) == {
        Adjustment(FILE, "1.1", 2.5, two),
        Adjustment(FILE, comment="=x", extension=3),
        Adjustment("roerik_32_5_alpha_dev.py", "1.2", excused=True),
        Adjustment("Zoë Zett", excused=True),
    }
    terms = replace(browser.desk.book.terms(), adjustments=browser.desk.lines())
    jane, rik, zoe = grades(browser.desk.batch, browser.desk.book.all(), terms)
    assert (jane.earned, rik.out_of, zoe.is_excused) == (3.5, 3, True)


def test_a_page_shows_what_was_saved_and_saving_it_again_changes_nothing(browser) -> None:
    save(
        browser,
        "Jane",
        points_1_1="0",
        comment_1_1="\n  indented\n\n</textarea><b>",
        excused_1_2="yes",
    )
    form, before = browser.form(browser.id_of("Jane")), browser.desk.file.read_bytes()
    assert form["comment-1.1"] == "indented\n\n</textarea><b>"
    assert (form["points-1.1"], form["excused-1.2"], form["points-1.2"]) == ("0", "yes", "")
    status = browser.desk.file.stat()
    assert browser.post(browser.id_of("Jane"), form).status_code == 303
    assert browser.desk.file.read_bytes() == before
    assert browser.desk.file.stat().st_ino == status.st_ino  # not even written


def test_what_is_emptied_goes(browser) -> None:
    save(browser, "Jane", points_1_1="1", comment_1_2="x")
    save(browser, "Jane", points_1_1="")
    assert lines(browser) == {Adjustment(FILE, "1.2", comment="x")}


def test_all_other_lines_keep_their_bytes(browser) -> None:
    browser.desk.file.write_bytes(OTHERS.encode())
    save(browser, "Jane", points_1_1="1")
    wanted = OTHERS.replace("exercise\r\n", "exercise;points\r\n") + f"{FILE};;exercise 1.1;1\r\n"
    assert browser.desk.file.read_bytes().decode() == wanted
    save(browser, "Jane", points_1_1="")
    assert browser.desk.file.read_bytes().decode() == wanted.rpartition(FILE)[0]


def test_a_line_under_another_name_is_the_one_that_is_edited(browser) -> None:
    browser.desk.file.write_text("name,exercise,comment\nrroe,1.1,Old\n")
    assert browser.form(browser.id_of("Rik"))["comment-1.1"] == "Old"
    save(browser, "Rik", comment_1_1="New")
    assert lines(browser) == {Adjustment("rroe", "1.1", comment="New")}


def test_a_teams_line_is_the_one_that_its_page_edits(course, tmp_path) -> None:
    people = (*PEOPLE[:2], replace(PEOPLE[2], team="red"))
    browser = Browser(graded_batch(course, tmp_path, people=people))
    assert browser.id_of("Jane") == browser.id_of("Zoë")
    browser.desk.file.write_text("name,exercise,points,comment\nred,,1,A fine team\n")
    assert browser.form(browser.id_of("Jane"))["comment-"] == "A fine team"
    save(browser, "Zoë", points_="", comment_1_1="Both")
    assert lines(browser) == {
        Adjustment("red", comment="A fine team"),
        Adjustment(FILE, "1.1", comment="Both"),
    }


def test_a_line_for_one_of_two_who_share_a_work_is_not_made_the_others(course, tmp_path) -> None:
    browser = Browser(graded_batch(course, tmp_path, people=(*PEOPLE, NINA)))
    browser.desk.file.write_text('name,comment\n"None, Nina",For Nina alone\n')
    page = browser.text(browser.id_of("Jane"))
    assert Form(page).fields["comment-"] == "" and "For Nina alone" in page
    save(browser, "Jane", comment_="For both")
    assert {one.name for one in lines(browser)} == {"None, Nina", FILE}


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("points_1_1", "4", "4 points for exercise 1.1, double, which has 3"),
        ("points_1_1", "two", "are no number from 0 on"),
        ("points_1_1", "-1", "are no number from 0 on"),
        ("points_", "nan", "are no number from 0 on"),
        ("extension_", "1.5", "is no whole number of days"),
        ("comment_1_2", "a\x07b", "a control character"),
        ("comment_1_2", "x" * (MAX_COMMENT + 1), "20,001 characters: write 20,000 at most"),
        ("excused_1_1", "perhaps", "is neither yes nor no"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_stays_typed(browser, field, typed, said) -> None:
    named = field.replace("_", "-", 1).replace("_", ".")
    found = save(browser, "Jane", **{"comment_1_1": "My words\n\nstay", field: typed})
    page = found.get_data(as_text=True)
    assert found.status_code == 422 and not browser.desk.file.exists()
    parsed = Form(page)
    assert parsed.fields["comment-1.1"] == "My words\n\nstay"
    if "excused" not in field:
        assert parsed.fields[named] == typed
        at = page.index(f'id="wrong-{named}"')
        assert said in page[at : at + 300] and f'aria-describedby="wrong-{named}"' in page


def test_points_and_excused_contradict_each_other(browser) -> None:
    found = save(browser, "Jane", points_1_1="1", excused_1_1="yes")
    assert found.status_code == 422 and "leave one of the two empty" in found.get_data(as_text=True)


def test_two_windows_and_the_later_one_is_told(browser) -> None:
    id_ = browser.id_of("Jane")
    first, second = browser.form(id_), browser.form(id_)
    assert browser.post(id_, {**first, "comment-1.1": "one"}).status_code == 303
    found = browser.post(id_, {**second, "comment-1.1": "two"})
    page = found.get_data(as_text=True)
    assert found.status_code == 409 and "nothing was saved" in page
    assert lines(browser) == {Adjustment(FILE, "1.1", comment="one")}
    again = Form(page)
    assert again.fields["comment-1.1"] == "two" and "one" in again.texts
    assert browser.post(id_, again.fields).status_code == 303  # told: now it is meant
    assert lines(browser) == {Adjustment(FILE, "1.1", comment="two")}


def test_a_wrong_field_does_not_hide_a_change_meanwhile(browser) -> None:
    id_ = browser.id_of("Jane")
    old = browser.form(id_)
    page = browser.post(id_, {**old, "points-1.1": "99"}).get_data(as_text=True)
    browser.desk.file.write_text(f"name,exercise,comment\n{FILE},1.1,meanwhile\n")
    found = browser.post(id_, {**Form(page).fields, "points-1.1": "1"})
    assert found.status_code == 409 and "meanwhile" in browser.desk.file.read_text()


def test_windows_of_two_submissions_do_not_disturb_each_other(browser) -> None:
    jane, rik = browser.id_of("Jane"), browser.id_of("Rik")
    forms = browser.form(jane), browser.form(rik)
    for id_, form in zip((jane, rik), forms, strict=True):
        assert browser.post(id_, {**form, "comment-": id_}).status_code == 303
    assert {one.comment for one in lines(browser)} == {jane, rik}


@pytest.mark.parametrize("text", ["name,point\nx,1\n", "name,comment\nnobody,x\n", "\xff"])
def test_a_broken_file_is_said_and_never_overwritten(browser, text) -> None:
    save(browser, "Jane", comment_1_2="before")
    id_, whole = browser.id_of("Jane"), browser.desk.file.read_bytes()
    form, broken = browser.form(id_), text.encode("latin-1")
    browser.desk.file.write_bytes(broken)
    found = browser.post(id_, {**form, "comment-1.1": "My words"})
    assert found.status_code == 409 and browser.desk.file.read_bytes() == broken
    page = found.get_data(as_text=True)
    assert "nothing was saved" in page and Form(page).fields["comment-1.1"] == "My words"
    assert "nothing can be saved" in browser.text()
    browser.desk.file.write_bytes(whole)  # mended: the words are still there to be saved
    assert browser.post(id_, Form(page).fields).status_code == 303
    assert Adjustment(FILE, "1.1", comment="My words") in lines(browser)


def test_lines_whose_file_is_gone_are_not_dropped_by_the_first_save(browser) -> None:
    kept = Adjustment("rroe", "1.1", 1, "From before")
    book = browser.desk.book
    old = Adjustment(FILE, "1.1", 1, "Old")
    book.set_terms(replace(book.terms(), adjustments=(kept, old)))
    assert save(browser, "Jane", comment_1_1="x", points_1_1="9").status_code == 422
    assert not browser.desk.file.exists()  # an empty one would take them back
    save(browser, "Jane", comment_1_1="New")
    assert lines(browser) == {kept, Adjustment(FILE, "1.1", 1, "New")}


def test_a_write_that_fails_leaves_the_old_file_and_the_words(browser, monkeypatch) -> None:
    save(browser, "Jane", comment_1_1="old")
    before = browser.desk.file.read_bytes()

    def full(source, target):
        raise OSError(28, "No space left on device", str(target))

    id_ = browser.id_of("Jane")
    form = browser.form(id_)
    monkeypatch.setattr("os.replace", full)
    found = browser.post(id_, {**form, "comment-1.1": "new"})
    assert found.status_code == 409 and browser.desk.file.read_bytes() == before
    page = found.get_data(as_text=True)
    assert "No space left" in page and Form(page).fields["comment-1.1"] == "new"
    left = [one.name for one in browser.desk.folder.iterdir() if one.suffix == ".tmp"]
    assert left == []


def test_the_file_is_decided_on_under_its_lock(browser, monkeypatch) -> None:
    """Somebody writes between our reading and our writing: only the lock keeps them apart."""
    held: list[Path] = []
    real = adjustments.lock

    def watched(folder, *rest):
        held.append(folder)
        return real(folder, *rest)

    monkeypatch.setattr(adjustments, "lock", watched)
    save(browser, "Jane", comment_1_1="x")
    assert held == [browser.desk.folder]


@pytest.mark.parametrize("text", HOSTILE)
def test_any_comment_comes_back_or_is_refused(browser, text) -> None:
    text = text.encode("utf-8", "replace").decode()
    found = save(browser, "Jane", comment_1_1=text)
    if found.status_code == 303:
        kept = text.replace("\r\n", "\n").strip()
        assert browser.form(browser.id_of("Jane"))["comment-1.1"] == kept
    else:
        assert found.status_code == 422 and any(ord(c) < 32 and c not in "\r\n\t" for c in text)


def test_save_then_next(browser) -> None:
    jane, rik = browser.id_of("Jane"), browser.id_of("Rik")
    found = browser.post(jane, {**browser.form(jane), "comment-1.1": "x", "then": rik})
    assert found.location.startswith(f"/{browser.guard.key}/{rik}?")
    found = browser.post(jane, {**browser.form(jane), "then": "//evil.example/"})
    assert found.location.startswith(f"/{browser.guard.key}/%2F%2Fevil")


def test_the_button_brings_the_reports_up_to_date(browser) -> None:
    assert browser.post("update", {}).status_code == 303
    assert browser.get("update").status_code == 404  # no link, no picture starts it
    assert browser.updates == ["updated"]
    assert "up to date" in browser.text("?updated=")
