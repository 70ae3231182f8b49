"""The Python of an exercise page, Pyodide, says what the learner's own says; under Node.

Optional: Node and npm, then  pytest -m slow tests/integration/test_browser_python.py
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.course.answers import verdicts
from tests.course.conftest import COURSE
from tests.integration.exercise import answers, exercise_pages, fetch_pyodide
from tito.exercises import find_exercises, numbers_in, strip_answers
from tito.grader.other_answers import plant, read

ATTENTION = COURSE.module("12")
CELLS = {
    number: cell
    for module in COURSE.modules
    for cell in module.cells
    for number in numbers_in(cell)
}


def question(number: str, text: str, **more: Any) -> tuple[str, str]:
    texts = {CELLS[number].name: text}
    return "judge", json.dumps({"number": number, "texts": texts, "passed": {}, **more})


def verdicts_here(folder: Path, questions: list[tuple[str, ...]]) -> list[dict]:
    return [json.loads(answer) for answer in answers(folder, questions)]


@pytest.mark.slow
def test_every_exercise_passes_with_the_reference_answer(tmp_path: Path):
    """But for those whose pages say that a browser cannot run them."""
    numbers = [one.number for module in COURSE.modules for one in find_exercises(module.cells)]
    asked = [question(number, CELLS[number].source) for number in numbers]
    told = dict(zip(numbers, verdicts_here(tmp_path, asked), strict=True))
    failed = {number for number in numbers if not told[number]["passes"]}
    assert failed == exercise_pages.ELSEWHERE.keys(), {n: told[n]["message"] for n in failed}


@pytest.mark.slow
def test_wrong_answers_get_the_same_names_as_from_tito(tmp_path: Path):
    bank = read(ATTENTION)
    texts = ["\n".join(plant(wrong, CELLS[wrong.number].lines) or []) for wrong in bank]
    asked = [question(wrong.number, text) for wrong, text in zip(bank, texts, strict=True)]
    told = verdicts_here(tmp_path, asked)
    known = [verdicts(ATTENTION)[wrong] for wrong in bank]
    assert [one["title"] for one in told] == [failure.title for failure in known]
    pairs = [
        (plain(one["message"]), plain(failure.message))
        for one, failure in zip(told, known, strict=True)
    ]
    assert [here for here, there in pairs if here != there] == []


def plain(message: str) -> str:
    """Without what is not the answer's: `verdicts` quotes the reference's line, and another
    version of Python counts other lines."""
    return re.sub(r"at `.*?`:?( |$)|\d+(?= lines of Python)|(?<=64 words )\d+", "", message)


def answered(text: str, line: str) -> str:
    """The text of a stub with lines in place of what it raises."""
    return text.replace(
        next(one for one in text.splitlines() if "NotImplementedError" in one), line
    )


@pytest.mark.slow
def test_what_goes_wrong_is_told_with_its_line(tmp_path: Path):
    stub = strip_answers(CELLS["12.1"].source)
    begin = stub.splitlines().index("    ### BEGIN SOLUTION 12.1") + 1
    cases = {
        stub: ("not written yet", begin + 1),
        answered(stub, "    x = 1\n    return Q.foo"): ("no attribute 'foo'", begin + 2),
        answered(stub, "    return Q @ ("): ("SyntaxError: '(' was never closed", begin + 1),
        stub.replace("### END", "### THE END"): ("BEGIN SOLUTION 12.1 without END", 0),
    }
    told = verdicts_here(tmp_path, [question("12.1", text) for text in cases])
    for (message, line), verdict in zip(cases.values(), told, strict=True):
        assert message in verdict["message"]
        assert verdict["line"] == line, verdict


@pytest.mark.slow
def test_an_endless_loop_ends_and_its_line_is_told(tmp_path: Path):
    text = answered(strip_answers(CELLS["12.1"].source), "    while True:\n        pass")
    loop = text.splitlines().index("    while True:") + 1
    right = question("12.1", CELLS["12.1"].source)
    _, stuck, after = verdicts_here(tmp_path, [right, question("12.1", text, limit=5), right])
    assert stuck["message"] == "did not finish within 5 s"
    assert stuck["line"] in (loop, loop + 1)
    assert after["passes"]


@pytest.mark.slow
def test_an_exercise_runs_on_what_passed_above_it_and_on_nothing_of_the_run_before(tmp_path: Path):
    """12.7 calls 12.3: here with an answer that says that it is called."""
    own = CELLS["12.3"].source.replace("    blocked = ", "    print('mine')\n    blocked = ")
    seven = CELLS["12.7"].source
    told = verdicts_here(
        tmp_path, [question("12.7", seven, passed={"12.3": own}), question("12.7", seven)]
    )
    assert [verdict["passes"] for verdict in told] == [True, True]
    assert ["mine" in verdict["printed"] for verdict in told] == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["py", "ipynb"])
def test_a_download_is_taken_by_sync(tmp_path: Path, form: str):
    typed = CELLS["12.1"].source.replace("    scores = ", "    # mine\n    scores = ")
    given = json.dumps({"number": "12.1", "texts": {CELLS["12.1"].name: typed}, "passed": {}})
    (text,) = answers(tmp_path, [("whole", given, form)])
    tito = [sys.executable, "-m", "tito"]
    folder = tmp_path / "mine"
    subprocess.run([*tito, "init", str(folder), "--from", "12"], check=True, capture_output=True)
    subprocess.run([*tito, "sync"], cwd=folder, check=True, capture_output=True)
    files = {one: folder / f"modules/12_attention/attention_dev.{one}" for one in ("py", "ipynb")}
    before = files["py"].read_text("utf-8")
    files[form].write_text(text, "utf-8")
    subprocess.run([*tito, "sync"], cwd=folder, check=True, capture_output=True)
    after = files["py"].read_text("utf-8")
    assert after == before.replace(strip_answers(CELLS["12.1"].source), typed)
    assert all("# mine" in file.read_text("utf-8") for file in files.values())


def test_a_file_that_is_not_pyodides_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"pyodide\.mjs: 4 bytes came"):
        fetch_pyodide.fetch(tmp_path, lambda name: b"else")
    assert not list(tmp_path.iterdir())
