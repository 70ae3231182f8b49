"""The folder that learners open elsewhere: `python docs/lite/notebooks.py FOLDER`.

It is what `tito init --from` the last module makes, so each notebook runs without the ones before
it, and each begins with a cell for Colab. Binder makes it anew; the branch `notebooks` holds it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tito import sync
from tito.commands.init import facts
from tito.course import Course, pristine
from tito.learner.folder import building, contents, put_in_place

ROOT = Path(__file__).parents[2]
REPOSITORY = "https://github.com/mlsysbook/TinyTorch"
# Plain Python, no magics: `tito` and the grader run it as it stands, and nothing happens there.
FOR_COLAB = """\
# %% colab
import sys

if "google.colab" in sys.modules:  # Colab has a notebook alone: fetch the folder it is from
    import os
    import subprocess

    if not os.path.isdir("/content/tinytorch"):
        options = ["--quiet", "--depth=1", "--branch=notebooks"]
        source = "{repository}"
        subprocess.run(["git", "clone", *options, source, "/content/tinytorch"], check=True)
    os.chdir("/content/tinytorch/{folder}")

"""


def files(course: Course) -> dict[str, bytes]:
    """Each file of the folder by its path, but for notebooks and what `tito` notes."""
    found = contents(course, course.modules[-1].number)
    for module in course.modules:
        cell = FOR_COLAB.format(repository=REPOSITORY, folder=module.show(module.folder))
        name = module.show(module.script)
        found[name] = cell.encode() + found[name]
    return found


def write(course: Course, folder: Path) -> None:
    """Fill a new folder; without the environment of this machine, it is the same everywhere."""
    with building(folder) as made:
        mine = Course(made)
        for name, content in files(course).items():
            for path in (made / name, pristine(mine) / name):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        noted = facts(course, course.modules[-1].number)["learner.json"]
        (made / ".tito" / "learner.json").write_text(noted, "utf-8")
        for module in mine.modules:
            sync.sync(module)
        put_in_place(made, folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="new, or empty")
    write(Course(ROOT), parser.parse_args().folder)
