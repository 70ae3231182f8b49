"""The feedback pages: HTML without scripts, links or anything from elsewhere, and Markdown.

What a template fills in is written as plain text by rule: none has to remember it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from tito.grader.feedback import Feedback
from tito.grader.statistics import BINS, BatchNumbers
from tito.grader.text import number, printable


class CodeSpan(str):
    """Markdown that is written already."""


def page(feedback: Feedback) -> str:
    return _template("feedback.html", _text)(feedback=feedback)


def batch_page(module: str, found: BatchNumbers, similar: int = 0) -> str:
    """For the class, too: nobody's name is on it."""
    labels = [f"{10 * k}" for k in range(BINS)] + ["all"]
    number, _, title = module.partition("_")
    called = {"module": number, "title": title.replace("_", " ")}
    told = {"found": found, "labels": labels, "similar": similar}
    return _template("batch.html", _text)(**called, **told)


def markdown(feedback: Feedback) -> str:
    return _template("feedback.md", _plain)(feedback=feedback)


@cache
def _template(name: str, write: Callable[[object], str]) -> Callable[..., str]:
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
    environment.filters |= {"code": _code, "points": number}
    return environment.get_template(name).render


def _text(value: object) -> str:
    """Not even what Jinja2 takes for safe stays unescaped: `str` of it is escaped afterwards."""
    return printable(str(value))


def _plain(value: object) -> str:
    """Text of ours that stays as it is: `__init__` is no bold print."""
    if isinstance(value, CodeSpan):
        return value
    return re.sub(r"([\\`*_\[\]<>#|!&~])", r"\\\1", printable(str(value)))


def _code(text: str) -> CodeSpan:
    """Text from a submission: in a code span nothing is a link, an image or a tag."""
    if not text:
        return CodeSpan()
    shown = printable(text)
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    space = " " if shown.strip("`") != shown or shown.strip() != shown else ""
    return CodeSpan(f"{fence}{space}{shown}{space}{fence}")
