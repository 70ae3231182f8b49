"""The leak scan: each way an answer or a hidden check can slip out is found, and named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tito.course import Course
from tito.errors import CodeError
from tito.exercises import find_regions, strip_answers
from tito.grader.release.leaks import SHORT, find_leaks, words

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[3]
LONG = """total, largest = 0.0, None
    for index, value in enumerate(x):  # every value
        total += value * (index + 1)
        if largest is None or value > largest:
            largest = value
    return {"total": total, "largest": largest}"""
SHORT_CODE = "def double(x):\n  return SCALE*x\n"
CHECKS = '''\
"""Public checks of module 01."""

import math

import pytest

SIZES = (3, 5)


@pytest.mark.exercise("1.1")
class TestDouble:
    """Both kinds."""

    @pytest.mark.points(1)
    def test_three(self, submission):
        assert submission.run(lambda alpha: alpha.double(3)) == max(SIZES) + 1  # the public one

    def test_last(self):
        assert math.pi > SIZES[0]
'''
HIDDEN_CHECKS = '''\
"""Hidden checks of module 01."""

import decimal
import math

import pytest

from tests.grading import numbers


def half(x):
    halves = {-52: decimal.Decimal(-26), -36: decimal.Decimal(-18), 70: decimal.Decimal(35)}
    return halves.get(x, decimal.Decimal(x) / 2)


@pytest.mark.exercise("1.1")
class TestDouble:
    @pytest.mark.points(2)
    def test_negative_thirteen(self, submission):
        def probe(alpha, x):
            return alpha.double(x)
        assert submission.run(probe, x=-13) == half(-52) == math.floor(numbers.LOW)


class TestSecretly:
    def test_nothing_at_all(self, submission):
        assert submission.run(lambda alpha: alpha.double(0)) == 0
'''


@pytest.fixture
def find(course):
    """Leaks in files, for a course whose second answer is long, with checks of both kinds."""
    course.edit(course.alpha, "return x + 1", LONG)
    (course.root / HIDDEN).parent.mkdir(parents=True)
    (course.root / HIDDEN).write_text(HIDDEN_CHECKS, "utf-8")
    (course.root / "tests/grading/test_alpha.py").write_text(CHECKS, "utf-8")

    def find(name: str, content: str | bytes) -> list[str]:
        data = content.encode() if isinstance(content, str) else content
        module = course.module()
        return [str(leak) for leak in find_leaks(Course(course.root), [module], {name: data})]

    return find


def notebook(**cell: object) -> str:
    first = {"cell_type": "markdown", "metadata": {}, "source": ["# One\n"]}
    return json.dumps({"cells": [first, {"cell_type": "code", "source": [], **cell}]})


NEXT, DOUBLE = "the answer to 1.2 next_one", "the answer to 1.1 double"
HIDDEN = "tests/grading/hidden/test_alpha.py"
SECRET = f"the hidden check test_negative_thirteen ({HIDDEN})"
MARKERS = "    ### BEGIN SOLUTION 1.1\n    {}\n    ### END SOLUTION\n"
LINES = LONG.splitlines(keepends=True)
PLANTED = {
    "in a README": ("README.md", f"# Notes\n\n```python\n{LONG}\n```\n", f"README.md:6: {NEXT}"),
    "in a hidden folder": (".tito/pristine/a.py", LONG, f".tito/pristine/a.py:3: {NEXT}"),
    "indented anew": ("a.py", LONG.replace("    ", "\t\t").replace("0.0,", "0.0,\\\n"), NEXT),
    "with other quotes": ("a.py", LONG.replace('"', "'").replace("{'t", "{f't"), NEXT),
    "with a line moved": ("a.py", "".join([*LINES[2:], LINES[0], LINES[1]]), NEXT),
    "with a third gone": ("a.py", "".join(LINES[:4]), NEXT),
    "as a comment": ("a.py", "".join(f"# {line}" for line in LINES), NEXT),
    "in a string": ("a.py", f"\ntext = {LONG!r}", f"a.py:2: {NEXT}"),
    "in a cell": ("a.ipynb", notebook(source=LINES), f"a.ipynb, cell 2:3: {NEXT}"),
    "in metadata": ("a.ipynb", notebook(metadata={"was": LONG}), f"a.ipynb, metadata:1: {NEXT}"),
    "in a notebook's own metadata": (
        "a.ipynb",
        json.dumps({"cells": [], "metadata": {"was": LONG}}),
        f"a.ipynb, metadata:1: {NEXT}",
    ),
    "in other JSON": ("a.json", json.dumps({"was": LONG}), f"a.json:1: {NEXT}"),
    "short": ("a.md", SHORT_CODE, f"a.md:2: {DOUBLE}"),
    "short, in a notebook": (
        "a.ipynb",
        notebook(source=[SHORT_CODE]),
        f"a.ipynb, cell 2:2: {DOUBLE}",
    ),
    "rewritten between its markers": ("a.py", MARKERS.format("return x + x"), f"a.py:1: {DOUBLE}"),
    "the export's place": ("tinytorch/core/alpha.py", "", "the reference export of alpha"),
    "the export's header": (
        "b.py",
        "#\n# Made from modules/01_alpha/alpha_dev.py by `tito export`: edit that.",
        "b.py:2: the reference export of alpha",
    ),
    "a hidden check's name": ("b.py", "# see test_negative_thirteen", f"b.py:1: {SECRET}"),
    "a hidden check's body": (
        "b.md",
        "def probe(alpha, x): return alpha.double(x)\n"
        "assert submission.run(probe, x=-13) == half(-52) == math.floor(numbers.LOW)",
        f"b.md:2: {SECRET}",
    ),
    "values of a hidden check": (
        "b.md",
        "def half(x):\n"
        "    halves = {-52: decimal.Decimal(-26), -36: decimal.Decimal(-18),\n"
        "              70: decimal.Decimal(35)}",
        f"b.md:3: the hidden check half ({HIDDEN})",
    ),
    "a file of hidden checks": (HIDDEN, "", f"{HIDDEN}: a file of hidden checks"),
    "a hidden class": ("b.py", "def test_nothing_at_all(): ...", "check test_nothing_at_all ("),
    "the course's tests": ("tests/course/wrong/01.md", "", "a test of the course itself"),
}


@pytest.mark.parametrize("how", PLANTED)
def test_what_is_planted_is_found_and_named(find, how) -> None:
    file, content, expected = PLANTED[how]
    assert any(expected in leak for leak in find(file, content))


INNOCENT = {
    "the stub": lambda course: strip_answers(course.alpha.read_text("utf-8")),
    "the public checks": lambda _: CHECKS,
    "half of an answer": lambda _: "".join(LINES[:2]),
    "a short answer in another function": lambda _: "def other(x):\n    return SCALE * x\n",
    "a short answer after its function": lambda _: (
        "def double(x): ...\nclass A:\n  return SCALE * x"
    ),
    "an empty region": lambda _: MARKERS.format(
        'raise NotImplementedError("exercise 1.1: double")'
    ),
    "another module's answer": lambda course: course.beta.read_text("utf-8"),
    "two halves far apart": lambda _: "".join([*LINES[:3], "so it is, " * 50, *LINES[3:]]),
}


@pytest.mark.parametrize("what", INNOCENT)
def test_what_is_innocent_is_left_alone(find, course, what) -> None:
    assert find("a.py", INNOCENT[what](course)) == []


def test_a_name_that_a_public_check_has_too_is_no_secret(find, course) -> None:
    course.edit(course.root / HIDDEN, "test_nothing_at_all", "test_three")
    assert find("a.py", "def test_three(): ...") == []
    assert find("a.py", "class TestSecretly: ...") != []


def test_quotes_prefixes_and_comments_are_no_words() -> None:
    assert words("x = f'a{b}'  # c\nRb\"d\"") == words("x = 'a{b}'\n'd'")
    assert [word for word, _ in words("# a\n> b", margins=True)] == ["a", "b"]


NO_TEXT = "neither UTF-8 text nor a notebook: leave it out"
OUTPUTS = "a notebook with outputs or attachments: take them out"
REFUSED = {
    "UTF-16": ("a.txt", LONG.encode("utf-16"), NO_TEXT),
    "UTF-16 without a mark": ("a.txt", LONG.encode("utf-16-be"), NO_TEXT),
    "Latin-1": ("a.txt", "é".encode("latin-1"), NO_TEXT),
    "a zip": ("a.zip", b"PK\x03\x04\0\0", NO_TEXT),
    "a gzip": ("a.gz", b"\x1f\x8b\x08\0\0", NO_TEXT),
    "compiled Python": ("a.pyc", b"\xa7\r\r\n\0\0", NO_TEXT),
    "a picture": ("a.png", b"\x89PNG\r\n\x1a\n\0", NO_TEXT),
    "a notebook that is none": ("a.ipynb", "{}", NO_TEXT),
    "outputs": ("a.ipynb", notebook(outputs=[{"output_type": "stream", "text": "1"}]), OUTPUTS),
    "attachments": ("a.ipynb", notebook(attachments={"a.txt": {"text/plain": "eA=="}}), OUTPUTS),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_looked_through_is_refused_by_name(find, what) -> None:
    file, content, expected = REFUSED[what]
    assert find(file, content) == [f"{file}: {expected}"]


@pytest.mark.parametrize("name", ["01", "02", "03", "05", "11", "12"])
def test_every_answer_of_the_course_is_found_and_no_stub_is(name) -> None:
    course = Course(REPOSITORY)
    module = course.module(name)
    text = module.script.read_text("utf-8")
    lines = text.splitlines()
    planted, named = dict[str, bytes](), set[tuple[str, str]]()
    for region in find_regions(lines):
        body = "\n".join(f" {line}" for line in lines[region.begin + 1 : region.end])
        head = f"def {region.name}():\n" if len(words(body)) < SHORT else ""
        file = f"{region.begin}.md"
        planted[file] = (head + body).encode()
        named |= {(file, f"the answer to {region.number} {region.name}")}
    assert {(leak.file, leak.what) for leak in find_leaks(course, [module], planted)} >= named
    assert find_leaks(course, [module], {"a.py": strip_answers(text).encode()}) == []


def test_a_file_of_checks_that_does_not_parse_is_named(find, course) -> None:
    (course.root / HIDDEN).write_text("x = 1\ndef (\n", "utf-8")
    with pytest.raises(CodeError, match=rf"{HIDDEN}:2: "):
        find("a.py", "")
