"""A child process gets an environment that we choose."""

import subprocess
import sys

import pytest

from tito.run.environment import chosen

HARMFUL = {
    "PYTHONOPTIMIZE": "2",
    "PYTHONPATH": "/nowhere",
    "PYTHONHOME": "/nowhere",
    "PYTHONSTARTUP": "/nowhere/startup.py",
    "PYTHONWARNINGS": "error",
    "PYTHONHASHSEED": "7",
    "PYTHONBREAKPOINT": "nowhere.stop",
    "PYTEST_ADDOPTS": "--collect-only",
    "PYTEST_PLUGINS": "nowhere",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "COVERAGE_PROCESS_START": "/nowhere",
    "LC_ALL": "C",
    "LC_CTYPE": "POSIX",
    "LANGUAGE": "de",
    "SECRET": "token",
}


@pytest.mark.parametrize("name", HARMFUL)
def test_what_could_change_a_verdict_stays_outside(monkeypatch, name):
    monkeypatch.setenv(name, HARMFUL[name])
    assert name not in chosen()


def test_what_a_process_needs_is_let_in(monkeypatch):
    for name in ("PATH", "HOME", "TMPDIR", "SYSTEMROOT", "TZ", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "here")
        assert chosen()[name] == "here"
    monkeypatch.delenv("TZ")
    assert "TZ" not in chosen()


def test_what_is_asked_for_wins_over_the_caller(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    told = chosen(OMP_NUM_THREADS="1", PYTHONPATH="/ours")
    assert (told["OMP_NUM_THREADS"], told["PYTHONPATH"]) == ("1", "/ours")


def test_a_python_in_it_speaks_utf_8_and_asserts(monkeypatch):
    for name, value in HARMFUL.items():
        monkeypatch.setenv(name, value)
    code = "import sys; print(sys.stdout.encoding, sys.flags.utf8_mode, __debug__, '✓')"
    done = subprocess.run([sys.executable, "-c", code], env=chosen(), capture_output=True)
    assert done.stdout.decode("utf-8").split() == ["utf-8", "1", "True", "✓"], done.stderr
