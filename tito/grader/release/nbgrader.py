"""The folder that nbgrader makes its release from: whole notebooks, answers and all.

nbgrader's ClearSolutions knows the markers of an answer. The package stands beside the notebook,
where its setup cell looks for it; the paired .py stays out, since nbgrader would copy it as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tito.course import Course, Module
from tito.exercises import cells_of, find_regions, strip_answers
from tito.grader.release.folder import refuse, released_files
from tito.grader.release.leaks import find_leaks
from tito.learner.folder import building, put_in_place
from tito.notebook.cell import Cell
from tito.notebook.cells import read_text
from tito.notebook.ipynb import to_json
from tito.notebook.merge import Choice

CONFIG_FILE = "nbgrader_config.py"
CONFIG = b"""\
c = get_config()
c.CourseDirectory.course_id = "tinytorch"
c.ExecutePreprocessor.timeout = 600  # seconds that a cell may run
"""


def make_source(course: Course, modules: list[Module], folder: Path) -> None:
    """Make nbgrader's folder; what it will hand out is looked through first."""
    given = {CONFIG_FILE: CONFIG}
    stubs, sources = dict[str, bytes](), dict[str, bytes]()
    for module in modules:
        text, here = read_text(module.script), f"source/{module.folder_name}"
        notebook = f"{here}/{module.notebook.name}"
        stubs[notebook], sources[notebook] = _notebook(strip_answers(text)), _notebook(text)
        files = released_files(course, [module])
        names = [name for name in files if name.startswith("tinytorch/")]
        given |= {f"{here}/{name}": files[name] for name in names}
        beside = [path for path in module.folder.iterdir() if path.suffix in (".py", ".json")]
        beside.remove(module.script)  # nbgrader would hand it out as it is
        given |= {f"{here}/{path.name}": path.read_bytes() for path in beside}
    refuse(find_leaks(course, modules, given | stubs))
    with building(folder) as made:
        for name, content in (given | sources).items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_bytes(content)
        put_in_place(made, folder)


def _grading(cell: Cell) -> dict[str, Any]:
    """What nbgrader wants to know of a cell; it takes no dot in an id."""
    solution = bool(find_regions(cell.lines))
    points = {"points": cell.metadata["points"]} if "points" in cell.metadata else {}
    return {
        "grade": bool(points),
        "grade_id": cell.id,
        "locked": not solution,
        "schema_version": 3,
        "solution": solution,
        "task": False,
        **points,
    }


def _notebook(text: str) -> bytes:
    cells = cells_of(text)
    for cell in cells:
        if cell.grade_id:
            cell.metadata = {"nbgrader": _grading(cell)}
    return to_json([Choice(cell, cell, None) for cell in cells], cells, None).encode()
