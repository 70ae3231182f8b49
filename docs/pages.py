"""Writes the pages that are made: a chapter from each module, a page of the API from each export.

A chapter shows what a learner sees, the stub; the answer is run, and stands folded below it.
"""

import ast
import re
from pathlib import Path
from typing import Any

import nbformat

from tito.course import Course, Module
from tito.exercises import cells_of, strip_answers
from tito.notebook.cell import Cell

ANSWER = "The reference answer"
SAME = {  # cells that every module begins with
    "export-target": "Where the module is exported to",
    "setup": "How the module finds the package",
}
HEADINGS = re.compile("^#.*", re.MULTILINE)


def write(folder: Path, repository: str) -> None:
    """Write `chapters/*.ipynb` and `api/*.md`; a file that would not change is left alone."""
    course = Course(folder.parent)
    for module in course.modules:
        notebook = nbformat.v4.new_notebook(cells=chapter(course, module, repository))
        notebook.metadata.kernelspec = {"display_name": "Python 3", "name": "python3"}
        save(folder / "chapters" / f"{module.folder_name}.ipynb", nbformat.writes(notebook))
        launch = folder / "chapters" / "launch" / f"{module.folder_name}.txt"
        save(launch, launch_cards(module, repository))
        whence = f"From [{module.title}](../chapters/{module.folder_name}.ipynb)."
        page = api_page(module.package, module.export, whence)
        save(folder / "api" / f"{module.folder_name}.md", page)
    for file in sorted(course.root.glob("tinytorch/[!_]*.py")):
        page = api_page(f"tinytorch.{file.stem}", file, "")
        save(folder / "api" / f"given_{file.stem}.md", page)


def save(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def chapter(course: Course, module: Module, repository: str) -> list[Any]:
    """The cells of a module, and below its title the way to its neighbours and its files."""
    stubs = cells_of(strip_answers(module.script.read_text("utf-8")))
    cells: list[Any] = []
    for cell, stub in zip(module.cells, stubs, strict=True):
        if cell.kind == "markdown":
            cells.append(text_cell(cell.id, cell.text))
        elif cell.text != stub.text:
            cells.append(text_cell(f"{cell.id}-stub", f"```python\n{stub.text}\n```"))
            cells.append(code_cell(cell, ANSWER))
        else:
            cells.append(code_cell(cell, SAME.get(cell.name, "")))
    cells.insert(1, text_cell("neighbours", neighbours(course, module, repository)))
    return cells


def text_cell(name: str, text: str) -> Any:
    """Text as it stands, but that the `__init__` of a heading is not bold."""
    text = HEADINGS.sub(lambda heading: heading[0].replace("__", r"\_\_"), text)
    return nbformat.v4.new_markdown_cell(text, id=name)


def code_cell(cell: Cell, label: str) -> Any:
    """A cell that is run; with a label it stands folded below it."""
    labels = {"code_prompt_show": label, "code_prompt_hide": label}
    folded = {"tags": ["hide-input"], "mystnb": labels} if label else {}
    return nbformat.v4.new_code_cell(cell.text, id=cell.id, metadata=folded)


def neighbours(course: Course, module: Module, repository: str) -> str:
    before = course.prerequisites(module)
    after = [one for one in course.modules if module in course.prerequisites(one)]
    rows = [("Builds on", before), ("Leads to", after)]
    lines = [
        f"**{name}:** {', '.join(f'[{one.title}]({one.folder_name}.ipynb)' for one in others)}"
        for name, others in rows
        if others
    ]
    source = f"{repository}/blob/main/{module.show(module.script)}"
    lines.append(f"**Files:** [source]({source}), [API](../api/{module.folder_name}.md)")
    return "  \n".join(lines)


def launch_cards(module: Module, repository: str) -> str:
    """Ways to the notebook, as cards; a page includes the file they are written to."""
    name = repository.removeprefix("https://github.com/")
    notebook, script = module.show(module.notebook), module.show(module.script)
    return f"""\
````{{grid}} 1 2 2 4

```{{grid-item-card}} 🪶 Open in JupyterLite
:link: ../lite/notebooks/index.html?path={notebook}
:class-header: bg-light

The whole notebook in your browser. Nothing is installed; your work stays in this browser.
```

```{{grid-item-card}} 🚀 Launch Binder
:link: https://mybinder.org/v2/gh/{name}/main?labpath=learn/{notebook}
:class-header: bg-light

Run this module in your browser. No installation required.
```

```{{grid-item-card}} ⚡ Open in Colab
:link: https://colab.research.google.com/github/{name}/blob/notebooks/{notebook}
:class-header: bg-light

Run it on Google's machines. It needs an account there.
```

```{{grid-item-card}} 📖 View Source
:link: {repository}/blob/main/{script}
:class-header: bg-light

Read the notebook as a script, answers included.
```

````
"""


def api_page(package: str, file: Path, whence: str) -> str:
    """What a file defines, in its order; what begins with an underscore is its own affair."""
    defined = [node for node in ast.parse(file.read_text("utf-8")).body if public(node)]
    entries = "\n".join(entry(package, node) for node in defined)
    return f"""# `{package}`

{whence}

```{{eval-rst}}
.. automodule:: {package}

{entries}
```
"""


def public(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")


def entry(package: str, node: Any) -> str:
    """How autodoc is asked for a class, a function, or an op, which is no function to it."""
    if isinstance(node, ast.ClassDef):
        return f".. autoclass:: {package}.{node.name}\n   :members:\n"
    if "op" not in map(ast.unparse, node.decorator_list):
        return f".. autofunction:: {package}.{node.name}\n"
    for argument in ast.walk(node.args):
        vars(argument).pop("annotation", None)  # of its inside; it is called with tensors
    return f".. autofunction:: {package}.{node.name}({ast.unparse(node.args)})\n"
