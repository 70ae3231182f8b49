"""What the pages show: answers beside verdicts, states, filters; and that no text does harm."""

from __future__ import annotations

import pytest

from tests.grader.graded import HOSTILE
from tests.grader.grading import submission
from tests.grader.review.batch import NINA, PEOPLE, Browser, Form, graded_batch
from tito.grader.text import printable
from tito.grader.verdict import Graded

PAGE_TAGS = {"html", "head", "meta", "title", "link", "script", "body", "header", "main", "nav"}
PAGE_TAGS |= {"section", "div", "form", "fieldset", "legend", "label", "input", "textarea"}
PAGE_TAGS |= {"button", "select", "option", "p", "h1", "h2", "a", "bdi", "span", "strong", "ul"}
PAGE_TAGS |= {"ol", "li", "figure", "figcaption", "pre", "code"}


def words(content: str) -> str:
    return " ".join("".join(Form(content).texts).split())


def test_the_list_says_how_each_stands(browser) -> None:
    browser.desk.file.write_text("name,exercise,points,comment\nrroe,1.2,0,No\n")
    text = words(browser.text())
    assert "Doe, Jane 4 of 4 every check passed" in text
    assert "Roe, Rik 0 of 4 commented points by hand failed 1.1" in text
    assert "Zoë Zett 0 of 4 nothing handed in" in text


def test_a_page_has_the_answer_beside_its_verdicts(browser) -> None:
    text = words(browser.text(browser.id_of("Rik")))
    first, second = text.index("1.1 double"), text.index("1.2 next_one")
    part = text[first:second]
    for shown in ("return x * x", "✗ wrong value", "three gives six", "got 9, not 6", "squared"):
        assert shown in part, shown
    assert "any number (hidden check)" in part and "0 of 3 points by the checks" in part
    assert "return x + 1" in text[second:] and "✓ passed" in text[second:]
    assert "return x + 1" not in part


def test_what_is_looked_for_is_what_is_leafed_through(course, tmp_path) -> None:
    texts = {f"s{k}_{50 + k}_1_alpha_dev": submission(course) for k in range(3)}
    browser = Browser(graded_batch(course, tmp_path, people=(), **texts))
    jane, rik, *others = browser.desk.entries(())
    assert f'rel="next" accesskey="n" href="/{browser.guard.key}/{rik}' in browser.text(jane)
    listed = browser.text("?show=failed+exercise+1.1")
    assert rik in listed and jane not in listed and "1 of 5" in listed
    assert f"{rik}?show=failed+exercise+1.1#exercise-1.1" in listed
    page = browser.text(f"{rik}?show=failed+exercise+1.1")
    assert 'rel="next"' not in page and 'rel="prev"' not in page and "1 of 1" in page
    assert 'id="exercise-1.1"' in page
    last = browser.text(others[-1])
    assert 'rel="next"' not in last and others[-2] in last


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_does_harm(course, tmp_path, text) -> None:
    clean = "".join(char for char in text if char != "\0" and not "\ud800" <= char < "\ue000")
    comments = "".join(f"    # {line}\n" for line in clean.splitlines())
    body = f"return {clean!r}\n{comments}"
    desk = graded_batch(course, tmp_path, evil=submission(course, double=body))
    evil = next(one for one in desk.book.all() if one.name == "evil.py")
    failed = tuple(type(v)(v.check, 0, "error", text, text) for v in evil.verdicts)
    desk.book.record(Graded(text, text, evil.sha256, "", failed, text))
    browser = Browser(desk)
    ids = [
        one.id
        for one in desk.entries(()).values()
        if one.grade.graded and not one.learners[0].person
    ]
    for page in (browser.text(), *(browser.text(one) for one in ids)):
        parsed = Form(page)
        assert set(parsed.tags) <= PAGE_TAGS and parsed.tags.count("script") == 1
        assert not [name for name in parsed.attributes if name.startswith("on") or name == "style"]
        assert all(line.isprintable() for line in page.split("\n"))
    shown = ["".join(Form(browser.text(one)).texts) for one in ids]
    assert any(printable(text) in one for one in shown)  # all of it, and visible


def test_ten_megabytes_are_cut_and_said_so(course, tmp_path) -> None:
    long = "'" + "A" * 900_000 + "'\n" + "    x = 1\n" * 90_000
    desk = graded_batch(course, tmp_path, big=submission(course, double=f"x = {long}    return x"))
    browser = Browser(desk)
    page = browser.text(browser.id_of("big"))
    assert len(page) < 100_000
    assert "the ends of long lines and " in page and "more lines" in page


def test_many_cells_of_one_exercise_are_cut(course, tmp_path) -> None:
    cells = "".join(f"\n# %% 1.1-more{k}\n#| export\nx = {k}\n" for k in range(3000))
    browser = Browser(graded_batch(course, tmp_path, many=submission(course) + cells))
    page = browser.text(browser.id_of("many"))
    assert page.count("<figure>") < 12 and "more cells" in page


def test_who_handed_in_nothing_or_nothing_readable_has_a_page(browser) -> None:
    assert "nothing handed in" in browser.text(browser.id_of("Zoë"))
    (browser.desk.folder / "roerik_32_5_alpha_dev.py").write_bytes(b"\0")
    page = words(browser.text(browser.id_of("Rik")))
    assert "a NUL byte" in page and "three gives six" in page


def test_a_file_that_changed_since_it_was_graded_is_said(browser) -> None:
    path, id_ = browser.desk.folder / "roerik_32_5_alpha_dev.py", browser.id_of("Rik")
    assert "not what was graded" not in browser.text(id_)
    path.write_text(path.read_text().replace("x * x", "x * 2"))
    assert "not what was graded" in browser.text(id_)


def test_every_field_has_its_label(browser) -> None:
    page = browser.text(browser.id_of("Jane"))
    fields = [name for name in Form(page).fields if "-" in name] + ["excused-1.1", "excused-"]
    assert {"points-1.1", "comment-1.2", "points-", "comment-", "extension-"} <= set(fields)
    for name in fields:
        assert f'<label for="{name}">' in page and f'id="{name}"' in page


def test_a_shared_submission_is_one_page(course, tmp_path) -> None:
    browser = Browser(graded_batch(course, tmp_path, people=(*PEOPLE, NINA)))
    assert browser.id_of("Jane") == browser.id_of("Nina")
    assert "Doe, Jane and None, Nina" in browser.text()


def test_nobody_of_that_number(browser) -> None:
    assert browser.get("a123456789").status_code == 404
    assert browser.post("a123456789", {}).status_code == 404
    assert not browser.desk.file.exists()
