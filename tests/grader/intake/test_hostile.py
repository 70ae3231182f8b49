"""Submissions made to hang, crash, fill or fool the grader: each is read or refused in one line.

Those that are graded as well stand in tests/grader/hostile/files.py; here they are only read.
"""

from __future__ import annotations

import gc
import gzip
import importlib
import io
import json
import multiprocessing
import os
import re
import signal
import socket
import stat
import string
import struct
import sys
import tarfile
import time
import tracemalloc
import unicodedata
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grader.hostile.bank import MODULE, Entry
from tests.grader.hostile.files import entries
from tito.course import Course, Module
from tito.grader.intake import extract, files, limits
from tito.grader.intake.find import (
    Source,
    Submission,
    Unreadable,
    find_submissions,
    read_here,
    read_submission,
)
from tito.grader.intake.names import unique_names
from tito.grader.text import file_names

pytestmark = pytest.mark.slow

WORK = "# %%\n#| export\nx = 1\n"
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


@pytest.fixture(scope="module")
def alpha(make: Callable[[Path], object], tmp_path_factory: pytest.TempPathFactory) -> Module:
    root = tmp_path_factory.mktemp("reference")
    make(root)
    return Course(root).module("alpha")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


def outcome(path: Path, module: Module) -> Source | str:
    """The source, or the one line that says why there is none."""
    try:
        return read_submission(Submission(path.name, "jane", path), module)
    except Unreadable as error:
        line = str(error)
        assert line and line.isprintable() and len(line) <= 200, line
        return line


