"""The environment that our child processes get: we choose it, the caller's stays outside.

A variable such as PYTHONOPTIMIZE, PYTEST_ADDOPTS or PYTHONPATH takes assertions, tests or modules
away without a word, and a verdict would depend on who asked. So there is a list of what is let in,
not one of what is kept out.
"""

from __future__ import annotations

import os
import sys

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
LET_IN = (
    *("PATH", "HOME", "USER", "TMPDIR", "TEMP", "TMP", "TZ", "VIRTUAL_ENV", "MPLCONFIGDIR"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),  # on clusters Python does not start without
    "OPENBLAS_CORETYPE",  # some processors need an older kernel
    *("TERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"),
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "PROGRAMDATA"),  # Windows
    *("USERPROFILE", "APPDATA", "LOCALAPPDATA"),
    *THREADS,
)
ALWAYS = {
    "LANG": "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8",  # a Mac has no C.UTF-8
    "PYTHONUTF8": "1",
    "PYTHONIOENCODING": "utf-8",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def chosen(**extra: str) -> dict[str, str]:
    """What a child process gets: what is let in, UTF-8, no .pyc files, and `extra` above all."""
    kept = {name: os.environ[name] for name in LET_IN if name in os.environ}
    return {**kept, **ALWAYS, **extra}
