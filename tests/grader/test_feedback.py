"""A learner's page: what to do next, nothing of hidden checks, and no harm from any text."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from tests.grader.graded import (
    BATCH,
    CHECKS,
    HOSTILE,
    MISTAKE,
    NAMES,
    SECRET,
    everywhere,
    graded,
    learners,
)
from tito.grader.adjustments import Adjustment
from tito.grader.feedback import feedback
from tito.grader.page import markdown, page
from tito.grader.text import printable
from tito.grader.verdict import Graded, Verdict

TAGS = {"html", "head", "meta", "title", "style", "body", "header", "main", "footer", "section"}
TAGS |= {"h1", "h2", "p", "div", "span", "strong", "bdi", "ul", "li", "dl", "dt", "dd", "code"}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "style", "dir"}
ATTRIBUTES |= {"aria-hidden"}


class Page(HTMLParser):
    """The tags, attributes and texts of a page."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.texts: list[str] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open += [tag] if tag != "meta" else []
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)


def html_of(submission: Graded, late_percent: float = 0) -> str:
    return page(feedback(BATCH, *learners(submission, percent=late_percent), NAMES))


def markdown_of(submission: Graded, late_percent: float = 0) -> str:
    return markdown(feedback(BATCH, *learners(submission, percent=late_percent), NAMES))


def both(submission: Graded, late_percent: float = 0) -> list[str]:
    """The words of both pages, without what only marks them up."""
    shown = "".join(Page(html_of(submission, late_percent)).texts)
    written = re.sub(r"[\\`*]", "", markdown_of(submission, late_percent))
    return [" ".join(shown.split()), " ".join(written.split())]


def test_a_page_says_where_its_learner_stands() -> None:
    for text in both(graded(late_days=2, note="from the notebook"), 10):
        assert "jane.py" in text
        assert "1.5 of 6.5 points" in text
        assert "2 days late: 1.2 points count" in text
        assert "Note: from the notebook" in text
        assert "Sandbox: 3 bubblewrap" in text
        assert text.index("12.1 attention_scores") < text.index("12.10 MultiHeadAttention.__init__")


def test_a_page_says_what_to_do_next() -> None:
    for text in both(graded()):
        assert "Begin with exercise 12.1, attention_scores." in text
        assert "tito hint 12.1" in text
        assert "tito module test 12" in text


def test_a_check_is_passed_or_not_in_words() -> None:
    for text in both(graded()):
        assert "✓ passed" in text
        assert text.count("✗ not passed") == 3
        assert "heads come back" in text


def test_a_public_check_shows_its_reason_and_a_hidden_one_its_category() -> None:
    for text in both(graded()):
        assert "The result has a wrong shape. expected (2, 3), got (3, 2)" in text
        assert "The result has a wrong value." in text
        assert "Your code raised an error." in text
        assert f"This looks like a known mistake: {MISTAKE}" in text
        assert text.count("(hidden check)") == 2


def test_nothing_of_a_hidden_reason_is_on_a_page() -> None:
    for content in (html_of(graded()), markdown_of(graded())):
        assert "3.25" not in content
        assert "1.5]" not in content


def test_the_known_mistake_of_a_public_check_is_named() -> None:
    verdicts = (Verdict(CHECKS[0].name, 0, "wrong value", "got 3", MISTAKE),)
    for text in both(graded(verdicts=verdicts)):
        assert f"known mistake: {MISTAKE}" in text


def test_a_category_without_a_sentence_is_said_as_it_is() -> None:
    verdicts = (Verdict(CHECKS[1].name, 0, "too loud", SECRET),)
    for text in both(graded(verdicts=verdicts)):
        assert "It failed: too loud." in text


def test_full_points_leave_nothing_to_do() -> None:
    verdicts = tuple(Verdict(check.name, check.points, "passed") for check in CHECKS)
    for text in both(graded(verdicts=verdicts)):
        assert "6.5 of 6.5 points" in text
        assert "Every check passes" in text
        assert "tito hint" not in text


def test_a_submission_that_could_not_be_read_says_so() -> None:
    for text in both(graded(verdicts=(), note="not valid JSON, line 31")):
        assert "Note: not valid JSON, line 31" in text
        assert "Nothing could be graded" in text
        assert "tito hint" not in text


def test_work_in_time_says_nothing_of_lateness() -> None:
    for text in both(graded(), 10):
        assert "late" not in text
    for text in both(graded(late_days=1)):
        assert "1 day late" in text
        assert "count" not in text


