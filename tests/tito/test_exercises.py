"""Exercises are found, stripped and judged written, whatever the learner did to the markers."""

from __future__ import annotations

import ast

import pytest

from tito.errors import CodeError
from tito.exercises import cells_of, find_exercises, strip_answers

MODULE = '''\
# %% [markdown]
# ### Exercise 12.3: weighted_sum
# <details><summary>Hint</summary>
#
# one row at a time
# </details>
# <details><summary>Stronger hint</summary>multiply, then add</details>

# %% 12.3-sum
class Head:
    def weighted_sum(self, weights,
                     V):
        """Doc."""
        ### BEGIN SOLUTION 12.3
        def inner(x):
            return x
        return inner(weights) @ V
        ### END SOLUTION

    async def other(self):
        ### BEGIN SOLUTION 12.3
        return 1
        ### END SOLUTION

    ### BEGIN SOLUTION 12.4
    size = 1
    ### END SOLUTION

### BEGIN SOLUTION 12.5
limit = 3
### END SOLUTION

# %% test-12.3 points=1
assert True
'''


def test_a_stub_names_the_enclosing_function_class_or_module() -> None:
    stub = strip_answers(MODULE)
    raised = [line for line in stub.splitlines() if "raise" in line]
    assert raised == [
        '        raise NotImplementedError("exercise 12.3: weighted_sum")',
        '        raise NotImplementedError("exercise 12.3: other")',
        '    raise NotImplementedError("exercise 12.4: Head")',
        'raise NotImplementedError("exercise 12.5: module")',
    ]
    ast.parse(stub)


def test_stripping_twice_changes_nothing_more() -> None:
    assert strip_answers(strip_answers(MODULE)) == strip_answers(MODULE)


def test_only_the_named_exercise_is_stripped() -> None:
    stub = strip_answers(MODULE, {"12.4"})
    assert stub.count("raise") == 1
    assert "inner(weights) @ V" in stub


def test_windows_newlines_survive_stripping() -> None:
    stub = strip_answers(MODULE.replace("\n", "\r\n"))
    assert stub.count("\r\n") == stub.count("\n") > 0


def test_an_exercise_is_written_when_none_of_its_stubs_is_left() -> None:
    half = MODULE.replace(
        "        return 1\n", '        raise NotImplementedError("exercise 12.3: other")\n'
    )
    assert [one.written for one in find_exercises(cells_of(MODULE))] == [True, True, True]
    assert [one.written for one in find_exercises(cells_of(half))] == [False, True, True]


def test_an_exercise_without_its_markers_is_still_found() -> None:
    text = "\n".join(line for line in MODULE.splitlines() if "SOLUTION" not in line)
    assert [(one.number, one.name) for one in find_exercises(cells_of(text))] == [
        ("12.3", "weighted_sum")
    ]


def test_hints_are_read_from_the_details_blocks() -> None:
    first = find_exercises(cells_of(MODULE))[0]
    assert first.hints == ["one row at a time", "multiply, then add"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("### END SOLUTION\n\n    async", "\n    async", "line 11: BEGIN inside BEGIN"),
        ("### BEGIN SOLUTION 12.5", "", "line 22: END without BEGIN"),
        ("limit = 3\n### END SOLUTION", "limit = 3", "line 20: BEGIN SOLUTION 12.5 without END"),
        ("SOLUTION 12.4", "SOLUTION", "line 16: a marker without a number"),
    ],
)
def test_unbalanced_markers_name_cell_and_line(old: str, new: str, problem: str) -> None:
    broken = MODULE.replace(old, new)
    with pytest.raises(CodeError, match=r"cell 2 \(12\.3-sum\), " + problem):
        find_exercises(cells_of(broken))
