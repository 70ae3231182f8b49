"""The loop of `tito watch`: look at the files, run what is new, show it, answer keys.

It looks at their times, since on network drives nothing else tells that they changed.
"""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click

from tito import console
from tito.course import Module
from tito.errors import TitoError
from tito.run import trial
from tito.sync import opened
from tito.watch import screen
from tito.watch.keys import ENTER, Keyboard

POLL = 0.05  # seconds between two looks at the files
SETTLE = 0.02  # seconds; a file that changes within is being saved
PATIENCE = 0.5  # seconds; a file that is gone for less is being replaced
SLOW = 1.0  # seconds after which the screen says that a run goes on

Times = tuple[tuple[int, int, int] | None, ...]


class SavedAgain(Exception):  # noqa: N818
    """The run is about a text that is not the latest."""


class Quit(Exception):  # noqa: N818
    """Enough for today."""


def times(module: Module) -> Times:
    """What changes when the `.py` or the `.ipynb` is saved; None for a file that is gone."""
    return tuple(_time(path) for path in (module.script, module.notebook))


def _time(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def settled(module: Module, before: Times) -> Times:
    """Wait until no file is half saved."""
    give_up, last, now = time.monotonic() + PATIENCE, None, times(module)
    while (now != last or _gone(now, before)) and time.monotonic() < give_up:
        time.sleep(SETTLE)
        last, now = now, times(module)
    return now


def _gone(now: Times, before: Times) -> bool:
    return any(new is None and old for new, old in zip(now, before, strict=False))


def changed_soon(module: Module, before: Times) -> bool:
    """What cannot be read may be half of a save: give the other half a moment."""
    give_up = time.monotonic() + PATIENCE
    while times(module) == before and time.monotonic() < give_up:
        time.sleep(SETTLE)
    return times(module) != before


class Watch:
    """What was last seen of the files, what came of it, and how many hints were shown."""

    def __init__(self, module: Module, limit: float, keyboard: Keyboard) -> None:
        self.module, self.limit, self.keyboard = module, limit, keyboard
        self.terminal = sys.stdout.isatty()
        self.seen: Times = ()
        self.text: str | None = None  # what was judged; None after an error
        self.trial: trial.Trial | None = None
        self.hints, self.hinting = 0, False
        self.slow = math.inf  # when the screen says that a run goes on

    def run(self) -> None:
        while True:
            if times(self.module) != self.seen:
                self.judge()
            self.answer(self.keyboard.wait(POLL))

    def judge(self, again: bool = False) -> None:
        """Bring the files together and, if their text is new, say what it does."""
        self.seen = settled(self.module, self.seen)
        try:
            module = opened(self.module)
            text = self.module.script.read_text("utf-8-sig")
            if again or text != self.text:
                self.show(trial.run(module, self.limit, beat=self.beat()))
            self.text = text
        except SavedAgain:
            return
        except (TitoError, OSError) as error:
            if not changed_soon(self.module, self.seen):
                self.text = self.trial = None
                self.draw(screen.problem(error, self.width))

    def beat(self) -> Callable[[], None]:
        """What is done while the learner's code runs; `q` and a new save end it."""
        now = times(self.module)  # the sync may have written
        self.slow = time.monotonic() + SLOW

        def beat() -> None:
            if self.keyboard.wait(0) == "q":
                raise Quit
            if times(self.module) != now:
                raise SavedAgain
            if self.terminal and time.monotonic() > self.slow:
                self.slow = math.inf
                self.draw([f"  running; it will be stopped after {self.limit:g} s"])

        return beat

    def show(self, found: trial.Trial) -> None:
        before, self.trial, self.hinting = self.trial, found, False
        if number(before) != number(found):
            self.hints = 0
        self.draw(screen.verdict(found, self.width), screen.news(before, found))

    def answer(self, key: str) -> None:
        if key == "q":
            raise Quit
        if key == ENTER:
            self.judge(again=True)
        if key == "s" and self.trial:
            self.hinting = False
            self.draw(screen.exercises(self.trial, self.width))
        if key == "h" and self.trial and self.trial.current:
            self.hints += 0 if self.hints and not self.hinting else 1
            self.hinting = True
            self.draw(screen.hint(self.trial, self.hints, self.width))

    @property
    def width(self) -> int:
        return shutil.get_terminal_size().columns - 1 if self.terminal else screen.WIDE

    def draw(self, body: list[str], news: str = "") -> None:
        clock = f"{time.strftime('%H:%M:%S')}  " if self.terminal else ""
        told = clock + news * (self.width >= screen.NEWS)
        lines = [screen.head(self.module, self.trial, told), *body]
        if self.terminal:
            keys = screen.keys(self.trial) if self.keyboard.active else "Ctrl-C ends"
            lines = screen.composed(lines, keys, self.width)
            click.clear()
        for line in lines:
            console.plain(line)


def number(found: trial.Trial | None) -> str:
    """Of the exercise that is shown."""
    return found.current.number if found and found.current else ""
