"""Random edits on both sides of a pair: what `tito sync` keeps, and what `jupytext --sync` keeps.

Each script makes one to four edits in the .py and as many in the .ipynb of a module: lines added
to cells, new cells, deleted cells. Every added line bears a mark of its own. After the sync a mark
must stand in both files (merged), or both must be as they were (stopped); anything else is lost.

Run:  python benchmarks/sync_edits.py [scripts]
"""

import contextlib
import io
import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import jupytext.cli

from tito import sync
from tito.course import Module
from tito.errors import CodeError

ROOT = Path(__file__).parents[1]
NUMBER, NAME = "11", "embeddings"


def edit_cells(cells: list[list[str]], rng: random.Random, marks: list[str]) -> None:
    """Change a list of cells, each a list of lines; what is added bears the marks."""
    for mark in marks:
        at = rng.randrange(3, len(cells))
        kind = rng.choices(("line", "cell", "delete"), weights=(6, 3, 1))[0]
        if kind == "line":
            place = rng.randrange(1, len(cells[at]) + 1)
            cells[at].insert(place, f"# {mark}\n")
        elif kind == "cell":
            cells.insert(at, ["# %%\n", f"# {mark}\n", "\n"])
        else:
            del cells[at]


def percent_cells(text: str) -> list[list[str]]:
    cells: list[list[str]] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("# %%") or not cells:
            cells.append([])
        cells[-1].append(line)
    return cells


def edit_script(path: Path, rng: random.Random, marks: list[str]) -> None:
    cells = percent_cells(path.read_text(encoding="utf-8"))
    edit_cells(cells, rng, marks)
    path.write_text("".join("".join(cell) for cell in cells), encoding="utf-8")


def edit_notebook(path: Path, rng: random.Random, marks: list[str]) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for mark in marks:
        cells = notebook["cells"]
        at = rng.randrange(3, len(cells))
        kind = rng.choices(("line", "cell", "delete"), weights=(6, 3, 1))[0]
        if kind == "line":
            lines = cells[at]["source"]
            if lines and not lines[-1].endswith("\n"):
                lines[-1] += "\n"
            lines.insert(rng.randrange(len(lines) + 1), f"# {mark}\n")
        elif kind == "cell":
            new = {"cell_type": "code", "id": mark.replace(" ", "-"), "metadata": {}}
            cells.insert(
                at, {**new, "execution_count": None, "outputs": [], "source": [f"# {mark}"]}
            )
        else:
            del cells[at]
    path.write_text(json.dumps(notebook, indent=1), encoding="utf-8")


def by_tito(module: Module) -> str:
    try:
        sync.sync(module)
    except CodeError:
        return "stopped"
    return "merged"


def by_jupytext(module: Module) -> str:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            jupytext.cli.jupytext(["--sync", str(module.notebook)])
        except (Exception, SystemExit):
            return "stopped"
    return "merged"


def verdict(tool: Callable[[Module], str], module: Module, marks: list[str]) -> str:
    files = (module.script, module.notebook)
    before = [path.read_bytes() for path in files]
    said = tool(module)
    after = [path.read_bytes() for path in files]
    if said == "stopped":
        return "stopped" if before == after else "lost"
    written = [mark for mark in marks if any(mark.encode() in x for x in before)]
    return "merged" if all(mark.encode() in x for mark in written for x in after) else "lost"


def run(script: int, start: Path, tool: Callable[[Module], str]) -> str:
    """One script through one tool; the same script number makes the same edits."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(start, folder, dirs_exist_ok=True)
        module = Module(Path(folder), NUMBER, NAME)
        rng = random.Random(script)
        marks = [[f"{side} {script} {i}" for i in range(rng.randint(1, 4))] for side in "pn"]
        edits = [(edit_script, module.script, marks[0]), (edit_notebook, module.notebook, marks[1])]
        rng.shuffle(edits)
        for second, (edit, path, own) in enumerate(edits):
            edit(path, rng, own)
            os.utime(path, (2_000_000_000 + 10 * second,) * 2)
        return verdict(tool, module, marks[0] + marks[1])


def main(scripts: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        start = Module(Path(folder), NUMBER, NAME)
        start.folder.mkdir(parents=True)
        shutil.copy(Module(ROOT, NUMBER, NAME).script, start.script)
        shutil.copy(ROOT / "jupytext.toml", folder)
        sync.sync(start)
        for name, tool in (("tito sync", by_tito), ("jupytext --sync", by_jupytext)):
            counts = Counter(run(script, Path(folder), tool) for script in range(scripts))
            print(f"{name:16}: {dict(sorted(counts.items()))} of {scripts}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
