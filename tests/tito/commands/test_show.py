"""`tito show attention`: it draws the learner's own weights, aligned, on every kind of terminal."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toy import REPOSITORY, ToyCourse
from tito import cli
from tito.commands import show

pytestmark = pytest.mark.slow

EVEN = """

def scaled_dot_product_attention(Q, K, V, mask=None):
    n = Q.shape[1]
    return V, Tensor(np.full((1, n, n), 1 / n) * {factor})
"""


@pytest.fixture
def mine(tmp_path: Path) -> ToyCourse:
    """The course with its exported library."""
    root = tmp_path / "mine"
    leave = shutil.ignore_patterns("__pycache__", "*.ipynb")
    for folder in ("modules", "tinytorch"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=leave)
    return ToyCourse(root)


def own(mine: ToyCourse) -> Path:
    return mine.root / "tinytorch/core/attention.py"


def drawn(mine: ToyCourse, *args: str, **env: str) -> str:
    done = mine.tito("show", "attention", *args, **{"COLUMNS": "80", **env})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows(text: str) -> dict[str, list[int]]:
    """Percent by word, of the last row that begins with it."""
    found = re.findall(r"^ *([^\s\d]\S*) ((?: +\d+[.:=+*#%@-]?)+) *$", text, re.MULTILINE)
    return {word: [int(n) for n in re.findall(r"\d+", cells)] for word, cells in found}


def test_it_draws_what_the_learners_own_function_returns(mine):
    with own(mine).open("a", encoding="utf-8") as file:
        file.write(EVEN.format(factor=1))
    text = drawn(mine, "--text", "a b c d")
    assert rows(text) == {word: [25, 25, 25, 25] for word in "abcd"}
    assert "your own scaled_dot_product_attention" in text
    assert "nothing is trained" in text


def test_words_with_the_same_letters_look_at_each_other(mine):
    cat, sat = (rows(drawn(mine))[word] for word in ("cat", "sat"))
    assert cat[8] > cat[1] > cat[2] > cat[10], "itself, the other cat, sat, tired"
    assert sum(sat) == pytest.approx(100, abs=6)


def test_a_causal_map_is_crossed_out_above_its_diagonal(mine):
    text = drawn(mine, "--causal", "--text", "a b c")
    assert [re.split(" {2,}", line.strip())[1:].count("x") for line in text.splitlines()[3:7]] == [
        0,
        2,
        1,
        0,
    ]
    assert "x = blocked" in text


def test_the_scale_ends_at_the_largest_weight_of_a_word_that_has_a_choice(mine):
    text = drawn(mine, "--causal", "--text", "a b")
    assert "\na  100  x \n" in text
    assert f"[ .:-=+*#%@] {max(rows(text)['b'])} percent" in text


def test_a_weight_that_leaks_through_the_mask_is_drawn_and_not_crossed_out(mine):
    with own(mine).open("a", encoding="utf-8") as file:
        file.write(EVEN.format(factor=1))
    assert rows(drawn(mine, "--causal", "--text", "a b"))["a"] == [50, 50]


def test_heads_are_drawn_one_by_one_and_said_to_be_random(mine):
    text = drawn(mine, "--heads", "3", "--seed", "7")
    assert re.findall(r"head \d", text) == ["head 0", "head 1", "head 2"]
    assert "random, of seed 7" in text
    assert rows(text) != rows(drawn(mine, "--heads", "3", "--seed", "8"))


def test_an_exercise_not_written_yet_is_named_with_the_next_command(mine):
    mine.edit(
        own(mine),
        "    return weighted_sum(weights, V), weights",
        '    raise NotImplementedError("exercise 12.6: scaled_dot_product_attention")',
    )
    done = mine.tito("show", "attention")
    assert done.returncode == 1
    assert "✗ exercise 12.6: scaled_dot_product_attention: not written yet" in done.stdout
    assert done.stdout.rstrip().endswith("then `tito export attention`")


def test_an_export_that_is_missing_or_older_than_the_notebook_is_said_so(mine):
    mine.edit(
        mine.root / "modules/12_attention/attention_dev.py", "def split_heads(", "def  split_heads("
    )
    assert "is older than attention_dev" in drawn(mine, "--text", "a b")
    own(mine).unlink()
    done = mine.tito("show", "attention")
    assert done.returncode == 2
    assert "tinytorch/core/attention.py is missing" in done.stdout
    assert "`tito export attention`" in done.stdout


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return V", "TypeError: expected (output, weights), got Tensor"),
        ("return V, V", "ValueError: weights have shape (1, 2, 64), not (1, 2, 2)"),
        ("return V / 0 @ V", "tinytorch/core/attention.py"),
    ],
)
def test_what_does_not_fit_is_a_message_and_no_traceback(mine, body, said):
    with own(mine).open("a", encoding="utf-8") as file:
        file.write(f"\n\ndef scaled_dot_product_attention(Q, K, V, mask=None):\n    {body}\n")
    done = mine.tito("show", "attention", "--text", "a b")
    assert done.returncode == 1
    assert said in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_rows_that_do_not_sum_to_one_are_drawn_and_said_so(mine):
    with own(mine).open("a", encoding="utf-8") as file:
        file.write(EVEN.format(factor=2))
    done = mine.tito("show", "attention", "--text", "a b c d")
    assert done.returncode == 1
    assert rows(done.stdout)["a"] == [50] * 4
    assert "some rows do not sum to 100 percent\n  `tito module test attention`" in done.stdout


def test_an_endless_loop_is_ended(mine, monkeypatch, capfd):
    with own(mine).open("a", encoding="utf-8") as file:
        file.write("\n\ndef scaled_dot_product_attention(*args):\n    while True:\n        pass\n")
    monkeypatch.setattr(show, "LIMIT", 1.0)
    monkeypatch.chdir(mine.root)
    assert cli.run(["show", "attention"]) == 1
    assert "did not finish within 1 s" in capfd.readouterr().out


def test_a_long_text_is_cut_to_the_terminal_and_said_so(mine):
    text = drawn(mine, "--text", " ".join(["donaudampfschifffahrt"] * 50), COLUMNS="40")
    assert "the first 6 of 50 words" in text
    assert max(len(line) for line in text.splitlines() if line.startswith("donaudampfschi ")) <= 40


def test_a_narrow_console_gets_ascii(mine):
    assert drawn(mine, "--causal", PYTHONIOENCODING="cp1252", PYTHONUTF8="0").isascii()


def test_words_without_letters_and_control_characters_do_no_harm(mine):
    text = drawn(mine, "--text", "a\x1b[2J \x07 b\u202e c")
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert set(rows(text)) == {"a[2J", "b", "c"}
    done = mine.tito("show", "attention", "--text", " \t ")
    assert (done.returncode, "--text has no words" in done.stdout) == (2, True)


@pytest.mark.parametrize(
    ("environment", "args", "sign"),
    [
        ({"COLORTERM": "truecolor"}, [], "\x1b[48;5;"),
        ({"COLORTERM": "", "TERM": "xterm-256color"}, [], "\x1b[48;5;"),
        ({"COLORTERM": "", "TERM": "xterm"}, [], None),
        ({"COLORTERM": "truecolor", "TERM": "dumb"}, [], None),
        ({"COLORTERM": "truecolor", "NO_COLOR": "1"}, [], None),
        ({"COLORTERM": "truecolor"}, ["--no-color"], None),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo terminal")
def test_colour_follows_the_terminal(mine, environment, args, sign):
    import pty

    parent, child = pty.openpty()
    plain = {
        name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "WT_SESSION")
    }
    settings = {"TERM": "xterm", "PYTHONPATH": str(REPOSITORY), "PYTHONUTF8": "1", **environment}
    command = [sys.executable, "-m", "tito", "show", "attention", "--text", "a b", *args]
    subprocess.run(command, cwd=mine.root, env={**plain, **settings}, stdout=child, check=True)
    os.close(child)
    written = os.read(parent, 100_000).decode()
    os.close(parent)
    assert (sign or "89@") in written
    assert ("\x1b[48" in written) == bool(sign)


def test_a_pipe_gets_no_colour_and_the_parent_imports_no_library(mine):
    text = drawn(mine, COLORTERM="truecolor")
    assert ("\x1b" in text, "@" in text) == (False, True)
    code = "import sys; from tito import cli; cli.run(['show', 'attention']); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=mine.root,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUTF8": "1"},
    )
    assert not {"tinytorch", "numpy", "jupytext"} & set(done.stdout.split())
