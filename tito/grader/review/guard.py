"""Who may ask: the browser that was given the key, from our own pages, on this machine.

The key is a part of every address and no cookie: nothing that a browser sends by itself proves
anything, so a page from elsewhere, or another program's server on this machine, has no way in.
"""

from __future__ import annotations

import hmac
import secrets
from typing import NoReturn

from flask import Flask, Response, abort, request

MAX_REQUEST = 8_000_000  # bytes; of a form with the longest comments, each letter escaped
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # with none at all, a browser would hide a form's origin
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
OWN_HOSTS = ("127.0.0.1", "localhost")


class Guard:
    """Refuses, before anything else is read, every request that is not from our own page."""

    def __init__(self, app: Flask, port: int) -> None:
        self.key, self.once = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.hosts = {f"{host}:{port}" for host in OWN_HOSTS}
        app.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST
        app.config["MAX_FORM_MEMORY_SIZE"] = MAX_REQUEST
        app.before_request(self.check)
        app.after_request(self.harden)

    def check(self) -> None:
        host = request.environ.get("HTTP_HOST", "")
        if host not in self.hosts:  # another name for this machine: a page that was rebound
            abort(403, "this server answers to 127.0.0.1 alone")
        if request.method not in ("GET", "HEAD") and not self._from_own_page(host):
            abort(403, "that form was not on a page of ours: nothing was saved")
        self._check_key(request.path.split("/")[1])

    def _from_own_page(self, host: str) -> bool:
        origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
        return origin == f"http://{host}" and site in (None, "same-origin")

    def _check_key(self, said: str) -> None:
        known = [self.key, self.once] if self.once else [self.key]
        if not any(hmac.compare_digest(said.encode(), one.encode()) for one in known):
            self.refuse()

    @staticmethod
    def refuse() -> NoReturn:
        abort(404, "open the address that tito printed")

    def spend(self) -> bool:
        """Whether this is the first use of the address that the browser was started with.

        Other users of a machine can read with what a program was started.
        """
        first = bool(self.once) and request.path == f"/{self.once}/"
        self.once = "" if first else self.once
        return first

    @staticmethod
    def harden(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response
