"""Three versions of a module: the course's edits arrive, the learner's answers stay."""

from __future__ import annotations

import random

import pytest

from tito.errors import CodeError
from tito.exercises import find_regions, strip_answers
from tito.learner.combine import combine


def exercise(number: str, name: str, body: str = "", words: str = "words") -> str:
    body = body or f'raise NotImplementedError("exercise {number}: {name}")'
    return (
        f"# %% [markdown]\n# ### Exercise {number}: {name}\n# {words} of {name}\n\n"
        f"# %% {number}-{name} points=1\n"
        f"def {name}(x):\n    ### BEGIN SOLUTION {number}\n    {body}\n    ### END SOLUTION\n\n\n"
        f"# %% test-{number}\nassert {name}(1) == 1\n\n"
    )


def module(*exercises: str) -> str:
    return "".join(exercises).rstrip("\n") + "\n"


ONE, TWO = exercise("1.1", "one"), exercise("1.2", "two")
DONE = exercise("1.1", "one", "return 1"), exercise("1.2", "two", "return 2")
BASE, MINE = module(ONE, TWO), module(*DONE)


def test_a_course_that_did_not_change_leaves_the_text_as_it_is() -> None:
    assert combine(BASE, MINE, BASE) == (MINE, [])


def test_an_untouched_module_becomes_the_new_one_to_the_byte() -> None:
    newer = module(exercise("1.1", "one", words="clearer words"), TWO, exercise("1.3", "three"))
    assert combine(BASE, BASE, newer) == (newer, [])


def test_a_rewritten_signature_goes_around_the_answer() -> None:
    newer = BASE.replace("def one(x):", "def one(x: int) -> int:")
    expected = MINE.replace("def one(x):", "def one(x: int) -> int:")
    assert combine(BASE, MINE, newer) == (expected, [])


def test_a_half_written_answer_and_a_cell_of_ones_own_stay() -> None:
    half = "y = x + 1\n    raise NotImplementedError('later')"
    mine = module(exercise("1.1", "one", half), "# %%\nmy = 1\n\n", TWO)
    newer = module(exercise("1.1", "one", words="new"), TWO)
    expected = module(exercise("1.1", "one", half, "new"), "# %%\nmy = 1\n\n", TWO)
    assert combine(BASE, mine, newer) == (expected, [])


def test_a_renumbered_exercise_keeps_its_answer_and_the_new_one_gets_none() -> None:
    newer = module(ONE, exercise("1.2", "between"), exercise("1.3", "two"))
    text, kept = combine(BASE, MINE, newer)
    expected = module(DONE[0], exercise("1.2", "between"), exercise("1.3", "two", "return 2"))
    assert (text, kept) == (expected, [])


def test_an_exercise_that_is_gone_stays_where_it_was_answered() -> None:
    text, kept = combine(BASE, MINE, module(ONE))
    assert "return 1" in text and "return 2" in text
    assert kept == ["1.2-two"]
    assert combine(BASE, module(DONE[0], TWO), module(ONE)) == (module(DONE[0]), [])


def test_a_deleted_cell_stays_deleted_although_the_course_changed_it() -> None:
    newer = module(ONE, exercise("1.2", "two", words="new")).replace("two(1) == 1", "two(1) == 2")
    mine = module(DONE[0], DONE[1].replace("assert two(1) == 1\n", "").replace("%% nb", "%% nb"))
    mine = mine[: mine.rindex("# %%")]
    text, kept = combine(BASE, mine, newer)
    assert "new of two" in text and "two(1)" not in text
    assert kept == ["test-1.2"]


def test_both_added_a_cell_of_one_name() -> None:
    extra = '# %% extra\nwhose = "{}"\n\n'
    text, kept = combine(BASE, MINE + "\n" + extra.format("mine"), BASE + "\n" + extra.format("?"))
    assert text == MINE + "\n" + extra.format("mine").rstrip("\n") + "\n"
    assert kept == ["extra"]


def test_new_points_arrive_at_a_cell_the_learner_wrote_in() -> None:
    text, _ = combine(BASE, MINE, BASE.replace('"points": 1', '"points": 3'))
    assert text == MINE.replace('"points": 1', '"points": 3')


def test_a_lost_marker_keeps_the_cell_and_lets_the_rest_through() -> None:
    mine = MINE.replace("    ### END SOLUTION\n", "", 1)
    newer = module(exercise("1.1", "one", words="new"), TWO).replace("def one(x)", "def one(y)")
    text, kept = combine(BASE, mine, newer)
    assert "new of one" in text and "def one(x)" in text and "return 2" in text
    assert kept == ["1.1-one"]


def test_orders_that_contradict_each_other_stop_the_module() -> None:
    three = exercise("1.3", "three")
    mine, newer = module(TWO, ONE, three), module(ONE, three, TWO)
    with pytest.raises(CodeError, match="order of the cells"):
        combine(module(ONE, TWO, three), mine, newer)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_both_do_no_answer_is_lost_and_a_second_run_changes_nothing(seed) -> None:
    draw = random.Random(seed)
    names = ["ant", "bee", "cat", "dog", "eel"]
    base = module(*(exercise(f"1.{k}", name) for k, name in enumerate(names, 1)))
    answered = [name for name in names if draw.random() < 0.6]
    mine = base
    for region in reversed(find_regions(base.splitlines())):
        if region.name in answered:
            stub = f'raise NotImplementedError("exercise {region.number}: {region.name}")'
            mine = mine.replace(stub, f"return '{region.name} of mine'")
    for name in draw.sample(names, 2):
        mine = mine.replace(f"words of {name}", f"my words of {name}")
    left = [name for name in names if draw.random() < 0.8]
    if draw.random() < 0.5:
        left.insert(draw.randrange(len(left) + 1), "fox")
    newer = module(*(exercise(f"1.{k}", name) for k, name in enumerate(left, 1)))
    for name in draw.sample(names, 2):
        newer = newer.replace(f"def {name}(x)", f"def {name}(x: int)")
        newer = newer.replace(f"words of {name}", f"new words of {name}")
    text, _ = combine(base, mine, newer)
    for name in answered:
        assert f"return '{name} of mine'" in text
    assert set(left) <= {region.name for region in find_regions(text.splitlines())}
    assert combine(newer, text, newer) == (text, [])
    assert "of mine" not in strip_answers(text)
