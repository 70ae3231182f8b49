"""Who is refused: without the key, from another page, under another name; nothing is written."""

from __future__ import annotations

import pytest

from tests.grader.review.batch import ORIGIN
from tito.grader.review.guard import MAX_REQUEST


@pytest.mark.parametrize("path", ["/", "/x/", "/KEY", "/favicon.ico", "/é/", "/%2e%2e/KEY/x"])
def test_without_the_key_there_is_nothing(browser, path) -> None:
    path = path.replace("KEY", browser.guard.key[:-1])
    for ask in (browser.client.get, browser.client.post):
        found = ask(path, base_url=ORIGIN, headers={"Origin": ORIGIN})
        assert found.status_code == 404
        assert "Doe" not in found.get_data(as_text=True)


@pytest.mark.parametrize("host", ["evil.example:8000", "127.0.0.1:8001", "127.0.0.1", "evil", ""])
def test_another_name_of_this_machine_is_refused(browser, host) -> None:
    """A page may point its own name here, and would then be of one origin with us."""
    assert browser.get(Host=host).status_code == 403
    assert browser.get(Host="localhost:8000").status_code == 200


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:8001"},
    {"Origin": "https://127.0.0.1:8000"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_form_on_another_page_writes_nothing(browser, headers) -> None:
    id_ = browser.id_of("Jane")
    fields = {**browser.form(id_), "comment-1.1": "from elsewhere"}
    assert browser.post(id_, fields, **headers).status_code == 403
    assert browser.post("update", {}, **headers).status_code == 403
    assert not browser.desk.file.exists() and not browser.updates


def test_a_form_without_any_origin_writes_nothing(browser) -> None:
    url = f"/{browser.guard.key}/{browser.id_of('Jane')}"
    found = browser.client.post(url, base_url=ORIGIN, data={"comment-1.1": "curl"})
    assert found.status_code == 403 and not browser.desk.file.exists()


def test_no_page_is_kept_framed_or_reaches_out(browser) -> None:
    pages = [
        browser.get(),
        browser.get("nobody"),
        browser.get(Host="evil"),
        browser.get("review.js"),
    ]
    for found in [*pages, browser.get(browser.id_of("Jane"))]:
        policy = dict(
            one.strip().split(" ", 1) for one in found.headers["Content-Security-Policy"].split(";")
        )
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert found.headers["Cache-Control"] == "no-store"
        assert found.headers["Referrer-Policy"] == "same-origin"  # the address holds the key
        assert "Set-Cookie" not in found.headers


def test_too_large_a_form_is_refused_and_says_so(browser) -> None:
    id_ = browser.id_of("Jane")
    found = browser.post(id_, {**browser.form(id_), "comment-1.1": "x" * (MAX_REQUEST + 1)})
    assert found.status_code == 413 and "nothing was saved" in found.get_data(as_text=True)
    assert not browser.desk.file.exists()


def test_the_address_a_browser_is_started_with_works_once(browser) -> None:
    """Other users of a machine see with what a program was started."""
    once = f"/{browser.guard.once}/"
    first, second = (browser.client.get(once, base_url=ORIGIN) for _ in range(2))
    assert first.headers["Location"].startswith(f"/{browser.guard.key}/")
    assert second.status_code == 404 and browser.guard.key not in second.get_data(as_text=True)


def test_two_servers_have_two_keys(desk) -> None:
    from tests.grader.review.batch import Browser

    keys = {
        key for one in (Browser(desk), Browser(desk)) for key in (one.guard.key, one.guard.once)
    }
    assert len(keys) == 4 and all(len(key) >= 32 for key in keys)
