"""Single keys from the terminal, without Enter; none where there is no terminal."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import Any

if sys.platform == "win32":
    import msvcrt
else:
    import select
    import termios
    import tty

ENTER = "\r"
ESCAPE = re.compile(r"\x1b(?:\[[\d;]*[A-Za-z~]|O?.)?")  # an arrow or a function key


class Keyboard:
    """While it is open, keys are not echoed; afterwards the terminal is as it was."""

    def __init__(self) -> None:
        self.active = sys.stdin is not None and sys.stdin.isatty()
        self.before: list[Any] = []  # how the terminal was
        self.typed = ""  # and not yet asked for

    def __enter__(self) -> Keyboard:
        if self.active and sys.platform != "win32":
            self.before = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
        return self

    def __exit__(self, *error: object) -> None:
        if self.before and sys.platform != "win32":
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self.before)

    def wait(self, seconds: float) -> str:
        """The key that was pressed, small, or nothing after so many seconds."""
        if not self.active:
            time.sleep(seconds)
            return ""
        self.typed = self.typed or ESCAPE.sub("", _read(seconds))
        key, self.typed = self.typed[:1], self.typed[1:]
        return ENTER if key == "\n" else key.lower()


if sys.platform == "win32":

    def _read(seconds: float) -> str:
        give_up = time.monotonic() + seconds
        while not msvcrt.kbhit():
            if time.monotonic() >= give_up:
                return ""
            time.sleep(0.01)
        key = msvcrt.getwch()
        if key in "\0\xe0":  # an arrow or a function key is two
            msvcrt.getwch()
            return ""
        if key == "\x03":
            raise KeyboardInterrupt
        return key
else:

    def _read(seconds: float) -> str:
        if not select.select([sys.stdin], [], [], seconds)[0]:
            return ""
        typed = os.read(sys.stdin.fileno(), 64).decode("utf-8", "replace")
        if not typed:
            raise KeyboardInterrupt  # the terminal is gone
        return typed
