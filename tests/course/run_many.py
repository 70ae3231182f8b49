"""Run a module's cells once, and beside each exercise other answers to it, each in a fork.

A fork starts with everything the cells before have made, puts its answer in place of the cell, and
goes on as `tito` would until a cell fails. It shares nothing afterwards, so rules filed, switches
left off and arrays changed by one answer cannot touch the next. The loop over the cells is tito's
own; only its reports are caught. What to do comes as JSON on standard input.
"""

import importlib
import importlib.util
import json
import os
import signal
import sys


def main() -> None:
    task = json.load(sys.stdin)
    path = os.path.join(task["root"], "tito", "run", "child.py")
    spec = importlib.util.spec_from_file_location("child", path)
    child = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(child)
    sys.path[0] = task["root"]
    if not task["table"]:
        checker = importlib.import_module("tinytorch.checking.checker")
        checker.read_table = lambda path: {}
    cells = {cell["ordinal"]: cell for cell in task["cells"]}
    mine = None  # the answer that this process runs

    def tell(**what) -> None:
        with open(task["report"], "a", encoding="utf-8") as report:
            report.write(json.dumps({"index": mine["index"], **what}) + "\n")

    def record(**what) -> None:
        nonlocal mine
        if mine is not None:
            if mine["until"] and what.get("start", 0) > mine["until"]:
                tell(done=True)
                os._exit(0)
            tell(**what)
            if "failed" in what:
                tell(evidence=getattr(sys.exc_info()[1], "evidence", None))
            return
        if "failed" in what:
            sys.exit(f"the course's own answers fail: {what['failed']}")
        for answer in task["answers"]:
            if answer["cell"] == what.get("start"):
                pid = os.fork()
                if pid == 0:
                    mine = answer
                    cells[answer["cell"]]["code"] = answer["code"]
                    signal.setitimer(signal.ITIMER_REAL, task["limit"])  # ends an endless loop
                    tell(**what)
                    return
                os.waitpid(pid, 0)

    spec = {"file": task["file"], "cells": task["cells"], "limit": 600.0}
    status = child.run_cells(spec, record)
    os._exit(0 if mine is not None else status)


if __name__ == "__main__":
    main()
