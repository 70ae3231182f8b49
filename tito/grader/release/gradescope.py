"""Gradescope's autograder of a module: `setup.sh`, `run_autograder` and the course, and their zip.

It starts `setup.sh` once, and `run_autograder` for each submission in a container of its own:
https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

from __future__ import annotations

import io
import re
import secrets
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from tito.course import Course, Module
from tito.errors import TitoError
from tito.grader import other_answers
from tito.learner.folder import building, put_in_place

LONG_AGO = (1980, 1, 1, 0, 0, 0)
EXECUTABLE = 0o755 << 16
SETUP = """\
#!/usr/bin/env bash
# Gradescope runs this once, when it builds the image.
set -euo pipefail
apt-get update
apt-get install -y python3 python3-venv bubblewrap
python3 -m venv /autograder/env
/autograder/env/bin/pip install -r /autograder/source/requirements.txt
"""
RUN = """\
#!/usr/bin/env bash
# Gradescope runs this for each submission. Without results.json it tells the instructor.
set -euo pipefail
root="${{AUTOGRADER:-/autograder}}"
python="$root/env/bin/python"
batch="$(mktemp -d)"
cp -R "$root/submission" "$batch/submission"
cd "$root/source"
grade() {{
    "$python" -m tito grade "$batch" --module {number} --seed {seed} --to "$batch.grades" "$@"
}}
# Most containers allow no sandbox inside: then the container is the wall, and the grade says so.
grade || grade --unsandboxed
mkdir -p "$root/results"
cp "$batch.grades"/gradescope/*.json "$root/results/results.json"
"""


def make_autograder(course: Course, module: Module, folder: Path) -> Path:
    """Make the folder and its zip; return the zip. It holds the answers: it is for Gradescope."""
    packed = folder.with_name(f"{folder.name}.zip")
    if packed.exists():
        raise TitoError(f"{packed} exists", "move it away, or name another folder")
    said = {"number": module.number, "seed": secrets.randbelow(2**31)}
    scripts = {"setup.sh": SETUP, "run_autograder": RUN.format(**said)}
    files = {name: text.encode() for name, text in scripts.items()}
    files |= {"requirements.txt": _requirements()} | dict(_course_files(course, module))
    with building(folder) as made:
        for name, content in files.items():
            path = made / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o755 if name in scripts else 0o644)
        put_in_place(made, folder)
    packed.write_bytes(_zip(files, scripts))
    return packed


def _course_files(course: Course, module: Module) -> Iterator[tuple[str, bytes]]:
    """What a grade depends on, and no later module."""
    root = course.root
    wanted = [root / "pyproject.toml", root / "jupytext.toml"]
    wanted += [module.own_checks, module.checks, module.hidden_checks]
    wanted.append(root / other_answers.FOLDER / f"{module.folder_name}.md")
    wanted += [path for path in (root / "tito").rglob("*") if "__pycache__" not in path.parts]
    later = {one.export for one in course.modules if one.number > module.number}
    wanted += [path for path in (root / "tinytorch").rglob("*.py") if path not in later]
    wanted += [one.script for one in course.modules if one.number <= module.number]
    for path in sorted(wanted):
        if path.is_file():
            yield path.relative_to(root).as_posix(), path.read_bytes()


def _requirements() -> bytes:
    """What tito needs, in the versions that are here."""
    needed = [one for one in metadata.requires("tinytorch-course") or [] if "extra ==" not in one]
    names = [re.split(r"[^\w.-]", one, maxsplit=1)[0] for one in needed]
    return "".join(f"{name}=={metadata.version(name)}\n" for name in names).encode()


def _zip(files: dict[str, bytes], executable: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, LONG_AGO)
            info.create_system = 3  # POSIX: what follows is a mode
            info.external_attr = EXECUTABLE if name in executable else 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(info, content)
    return file.getvalue()
