"""examples/xor.py and digits.py, as somebody runs them."""

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


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
