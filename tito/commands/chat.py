"""`tito chat`: a published model answers, through the learner's own exports, in a child process."""

from __future__ import annotations

import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from tito import console
from tito.course import Course, Module, find_course
from tito.data_sets.place import seems_right
from tito.data_sets.table import DATA_SETS
from tito.errors import CodeError, TitoError
from tito.run.dialogue import Dialogue
from tito.run.failure import Failure

MODEL = DATA_SETS["smollm2"]
IMPORT = re.compile(r"^from tinytorch\.(core\.\w+) import", re.MULTILINE)
WIDEST, SHOWN = 30, 10  # columns of a bar, and how many of them
FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(help="Talk to SmolLM2 (135 M parameters) through your own modules.")
@click.option("--attention", type=click.Choice(["loops", "matrix", "flash"]), default="matrix",
              show_default=True, help="Of module 12, or flash of module 18.")  # fmt: skip
@click.option("--show", is_flag=True, help="Draw where the last word of an answer looked.")
@click.option("--context", type=click.IntRange(128, 8192), default=2048, show_default=True,
              help="Tokens it remembers.")  # fmt: skip
@click.option("--tokens", type=click.IntRange(1), help="The most tokens of an answer.")
@click.option("--temperature", type=click.FloatRange(0, 10), default=0.2, show_default=True,
              help="0 always takes the likeliest token.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--model", type=FILE, help="Another GGUF file of a Llama with this tokenizer.")
def chat(model: Path | None, **settings: Any) -> int:
    course = find_course()
    require_exports(course, settings["attention"])
    file = model or course.root / "data" / MODEL.name / MODEL.pieces[0].name
    if not file.is_file() or (model is None and not seems_right(MODEL, file.parent)):
        then = f"`tito data get {MODEL.name}`" if model is None else "name a file that is there"
        raise TitoError(f"{file} is not here", then)
    begun = time.monotonic()
    console.note(f"loading {file.name} with {settings['attention']} attention")
    script = Path(__file__).with_name("converse.py")
    with Dialogue(script, course.root, {**settings, "model": str(file)}) as dialogue:
        said = told(course, dialogue.receive())
        if "refused" in said:
            raise TitoError(said["refused"], f"`tito data get {MODEL.name}` fetches one that fits")
        console.ok(f"ready after {time.monotonic() - begun:.1f} s; Ctrl-C stops an answer, an empty"
                   " line ends")  # fmt: skip
        while text := ask():
            answer(course, dialogue, text)
    return 0


def require_exports(course: Course, attention: str) -> None:
    """Refuse to begin without the modules that the model is made of; they are named."""
    builder = course.root / "tinytorch" / "smollm2.py"
    if not builder.is_file():
        what = f"{builder} is missing: this folder is of an earlier course"
        raise TitoError(what, "`tito update`")
    needed = set(IMPORT.findall(builder.read_text("utf-8")))
    needed |= {"core.attention"} | ({"core.acceleration"} if attention == "flash" else set())
    found: list[Module] = []
    for module in reversed(course.modules):
        if module.target in needed:
            needed |= {other.target for other in course.prerequisites(module)}
            found.append(module)
    missing = [module for module in reversed(found) if not module.export.exists()]
    if missing:
        names = ", ".join(f"{module.number} {module.name}" for module in missing)
        what = f"`tito chat` runs on modules that are not exported yet: {names}"
        raise CodeError(what, f"`tito module start {missing[0].number}`")


def ask() -> str:
    """The next question; empty at the end of the input and at Ctrl-C."""
    try:
        if sys.stdin.isatty():
            import_line_editing()
            return input("\n> ").strip()
        line = sys.stdin.readline().strip()
    except (EOFError, KeyboardInterrupt):
        console.plain()
        return ""
    console.plain(f"\n> {line}" if line else "")
    return line


def import_line_editing() -> None:
    """Arrow keys and earlier lines, where the system has them."""
    try:
        import readline  # noqa: F401
    except ImportError:
        return


def answer(course: Course, dialogue: Dialogue, text: str) -> None:
    """Ask, and print the answer as it comes; Ctrl-C asks the child to stop."""
    dialogue.send(ask=text)
    with asked_to_stop(dialogue):
        while "text" in (said := told(course, dialogue.receive())):
            click.echo(printable(said["text"]), nl=False)
            sys.stdout.flush()
    if "refused" in said:
        console.bad(said["refused"], "say it in fewer words, or begin with a larger --context")
        return
    summary(said["end"])
    draw(said["looked"])


@contextmanager
def asked_to_stop(dialogue: Dialogue) -> Iterator[None]:
    """In this block Ctrl-C ends nothing here: the child hears of it."""
    before = signal.signal(signal.SIGINT, lambda *_: dialogue.send(stop=True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def told(course: Course, said: dict[str, Any]) -> dict[str, Any]:
    """What the child said; a failure in the learner's code is an error with its place."""
    if "failed" in said:
        failure = Failure.read(course, said["failed"], None, {})
        failure.test = "" if failure.exercise else "tito chat"
        raise failure.as_error(then="correct it in the notebook, then export it")
    return said


def printable(text: str) -> str:
    """A model's text without control characters, which could move the cursor."""
    return "".join(one for one in text if one.isprintable() or one in "\n\t")


def summary(turn: dict[str, Any]) -> None:
    """How much was read and written, and how fast."""
    parts = [f"{turn['prompt_tokens']} tokens read in {turn['prompt_seconds']:.1f} s"]
    if turn["tokens"]:
        rate = turn["tokens"] / max(turn["seconds"], 1e-9)
        parts.append(f"{turn['tokens']} written, {rate:.1f} a second")
    console.plain(f"\n  {'; '.join(parts)}")
    if turn["forgotten"]:
        turns = f"the {turn['forgotten']} oldest exchange{'s' * (turn['forgotten'] > 1)}"
        console.note(f"the context of {turn['context']:,} tokens was full: {turns} forgotten")
    if turn["full"]:
        console.note(f"the answer ends here: the context of {turn['context']:,} tokens is full")


def draw(looked: list[tuple[str, float]]) -> None:
    """Bars for the tokens that got most, in the order of the text."""
    if not looked:
        return
    console.plain(f"  where {looked[-1][0]!r}, the last token read, looked; the mean of all layers"
                  " and heads:")  # fmt: skip
    order = sorted(range(len(looked)), key=lambda place: -looked[place][1])[:SHOWN]
    top = looked[order[0]][1]
    for place in sorted(order):
        token, share = looked[place]
        bar = ("█" if console.can_print("█") else "#") * max(1, round(WIDEST * share / top))
        console.plain(f"  {share:6.1%} {bar:<{WIDEST}} {token!r} (token {place})")
    rest = 1 - sum(looked[place][1] for place in order)
    console.plain(f"  {rest:6.1%} for the other {len(looked) - len(order)} tokens")
