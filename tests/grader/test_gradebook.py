"""A row is in the gradebook whole or not at all, whoever writes, and only from the same batch."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from tests.grader.graded import BATCH, CHECKS, HOSTILE, everywhere, graded
from tests.toy import REPOSITORY
from tito.errors import TitoError
from tito.grader.gradebook import Gradebook, merge_gradebooks
from tito.grader.verdict import Check, Graded, Verdict

WRITER = """
import sys
from pathlib import Path
from tests.grader.graded import BATCH, CHECKS, graded
from tito.grader.gradebook import Gradebook
from tito.grader.verdict import Verdict

print("ready", flush=True)
sys.stdin.readline()
path, prefix, count, names = Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
book = Gradebook(path, BATCH)
for i in range(count):
    verdicts = tuple(Verdict(check.name, 0, "error", f"run {i}") for check in CHECKS)
    book.record(graded(f"{prefix}{i % names}", note=f"run {i}", verdicts=verdicts))
    print(i, flush=True)
"""

# Ends without any cleaning up when SQLite is about to run the n-th statement of a `finish`.
ENDING = """
import os, sqlite3, sys
from pathlib import Path
from tests.grader.graded import BATCH, graded
from tito.grader.gradebook import Gradebook

book, left = Gradebook(Path(sys.argv[1]), BATCH), int(sys.argv[2])
connect = sqlite3.connect

def count(statement):
    global left
    left -= not statement.startswith("--")
    if not left:
        os._exit(9)

def counted(*args, **options):
    connection = connect(*args, **options)
    connection.set_trace_callback(count)
    return connection

sqlite3.connect = counted
book.finish("one", graded(verdicts=(graded().verdicts[::-1]), note="newer"))
"""

CLAIMER = """
import sys
from pathlib import Path
from tests.grader.graded import BATCH, graded
from tito.grader.gradebook import Gradebook

print("ready", flush=True)
sys.stdin.readline()
book, me = Gradebook(Path(sys.argv[1]), None), sys.argv[2]
while claimed := book.claim(me):
    job, before = claimed
    book.finish(me, graded(job["name"], note=(before.note if before else "") + me))
