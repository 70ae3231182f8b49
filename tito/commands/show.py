"""`tito show attention`: the weights of the learner's own attention, drawn in the terminal."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click

from tito import console
from tito.commands.test import to_export, warn_if_stale
from tito.course import Course, find_course
from tito.errors import TitoError
from tito.run import package
from tito.watch.screen import fit, has_colours

LIMIT = 20.0  # seconds for some dozens of words
TEXT = "the cat sat on the mat because the cat was tired"
LABEL, CELL = 14, 4  # columns of a word, and of a weight in the picture


@click.command(help="Draw who looks at whom in a text, by your own attention.")
@click.option("--text", default=TEXT, show_default=True, help="Words, with spaces between.")
@click.option("--heads", type=click.IntRange(1, 16), help="Heads of your MultiHeadAttention.")
@click.option("--causal/--no-causal", help="With your create_causal_mask.")
@click.option("--seed", default=0, show_default=True, help="For the weights of the heads.")
@click.option("--no-color", is_flag=True, help="Characters only.")
def attention(text: str, heads: int | None, causal: bool, seed: int, no_color: bool) -> int:
    course, words = find_course(), _words(text)
    most = max((shutil.get_terminal_size().columns - LABEL - 1) // CELL, 1)
    shown = [fit(word, LABEL) for word in words[:most]]
    settings = {"heads": heads or 0, "causal": causal, "seed": seed}
    found = _attend(course, words=shown, colour=not no_color and has_colours(), **settings)
    many = f"MultiHeadAttention with {heads} head{'s' * (heads != 1)}"
    what = many if heads else "scaled_dot_product_attention"
    console.ok(f"your own {what}: rows look at columns")
    console.plain("  nothing is trained: words alike in letters or place have similar vectors")
    if heads:
        console.plain(f"  the heads' weights are random, of seed {seed}")
    if most < len(words):
        console.plain(f"  the first {most} of {len(words)} words: more do not fit this terminal")
    console.plain(f"\n{found['picture']}")
    if not found["whole"]:
        console.bad("some rows do not sum to 100 percent", "`tito module test attention`")
    return int(not found["whole"])


def _words(text: str) -> list[str]:
    """The words of a text without control characters, which could move the cursor."""
    words = ["".join(filter(str.isprintable, word)) for word in text.split()]
    if not any(words):
        raise TitoError("--text has no words", 'for example --text "my dog barked"')
    return [word for word in words if word]


def _attend(course: Course, **arguments: Any) -> dict[str, Any]:
    """What the learner's export computes, drawn where it computes it: in a child process."""
    module = course.module("attention")
    again = to_export(course, module, f"export {module.name}")
    if not module.export.exists():
        missing = f"{module.show(module.export)} is missing, and this draws what it computes"
        raise TitoError(missing, again)
    warn_if_stale(course, module)
    then, script = f"correct it in the notebook, then {again}", Path(__file__).parent / "attend.py"
    found: dict[str, Any] = package.call(module, script, "attend", LIMIT, then, **arguments)
    return found
