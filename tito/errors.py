"""The ways a command can end badly.

Each is one sentence and the thing to do about it; `tito.cli.main` prints them and sets the exit
code: 2 for misuse, 1 where the learner's own code or text needs a change.
"""

from __future__ import annotations


class TitoError(Exception):
    """Misuse, or a state the tool refuses to touch."""

    exit_code = 2

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


class MistypedError(TitoError):
    """A name on the command line that nothing bears; `meant` is the nearest one that is borne.

    `tito.cli.run` then shows the whole command as it was probably meant.
    """

    def __init__(self, message: str, fix: str = "", meant: str = "") -> None:
        super().__init__(message, fix)
        self.meant = meant


class CodeError(TitoError):
    """The learner's code failed, or two edits contradict each other."""

    exit_code = 1
