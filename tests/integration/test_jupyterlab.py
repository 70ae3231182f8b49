"""Module 12 in a real JupyterLab in headless Chromium: run all, edit, save; the pair is written.

Optional:  pip install selenium, Chromium and its driver on the PATH, then  pytest -m browser
"""

import difflib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.chromium import chromium, wait_for

ROOT = Path(__file__).parents[2]
NOTEBOOK = "modules/12_attention/attention_dev.ipynb"
EDIT = """
const panel = window.jupyterapp.shell.currentWidget;
panel.content.widgets.at(-1).model.sharedModel.setSource(arguments[0]);
"""

pytestmark = pytest.mark.browser


@pytest.fixture
def course(tmp_path: Path) -> Path:
    folder = tmp_path / "my course"
    made = ("build", "node_modules", "*.ipynb", "__pycache__")
    ignore = shutil.ignore_patterns(".git", ".venv", ".tito", *made)
    shutil.copytree(ROOT, folder, ignore=ignore)
    subprocess.run([sys.executable, "-m", "tito", "sync"], cwd=folder, check=True)
    return folder


@pytest.fixture
def address(course: Path) -> Iterator[str]:
    """A JupyterLab on the course's folder; yields its address, with token."""
    command = ["jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser", "--port=0"]
    log = course / "jupyter.log"
    with log.open("w") as sink:
        server = subprocess.Popen([sys.executable, "-m", *command], cwd=course, stderr=sink)
    try:
        pattern = re.compile(r"(http://127\.0\.0\.1:\d+)/lab\?(token=\w+)")
        found = wait_for(lambda: pattern.search(log.read_text()), 60)
        yield f"{found[1]}/lab/tree/{NOTEBOOK}?{found[2]}"
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    with chromium(tmp_path / "browser", "--window-size=1400,1800") as driver:
        yield driver


def text_outputs(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output["output_type"] == "error"]
    return "".join("".join(output.get("text", [])) for output in outputs)


def test_run_all_edit_and_save_write_the_pair(
    course: Path, address: str, browser: Any, tmp_path: Path
):
    notebook = course / NOTEBOOK
    browser.get(address)
    wait_for(lambda: browser.find_elements("css selector", ".jp-Notebook .jp-Cell"), 60)
    idle = "return window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status"
    wait_for(lambda: browser.execute_script(idle) == "idle", 60)
    browser.execute_async_script(
        "window.jupyterapp.commands.execute('notebook:run-all-cells').then(arguments[0])"
    )
    script = notebook.with_suffix(".py")
    before = script.read_text(encoding="utf-8")
    browser.execute_script(EDIT, "# a line from the browser")
    browser.execute_async_script(
        "window.jupyterapp.commands.execute('docmanager:save').then(arguments[0])"
    )
    wait_for(lambda: "a line from the browser" in script.read_text(encoding="utf-8"), 20)
    browser.save_screenshot(str(tmp_path / "jupyterlab.png"))
    assert "🚀 For seq_len=2048 (GPT-3)" in text_outputs(notebook)

    changed = difflib.unified_diff(before.splitlines(), script.read_text("utf-8").splitlines(), n=0)
    assert [line for line in changed if line.startswith("+") and not line.startswith("+++")] == [
        "+# a line from the browser"
    ], "the extension writes the file that tito writes"
    subprocess.run([sys.executable, "-m", "tito", "sync"], cwd=course, check=True)
    assert "🚀 For seq_len=2048 (GPT-3)" in text_outputs(notebook), "the outputs are kept"
