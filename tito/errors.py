"""The ways a command can end badly.

Each is one sentence and the thing to do about it; `tito.cli.main` prints them and sets the exit
code: 2 for misuse, 1 where the learner's own code or text needs a change.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path


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


def of_system(error: OSError, path: Path | None = None) -> TitoError:
    """What the system refused, the file, and what to do about it."""
    file = path or Path(os.fsdecode(error.filename2 or error.filename or "?"))
    if isinstance(error, NotADirectoryError):  # one of the folders above it
        file = next((one for one in file.parents if one.exists()), file)
    remedies = {
        (errno.EISDIR, errno.ENOTDIR, errno.EEXIST): "move it away",
        (errno.EACCES, errno.EPERM, errno.EROFS): "allow yourself to read and to write it",
        (errno.ENOSPC, errno.EDQUOT): "make room",
    }
    remedy = next((text for codes, text in remedies.items() if error.errno in codes), "mend that")
    named = f"{file}: {error.strerror or error}" if path or error.filename else str(error)
    return TitoError(named, f"{remedy}, then run again; no file is half written")


class CodeError(TitoError):
    """The learner's code failed, or two edits contradict each other."""

    exit_code = 1
