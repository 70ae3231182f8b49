"""Cells with magics as Python: one of the texts compiles, and no line moves."""

import pytest

from tito.grader.magics import as_python

CELLS = {
    "none": "x = 1",
    "a line": "%timeit f(1)\nx = 1",
    "a cell": "%%time\nx = 1",
    "in a block": "for n in (1, 2):\n    %timeit f(n)\nx = 1",
    "alone in a function": "def f():\n    !ls\nx = 1",
    "over two lines": "!pip install a \\\n    b\nx = 1",
    "over two lines in a block": "if True:\n    !pip install a \\\n  b\nx = 1",
    "help": "x?\n??x\n?x\nx.y??\nx = 1",
    "shell": "files = !ls\nls\n!!date\n! ls\n!'a b'\nx = 1",
    "another language": "%%bash\nfor i in a; do echo $i; done",
    "nbconvert": "if True:\n    get_ipython().run_line_magic('time', '')\nx = 1",
    "a comment": "x = [\n    # why?\n    1,\n]",
    "an expression": "x = ('%d'\n     %n)\nn = 1",
    "a string": '"""\n%time\n!ls\n"""\nx = 1',
    "a semicolon": "x;",
    "a long line": "%time\nx = '" + 1000 * "y" + "'\n" + 600 * " " + "\n",
}


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_one_of_the_texts_is_python_on_the_same_lines(cell):
    texts = as_python(cell)
    assert len({text.count("\n") for text in texts}) == 1
    assert texts[0].count("\n") == cell.count("\n")
    for text in texts:
        try:
            code = compile(text, "cell", "exec")
        except SyntaxError:
            continue
        assert ("x" in code.co_names) == ("bash" not in cell)
        return
    raise AssertionError(texts)


@pytest.mark.parametrize("cell", ["x = 1", CELLS["a semicolon"], "a % b\nc = d != e"])
def test_plain_python_is_taken_as_it_stands(cell):
    assert as_python(cell) == [cell]
