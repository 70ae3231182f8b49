"""Make the tables by which checks name collected mistakes: `python -m tests.course.mistake_table`.

A table stands beside the checks of its module. For each place where a collected mistake shows, it
holds what comes there (a shape and a few sums, or an error's text) and what `Says:` calls it. It
holds no code. A mistake whose description says it already needs no row.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.course.answers import told_of
from tests.course.conftest import COURSE
from tito.course import Module
from tito.grader.other_answers import FOLDER

Table = dict[str, list[list]]


def table_file(module: Module) -> Path:
    return module.script.with_name(module.script.name.replace("_dev.py", "_mistakes.json"))


def table_of(module: Module) -> Table:
    """The rows that the bank of a module needs."""
    table: Table = {}
    for wrong, told in told_of(module, FOLDER, table=False).items():
        message = told.get("failed", {}).get("message", "")
        if wrong.says.lower() in message.lower() or not told.get("evidence"):
            continue
        key, came = told["evidence"]
        rows = table.setdefault(key, [])
        if [came, wrong.says] not in rows:
            rows.append([came, wrong.says])
    return table


def as_text(table: Table) -> str:
    """JSON with a row a line, so that a change can be read."""
    places = []
    for key, rows in table.items():
        lines = ",\n".join("    " + json.dumps(row, ensure_ascii=False) for row in rows)
        places.append(f"  {json.dumps(key, ensure_ascii=False)}: [\n{lines}\n  ]")
    return "{\n" + ",\n".join(places) + "\n}\n"


if __name__ == "__main__":
    for module in COURSE.modules:
        if module.number in sys.argv[1:] or len(sys.argv) == 1:
            table_file(module).write_text(as_text(table_of(module)), encoding="utf-8")
            print(f"{table_file(module).relative_to(COURSE.root)}")
