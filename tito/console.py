"""How the tool speaks: a mark, what happened; on the next line, what to type.

Colour only on a terminal and without NO_COLOR; on a console that cannot print ✓ the marks are
plain letters.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TextIO

import click

_MARKS = {"ok": ("✓", "ok"), "bad": ("✗", "x"), "note": ("•", "-")}
_COLOURS = {"ok": "green", "bad": "red", "note": "yellow"}


class Unheard(Exception):  # noqa: N818 - not a fault of a command
    """What is said reaches nobody: the output is full, or its reader is gone."""


def prepare() -> None:
    """Let no character of a title or a path, and no closed stream, end the program."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # its number is free: the next file would take it
            number = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def ok(text: str, then: str = "") -> None:
    _say("ok", text, then)


def bad(text: str, then: str = "") -> None:
    _say("bad", text, then)


def note(text: str, then: str = "") -> None:
    _say("note", text, then)


def plain(text: str = "") -> None:
    try:
        click.echo(text, color=_colour())
    except OSError as error:
        raise Unheard(error) from None


def give_up(error: Exception) -> int:
    """Say on the other stream that this one takes nothing more; return the exit code."""
    cause = error.args[0] if isinstance(error, Unheard) else error
    _silence(sys.stdout)
    if isinstance(cause, BrokenPipeError):  # `| head` has seen enough
        return 128 + 13  # as a shell says it of other programs
    try:
        print(f"tito: cannot write to the output: {cause}", file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr)
    return 2


def _silence(stream: TextIO) -> None:
    """What still waits to be written must not fail when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _say(kind: str, text: str, then: str) -> None:
    plain(f"{coloured_mark(kind)} {text}")
    if then:
        plain(f"  {then}")


def coloured_mark(kind: str) -> str:
    return click.style(mark(kind), fg=_COLOURS[kind])


def mark(kind: str) -> str:
    fancy, simple = _MARKS[kind]
    return fancy if can_print(fancy) else simple


def can_print(text: str) -> bool:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def typed(path: Path) -> str:
    """A path as it is typed after a command, whatever characters it has."""
    shown = f".{os.sep}{path}" if str(path).startswith("-") else str(path)
    return shlex.quote(shown) if os.name == "posix" else f'"{shown}"' if " " in shown else shown


def _colour() -> bool | None:
    """None lets click decide: colour on a terminal only."""
    return False if os.environ.get("NO_COLOR") else None
