"""The wheel in a fresh environment, and the specification's commands typed there."""

import time

import pytest

from tests.integration.wheel import (
    ATTENTION,
    ROOT,
    Environment,
    environment,
    installed,
    wheel,
    write,
)
from tito.course import Course
from tito.learner import answers
from tito.render import render

__all__ = ["environment", "installed", "wheel"]
pytestmark = pytest.mark.slow

SPECIFIED = """\
set -e
source scripts/activate-tinytorch
tito test tensor
tito test activations
tito test layers
tito test embeddings
tito module complete 12 && tito test attention
python -m pytest tests/ -k attention -v
python modules/12_attention/attention_dev.py
"""


def test_the_commands_of_the_specification_in_a_fresh_environment(installed: Environment) -> None:
    activate = "source scripts/activate-tinytorch >/dev/null && "
    done = installed.shell(activate + "tito test --all")
    assert "left out, not exported yet: attention" in done
    for number in dict.fromkeys(
        key[0] for key in answers.take(ATTENTION.script.read_text("utf-8"))
    ):
        said = installed.shell(activate + "tito module complete 12", code=1)
        assert f"✗ exercise {number}: " in said
        assert f"{number} " in installed.shell(activate + "tito hint " + number)
        write(installed.folder, number)
        installed.shell(activate + f"tito solution {number}")
    done = installed.shell(SPECIFIED)
    assert "attention is complete" in done
    assert (installed.folder / "tinytorch" / "core" / "attention.py").exists()
    assert str(ROOT) not in done


TRIANGLE = "return Tensor(np.tril(np.ones((seq_len, seq_len))))"
HOSTILE = {
    "PYTHONOPTIMIZE": "2",
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPATH": "/nowhere",
    "PYTEST_ADDOPTS": "--collect-only -p no:assertion",
    "PYTEST_PLUGINS": "nothing_like_it",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "",
}


@pytest.mark.parametrize("env", [{}, HOSTILE], ids=["plain", "hostile"])
def test_a_verdict_is_about_the_code_that_is_there_now(installed: Environment, env) -> None:
    export = installed.folder / "tinytorch" / "core" / "attention.py"
    script = installed.folder / ATTENTION.show(ATTENTION.script)
    export.write_text(render(Course(installed.folder).module("attention")), "utf-8")  # a stub
    write(installed.folder)
    assert "attention is complete" in installed.shell("tito module complete 12", **env)
    good, right = export.read_bytes(), script.read_text("utf-8")
    for here in ("False", "__name__ == '__main__'"):  # wrong everywhere; wrong in the package alone
        wrong = f"return Tensor((np.tril if {here} else np.triu)(np.ones((seq_len, seq_len))))"
        assert right.count(TRIANGLE) == 1
        script.write_text(right.replace(TRIANGLE, wrong), "utf-8")
        said = installed.shell("tito module complete 12", code=1, **env)
        assert "12.8: create_causal_mask" in said, said
        assert export.read_bytes() == good


def test_another_project_in_the_environment_keeps_its_pytest_to_itself(installed) -> None:
    project = installed.folder.parent / "project"
    project.mkdir()
    options = "\n    ".join(f"parser.addoption('--{name}')" for name in ("seed", "module"))
    (project / "conftest.py").write_text(f"def pytest_addoption(parser):\n    {options}\n")
    (project / "test_it.py").write_text("def test_it(submission): pass\n")
    installed.folder = project
    assert "fixture 'submission' not found" in installed.shell("pytest --seed 3", code=1)


def test_a_kill_leaves_the_last_good_export_and_the_next_run_ends_well(installed) -> None:
    export = installed.folder / "tinytorch" / "core" / "attention.py"
    write(installed.folder)
    running = installed.start("tito", "module", "complete", "12")
    while not list(installed.folder.glob(".tito/candidate-*/attention.py")):
        assert running.poll() is None
        time.sleep(0.02)
    running.kill()
    running.wait()
    assert not export.exists()
    assert "attention is complete" in installed.shell("tito module complete 12")
    assert "tests passed" in installed.shell("tito test attention")
