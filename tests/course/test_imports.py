"""Point 6: imports run downwards only."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.course.conftest import COURSE, ROOT
from tito.course import Module
from tito.learner.carried import carried

BY_HAND = {  # on NumPy alone, and what stands before it here
    "tinytorch.pictures": "00.2",
    "tinytorch.head_view": "00.3",
    "tinytorch.recording": "00",
    "tinytorch.tensor_base": "00.1",
    "tinytorch.error_function": "00",
    "tinytorch.mnist1d": "00",
    "tinytorch.counting": "00",
    "tinytorch.memory": "00",
    "tinytorch.progress": "00",
    "tinytorch.loss_picture": "00",
    "tinytorch.profile_view": "00",
    "tinytorch.attention_inputs": "00.2",
    "tinytorch.fused": "12.1",  # twins of what 02 and 12 build
    "tinytorch.tokenizer_base": "00",
    "tinytorch.data_sets": "00",
    "tinytorch.gguf_file": "00",
    "tinytorch.decoding": "17.1",  # a twin of what 17 builds
    "tinytorch.smollm2": "17.1",  # of what 10, 13, 15 and 17 build
    "tinytorch.checking": "00.1",
    "tinytorch.checking.values": "00",
    "tinytorch.checking.calls": "00.01",
    "tinytorch.checking.describe": "00.02",
    "tinytorch.checking.checker": "00.03",
}
OURS = {"benchmarks", "scripts"}  # of the clone, in no learner's folder
LATE = {"matplotlib", "safetensors", "threadpoolctl", "rich"}  # inside functions only
TARGETS = {**BY_HAND, **{module.package: module.number for module in COURSE.modules}}


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield (imported name, whether at the top of the file)."""
    tree = ast.parse(path.read_text(encoding="utf-8-sig"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    nested = {id(node) for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
        yield from ((name, id(node) not in nested) for name in names)


@pytest.mark.parametrize("part", ["dev", "checks"])
def test_a_module_imports_smaller_numbers_numpy_and_the_standard_library(module: Module, part: str):
    for name, at_top in imports(module.folder / f"{module.name}_{part}.py"):
        package = name.split(".")[0]
        if name == f"{module.name}_checks":
            continue  # beside the notebook
        if package == "tinytorch":
            assert TARGETS[name] < module.number, f"{module.name} imports {name}"
        elif package in LATE:
            assert not at_top, f"{package} belongs inside a function"
        else:
            assert package in sys.stdlib_module_names | {"numpy"}, f"{module.name} imports {name}"


def test_the_package_imports_only_itself_downwards_and_numpy():
    for path in (ROOT / "tinytorch").rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        own = TARGETS.get(name, "00")
        for name, at_top in imports(path):
            package = name.split(".")[0]
            if package == "tinytorch":
                assert TARGETS[name] < own, f"{path.name} imports {name}"
            else:
                late = set() if at_top else LATE
                assert package in sys.stdlib_module_names | {"numpy"} | late, path.name


def test_the_one_exception_is_the_seam_of_backward():
    package = [*(ROOT / "tinytorch").rglob("*.py")]
    loads = [p.name for p in package if "import_module(" in p.read_text(encoding="utf-8")]
    assert loads == ["tensor.py"]


def test_tito_never_imports_the_library():
    for path in (ROOT / "tito").rglob("*.py"):
        allowed = {"click", "jupytext", "pytest", "tito"}
        if "grader" in path.parts:
            allowed |= {"numpy"}  # values are compared
        if path.parent.name == "inside":
            allowed |= {"namespaces", "probe", "wire"}  # beside each other in the sandbox
        allowed |= {"page.py": {"jinja2"}, "screen.py": {"rich"}}.get(path.name, set())
        allowed |= {"cluster.py": {"distributed"}}.get(path.name, set())
        if path.parent.name == "review":
            allowed |= {"flask", "waitress", "werkzeug", "pygments"}  # nothing else imports it
        for name, at_top in imports(path):
            package = name.split(".")[0]
            assert package in sys.stdlib_module_names | allowed, f"{path.name}: {name}"
            late = package in ("jinja2", "distributed")
            assert not late or not at_top, "only who has graded waits for it"


def test_the_oracles_share_no_code_with_the_library():
    names = {name for name, _ in imports(ROOT / "tests" / "oracles.py")}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names | {"numpy"}


def test_a_test_that_learners_get_imports_nothing_that_they_may_lack() -> None:
    """An extra of the course, or a peer, stands behind `pytest.importorskip`."""
    ours = {"numpy", "pytest", "tests", "tinytorch", *sys.stdlib_module_names}
    ours |= {"safetensors", "threadpoolctl", "nbformat"}  # every install has them
    for name in carried(ROOT):
        if name.startswith("tests/") and name.endswith(".py"):
            used = {(used.split(".")[0], at_top) for used, at_top in imports(ROOT / name)}
            lacked = {package for package, at_top in used if at_top or package in OURS} - ours
            assert not lacked, f"{name} imports {lacked}"
