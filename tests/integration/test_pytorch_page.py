"""docs/pytorch.md: each name of its table is there, and its commands are understood."""

import re
import sys
from functools import reduce
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("torch")
PAGE = Path(__file__).parents[2] / "docs" / "pytorch.md"
ROW = re.compile(r"^\| (\d\d) (\w+) \| (.*?) \| (.*?) \| (.*?) \|$", re.MULTILINE)
NAME = re.compile(r"`([\w.]+)`")
BASH = re.compile(r"```bash\n(.*?)```", re.DOTALL)
SHORT = {"nn": "torch.nn", "F": "torch.nn.functional"}
ROWS = ROW.findall(PAGE.read_text("utf-8"))


def find(name: str):
    """What a dotted name means: as much of it as is a module, then attributes."""
    first, *rest = name.split(".")
    parts = [*SHORT.get(first, first).split("."), *rest]
    package = parts[0]
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    for end in range(len(parts), 0, -1):
        try:
            module = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        return reduce(getattr, parts[end:], module)
    raise AssertionError(name)


def test_the_table_has_a_row_for_each_module():
    modules = {path.name for path in (PAGE.parents[1] / "modules").glob("[0-9]*_*")}
    assert modules <= {f"{number}_{name}" for number, name, *_ in ROWS}


@pytest.mark.parametrize(("name", "here"), [(row[1], row[2]) for row in ROWS])
def test_the_names_here_are_exported(name, here):
    if find_spec(f"tinytorch.core.{name}") is None:
        pytest.skip(f"{name} is not written yet")
    module = import_module(f"tinytorch.core.{name}")
    names = NAME.findall(here)
    assert names and not [each for each in names if each not in module.__all__]


def names_there() -> list[str]:
    """The third column, and each name of PyTorch's anywhere on the page."""
    names = {name for *_, there, _ in ROWS for name in NAME.findall(there)}
    everywhere = NAME.findall(PAGE.read_text("utf-8"))
    return sorted(names | {name for name in everywhere if name.startswith(("torch.", "nn.", "F."))})


@pytest.mark.filterwarnings("ignore")  # of other packages, while they are imported
@pytest.mark.parametrize("name", names_there())
def test_the_names_there_exist(name):
    assert find(name) is not None


def test_the_commands_are_understood():
    sys.path.insert(0, str(PAGE.parents[1] / "examples"))
    commands = re.findall(r"examples/(\w+)\.py(.*)", "".join(BASH.findall(PAGE.read_text("utf-8"))))
    assert len(commands) == 5
    for name, arguments in commands:
        import_module(name).read_options(arguments.partition("#")[0].split())