def file(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@posix
@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_the_bank_is_read_or_refused_as_it_says(tmp_path: Path, entry: Entry) -> None:
    said = outcome(entry.write(tmp_path), MODULE)
    assert isinstance(said, str) == (entry.gets == "unread"), said
    if not isinstance(said, Source) or entry.gets == "all":
        assert re.search(entry.says, said if isinstance(said, str) else said.note)
    assert len(list(tmp_path.iterdir())) == 1


# Notebooks and scripts.


def of(*cells: object, **more: object) -> str:
    return json.dumps({"cells": list(cells), "nbformat": 4, **more})


def code(source: object) -> dict[str, object]:
    return {"cell_type": "code", "source": source}


CONFLICT = "<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> theirs\n"
NOTEBOOKS = {
    "": "jane.ipynb: not JSON (line 1: Expecting value)",
    '{\n "cells": [\n  1 2]}': "jane.ipynb: not JSON (line 3: Expecting ',' delimiter)",
    "[" + "9" * 5000 + "]": "jane.ipynb: JSON, but not a notebook",
    "[]": "jane.ipynb: JSON, but not a notebook",
    '{"worksheets": [{"cells": []}]}': "jane.ipynb: JSON, but not a notebook",  # before 2015
    of({"cell_type": "markdown", "source": "x = 1"}): "jane.ipynb: no code cells",
    of(code("  \n")): "jane.ipynb: no code cells",
    of(code("x = 1"), 5): "jane.ipynb: cell 2 is no cell",
    of(code([1, 2])): "jane.ipynb: the source of cell 1 is not text",
    of(code({"a": 1})): "jane.ipynb: the source of cell 1 is not text",
    of(code("#| export\nx = '\0'")): "jane.ipynb, cell 1, line 2: a NUL byte",
    '{"cells": \0}': "jane.ipynb, line 1: a NUL byte",
    of(code("#| export\n" + CONFLICT)): (
        "jane.ipynb, cell 1, line 2: git's conflict markers; resolve them"
    ),
    of(code("x" * 2_000_001)): "jane.ipynb: over 2 MB of code",
}


@pytest.mark.parametrize("text", NOTEBOOKS, ids=list(map(str, range(len(NOTEBOOKS)))))
def test_a_broken_notebook_is_refused_with_its_fault(
    tmp_path: Path, alpha: Module, text: str
) -> None:
    said = outcome(file(tmp_path, "jane.ipynb", text), alpha)
    digits = "jane.ipynb: a number with too many digits"  # in Pythons that have the limit
    assert said in (NOTEBOOKS[text], digits if "999" in text else "")


def test_odd_notebooks_that_can_be_read_are_read(tmp_path: Path, alpha: Module) -> None:
    twins = [{**code("#| export\nx = 1"), "id": "same", "metadata": meta} for meta in ([], None)]
    nameless = code("#| export\ny = '\ud800'\r\n")
    nested = {**code("z = 1"), "metadata": {"nbgrader": {"solution": True, "grade_id": "\x1b[31m"}}}
    source = outcome(file(tmp_path, "jane.ipynb", of(*twins, nameless, nested)), alpha)
    assert isinstance(source, Source)
    assert [text.split("export\n")[-1] for _, text in source.cells] == [
        "x = 1",
        "x = 1",
        "y = '\ufffd'\n",
        "z = 1",
    ]
    assert all(name.isprintable() for name, _ in source.cells)
    assert len(source.sha256) == 64


SCRIPTS = {
    b"\n\n": "jane.py: no code cells",
    b"x = 1\ny = '\0'\n": "jane.py, line 2: a NUL byte",
    "x = 1".encode("utf-16-le"): "jane.py, line 1: a NUL byte",
    b"# %%\r\n" + CONFLICT.encode().replace(b"\n", b"\r\n"): (
        "jane.py, line 2: git's conflict markers; resolve them"
    ),
    b"# %% a=" + b"[" * 9_000: "jane.py: nested too deeply to be a module",
}


@pytest.mark.parametrize("data", SCRIPTS, ids=list(map(str, range(len(SCRIPTS)))))
def test_a_broken_script_is_refused_with_its_fault(
    tmp_path: Path, alpha: Module, data: bytes
) -> None:
    assert outcome(file(tmp_path, "jane.py", data), alpha) == SCRIPTS[data]


def test_what_breaks_the_reader_is_a_reason(
    tmp_path: Path, alpha: Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extract.percent, "parse", lambda text: text[10**9])
    said = outcome(file(tmp_path, "jane.py", WORK), alpha)
    assert said == "cannot be read: IndexError: string index out of range"


def test_code_is_never_run_parsed_or_imported(
    tmp_path: Path, alpha: Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    alpha.cells  # noqa: B018 - the course's own module is read before
    path = file(tmp_path, "jane.py", WORK + "1/0\ndef (")
    for name in ("compile", "exec", "eval", "__import__"):
        monkeypatch.setattr(f"builtins.{name}", lambda *_, **__: pytest.fail("it was run"))
    cells, *_ = read_here(Submission("jane", "jane", path), alpha)
    monkeypatch.undo()
    assert cells == (("cell 1", "#| export\nx = 1\n1/0\ndef ("),)


# What keeps a reader busy, fills the memory or kills it: the child's end, and nobody else's.

TOO_MUCH = "could not be read within 1 s of computing and 100 MB of memory"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that are reached soon, and not by an import."""
    importlib.import_module(limits.READER)
    monkeypatch.setattr(limits, "COMPUTING", 1)
    monkeypatch.setattr(limits, "MEMORY", 100_000_000)


def too_much() -> Iterator[tuple[str, str | bytes]]:
    yield "cells.py", "# %%\n" * 300_000
    yield "fences.py", "# %% [markdown]\n" + "# ~~~x\n" * 200_000
    yield "keys of a cell.py", "# %% " + "a=[1, " * 300_000
    yield "values.ipynb", '{"cells": [' + "[]," * 9_000_000 + "[]]}"
    yield "endless.tgz", endless_tar()


@posix
@pytest.mark.usefixtures("small")
def test_what_needs_too_much_gets_a_line_and_the_rest_is_read(
    tmp_path: Path, alpha: Module
) -> None:
    for name, content in too_much():
        file(tmp_path, name, content)
    file(tmp_path, "work.py", WORK)
    said = {one.name: outcome(one.path, alpha) for one in find_submissions(tmp_path)}
    assert isinstance(said.pop("work.py"), Source)
    assert said == {name: TOO_MUCH for name, _ in too_much()}
    assert not multiprocessing.active_children()


@posix
def test_a_reader_does_not_look_through_what_its_parent_made() -> None:
    mine = [[number] for number in range(100_000)]
    assert limits.within_limits(lambda: len(gc.get_objects())) < len(mine)


ENDS = {
    "killed": lambda text: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda text: os._exit(0),
    "sleep": lambda text: time.sleep(60),
    "memory": lambda text: bytes(10**12),
    "interrupted": lambda text: os.kill(os.getpid(), signal.SIGINT),
}


@posix
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("end", ENDS)
def test_a_reader_that_ends_takes_nobody_with_it(
    tmp_path: Path, alpha: Module, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    path = file(tmp_path, "jane.py", WORK)
    alpha.cells  # noqa: B018 - the course's own module is read before
    with monkeypatch.context() as patched:
        patched.setattr(limits, "WAITING", 1)
        patched.setattr(extract.percent, "parse", ENDS[end])
        assert outcome(path, alpha) == TOO_MUCH
    assert isinstance(outcome(path, alpha), Source)
    assert not multiprocessing.active_children()


def test_where_no_process_forks_another_is_started(
    tmp_path: Path, alpha: Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    forked = [outcome(file(tmp_path, name, WORK), alpha) for name in ("jane.py", "jane.pdf")]
    monkeypatch.setattr(limits, "START", "spawn")
    started = [outcome(tmp_path / name, alpha) for name in ("jane.py", "jane.pdf")]
    assert forked == started and isinstance(forked[0], Source)


# Files that are none, and folders without an end.


@posix
def test_links_and_special_files_are_never_opened(
    tmp_path: Path, alpha: Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = file(tmp_path / "secret", "alpha_dev.py", WORK)
    batch = tmp_path / "batch"
    batch.mkdir()
    (batch / "file.py").symlink_to(secret)
    (batch / "folder").symlink_to(secret.parent)
    (batch / "loop.py").symlink_to(batch / "loop.py")
    for name in ("inside", "above", "piped", "dir"):
        (batch / name).mkdir()
    (batch / "inside/alpha_dev.py").symlink_to(secret)
    (batch / "above/modules").symlink_to(secret.parent)
    os.mkfifo(batch / "piped/alpha_dev.py")
    os.mkfifo(batch / "pipe.py")
    (batch / "dir/alpha_dev.py").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(batch)  # a socket's path is short
        listening.bind("socket.py")
    said = {found.name: outcome(found.path, alpha) for found in find_submissions(batch, alpha)}
    link, missing = "a link, which is not followed", "no alpha_dev.py or alpha_dev.ipynb in it"
    assert said == {
        "file.py": f"file.py: {link}",
        "folder": f"{missing}: folder: {link}",
        "loop.py": f"loop.py: {link}",
        "inside": f"alpha_dev.py: {link}",
        "above": f"{missing}: modules: {link}",
        "piped": "alpha_dev.py: a pipe, not a file",
        "pipe.py": "pipe.py: a pipe, not a file",
        "dir": "alpha_dev.py: a folder",
        "socket.py": "socket.py: a socket, not a file",
    }


@posix
def test_a_file_that_became_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "alpha_dev.py")
    with pytest.raises(Unreadable, match="a pipe, not a file"):
        files.read_file(tmp_path / "alpha_dev.py", 100)


@posix
def test_what_a_link_hides_a_plain_file_beside_it_shows(tmp_path: Path, alpha: Module) -> None:
    file(tmp_path, "jane/alpha_dev.ipynb", of(code("#| export\nx = 1")))
    (tmp_path / "jane/alpha_dev.py").symlink_to("/etc/passwd")
    assert isinstance(outcome(tmp_path / "jane", alpha), Source)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_what_may_not_be_read_is_said(tmp_path: Path, alpha: Module) -> None:
    path = file(tmp_path, "alpha_dev.py", WORK)
    path.chmod(0)
    assert outcome(path, alpha) == "alpha_dev.py: permission denied"


def test_what_the_system_does_not_give_is_said(
    tmp_path: Path, alpha: Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file(tmp_path, "jane/alpha_dev.py", WORK)

    def denied(path: object, *args: object) -> None:
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patched:
        patched.setattr("os.open", denied)
        assert outcome(path, alpha) == "alpha_dev.py: permission denied"
    with monkeypatch.context() as patched:
        patched.setattr("os.scandir", denied)
        assert "permission denied" in str(outcome(path.parent, alpha))
    assert "no such file" in str(outcome(tmp_path / "gone.py", alpha))


def test_a_deep_folder_is_read(tmp_path: Path, alpha: Module) -> None:
    file(tmp_path / "jane" / Path(*["d"] * 60), "alpha_dev.py", WORK)
    assert isinstance(outcome(tmp_path / "jane", alpha), Source)


# Zips.


def zipped(*members: tuple[zipfile.ZipInfo | str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that is there twice
        for info, content in members:
            archive.writestr(info, content)
    return made.getvalue()


def member(name: str, mode: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


GOOD = zipped(("alpha_dev.py", WORK))


def patched(data: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    at = data.index(signature) + offset
    return data[:at] + value + data[at + len(value) :]


def zip_cases() -> Iterator[tuple[str, bytes, str]]:
    outside = "a name that leads out of the archive"
    for name in ("a/../../alpha_dev.py", "..\\alpha_dev.py"):
        yield name, zipped((member(name), WORK)), f"{name}: {outside}".replace("\\", "/")
    yield "drive", zipped((member("C:\\x\\alpha_dev.py"), WORK)), f"C:/x/alpha_dev.py: {outside}"
    pipe = member("alpha_dev.py", stat.S_IFIFO)
    yield "pipe", zipped((pipe, "")), "alpha_dev.py: a pipe, not a file"
    other = patched(GOOD, b"PK\1\2", 10, b"\x63\0")
    yield (
        "method",
        other,
        "alpha_dev.py: cannot be unpacked: That compression method is not supported",
    )
    yield "empty", b"", "jane.zip: not a zip that can be read: File is not a zip file"
    crc = patched(GOOD, b"PK\1\2", 16, b"\1\2\3\4")
    yield "checksum", crc, "alpha_dev.py: cannot be unpacked: Bad CRC-32 for file 'alpha_dev.py'"
    yield (
        "two levels",
        zipped(("a.zip", zipped(("b.zip", GOOD)))),
        ("no alpha_dev.py or alpha_dev.ipynb in it: found b.zip"),
    )


ZIPS = {name: (data, said) for name, data, said in zip_cases()}


@pytest.mark.parametrize("name", ZIPS)
def test_a_hostile_zip_is_refused_with_its_fault(tmp_path: Path, alpha: Module, name: str) -> None:
    data, said = ZIPS[name]
    assert outcome(file(tmp_path, "jane.zip", data), alpha) == said
    assert [path.name for path in tmp_path.iterdir()] == ["jane.zip"]


FORGED = {
    "smaller than it is": patched(GOOD, b"PK\1\2", 24, b"\3\0\0\0"),
    "larger than it is": patched(GOOD, b"PK\1\2", 24, b"\xff\xff\xff\x7f"),
    "starts elsewhere": patched(GOOD, b"PK\1\2", 42, b"\xff\xff\0\0"),
    "a list beyond the end": patched(GOOD, b"PK\5\6", 12, b"\xff\xff\xff\x7f"),
    "zip64 of nonsense": patched(GOOD, b"PK\5\6", 8, b"\xff" * 12),
    "a name that is no text": patched(GOOD, b"PK\1\2", 8, b"\0\x08")[:-90]
    + patched(GOOD, b"PK\1\2", 8, b"\0\x08")[-90:].replace(b"alpha_dev", b"\xff\xfepha_dev"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_header_is_seen_through_or_refused(
    tmp_path: Path, alpha: Module, name: str
) -> None:
    said = outcome(file(tmp_path, "jane.zip", FORGED[name]), alpha)
    assert isinstance(said, str) or said.cells[0][1].endswith("x = 1")


def test_members_that_share_their_bytes_cost_no_more_than_one(
    tmp_path: Path, alpha: Module
) -> None:
    start = GOOD.index(b"PK\1\2")
    end = GOOD.index(b"PK\5\6")
    entry = GOOD[start:end]
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1000, 1000, 1000 * len(entry), start, 0)
    overlapping = GOOD[:start] + entry * 1000 + tail
    said = outcome(file(tmp_path, "jane.zip", overlapping), alpha)
    assert isinstance(said, Source) or "Overlapped entries" in said


def test_a_good_file_beside_hostile_names_is_read(tmp_path: Path, alpha: Module) -> None:
    names = ["../alpha_dev.py", "alpha_dev\x1b[31m.py", "CON", "a" * 3000, "\u202ealpha_dev.py"]
    data = zipped(*[(member(name), "x = 2") for name in names], ("z/alpha_dev.py", WORK))
    source = outcome(file(tmp_path, "jane.zip", data), alpha)
    assert isinstance(source, Source) and source.note.isprintable() and len(source.note) <= 200


def test_a_reason_is_one_plain_line_whatever_the_file_is_called(
    tmp_path: Path, alpha: Module
) -> None:
    name = "alpha_dev\x1b[31m\n\u202e" + "a" * 3000 + ".py"
    said = outcome(file(tmp_path, "jane.zip", zipped((member(name), ""))), alpha)
    assert str(said).startswith(r"alpha_dev\x1b[31m\n\u202eaaa") and len(str(said)) == 200


def test_of_a_name_that_is_there_twice_the_last_is_read_as_unzip_does(
    tmp_path: Path, alpha: Module
) -> None:
    data = zipped(("alpha_dev.py", WORK.replace("1", "0")), ("alpha_dev.py", WORK))
    source = outcome(file(tmp_path, "jane.zip", data), alpha)
    assert isinstance(source, Source)
    assert source.cells[0][1].endswith("x = 1")
    assert source.note == "alpha_dev.py was read, not alpha_dev.py"


def test_a_zip_of_many_files_is_read_and_one_that_is_too_large_refused(
    tmp_path: Path, alpha: Module
) -> None:
    many = zipped(*[(f"{number}.txt", b"") for number in range(3000)], ("alpha_dev.py", WORK))
    path = file(tmp_path, "jane.zip", many)
    assert isinstance(outcome(path, alpha), Source)
    os.truncate(path, files.MAX_ARCHIVE + 1)
    assert outcome(path, alpha) == "jane.zip: over 100 MB"


@posix
@pytest.mark.usefixtures("small")
def test_a_large_zip_costs_little_memory(tmp_path: Path, alpha: Module) -> None:
    bomb = zipped(("alpha_dev.py", b" " * 200_000_000))
    assert len(bomb) < 300_000
    assert outcome(file(tmp_path, "jane.zip", bomb), alpha) == "alpha_dev.py: over 2 MB"


def test_reading_takes_the_memory_of_what_is_there(tmp_path: Path) -> None:
    path = file(tmp_path, "jane.zip", GOOD)
    tracemalloc.start()
    try:
        assert files.read_file(path, files.MAX_ARCHIVE) == GOOD
        assert tracemalloc.get_traced_memory()[1] < files.MAX_ARCHIVE / 20
    finally:
        tracemalloc.stop()


# Tars.


def tarred(*members: tarfile.TarInfo, content: bytes = b"") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as packed:
        for info in members:
            packed.addfile(info, io.BytesIO(content))
    return made.getvalue()


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, "/etc/passwd", size
    return info


def endless_tar() -> bytes:
    """Its second member has a size that leads back to itself."""
    first = tar_member("b.txt").tobuf(tarfile.GNU_FORMAT)
    header = bytearray(tar_member("a.txt").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + b"\xfe\x00"  # -512, in the base-256 form
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb") as packed:
        packed.write(first + bytes(header) + bytes(1024))
    return made.getvalue()


def test_a_hostile_tar_is_refused_with_its_fault(tmp_path: Path, alpha: Module) -> None:
    outside = "a name that leads out of the archive"
    for info, said in [
        (tar_member("../alpha_dev.py"), f"../alpha_dev.py: {outside}"),
        (tar_member("alpha_dev.py", tarfile.SYMTYPE), "alpha_dev.py: not a plain file"),
        (tar_member("alpha_dev.py", tarfile.LNKTYPE), "alpha_dev.py: not a plain file"),
        (tar_member("alpha_dev.py", tarfile.FIFOTYPE), "alpha_dev.py: not a plain file"),
    ]:
        assert outcome(file(tmp_path, "jane.tgz", tarred(info)), alpha) == said
    big = tarred(tar_member("alpha_dev.py", size=3_000_000), content=bytes(3_000_000))
    assert outcome(file(tmp_path, "jane.tgz", big), alpha) == "alpha_dev.py: over 2 MB"
    for data in (b"", b"\x1f\x8b", big[:-500]):
        assert isinstance(outcome(file(tmp_path, "jane.tgz", data), alpha), str)


def test_a_time_that_is_none_is_not_told(tmp_path: Path, alpha: Module) -> None:
    undated = patched(GOOD, b"PK\1\2", 12, bytes(4))
    late = tar_member("alpha_dev.py", size=len(WORK))
    late.mtime = 1e300
    file(tmp_path, "a.zip", undated)
    file(tmp_path, "b.tgz", tarred(late, content=WORK.encode()))
    assert [one.time for one in find_submissions(tmp_path, alpha)] == [None, None]
    assert all(isinstance(outcome(one.path, alpha), Source) for one in find_submissions(tmp_path))


# Names.

HOSTILE_NAMES = [
    "two\nlines.py",
    "\x1b[31mred.py",
    "bytes\udcff\udcfe.py",
    "\u202eyp.exe.py",
    "=cmd|' /C calc'!A0.py",
    "nul.py",
    "CON",
    "com¹.zip",
    "a" * 252 + ".py",
    "é" * 126 + ".py",
    "\U0001f40d" * 60 + ".py",
    "ends in a dot..zip ",
    "<script>alert(1)</script>"[:20] + ".py",
    "A.py",
    "a.PY",
    "-rf.py",
]
SHOWN = {
    "two\nlines.py": r"two\nlines.py",
    "bytes\udcff\udcfe.py": r"bytes\udcff\udcfe.py",
    "\u202eyp.exe.py": r"\u202eyp.exe.py",
    "=cmd|' /C calc'!A0.py": "=cmd|' /C calc'!A0.py",
    "Zoe\u0301 李_1.py": "Zo\u00e9 李_1.py",
}
RESERVED = {"con", "prn", "aux", "nul", *(f"{a}{n}" for a in ("com", "lpt") for n in range(10))}


def assert_safe(names: list[str]) -> None:
    """No two are alike, and each is plain; so are the files that are called after them."""
    assert len(set(names)) == len(names)
    assert all(name.isprintable() and len(name) <= 270 for name in names)
    files = file_names(names).values()
    assert len({unicodedata.normalize("NFKC", name).casefold() for name in files}) == len(names)
    for name in files:
        assert name and name.isprintable() and len(name.encode("utf-8")) <= 200, name
        assert not set(name) & set('<>:"/\\|?*') and name[0] not in ".- "
        assert name[-1] not in ". "
        assert unicodedata.normalize("NFKC", name).split(".")[0].strip().lower() not in RESERVED


def test_what_is_odd_in_a_name_is_shown() -> None:
    assert dict(zip(SHOWN, unique_names(list(SHOWN)), strict=True)) == SHOWN


def test_a_name_made_to_look_like_anothers_gets_its_own() -> None:
    twins = ["a\n.py", r"a\n.py", "Zoe\u0301.py", "Zo\u00e9.py"]
    forged = unique_names(twins)
    assert_safe(forged)
    assert_safe(unique_names(twins + forged))


@posix
def test_hostile_names_on_disk_are_found_and_read(tmp_path: Path, alpha: Module) -> None:
    made = []
    for name in HOSTILE_NAMES:
        try:
            file(tmp_path, name.replace("/", "_"), WORK)
        except OSError:  # a Mac takes UTF-8 only
            continue
        made.append(name)
    found = find_submissions(tmp_path, alpha)
    assert len(found) >= len(made) - 3  # two are no work by their names; a Mac has one A.py
    assert_safe([one.name for one in found])
    for one in found:
        assert one.student.isprintable()
        if one.path.suffix.lower() == ".py":
            assert one.time and isinstance(outcome(one.path, alpha), Source)


characters = st.one_of(
    st.characters(), st.sampled_from("aA.~%<\x00\u202e\u0345ßẞ¹. é\udc80" + string.punctuation)
)
names = st.one_of(
    st.text(characters, min_size=1, max_size=120), st.sampled_from([*SHOWN, *HOSTILE_NAMES])
)


@settings(deadline=None)
@given(st.lists(names, unique=True, max_size=12))
def test_any_names_become_unique_and_safe(given_names: list[str]) -> None:
    shown = unique_names(given_names)
    assert_safe(shown)
    assert unique_names(list(reversed(given_names))) == list(reversed(shown))


# Anything at all.

pieces = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from(
        [
            *(b"# %%", b"# %% [markdown]\n", b"#| export\n", b"\n", b"\r", b"\r\n", b'"""', b"```"),
            *(b'# %% nbgrader={"solution": true, "grade_id": [1]}\n', b"# coding: ", b"utf-7"),
            *(b"%time\n", b"# %x\n", b"# ---\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\x0c"),
            *(b"<<<<<<< a\n", b"=======\n", b">>>>>>> b\n", b"# %% cell_type=[1]\n", b"# %% a={"),
        ]
    ),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["nbgrader", "solution", "grade_id", "a"]), inner)
    ),
    max_leaves=6,
)
cells = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.sampled_from(["code", "markdown", "raw"]) | json_values,
        "source": st.sampled_from(["#| export\nx = 1", ["#| export\n", "y"]]) | json_values,
        "metadata": json_values,
        "input": json_values,
    },
)
notebooks = st.fixed_dictionaries(
    {},
    optional={"cells": st.lists(cells | json_values) | json_values, "worksheets": json_values},
)


