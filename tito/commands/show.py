"""`tito show attention`: the weights of the learner's own attention, drawn in the terminal."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tito import console
from tito.commands import attend
from tito.commands.test import to_export, warn_if_stale
from tito.course import Course, Module, find_course
from tito.errors import TitoError
from tito.run import package
from tito.watch.heatmap import Heatmap, most_words
from tito.watch.ink import Style, printable

LIMIT = 20.0  # seconds for some dozens of words
TEXT = "the cat sat on the mat because the cat was tired"


@click.command(help="Draw who looks at whom in a text, by your own attention.")
@click.option("--text", default=TEXT, show_default=True, help="Words, with spaces between.")
@click.option("--heads", type=click.IntRange(1, 16), help="Heads of your MultiHeadAttention.")
@click.option("--causal/--no-causal", help="With your create_causal_mask.")
@click.option("--seed", default=0, show_default=True, help="For the weights of the heads.")
@click.option("--no-color", is_flag=True, help="Characters only.")
def attention(text: str, heads: int | None, causal: bool, seed: int, no_color: bool) -> int:
    course, columns = find_course(), shutil.get_terminal_size().columns
    module = course.module("attention")
    words = _words(text)
    shown = words[: most_words(columns)]
    found = _attend(course, module, words=shown, heads=heads or 0, causal=causal, seed=seed)
    console.ok(f"your own {_what(heads)}: rows look at columns")
    for line in _notes(heads, seed, len(shown), len(words)):
        console.plain(f"  {line}")
    drawn = Heatmap(
        words=[printable(word) for word in shown],
        maps=found["maps"],
        blocked=found["blocked"],
        style=Style.detect(no_color),
        columns=columns,
    )
    console.plain("\n".join(["", *drawn.lines()]))
    return _verdict(found["maps"])


def _words(text: str) -> list[str]:
    """The words of a text without control characters, which could move the cursor."""
    words = ["".join(filter(str.isprintable, word)) for word in text.split()]
    if not any(words):
        raise TitoError("--text has no words", 'for example --text "my dog barked"')
    return [word for word in words if word]


def _what(heads: int | None) -> str:
    if not heads:
        return "scaled_dot_product_attention"
    return f"MultiHeadAttention with {heads} head{'s' * (heads > 1)}"


def _notes(heads: int | None, seed: int, shown: int, given: int) -> Iterator[str]:
    """What the picture is made of, in a line; another where words were left out."""
    yield "nothing is trained: words alike in letters or place have similar vectors"
    if heads:
        yield f"the heads' weights are random, of seed {seed}"
    if shown < given:
        yield f"the first {shown} of {given} words: more do not fit this terminal"


def _attend(course: Course, module: Module, **arguments: Any) -> dict[str, Any]:
    """What the learner's export computes in a child process."""
    export, again = module.show(module.export), to_export(course, module, f"export {module.name}")
    if not module.export.exists():
        raise TitoError(f"{export} is missing, and this draws what it computes", again)
    warn_if_stale(course, module)
    then = f"correct it in the notebook, then {again}"
    script = Path(attend.__file__)
    found: dict[str, Any] = package.call(module, script, "attend", LIMIT, then, **arguments)
    return found


def _verdict(maps: list[list[list[float]]]) -> int:
    """Zero where every row shares out all or, with nothing to look at, nothing."""
    sums = [sum(row) for rows in maps for row in rows]
    if all(abs(total - 1) < 0.01 or total == 0 for total in sums):
        return 0
    console.bad("some rows do not sum to 100 percent", "`tito module test attention`")
    return 1
