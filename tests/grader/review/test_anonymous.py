"""With --anonymous nobody's name is shown, wherever it stands, and nothing is lost for it."""

from __future__ import annotations

import re

import pytest

from tests.grader.grading import submission
from tests.grader.review.batch import PEOPLE, Browser, graded_batch, verdicts
from tito.grader.adjustments import Adjustment
from tito.grader.review.code import _coloured
from tito.grader.review.mask import HIDDEN, Mask
from tito.grader.verdict import Graded

NAMES = re.compile("jane|doe|rik|roe|zo[eë]|zett|uni.example", re.IGNORECASE)


@pytest.fixture
def browser(course, tmp_path):
    body = "return SCALE * x  # Jane Doe, JDOE, jane@uni.example\n    jane_doe = '''by doejane'''"
    texts = {"zettzoe_34_6_alpha_dev": submission(course, double=body.replace("Jane", "Zoë"))}
    desk = graded_batch(course, tmp_path, anonymous=True, **texts)
    path = desk.folder / "doejane_31_4_alpha_dev.py"
    path.write_text(submission(course, double=body), "utf-8")
    told = verdicts(False, False, False, reason="NameError: jane_doe, by Doe, Jane (31)")
    note = "doejane_31_4_alpha_dev.py was read"
    desk.book.record(Graded(path.name, "doejane", "", "", told, note, ids=("canvas:31",)))
    desk.file.write_text('name,exercise,comment\njdoe,1.1,"Well done, Jane"\nrroe,,Dear Rik\n')
    return Browser(desk)


def test_no_name_is_on_any_page(browser) -> None:
    ids = [*browser.desk.entries(browser.desk.lines())]
    assert len(ids) == 3 and ids == sorted(ids)  # the order of names would tell
    zoe = browser.id_of("Zoë")
    for page in (browser.text(), *(browser.text(one) for one in ids if one != zoe)):
        assert not NAMES.search(page.replace(browser.guard.key, "")), NAMES.search(page)
    page = browser.text(browser.id_of("Jane"))
    assert HIDDEN in page and "SCALE * x" in page and browser.id_of("Jane") in page
    assert "zoë" not in browser.text(zoe).lower() and "zett" not in browser.text(zoe).lower()


def test_masked_words_are_not_saved_over_the_real_ones(browser) -> None:
    id_ = browser.id_of("Jane")
    form = browser.form(id_)
    assert form["comment-1.1"] == f"Well done, {HIDDEN}"
    browser.post(id_, {**form, "points-1.1": "1"})
    assert Adjustment("jdoe", "1.1", 1, "Well done, Jane") in browser.desk.lines()


def test_an_error_of_the_file_names_nobody(browser) -> None:
    id_ = browser.id_of("Jane")
    form = browser.form(id_)
    browser.desk.file.write_text("name,comment\ndoejanee,x\n")
    for page in (
        browser.text(),
        browser.post(id_, form | {"comment-": "x"}).get_data(as_text=True),
    ):
        assert not NAMES.search(page.replace(browser.guard.key, ""))
        assert "what is wrong may name somebody" in page


def test_a_name_is_found_however_it_is_written() -> None:
    mask = Mask({"Zoë van der Berg", "zberg@uni.example", "1234567"}, {"der", "berg"})
    for text in (
        "Zoë",
        "ZOE",
        "zoe van der berg",
        "zberg",
        "zberg@uni.example",
        "x_Zoë_1",
        "1234567",
    ):
        assert HIDDEN in mask(text) and not re.search("zo[eë]|berg|123", mask(text), re.IGNORECASE)
    assert mask("zoom in, an iceberg, example, uni, 12") == "zoom in, an iceberg, example, uni, 12"
    assert mask("berg") == HIDDEN and mask.code("berg") == "berg"  # the course's own word
    assert Mask()("Zoë") == "Zoë"


def test_a_name_that_is_a_word_of_the_course_stays_in_code_alone() -> None:
    rows, _ = _coloured("SCALE = scale  # by Scale\n'Scale'", Mask({"Scale"}, {"SCALE", "Scale"}))
    shown = "\n".join("".join(word for _, word in row) for row in rows)
    assert shown == f"SCALE = {HIDDEN}  # by {HIDDEN}\n'{HIDDEN}'"


def test_with_names_all_of_it_is_shown(course, tmp_path) -> None:
    browser = Browser(graded_batch(course, tmp_path, people=PEOPLE))
    assert "Doe, Jane" in browser.text() and "doejane_31" in browser.text(browser.id_of("Jane"))