@settings(max_examples=100, deadline=None)
@given(data=st.lists(pieces, max_size=12).map(b"".join), ending=st.sampled_from([".py", ".ipynb"]))
def test_any_bytes_are_read_or_refused_in_one_line(
    scratch: Path, alpha: Module, data: bytes, ending: str
) -> None:
    assert_read_or_refused(outcome(file(scratch, f"alpha_dev{ending}", data), alpha))


@settings(max_examples=100, deadline=None)
@given(notebook=notebooks)
def test_any_json_is_read_or_refused_in_one_line(
    scratch: Path, alpha: Module, notebook: object
) -> None:
    text = json.dumps(notebook)
    assert_read_or_refused(outcome(file(scratch, "alpha_dev.ipynb", text), alpha))


@settings(max_examples=100, deadline=None)
@given(
    data=st.sampled_from(
        [GOOD, zipped(("alpha_dev.py", b"#" * 30_000)), tarred(tar_member("a.py"))]
    ),
    edits=st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=6)), max_size=6),
    ending=st.sampled_from([".zip", ".tgz"]),
)
def test_any_archive_is_read_or_refused_in_one_line(
    scratch: Path, alpha: Module, data: bytes, edits: list[tuple[int, bytes]], ending: str
) -> None:
    for at, value in edits:
        place = at % (len(data) + 1)
        data = data[:place] + value + data[place + len(value) :]
    assert_read_or_refused(outcome(file(scratch, f"jane{ending}", data), alpha))


def assert_read_or_refused(result: Source | str) -> None:
    if isinstance(result, Source):
        assert result.cells and result.note.isprintable() and len(result.note) <= 200
        for name, text in result.cells:
            assert name.isprintable() and "\r" not in text and "\0" not in text
            text.encode()  # no half of a surrogate pair
