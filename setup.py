"""Puts into the wheel, as tito/course_files, what `tito init` makes a learner's folder from.

Everything else about the package stands in pyproject.toml. An editable install copies nothing.
"""

import shutil
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))  # pip builds without the current folder on the path

from tito.learner.carried import carried  # noqa: E402


class BuildWithCourse(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "tito", "course_files")
            shutil.rmtree(target, ignore_errors=True)  # build/ may be an older build's
            for name in carried(ROOT):
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target / name)

    def get_source_files(self) -> list[str]:
        """What an sdist holds, so that a wheel built from it is the same."""
        return sorted({*super().get_source_files(), *carried(ROOT)})


setup(cmdclass={"build_py": BuildWithCourse})
