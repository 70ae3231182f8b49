"""The feedback pages: HTML without scripts, links or anything from elsewhere, and Markdown.

What a template fills in is written as plain text by rule: none has to remember it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from tito.grader.feedback import Feedback
from tito.grader.statistics import BINS, BatchNumbers
from tito.grader.text import lines, number, printable


class CodeSpan(str):
    """Markdown that is written already."""


class Shown(str):
    """Text that is printable already, and as long as it may be."""


def page(feedback: Feedback) -> str:
    return template("feedback.html", text)(feedback=feedback)


def batch_page(module: str, found: BatchNumbers, similar: int = 0) -> str:
    """For the class, too: nobody's name is on it."""
    labels = [f"{10 * k}" for k in range(BINS)] + ["all"]
    number, _, title = module.partition("_")
    called = {"module": number, "title": title.replace("_", " ")}
    told = {"found": found, "labels": labels, "similar": similar}
    return template("batch.html", text)(**called, **told)


def markdown(feedback: Feedback) -> str:
    return template("feedback.md", _plain)(feedback=feedback)


@cache
def template(name: str, write: Callable[[object], str]) -> Callable[..., str]:
    # Late: no learner needs it, and nobody before grading.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tito.grader"),
        autoescape=name.endswith(".html"),
        finalize=write,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"code": _code, "points": number, "lines": _lines, "kept": Shown}
    return environment.get_template(name).render


def text(value: object) -> str:
    """Not even what Jinja2 takes for safe stays unescaped: `str` of it is escaped afterwards."""
    return value if isinstance(value, Shown) else printable(str(value))


def _plain(value: object) -> str:
    """Text of ours that stays as it is: `__init__` is no bold print."""
    if isinstance(value, CodeSpan):
        return value
    return re.sub(r"([\\`*_\[\]<>#|!&~])", r"\\\1", printable(str(value)))


def _lines(text: str) -> list[Shown]:
    """A comment has as many as its writer wants."""
    return [Shown(line) for line in lines(text)]


def _code(text: str) -> CodeSpan:
    """Text from a submission: in a code span nothing is a link, an image or a tag."""
    if not text:
        return CodeSpan()
    shown = text if isinstance(text, Shown) else printable(text)
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    space = " " if shown.strip("`") != shown or shown.strip() != shown else ""
    return CodeSpan(f"{fence}{space}{shown}{space}{fence}")
