"""Point 1: every module runs green, as a script and as a notebook, and an import runs nothing."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

from tito.course import Module


def run_python(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "utf8", *args]
    return subprocess.run(command, cwd=cwd, capture_output=True, encoding="utf-8", timeout=120)


def test_a_module_runs_as_a_script_from_any_folder(module: Module, tmp_path: Path):
    done = run_python(str(module.script), cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert not done.stderr, "a module warns nobody"
    assert "📈 Progress" in done.stdout


def test_a_module_runs_as_a_notebook(module: Module, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)  # set, it would draw nothing here
    nbclient = pytest.importorskip("nbclient")
    notebook = jupytext.read(module.script)
    options = {"kernel_name": "python3", "resources": {"metadata": {"path": str(module.folder)}}}
    nbclient.NotebookClient(notebook, timeout=120, **options).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert "📈 Progress" in "".join(output.get("text", "") for output in outputs)
    if importlib.util.find_spec("matplotlib"):
        shown = [output for output in outputs if "image/png" in output.get("data", {})]
        drawn = [cell for cell in notebook.cells if "\n    in_pictures(" in cell.source]
        assert len(shown) == len(drawn), "a picture that is drawn is seen"


def test_the_export_passes_what_the_cells_passed(module: Module):
    """The cells between run beside the package's own functions, not those of the notebook."""
    names = {**vars(importlib.import_module(module.package)), "__name__": "__main__"}
    names["__file__"] = str(module.script)
    for cell in module.cells:
        shows = cell.source.startswith("if __name__") and not cell.grade_id.startswith("test-")
        if cell.kind == "code" and not cell.source.startswith("#|") and not shows:
            exec(compile(cell.source, cell.grade_id, "exec"), names)


def test_importing_a_module_prints_nothing(module: Module):
    done = run_python("-c", f"import {module.name}_dev", cwd=module.folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_module_imports_the_package_of_its_own_folder(module: Module, with_text):
    """Whatever is installed, a learner's file must meet the learner's package."""
    text = module.script.read_text(encoding="utf-8")
    marker = "import sys\nfrom pathlib import Path\n"
    assert marker in text, "the setup cell is missing"
    copy = with_text(module, text + "\nimport tinytorch\nprint(tinytorch.__file__)\n")
    done = run_python(str(copy.script), cwd=module.root)
    assert done.stdout.splitlines()[-1] == str(copy.root / "tinytorch" / "__init__.py")