def assert_harmless(content: str) -> Page:
    parsed = Page(content)
    assert set(parsed.tags) <= TAGS
    assert set(parsed.attributes) <= ATTRIBUTES
    assert not parsed.open
    assert all(re.fullmatch(r"width: [\d.]+%", value) for value in parsed.attributes["style"])
    assert set(parsed.attributes["dir"]) <= {"auto"}
    return parsed


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text_in_html(text) -> None:
    content = html_of(everywhere(text))
    parsed = assert_harmless(content)
    assert parsed.texts.count(printable(text)) == 4 + 1  # who, file, note, two public reasons
    assert all(line.isprintable() for line in content.splitlines())


@given(st.text(st.characters(), max_size=60))
def test_no_text_adds_a_tag(text) -> None:
    assert_harmless(html_of(everywhere(text or "x")))


def test_a_page_brings_a_policy_and_loads_nothing() -> None:
    content = html_of(graded())
    policies = [text for text in Page(content).attributes["content"] if "default-src" in text]
    assert policies[0].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert not re.search(r"https?:|url\(|@import|src=|href=", content)


def code_spans_cut(line: str) -> str:
    """The line without its code spans, as CommonMark finds them: runs of equal length."""
    return re.sub(r"(?<!`)(`+)(?!`)(.*?)(?<!`)\1(?!`)", "", line)


def assert_only_our_markdown(content: str) -> None:
    """Outside code spans there is nothing but words of ours."""
    for line in content.splitlines():
        assert line.isprintable()
        rest = re.sub(r"\\[\\`*_\[\]<>#|!&~]", "", code_spans_cut(line))
        assert not set(rest) & set("`[]<>|!&~\\"), line


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_code_in_markdown(text) -> None:
    content = markdown_of(everywhere(text))
    assert_only_our_markdown(content)
    assert content.count(printable(text)) == 5
    assert content.count("\n#") == markdown_of(graded(note="note")).count("\n#")


@given(st.text(st.characters(), max_size=60) | st.text("` |<![](x", min_size=1))
def test_no_text_leaves_its_code_span(text) -> None:
    assert_only_our_markdown(markdown_of(everywhere(text or "x")))


@pytest.mark.parametrize("text", ["{{ 7 * 7 }}", "{% raw %}", "{# gone #}"])
def test_the_language_of_templates_is_only_text(text) -> None:
    assert Page(html_of(everywhere(text))).texts.count(text) == 5
    assert markdown_of(everywhere(text)).count(f"`{text}`") == 5


def test_no_text_passes_for_markup_that_is_safe_already() -> None:
    content = html_of(everywhere(Markup("<b>bold</b>")))
    assert assert_harmless(content).texts.count("<b>bold</b>") == 5


def test_our_own_words_stay_as_they_are_in_markdown() -> None:
    verdicts = (Verdict(CHECKS[0].name, 0, "error", "", "`K.T` for K | <b> [a](b)"),)
    content = markdown_of(graded(verdicts=verdicts))
    assert r"## 12.10 MultiHeadAttention.\_\_init\_\_: 0 of 3 points" in content
    assert r"mistake: \`K.T\` for K \| \<b\> \[a\](b)**" in content


def colours(block: str) -> dict[str, tuple[int, ...]]:
    found = re.findall(r"--([\w-]+): #(\w{6});", block)
    return {name: tuple(bytes.fromhex(value)) for name, value in found}


def luminance(colour: tuple[int, ...]) -> float:
    """As WCAG 2.1 defines it."""
    parts = [value / 255 for value in colour]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_on_its_ground(scheme) -> None:
    light, dark = html_of(graded()).split("prefers-color-scheme: dark")
    shade = colours(light if scheme == "light" else dark)
    grounds = {"text": ["page", "card", "code-back"], "quiet": ["page", "card"]}
    grounds |= {"mistake": ["page", "mistake-back"], "good": ["good-back"], "bad": ["bad-back"]}
    for text, backs in grounds.items():
        for back in backs:
            assert contrast(shade[text], shade[back]) >= 4.5, (text, back)


def test_a_comment_has_as_many_lines_as_its_writer_wants() -> None:
    words = "First \u202e so.\n\n" + "long " * 1000 + "end"
    said = (Adjustment("jane.py", "12.1", comment=words), Adjustment("jane.py", comment=words))
    told = feedback(BATCH, *learners(graded(), adjustments=said), NAMES)
    for written in (page(told), markdown(told)):
        assert written.count("long end") == 2 and "\\n" not in written
        assert written.count("First \\u202e so.") == 2 or written.count("First \\\\u202e so") == 2
    assert page(told).count("<bdi>First \\u202e so.</bdi>\n<bdi></bdi>\n<bdi>long") == 2
