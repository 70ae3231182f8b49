"""Single keys from the terminal, without Enter; none where there is no terminal."""

from __future__ import annotations

import os
import re
import sys
import time
from types import TracebackType
from typing import Any

ENTER = "\r"
ESCAPE = re.compile(r"\x1b(?:\[[\d;]*[A-Za-z~]|O?.)?")  # an arrow or a function key


class Keyboard:
    """While it is open, keys are not echoed; afterwards the terminal is as it was."""

    def __init__(self) -> None:
        self.active = sys.stdin is not None and sys.stdin.isatty()
        self.typed = ""  # and not yet asked for

    def __enter__(self) -> Keyboard:
        if self.active:
            _open(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.active:
            _close(self)

    def wait(self, seconds: float) -> str:
        """The key that was pressed, small, or nothing after so many seconds."""
        if not self.active:
            time.sleep(seconds)
            return ""
        key = _read(self, seconds)
        return ENTER if key == "\n" else key.lower()


if sys.platform == "win32":
    import msvcrt

    def _open(keyboard: Keyboard) -> None:
        pass

    def _close(keyboard: Keyboard) -> None:
        pass

    def _read(keyboard: Keyboard, seconds: float) -> str:
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
    import select
    import termios
    import tty

    _before: dict[int, list[Any]] = {}

    def _open(keyboard: Keyboard) -> None:
        _before[id(keyboard)] = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)

    def _close(keyboard: Keyboard) -> None:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, _before.pop(id(keyboard)))

    def _read(keyboard: Keyboard, seconds: float) -> str:
        if not keyboard.typed and select.select([sys.stdin], [], [], seconds)[0]:
            typed = os.read(sys.stdin.fileno(), 64).decode("utf-8", "replace")
            if not typed:
                raise KeyboardInterrupt  # the terminal is gone
            keyboard.typed = ESCAPE.sub("", typed)
        key, keyboard.typed = keyboard.typed[:1], keyboard.typed[1:]
        return key
