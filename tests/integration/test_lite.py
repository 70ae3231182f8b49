"""Module 12 in JupyterLite, in headless Chromium that may ask nobody but 127.0.0.1.

Optional:  pip install -e ".[docs]" selenium, npm, Chromium and its driver on the PATH,
then  pytest -m browser
"""

import importlib
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.course.conftest import COURSE
from tests.integration.exercise import DOCS, pyodide
from tests.integration.test_exercise_page import Handler

sys.path.append(str(DOCS / "lite"))
lite = importlib.import_module("lite_site")

pytestmark = pytest.mark.browser

ATTENTION = COURSE.module("12")
NOTEBOOK = ATTENTION.show(ATTENTION.notebook)
IDLE = "return window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status"
RUN = "window.jupyterapp.commands.execute('notebook:run-all-cells').then(arguments[0])"
CELLS = "return window.jupyterapp.shell.currentWidget.content.model.toJSON().cells"


def wait_for(condition: Callable[[], Any], seconds: float) -> Any:
    """Poll until something is true, and return it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(0.2)
    return found


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
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(book)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/lite/notebooks/index.html?path={NOTEBOOK}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1400,1800"):
        options.add_argument(flag)
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.add_argument(f"--user-data-dir={tmp_path / 'browser'}")
    driver = webdriver.Chrome(options=options)
    driver.set_script_timeout(180)
    yield driver
    driver.quit()


def code_cells_run(browser: Any, address: str) -> list[dict[str, Any]]:
    """Open the notebook, run all its cells; nothing was asked of another machine."""
    browser.get(address)
    wait_for(lambda: browser.find_elements("css selector", ".jp-Notebook .jp-Cell"), 60)
    wait_for(lambda: browser.execute_script(IDLE) == "idle", 180)
    browser.execute_async_script(RUN)
    assert Handler.reports == []
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
