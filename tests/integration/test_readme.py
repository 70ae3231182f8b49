"""What the README and the page for its two commands show is so."""

import json
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tito.course import Course
from tito.grader.other_answers import read

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)
BASH = re.compile(r"```bash\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\((?!https?://)([^)#]+)\)")


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_output_on_the_first_page_is_that_of_the_command(tmp_path: Path):
    shown = CONSOLE.findall(page("docs/start.md"))
    copy = tmp_path / "course"
    made = ("build", "node_modules", "*.ipynb", "__pycache__", "*.whl")
    ignore = shutil.ignore_patterns(".*", *made)
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
    for name in ("docs/start.md", "CHANGELOG.md"):
        assert f"{bank} wrong answers" in page(name)


def test_the_readme_has_two_commands_which_are_the_first_of_the_book():
    commands = BASH.findall(page("README.md"))
    assert len(commands) == 2 and commands == BASH.findall(page("docs/start.md"))[:2]


def test_what_the_readme_links_to_is_there_and_it_fits_a_screen():
    linked = LINK.findall(page("README.md"))
    assert "docs/attention.png" in linked and all((ROOT / path).is_file() for path in linked)
    assert len(page("README.md").splitlines()) <= 45


def test_the_picture_shows_the_numbers_of_module_12():
    image = pytest.importorskip("PIL.Image")  # comes with Matplotlib
    names = runpy.run_path(str(ROOT / "docs" / "picture.py"))
    drawn = json.loads(image.open(names["PICTURE"]).text["Weights"])
    *_, weights = names["steps"](names["lesson"]())
    np.testing.assert_allclose(drawn, weights, atol=1e-6)
