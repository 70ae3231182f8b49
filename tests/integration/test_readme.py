"""What the README shows is what the commands print."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tito.course import Course
from tito.grader.other_answers import read

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def test_the_output_in_the_readme_is_that_of_the_command(tmp_path: Path):
    shown = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    copy = tmp_path / "course"
    ignore = shutil.ignore_patterns(".*", "*.ipynb", "__pycache__", "*.whl")
    shutil.copytree(ROOT, copy, ignore=ignore)
    commands = (["sync"], ["module", "complete", "12"])
    runs = [
        subprocess.run(
            [sys.executable, "-X", "utf8", "-m", "tito", *command],
            cwd=copy,
            capture_output=True,
            encoding="utf-8",
        )
        for command in commands
    ]
    assert [run.returncode for run in runs] == [0, 0]
    assert shown == ["".join(run.stdout for run in runs)]


def test_the_number_of_wrong_answers_is_that_of_the_bank():
    course = Course(ROOT)
    bank = sum(len(read(module)) for module in course.modules)
    for name in ("README.md", "CHANGELOG.md"):
        assert f"{bank} wrong answers" in (ROOT / name).read_text(encoding="utf-8")
