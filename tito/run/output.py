"""What a child prints: all of a little; of a loop's thousands of lines, the first and the last."""

from __future__ import annotations

import os
import threading
from collections import deque
from types import TracebackType

from tito import console
from tito.run.child import FIRST, LAST, left_out

WIDTH = 1000  # characters; a longer line counts as several
GRACE = 1.0  # seconds for what is still in the pipe; a process left behind may hold it open


class Output:
    """Read what is written to `sink` as it comes; show it at once, or only keep it."""

    def __init__(self, show: bool) -> None:
        self.show, self.count = show, 0
        self.unheard: console.Unheard | None = None
        self.first: list[str] = []
        self.last: deque[str] = deque(maxlen=LAST)
        self.source, self.sink = os.pipe()
        self.reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Output:
        self.reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        os.close(self.sink)
        self.reader.join(GRACE)
        if self.unheard:
            raise self.unheard
        if self.show:
            for line in self._end():
                console.plain(line)

    @property
    def text(self) -> str:
        return "\n".join([*self.first, *self._end()])

    def _end(self) -> list[str]:
        last = list(self.last)
        missing = self.count - len(self.first) - len(last)
        return [left_out(missing), *last] if missing > 0 else last

    def _read(self) -> None:
        with open(self.source, encoding="utf-8", errors="replace", newline="\n") as lines:
            while line := lines.readline(WIDTH):
                try:
                    self._take(line.rstrip("\r\n"))
                except console.Unheard as error:  # the main thread tells it; the child goes on
                    self.show, self.unheard = False, error

    def _take(self, line: str) -> None:
        if len(self.first) < FIRST:
            self.first.append(line)
            if self.show:
                console.plain(line)
        else:
            self.last.append(line)
        self.count += 1