"""


def start(script: str, *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )


def told(writer: subprocess.Popen[str]) -> str:
    assert writer.stdout is not None
    return writer.stdout.readline()


def let_go(writers: list[subprocess.Popen[str]]) -> None:
    """All at once, when the slowest is ready."""
    assert [told(writer) for writer in writers] == ["ready\n"] * len(writers)
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()


def assert_whole(submission: Graded) -> None:
    assert [verdict.check for verdict in submission.verdicts] == [check.name for check in CHECKS]
    assert {verdict.reason for verdict in submission.verdicts} == {submission.note}


def test_what_is_recorded_comes_back_sorted_by_name(tmp_path) -> None:
    book = Gradebook(tmp_path / "made" / "grades.db", BATCH)
    rows = [graded("b.py", late_days=2, note="read from the notebook"), graded("a.py", verdicts=())]
    book.record(rows[0])
    book.record(rows[1])
    again = Gradebook(book.path, None)
    assert again.batch == BATCH
    assert again.all() == [rows[1], rows[0]]


def test_verdicts_come_back_in_the_authors_order(tmp_path) -> None:
    book = Gradebook(tmp_path / "grades.db", BATCH)
    book.record(graded(verdicts=graded().verdicts[::-1]))
    assert book.all() == [graded()]


def test_a_second_row_of_a_name_replaces_the_first(tmp_path) -> None:
    book = Gradebook(tmp_path / "grades.db", BATCH)
    book.record(graded(sha256="b" * 64))
    book.record(graded(verdicts=()))
    assert book.all() == [graded(verdicts=())]


def test_a_row_that_cannot_be_stored_leaves_the_old_one(tmp_path) -> None:
    book = Gradebook(tmp_path / "grades.db", BATCH)
    book.record(graded())
    unknown = (*graded().verdicts, Verdict("TestNone::test_unknown", 1, "passed"))
    with pytest.raises(TitoError, match="no check 'TestNone::test_unknown'"):
        book.record(graded(verdicts=unknown, sha256="b" * 64))
    assert book.all() == [graded()]


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (replace(BATCH, module="11_embeddings"), "module 12_attention, not 11_embeddings"),
        (replace(BATCH, seed=8), "seed 7, not 8"),
        (replace(BATCH, checks=(*CHECKS[:3], Check("T::test_new", "12.10", 1, True))), "test_new"),
        (replace(BATCH, checks=(*CHECKS[:3], replace(CHECKS[3], hidden=False))), "test_odd_sizes"),
        (replace(BATCH, checks=CHECKS[::-1]), "checks in another order"),
        (replace(BATCH, fingerprint="e" * 64), "another reference"),
    ],
)
def test_a_gradebook_of_another_batch_is_refused_and_stays(tmp_path, other, named) -> None:
    path = tmp_path / "grades.db"
    Gradebook(path, BATCH).record(graded())
    before = path.read_bytes()
    with pytest.raises(TitoError, match=named) as refused:
        Gradebook(path, other)
    assert str(path) in refused.value.message
    assert "new gradebook" in refused.value.fix
    assert path.read_bytes() == before


def test_a_file_that_is_no_gradebook_is_refused_and_stays(tmp_path) -> None:
    path = tmp_path / "grades.db"
    path.write_bytes(b"name,points\n" * 100)
    with pytest.raises(TitoError, match="not a database"):
        Gradebook(path, BATCH)
    assert path.read_bytes() == b"name,points\n" * 100
    with pytest.raises(TitoError, match="no gradebook"):
        Gradebook(tmp_path / "none.db", None)
    assert not (tmp_path / "none.db").exists()


def test_a_database_of_something_else_is_refused(tmp_path) -> None:
    path = tmp_path / "grades.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
        connection.commit()
    with pytest.raises(TitoError, match="no such table: batch"):
        Gradebook(path, BATCH)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_stored_in_printable_form(tmp_path, text) -> None:
    book = Gradebook(tmp_path / "grades.db", BATCH)
    book.record(everywhere(text))
    (row,) = book.all()
    texts = [row.name, row.student, row.note, *(verdict.reason for verdict in row.verdicts)]
    assert len(set(texts)) == 1
    assert texts[0].isprintable()
    book.record(row)
    assert book.all() == [row]


@pytest.mark.parametrize("statement", range(1, 5))
def test_an_end_at_any_statement_leaves_the_old_row_and_the_claim(tmp_path, statement) -> None:
    path = tmp_path / "grades.db"
    book = Gradebook(path, BATCH)
    book.record(graded())
    book.enqueue({"jane.py": {}})
    assert book.claim("one") == ({}, graded())
    ended = subprocess.run(
        [sys.executable, "-c", ENDING, str(path), str(statement)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert ended.returncode == 9
    assert book.all() == [graded()]
    assert book.queue() == {"jane.py": "one"}


def test_what_was_claimed_is_graded_once_and_by_the_last_who_claimed_it(tmp_path) -> None:
    book = Gradebook(tmp_path / "grades.db", BATCH)
    book.enqueue({"a.py": {"n": 1}, "b.py": {"n": 2}})
    assert book.claim("one") == ({"n": 1}, None)
    assert book.claim("two") == ({"n": 2}, None)
    assert book.claim("three") is None
    book.give_back("one")
    assert book.claim("three") == ({"n": 1}, None)
    book.finish("one", graded("a.py", note="too late"))
    assert book.all() == []
    book.finish("three", graded("a.py"))
    assert book.all() == [graded("a.py")]
    assert book.queue() == {"b.py": "two"}
    book.enqueue({"c.py": {}})  # the next run asks for what it found, and no more
    book.finish("two", graded("b.py"))
    assert book.queue() == {"c.py": None}
    assert book.all() == [graded("a.py")]


def test_four_processes_share_a_queue_and_none_gets_what_another_has(tmp_path) -> None:
    path, names = tmp_path / "grades.db", [f"{i:02}.py" for i in range(60)]
    book = Gradebook(path, BATCH)
    book.enqueue({name: {"name": name} for name in names})
    claimers = [start(CLAIMER, path, me) for me in "abcd"]
    let_go(claimers)
    for claimer in claimers:
        claimer.communicate(timeout=100)
    assert [claimer.returncode for claimer in claimers] == [0, 0, 0, 0]
    rows = book.all()
    assert [row.name for row in rows] == names
    assert {len(row.note) for row in rows} == {1}
    assert book.queue() == {}


def test_after_a_kill_each_row_is_whole(tmp_path) -> None:
    path = tmp_path / "grades.db"
    for lines in (1, 2, 5, 13, 34):
        writer = start(WRITER, path, "s", 10**6, 5)
        let_go([writer])
        last = [int(told(writer)) for _ in range(lines)][-1]
        writer.kill()
        writer.communicate()
        rows = {row.name: row for row in Gradebook(path, BATCH).all()}
        for row in rows.values():
            assert_whole(row)
        assert int(rows[f"s{last % 5}"].note.removeprefix("run ")) >= last  # that one, or newer


def test_four_processes_record_at_once(tmp_path) -> None:
    writers = [start(WRITER, tmp_path / "grades.db", prefix, 25, 25) for prefix in "abcd"]
    let_go(writers)
    for writer in writers:
        writer.communicate(timeout=100)
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    rows = Gradebook(tmp_path / "grades.db", BATCH).all()
    assert {row.name for row in rows} == {f"{prefix}{i}" for prefix in "abcd" for i in range(25)}
    for row in rows:
        assert_whole(row)


def test_threads_may_make_one_gradebook_at_once(tmp_path) -> None:
    for round_ in range(10):
        barrier, path = Barrier(8), tmp_path / f"{round_}.db"

        def make(name: str, barrier: Barrier = barrier, path: Path = path) -> None:
            barrier.wait()
            Gradebook(path, BATCH).record(graded(name))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(make, "abcdefgh"))
        assert [row.name for row in Gradebook(path, None).all()] == list("abcdefgh")


def shard(path: Path, *rows: Graded) -> Path:
    Gradebook(path, BATCH).record(*rows)
    return path


def test_shards_merge_into_one(tmp_path) -> None:
    names = [f"{i}.py" for i in range(8)]
    shards = [shard(tmp_path / f"{k}.db", *map(graded, names[k::4])) for k in range(4)]
    merged = merge_gradebooks([*shards, shards[0]], tmp_path / "all.db")
    assert merged.all() == [graded(name) for name in names]
    late = shard(tmp_path / "late.db", graded("9.py"))
    assert len(merge_gradebooks([late], tmp_path / "all.db").all()) == 9


def test_a_name_with_two_contents_does_not_merge(tmp_path) -> None:
    first = shard(tmp_path / "1.db", graded())
    second = shard(tmp_path / "2.db", graded(verdicts=()))
    with pytest.raises(TitoError, match=r"jane\.py stands in .*1\.db and.*2\.db"):
        merge_gradebooks([first, second], tmp_path / "all.db")
    assert not (tmp_path / "all.db").exists()


def test_shards_of_two_batches_do_not_merge(tmp_path) -> None:
    first = shard(tmp_path / "1.db", graded())
    Gradebook(tmp_path / "2.db", replace(BATCH, seed=8))
    with pytest.raises(TitoError, match=r"2\.db was made with seed 8, not 7"):
        merge_gradebooks([first, tmp_path / "2.db"], tmp_path / "all.db")
    assert not (tmp_path / "all.db").exists()


def test_a_gradebook_of_an_earlier_version_says_what_to_do_and_stays(tmp_path) -> None:
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE batch (module TEXT, due REAL, percent REAL)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(TitoError, match="not a gradebook of this version of tito") as refused:
        Gradebook(path, BATCH)
    assert "another folder with --to" in refused.value.fix and path.read_bytes() == before
