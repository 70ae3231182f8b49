"""The server: one thread, bound to this machine, until Ctrl-C."""

from __future__ import annotations

import logging
import webbrowser
from collections.abc import Callable
from threading import Thread

from flask import Flask
from waitress import create_server

from tito import console
from tito.errors import TitoError
from tito.grader.review.desk import Desk
from tito.grader.review.guard import MAX_REQUEST, Guard
from tito.grader.review.views import add_views

HOST = "127.0.0.1"


def serve(desk: Desk, update: Callable[[], None], port: int, opens: bool) -> None:
    """Until Ctrl-C; `update` brings the reports up to date."""
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # one thread: others may wait
    app = Flask(__name__, static_folder=None)
    try:
        server = create_server(
            app, host=HOST, port=port, threads=1, ident="", max_request_body_size=2 * MAX_REQUEST
        )
    except OSError as error:
        fix = "name another with --port, or none"
        raise TitoError(f"port {port} cannot be had: {error.strerror}", fix) from None
    guard = Guard(app, server.effective_port)
    add_views(app, desk, guard, update)
    address = f"http://{HOST}:{server.effective_port}"
    console.ok(
        f"{address}/{guard.key}/", "Ctrl-C ends it and brings grades and feedback up to date"
    )
    if opens:
        told = (f"{address}/{guard.once}/",)
        Thread(target=webbrowser.open, args=told, daemon=True).start()  # some wait for their end
    server.run()  # it takes Ctrl-C for its end
    server.close()
