"""The book: built without a warning, each link followed, each page opened in headless Chromium.

Optional:  pip install -e ".[docs]" linkchecker selenium, npm, Chromium and its driver on the PATH,
then  pytest -m "slow or browser"
"""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.integration.chromium import chromium, served
from tito.course import Course
from tito.exercises import find_regions
from tito.stubs import is_stub

ROOT = Path(__file__).parents[2]
PHONE = {"width": 400, "height": 800, "deviceScaleFactor": 1, "mobile": False}
LOUD = ("WARNING", "SEVERE")
DRAWN = """
const [done] = arguments, drawn = () => document.querySelector(".mermaid:not(:has(svg))")
  ? setTimeout(drawn, 50) : done();
(window.MathJax?.startup?.promise ?? Promise.resolve()).then(drawn);
"""


class Visit(NamedTuple):
    page: str
    requests: list[str]
    complaints: list[str]
    width: int


@pytest.fixture(scope="module")
def book() -> Path:
    """The book, built by the script that people use; a warning is an error there."""
    pytest.importorskip("sphinx_book_theme")
    if shutil.which("npm") is None:
        pytest.skip("npm is not there")
    done = subprocess.run(
        ["bash", "scripts/book", "--fresh-env"],
        cwd=ROOT,
        env={**os.environ, "TINYTORCH_VENV": sys.prefix},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return ROOT / "build" / "book"


@pytest.fixture(scope="module")
def pages(book: Path) -> list[str]:
    found = [path.relative_to(book).as_posix() for path in sorted(book.rglob("*.html"))]
    return [page for page in found if not page.startswith(("_static/", "lite/"))]


@pytest.fixture(scope="module")
def address(book: Path) -> Iterator[str]:
    with served(book) as site:
        yield site


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    logs = {"performance": "ALL", "browser": "ALL"}
    with chromium(tmp_path_factory.mktemp("browser"), loggingPrefs=logs) as driver:
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
        driver.get("about:blank")
        driver.get_log("performance")  # what the first tab asked for is forgotten
        yield driver


@pytest.fixture(scope="module")
def visits(browser: Any, address: str, pages: list[str]) -> list[Visit]:
    return [visit(browser, address, page) for page in pages]


def visit(browser: Any, address: str, page: str) -> Visit:
    """Open a page as a phone does, and wait for its formulas and diagrams."""
    browser.get(address + page)
    browser.execute_async_script(DRAWN)
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    complaints = [one["message"] for one in browser.get_log("browser") if one["level"] in LOUD]
    width = browser.execute_script("return document.documentElement.scrollWidth")
    return Visit(page, [one["request"]["url"] for one in sent], complaints, width)


def test_an_answer_stands_only_in_a_cell_that_is_folded() -> None:
    pytest.importorskip("nbformat")
    names, course = runpy.run_path(str(ROOT / "docs" / "pages.py")), Course(ROOT)
    for module in course.modules:
        cells = names["chapter"](course, module, "https://example.org")
        folded = [cell for cell in cells if "hide-input" in cell.metadata.get("tags", [])]
        for cell in cells:
            lines = cell.source.split("\n")
            stubs = [is_stub(lines[one.begin + 1 : one.end]) for one in find_regions(lines)]
            assert cell in folded or all(stubs), f"{module.name}: {cell.source}"
        assert any(find_regions(cell.source.split("\n")) for cell in folded)


def test_the_front_page_says_of_every_module_what_is_built_there() -> None:
    front = (ROOT / "docs" / "index.md").read_text("utf-8")
    rows = re.findall(r"^\| \[\d+ \w+\]\(chapters/(\w+)\.ipynb\) \| \w", front, re.MULTILINE)
    assert rows == [module.folder_name for module in Course(ROOT).modules]


@pytest.mark.slow
def test_every_chapter_is_there_with_its_outputs_and_its_neighbours(book: Path) -> None:
    for module in Course(ROOT).modules:
        chapter = (book / "chapters" / f"{module.folder_name}.html").read_text("utf-8")
        assert "📈 Progress" in chapter and "The reference answer" in chapter
    about = (book / "chapters" / "12_about.html").read_text("utf-8")
    for link in ("01_tensor", "11_embeddings", "12_attention", "13_transformers"):
        assert f'href="{link}.html"' in about


@pytest.mark.slow
def test_every_link_inside_the_book_leads_somewhere(address: str, tmp_path: Path) -> None:
    pytest.importorskip("linkcheck")
    settings = tmp_path / "linkcheckerrc"
    settings.write_text("[checking]\nmaxrequestspersecond=1000\n")
    command = [str(Path(sys.executable).parent / "linkchecker"), f"--config={settings}"]
    command += ["--no-status", "--no-follow-url=/lite/", "--ignore-url=^https?://(?!127)", address]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout
    assert "0 warnings found. 0 errors found" in done.stdout


@pytest.mark.browser
def test_no_page_asks_another_site_for_anything(visits: list[Visit], address: str) -> None:
    allowed = (address, "data:", "blob:")
    asked = [url for one in visits for url in one.requests]
    assert len(asked) > 5 * len(visits)
    assert not [url for url in asked if not url.startswith(allowed)]


@pytest.mark.browser
def test_no_page_complains(visits: list[Visit]) -> None:
    assert not [(one.page, one.complaints) for one in visits if one.complaints]


@pytest.mark.browser
def test_every_page_fits_a_phone(visits: list[Visit]) -> None:
    assert not [(one.page, one.width) for one in visits if one.width > PHONE["width"]]


@pytest.mark.browser
def test_formulas_and_diagrams_are_drawn(browser: Any, address: str) -> None:
    visit(browser, address, "chapters/12_about.html")
    assert browser.find_elements("css selector", ".mermaid svg")
    assert browser.find_elements("css selector", "mjx-container svg")


@pytest.mark.browser
def test_search_finds_what_a_module_exports(browser: Any, address: str) -> None:
    browser.get(f"{address}search.html?q=scaled_dot_product_attention")
    found = "return [...document.querySelectorAll('#search-results a')].map(a => a.href)"
    wait = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait
    links = wait(browser, 20).until(lambda driver: driver.execute_script(found))
    assert any("api/12_attention.html#" in link for link in links)
