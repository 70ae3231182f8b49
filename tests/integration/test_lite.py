"""Module 12 in JupyterLite, in headless Chromium that may ask nobody but 127.0.0.1.

Optional:  pip install -e ".[docs]" selenium, npm, Chromium and its driver on the PATH,
then  pytest -m browser
"""

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.course.conftest import COURSE
from tests.integration.chromium import ALONE, Forbidding, chromium, served, wait_for
from tests.integration.exercise import DOCS, pyodide

sys.path.append(str(DOCS / "lite"))
lite = importlib.import_module("lite_site")

pytestmark = pytest.mark.browser

ATTENTION = COURSE.module("12")
NOTEBOOK = ATTENTION.show(ATTENTION.notebook)
IDLE = "return window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status"
RUN = "window.jupyterapp.commands.execute('notebook:run-all-cells').then(arguments[0])"
CELLS = "return window.jupyterapp.shell.currentWidget.content.model.toJSON().cells"


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the book has of it: the site, and Pyodide where the exercise pages have it."""
    pytest.importorskip("jupyterlite_core")
    folder = tmp_path_factory.mktemp("book")
    shutil.copytree(pyodide(), folder / "_static" / "pyodide")
    lite.build(COURSE, folder)
    return folder


@pytest.fixture(scope="module")
def address(book: Path) -> Iterator[str]:
    with served(book, Forbidding) as site:
        yield f"{site}lite/notebooks/index.html?path={NOTEBOOK}"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    with chromium(tmp_path / "browser", "--window-size=1400,1800", ALONE) as driver:
        driver.set_script_timeout(180)
        yield driver


def code_cells_run(browser: Any, address: str) -> list[dict[str, Any]]:
    """Open the notebook, run all its cells; nothing was asked of another machine."""
    browser.get(address)
    wait_for(lambda: browser.find_elements("css selector", ".jp-Notebook .jp-Cell"), 60)
    wait_for(lambda: browser.execute_script(IDLE) == "idle", 180)
    browser.execute_async_script(RUN)
    assert Forbidding.reports == []
    return [cell for cell in browser.execute_script(CELLS) if cell["cell_type"] == "code"]


def told(cell: dict[str, Any]) -> str:
    """The last thing that a cell says: printed text, or an error."""
    output = cell["outputs"][-1]
    text = output.get("text", output.get("evalue"))
    return text if isinstance(text, str) else "".join(text)


def test_a_learners_notebook_runs_up_to_the_first_exercise(browser: Any, address: str) -> None:
    cells = code_cells_run(browser, address)
    failed = next(cell for cell in cells if cell["outputs"])
    assert failed["metadata"]["title"] == "test-12.1"
    assert told(failed) == "exercise 12.1: attention_scores"


def test_with_the_answers_every_cell_runs(browser: Any, address: str, book: Path) -> None:
    answered = lite.notebook(ATTENTION.script.read_text("utf-8"))
    (book / "lite" / "files" / NOTEBOOK).write_text(answered, "utf-8")
    cells = code_cells_run(browser, address)
    kinds = [output["output_type"] for cell in cells for output in cell["outputs"]]
    assert "error" not in kinds and all(cell["execution_count"] for cell in cells)
    assert "🚀 For seq_len=2048 (GPT-3)" in told(cells[-1])
