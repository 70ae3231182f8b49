"""The folder that nbgrader makes its release from: whole notebooks, answers and all.

nbgrader's ClearSolutions knows the markers of an answer. The package stands beside the notebook,
where its setup cell looks for it; the paired .py stays out, since nbgrader would copy it as it is.
"""

from __future__ import annotations

from pathlib import Path

from tito.course import Course, Module
from tito.exercises import cells_of, strip_answers
from tito.grader.release.folder import refuse, released_files
from tito.grader.release.leaks import find_leaks
from tito.learner.folder import building, put_in_place
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
    refuse(find_leaks(course, modules, given | stubs))
    with building(folder) as made:
        for name, content in (given | sources).items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_bytes(content)
        put_in_place(made, folder)


def _notebook(text: str) -> bytes:
    cells = cells_of(text)
    for cell in cells:
        if cell.grade_id:  # nbgrader takes no dot in it
            cell.metadata["nbgrader"]["grade_id"] = cell.id
    return to_json([Choice(cell, cell, None) for cell in cells], cells, None).encode()
