"""The head view in headless Chromium: a static page with two views, and one without scripts.

Optional:  pip install selenium, Chromium and its driver on the PATH, then  pytest -m browser
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.integration.chromium import chromium
from tinytorch.head_view import head_view

pytestmark = pytest.mark.browser

WORDS = ["the", "<b>cat</b>", "sat"]
WEIGHTS = np.array([np.tril([[1, 0, 0], [0.3, 0.7, 0], [0.1, 0.8, 0.1]]), np.eye(3)])
CAUSAL = np.tril(np.ones((3, 3)))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("browser"), "--window-size=1000,900") as driver:
        yield driver


@pytest.fixture
def views(browser: Any, tmp_path: Path) -> list[Any]:
    """Two equal views on a static page."""
    view = head_view(WEIGHTS, WORDS, mask=CAUSAL).html
    page = tmp_path / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8>{view}<p>between</p>{view}", "utf-8")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    browser.get(page.as_uri())
    return browser.find_elements("css selector", ".tt-heads")


def all_of(view: Any, selector: str) -> list[Any]:
    return view.find_elements("css selector", selector)


def texts(view: Any, selector: str) -> list[str]:
    return [element.text for element in all_of(view, selector)]


def point_at(browser: Any, element: Any) -> None:
    chains = pytest.importorskip("selenium.webdriver.common.action_chains")
    chains.ActionChains(browser).move_to_element(element).perform()


def test_pointing_at_a_word_shows_where_each_head_looks_in_that_view_alone(browser, views):
    first, second = views
    whole = len(all_of(first, "path"))
    point_at(browser, all_of(first, ".side button")[2])
    assert texts(first, ".chosen bdi") == ["sat"]
    assert texts(first, "label bdi") == ["<b>cat</b> 0.80", "the 0.10", "sat 0.10", "sat 1.00"]
    assert len(all_of(first, "path")) == 4
    assert len(all_of(second, "path")) == whole == 9
    assert not all_of(second, ".chosen")


def test_the_keyboard_reaches_every_word_and_a_key_shows_who_sees_it(browser, views):
    keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
    places = [element.location for element in all_of(views[0], ".side bdi")]
    for _ in range(5):
        browser.switch_to.active_element.send_keys(keys.TAB)
    assert browser.switch_to.active_element.get_attribute("aria-label") == "key 2: <b>cat</b>"
    assert texts(views[0], ".legend small") == ['"<b>cat</b>" is seen by']
    assert texts(views[0], ".blocked bdi") == ["the"]
    assert [element.location for element in all_of(views[0], ".side bdi")] == places
    browser.execute_script("document.activeElement.blur()")
    assert texts(views[0], ".legend small") == ["point at a word"]


def test_a_head_that_is_switched_off_draws_nothing(browser, views):
    all_of(views[0], "input")[0].click()
    assert len(all_of(views[0], "path")) == 3
    point_at(browser, all_of(views[0], ".side button")[2])
    assert texts(views[0], "label bdi") == ["sat 1.00"]
    assert len(all_of(views[0], ".bars i")) == 1


def test_words_are_text_and_the_numbers_can_be_unfolded(browser, views):
    assert texts(views[0], ".side bdi") == WORDS * 2
    assert not all_of(views[0], ".side b")
    table = all_of(views[0], "table")[0]
    assert not table.is_displayed()
    all_of(views[0], "summary")[0].click()
    assert table.is_displayed()


@pytest.mark.parametrize(("scheme", "ground"), [("light", "255, 255, 255"), ("dark", "22, 24, 28")])
def test_the_colours_follow_the_reader(browser, views, scheme, ground):
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    assert ground in views[0].value_of_css_property("background-color")


def test_without_scripts_the_tables_are_what_one_sees(browser, views):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.refresh()
    view = browser.find_element("css selector", ".tt-heads")
    assert not all_of(view, ".side")
    assert [table.is_displayed() for table in all_of(view, "table")] == [True, True]
    assert texts(view, "table td")[1:7] == ["1", "×", "×", "0.3", "0.7", "×"]
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
