"""examples/xor.py and digits.py, as somebody runs them."""

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(
    path.name for path in EXAMPLES.glob("*.py") if "__main__" in path.read_text("utf-8")
)
sys.path.insert(0, str(EXAMPLES))


@pytest.mark.parametrize("name", [*sorted(SCRIPTS), "xor.py"])
def test_an_example_runs_on_the_package_beside_it(name, tmp_path):
    """Not on one that is installed: a learner's folder holds the learner's."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    (tmp_path / "tinytorch").mkdir()
    (tmp_path / "tinytorch" / "__init__.py").write_text("raise SystemExit('its own')\n", "utf-8")
    command = [sys.executable, str(tmp_path / "examples" / name)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=EXAMPLES.parent)
    assert done.stderr.strip() == "its own"


def test_the_lamp_is_learned(capsys):
    runpy.run_path(str(EXAMPLES / "xor.py"), run_name="__main__")
    *steps, last = capsys.readouterr().out.splitlines()
    assert last == "lamp: [0, 1, 1, 0]"
    assert float(steps[-1].split()[-1]) < 0.05


def test_digits_are_read(capsys):
    pytest.importorskip("sklearn")
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLES / "digits.py"), run_name="__main__")
    last = capsys.readouterr().out.splitlines()[-1]
    assert ended.value.code == 0 and float(last.split()[-1].rstrip("%")) > 95, last


def test_without_scikit_learn_it_says_what_to_type(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLES / "digits.py"), run_name="__main__")
    assert ended.value.code == 2
    assert "pip install scikit-learn" in capsys.readouterr().out
