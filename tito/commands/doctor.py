"""`tito doctor`: what is wrong with the environment or the folder, and the fix for each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import click

from tito import console, sync
from tito import export as exporting
from tito.commands.test import to_export
from tito.course import Course, find_course
from tito.errors import TitoError
from tito.run.environment import chosen

NEEDED = ("numpy", "click", "jupytext", "pytest")
OPTIONAL = ("jupyterlab", "matplotlib")
INSTALLED = """\
import os, sys, importlib.util
sys.path[:] = [p for p in sys.path if p and os.path.abspath(p) != os.getcwd()]
spec = importlib.util.find_spec("tinytorch")
print(spec.origin if spec else "")
"""


@dataclass
class Finding:
    what: str
    fix: str = ""
    needed: bool = True


@click.command(help="Check the environment; each finding comes with its fix.")
def doctor() -> int:
    course = find_course()
    findings = [*_python(), *_folder(course), *_generated(course)]
    for finding in findings:
        say = console.ok if not finding.fix else console.bad if finding.needed else console.note
        say(finding.what, finding.fix)
    return int(any(finding.fix and finding.needed for finding in findings))


def _python() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    old = sys.version_info < (3, 10)
    yield Finding(f"Python {version} ({sys.executable})", "install Python 3.10 or newer" * old)
    for name in NEEDED:
        found = _version(name)
        yield Finding(f"{name} {found or 'is missing'}", "" if found else f"pip install {name}")
    for name in OPTIONAL:
        found = _version(name)
        fix = "" if found else f"optional: pip install {name}"
        yield Finding(f"{name} {found or 'is missing'}", fix, needed=False)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _folder(course: Course) -> Iterator[Finding]:
    kind = "the course's clone" if course.learner is None else "a learner's folder"
    yield Finding(f"{course.root} ({kind}, {len(course.modules)} modules)")
    writable = os.access(course.root, os.W_OK)
    yield Finding("writable" if writable else "not writable", "" if writable else "chmod u+w it")
    installed = _installed(course)
    ours = not installed or Path(installed).is_relative_to(course.root)
    if installed and (ours or course.learner is not None):
        note = "" if ours else "; in this folder your own comes first"
        yield Finding(f"tinytorch is installed from {installed}{note}")
    else:
        where = f"another folder: {installed}" if installed else "nowhere"
        yield Finding(f"tinytorch is installed from {where}", "pip install -e .", needed=not ours)


def _installed(course: Course) -> str:
    """Which tinytorch a program outside this folder would import."""
    done = subprocess.run(
        [sys.executable, "-c", INSTALLED],
        cwd=course.root,
        capture_output=True,
        env=chosen(),
    )
    return done.stdout.decode("utf-8", "replace").strip()


def _generated(course: Course) -> Iterator[Finding]:
    for module in course.modules:
        try:
            if not sync.in_sync(module):
                yield Finding(f"{module.folder_name}: .py and .ipynb differ", "`tito sync`")
            borrowed = exporting.is_borrowed(course, module)
            if module.export.exists() and not borrowed and not exporting.is_current(module):
                fix = to_export(course, module, f"export {module.name}")
                yield Finding(f"{module.show(module.export)} is out of date", fix)
        except TitoError as error:
            yield Finding(error.message, error.fix or "correct it")
