"""Pages of exercises in headless Chromium, with every name but 127.0.0.1 unknown.

Optional:  pip install -e ".[docs]" selenium, npm, Chromium and its driver on the PATH,
then  pytest -m browser
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.course.conftest import COURSE
from tests.integration.chromium import ALONE, Forbidding, chromium, served
from tests.integration.exercise import ASSETS, DOCS, course_zip, exercise_pages, pyodide
from tito.exercises import find_exercises, numbers_in, strip_answers
from tito.grader.other_answers import plant, read

pytestmark = pytest.mark.browser

ATTENTION = COURSE.module("12")
CELLS = {number: cell for cell in ATTENTION.cells for number in numbers_in(cell)}
SHOWN = ("12.1", "12.7", "12.12", "12.13")
FORBIDDEN = "Object.defineProperty(window, 'localStorage', {get() { throw Error('forbidden'); }})"
CONF = """
extensions = ["myst_parser", "sphinx_design"]
html_theme = "sphinx_book_theme"
html_static_path = ["assets", "styles"]
html_css_files = ["book.css"]
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
mathjax_path = "none.js"
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some exercises of module 12 as the book has them, without its chapters."""
    pytest.importorskip("sphinx_book_theme")
    python = pyodide()
    folder = tmp_path_factory.mktemp("docs")
    exercises = find_exercises(ATTENTION.cells)
    for exercise in exercises:
        if exercise.number in SHOWN:
            page = exercise_pages.page(ATTENTION, exercises, exercise)
            exercise_pages.save(folder / "exercises" / f"{exercise.number}.md", page)
    exercise_pages.save(folder / "index.md", exercise_pages.contents("Exercises", "", []))
    exercise_pages.save(folder / "conf.py", CONF)
    shutil.copytree(DOCS / "_static", folder / "styles")
    subprocess.run(["npm", "run", "--prefix", str(DOCS), "--silent", "exercise"], check=True)
    made = shutil.copytree(ASSETS / "exercise", folder / "assets" / "exercise")
    shutil.copy(DOCS / "exercise" / "worker.js", made)
    course_zip.write(made / "course.zip")
    shutil.copytree(python, folder / "assets" / "pyodide")
    sphinx = [sys.executable, "-m", "sphinx", "--quiet", str(folder), str(folder / "built")]
    subprocess.run(sphinx, check=True, capture_output=True)
    return folder / "built"


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with served(site, Forbidding) as found:
        yield found


class Reader:
    """Someone with a browser and a keyboard."""

    def __init__(self, driver: Any, address: str) -> None:
        self.driver, self.address = driver, address
        self.keys = pytest.importorskip("selenium.webdriver.common.keys").Keys

    def open(self, number: str) -> None:
        self.driver.get(f"{self.address}exercises/{number}.html")
        self.wait(lambda: self.all(".cm-content"))

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def text(self, selector: str) -> str:
        return "\n".join(element.text for element in self.all(selector))

    def wait(self, condition: Callable[[], Any], seconds: float = 300) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited {seconds} s in vain: {self.text('.tt-state')}"
            time.sleep(0.05)

    def press(self, *keys: str) -> None:
        chains = pytest.importorskip("selenium.webdriver.common.action_chains")
        actions = chains.ActionChains(self.driver)
        for held in keys[:-1]:
            actions.key_down(held)
        actions.send_keys(keys[-1])
        for held in keys[:-1]:
            actions.key_up(held)
        actions.perform()

    def type(self, text: str) -> None:
        """Over all that stands in the editor."""
        self.driver.execute_script("document.querySelector('.cm-content').focus()")
        self.press(self.keys.CONTROL, "a")
        self.driver.execute_cdp_cmd("Input.insertText", {"text": text})

    def run(self) -> str:
        """What the verdict says; Ctrl-Enter runs."""
        self.press(self.keys.CONTROL, self.keys.ENTER)
        self.wait(lambda: self.all(".tt-title"))
        return self.text(".tt-verdict")

    def click(self, label: str) -> None:
        (found,) = [one for one in self.all(".tt-bar button") if one.text == label]
        found.click()

    def written(self) -> str:
        """The answer as this browser keeps it."""
        (name,) = [json.loads(self.data)["cell"]]
        return str(self.driver.execute_script(f"return localStorage['tinytorch:text:{name}']"))

    @property
    def data(self) -> str:
        script = "return document.querySelector('.tt-exercise script').textContent"
        return str(self.driver.execute_script(script))


@pytest.fixture(scope="module")
def started(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    profile = tmp_path_factory.mktemp("browser")
    with chromium(profile, "--window-size=1000,900", ALONE) as driver:
        yield driver


@pytest.fixture
def reader(started: Any, address: str) -> Reader:
    """The browser keeps nothing from the test before."""
    started.get(f"{address}exercises/12.1.html")
    started.execute_script("localStorage.clear()")
    return Reader(started, address)


def right(number: str) -> str:
    return CELLS[number].source


def test_a_wrong_answer_is_named_a_right_one_passes_and_counts_on_the_next_page(reader: Reader):
    wrong = next(one for one in read(ATTENTION) if "swapped" in one.what and one.number == "12.1")
    lines = plant(wrong, CELLS["12.1"].lines)
    assert lines
    reader.open("12.1")
    reader.type("\n".join(lines))
    assert wrong.says in reader.run()
    assert not reader.all(".tt-marked"), "no line failed"

    reader.open("12.1")
    assert reader.written() == "\n".join(lines), "what was typed is kept"
    reader.type(right("12.1"))
    assert "exercise 12.1 passes" in reader.run()

    reader.open("12.7")
    uses = reader.text(".tt-uses")
    assert "your own 12.1 and the reference's 12.2, 12.3" in uses
    reader.type(right("12.7"))
    assert "exercise 12.7 passes" in reader.run()
    assert reader.all("iframe.tt-picture[sandbox='allow-scripts']")

    assert any(path.endswith(".whl") for path in Forbidding.asked), "from here, not from elsewhere"
    assert Forbidding.reports == []


def test_an_endless_loop_is_stopped_and_the_next_run_works(reader: Reader):
    reader.open("12.1")
    reader.type(strip_answers(right("12.1")).replace("raise", "while True: 1\n    raise"))
    reader.press(reader.keys.CONTROL, reader.keys.ENTER)
    reader.wait(lambda: "at it" in reader.text(".tt-state"))
    reader.click("Stop")
    assert "stopped" in reader.text(".tt-state") and "while True" in reader.written()
    reader.type(right("12.1"))
    assert "exercise 12.1 passes" in reader.run()


def test_the_line_that_failed_is_marked_and_what_is_printed_is_text(reader: Reader):
    lines = "print('<img src=x onerror=alert(1)>')\n    return Q.nothing"
    stub = strip_answers(right("12.1"))
    reader.open("12.1")
    reader.type(stub.replace('raise NotImplementedError("exercise 12.1: attention_scores")', lines))
    verdict = reader.run()
    assert "no attribute 'nothing'" in verdict and "<img src=x" in verdict
    assert not reader.all(".tt-verdict img")
    assert reader.text(".tt-marked").strip() == "return Q.nothing"


def test_the_keyboard_is_enough(reader: Reader):
    reader.open("12.1")
    reader.type("x")
    reader.press(reader.keys.TAB)
    assert reader.written() == "    x", "Tab indents"
    reader.press(reader.keys.ESCAPE)
    assert reader.driver.switch_to.active_element.text == "Run"
    reader.press(reader.keys.ENTER)
    reader.wait(lambda: reader.all(".tt-title"))
    assert "IndentationError" in reader.text(".tt-verdict")
    live = {
        one.get_attribute("aria-live") or one.get_attribute("role")
        for one in reader.all(".tt-verdict, .tt-state, .tt-hints")
    }
    assert live == {"polite", "status"}
    assert reader.all(".cm-content[aria-label='Your answer to exercise 12.1']")


def test_a_reset_takes_one_exercise_and_can_be_taken_back(reader: Reader):
    """12.12 and 12.13 share a cell."""
    reader.open("12.13")
    reader.type(right("12.13"))
    reader.click("Reset to the stub")
    assert reader.written() == strip_answers(right("12.13"), {"12.13"})
    reader.click("Bring back what I wrote")
    assert reader.written() == right("12.13")
    assert "exercise 12.13 passes" in reader.run()


def test_a_browser_that_keeps_nothing_says_so_and_runs(reader: Reader):
    command, source = "Page.addScriptToEvaluateOnNewDocument", {"source": FORBIDDEN}
    added = reader.driver.execute_cdp_cmd(command, source)
    try:
        reader.open("12.1")
        assert "This browser keeps nothing" in reader.text(".tt-uses")
        reader.type(right("12.1"))
        assert "exercise 12.1 passes" in reader.run()
    finally:
        reader.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_hints_come_one_by_one_and_stay(reader: Reader):
    reader.open("12.1")
    assert not reader.text(".tt-hint").strip()
    reader.click("Hint")
    assert "Loop over batch and heads" in reader.text(".tt-hints")
    reader.click("Next hint (2 left)")
    reader.open("12.1")
    assert "np.ndindex(Q.shape[:-2])" in reader.text(".tt-hints")
    assert "np.empty" not in reader.text(".tt-hints")


def test_what_was_written_is_downloaded(reader: Reader, tmp_path: Path):
    settings = {"behavior": "allow", "downloadPath": str(tmp_path)}
    reader.driver.execute_cdp_cmd("Browser.setDownloadBehavior", settings)
    reader.open("12.1")
    reader.type(right("12.1") + "\n# mine")
    for form in ("py", "ipynb"):
        reader.click(f"Download .{form}")
        file = tmp_path / f"attention_dev.{form}"
        reader.wait(file.exists)
        assert "# mine" in file.read_text("utf-8")


def test_a_page_is_no_wider_than_a_phone(reader: Reader):
    phone = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    reader.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    reader.open("12.1")
    reader.type(right("12.1"))
    reader.run()
    assert reader.driver.execute_script("return document.documentElement.scrollWidth") == 400
    reader.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
