"""How the tool speaks: a mark, what happened; on the next line, what to type.

Colour only on a terminal and without NO_COLOR; on a console that cannot print ✓ the marks are
plain letters.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click

_MARKS = {"ok": ("✓", "ok"), "bad": ("✗", "x"), "note": ("•", "-")}
_COLOURS = {"ok": "green", "bad": "red", "note": "yellow"}


def prepare() -> None:
    """Let no character of a title or a path end the program on a narrow console."""
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
    click.echo(text, color=_colour())


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
