"""Submissions whose file is the attack: its bytes, its place, its name, or what it is packed in."""

from __future__ import annotations

import io
import json
import os
import stat
import struct
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tests.grader.hostile.bank import CELL, COURSE, MODULE, Entry, file, reference, slug, stub
from tito.exercises import cells_of

PLACE = f"modules/{MODULE.folder_name}/{MODULE.name}_dev.py"
CHEAT = "raise SystemExit\n"


def sources() -> list[Entry]:
    """Python source in odd bytes."""
    text = reference()
    latin = "# -*- coding: latin-1 -*-\n# né à\n" + text.encode("ascii", "replace").decode()
    return [
        file("the reference", "all", "", text),
        file("the stub", "none", "not written: exercise 12.1: attention_scores", stub()),
        file("nothing", "none", "no code cells", ""),
        file("a byte order mark", "all", "", b"\xef\xbb\xbf" + text.encode()),
        file("lines that end as on Windows", "all", "", text.replace("\n", "\r\n")),
        file("lines that end as on an old Mac", "all", "", text.replace("\n", "\r")),
        file("UTF-16", "all", "read as UTF-16", text.encode("utf-16")),
        file("Latin-1 that says so", "all", "read as Latin-1", latin.encode("latin-1")),
        file("Latin-1 in disguise", "all", "read as Latin-1", text.encode() + b"\n# \xe9\n"),
        file("a NUL byte", "none", r"line \d+: a NUL byte", text.replace("import math", "\0")),
        file("form feeds", "all", "", text.replace("\n\n# %%", "\n\f\n# %%")),
        file("a lone surrogate", "all", "read as Latin-1", text + CELL + "x = '\ud800'\n"),
        file(
            "an encoding that runs code",
            "all",
            "",
            "# coding: rot13\n" + text,
        ),
        file(
            "an encoding nobody knows",
            "all",
            "",
            "# vim: set fileencoding=u7 :\n" + text,
        ),
        file("tabs among spaces", "all", "", text + CELL + "if True:\n\tx = 1\n        y = 2\n"),
        file("a line of a megabyte", "all", "", text + CELL + f"x = '{'x' * 1_000_000}'\n"),
        file("source of three megabytes", "none", "over 2 MB", text + "#" * 3_000_000),
        file("source a hundred deep", "all", "", text + CELL + "x = " + "(" * 150 + ")" * 150),
        file(
            "source that overflows the compiler",
            "all",
            "",
            text + CELL + "x = " + "-" * 90_000 + "1",
        ),
        file(
            "conflict markers",
            "none",
            "conflict markers",
            text.replace(
                "import math", "<<<<<<< HEAD\nimport math\n=======\nimport cmath\n>>>>>>> theirs"
            ),
        ),
        file(
            "a syntax error in one cell",
            "all but 12.8",
            "SyntaxError",
            text.replace("return Tensor(np.tril(", "return return Tensor(np.tril("),
        ),
        file("numpy", "all", "", text),
        file("wire", "all", "", text),
        file("probe", "all", "", text),
        file(
            "conftest",
            "none",
            "no attention_dev.py or attention_dev.ipynb in it: found conftest.py",
            text,
        ),
        file("sitecustomize", "all", "", text),
    ]


def notebook(
    text: str, change: Callable[[list[dict[str, Any]]], object] = lambda cells: None
) -> str:
    cells = [
        {
            "cell_type": cell.kind,
            "id": f"cell-{number}",
            "metadata": cell.metadata,
            "source": cell.source.splitlines(keepends=True),
            **({"outputs": [], "execution_count": None} if cell.kind == "code" else {}),
        }
        for number, cell in enumerate(cells_of(text))
    ]
    change(cells)
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def code(source: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], **more}


def same_ids(cells: list[dict[str, Any]]) -> None:
    for cell in cells:
        cell["id"] = "same"


def without_tests(cells: list[dict[str, Any]]) -> None:
    cells[:] = [one for one in cells if not str(one["metadata"]).count("'test-")]


def without_markers(cells: list[dict[str, Any]]) -> None:
    for cell in cells:
        cell["source"] = [line for line in cell["source"] if " SOLUTION" not in line]


def without_metadata(cells: list[dict[str, Any]]) -> None:
    for cell in cells:
        cell["metadata"] = {}


def with_html(cells: list[dict[str, Any]]) -> None:
    html = "<script>fetch('//evil')</script><img src=x onerror=alert(1)>"
    output = {"output_type": "display_data", "data": {"text/html": html * 9}, "metadata": {}}
    cells.append(code("1", outputs=[output]))


def notebooks() -> list[Entry]:
    text = reference()
    tests = "raise SystemExit"

    def one(name: str, gets: str, says: str, content: str) -> Entry:
        return file(name, gets, says, content, ".ipynb")

    def changed(name: str, gets: str, says: str, change: Callable[..., object]) -> Entry:
        return one(name, gets, says, notebook(text, change))

    return [
        one("notebook", "all", "", notebook(text)),
        one("notebook of the stub", "none", "not written", notebook(stub())),
        one("notebook that is no JSON", "none", "not JSON", notebook(text)[:-99]),
        one(
            "notebook with conflict markers",
            "none",
            "conflict markers",
            "<<<<<<< a\n{\n=======\n{}\n>>>>>>> b\n",
        ),
        one("notebook without cells", "none", "no code cells", '{"cells": [], "nbformat": 4}'),
        one("notebook that nests without end", "none", "nested too deeply", "[" * 200_000),
        one(
            "notebook of other things", "none", "not a notebook", '{"cells": "all", "points": 100}'
        ),
        changed("notebook with one id for all cells", "all", "", same_ids),
        changed("notebook without its tests", "all", "", without_tests),
        changed("notebook without its markers", "all", "", without_markers),
        changed("notebook without metadata", "all", "", without_metadata),
        changed("notebook with outputs of HTML", "all", "", with_html),
        changed(
            "notebook with magics in a cell of its own",
            "all",
            "",
            lambda cells: cells.append(code("%pip install torch\n!false")),
        ),
        changed(
            "notebook with a magic in an exported cell",
            "all",
            "",
            lambda cells: cells.append(code("#| export\n%matplotlib inline")),
        ),
        changed(
            "notebook with rewritten tests",
            "all",
            "",
            lambda cells: cells.append(
                code(tests, metadata={"nbgrader": {"grade": True, "points": 99, "solution": False}})
            ),
        ),
        Entry("notebook of 200 MB", "none", "over 64 MB", large_notebook),
    ]


def large_notebook(folder: Path) -> Path:
    path = folder / "notebook-of-200-MB.ipynb"
    with open(path, "wb") as stream:
        stream.write(b'{"cells": [')
        stream.truncate(200_000_000)
    return path


Members = Iterable[tuple[str | zipfile.ZipInfo, str | bytes]]


def zipped(members: Members) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


def encrypted(data: bytes) -> bytes:
    """With the bit set that says so."""
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(mark) + at
        data = data[:place] + struct.pack("<H", 1) + data[place + 2 :]
    return data


def archives() -> list[Entry]:
    text = reference()

    def one(name: str, gets: str, says: str, content: bytes | Callable[[], bytes]) -> Entry:
        return file(name, gets, says, content, ".zip")

    whole = zipped([(PLACE, text)])
    bomb = zipped([("attention_dev.py", b"#" * 30_000_000)])
    extra = {
        "conftest.py": CHEAT,
        "numpy.py": CHEAT,
        "sitecustomize.py": CHEAT,
        "pytest.ini": "[pytest]\naddopts = --collect-only\n",
        "tests/grading/test_attention.py": "def test_all(): pass\n",
        "tinytorch/core/tensor.py": CHEAT,
        "tito/grader/judge.py": CHEAT,
    }
    return [
        one("zip", "all", "", whole),
        one("zip with more than was asked for", "all", "", zipped([(PLACE, text), *extra.items()])),
        one(
            "zip that leads out",
            "none",
            "leads out of the archive",
            zipped([("../../attention_dev.py", text)]),
        ),
        one(
            "zip with absolute names",
            "none",
            "leads out of the archive",
            zipped([("/tmp/tito-out/attention_dev.py", text)]),
        ),
        one(
            "zip with a link",
            "none",
            "a link, which is not followed",
            zipped([(link("attention_dev.py"), "/etc/passwd")]),
        ),
        one("zip bomb", "none", "over 2 MB", bomb),
        one(
            "zip of zip bombs",
            "none",
            "over 2 MB|no attention_dev",
            zipped([("a.zip", zipped([("b.zip", bomb)])), ("b.zip", bomb)]),
        ),
        one("zip with too many files", "none", "found 0.txt, .* and 49,998 more", many_members),
        one("zip that is encrypted", "none", "encrypted", encrypted(whole)),
        one("zip that ends too soon", "none", "not a zip that can be read", whole[:-40]),
        one("zip that is none", "none", "not a zip", text.encode()),
    ]


def many_members() -> bytes:
    return zipped((f"{number}.txt", "") for number in range(50_001))


def learner(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return folder


def below(name: str, gets: str, says: str, files: dict[str, str]) -> Entry:
    """An entry that is a learner's folder."""
    return Entry(name, gets, says, lambda folder: learner(folder / slug(name), files))


def odd_file(name: str, says: str, make: Callable[[Path], object]) -> Entry:
    def write(folder: Path) -> Path:
        path = folder / slug(name) / "attention_dev.py"
        path.parent.mkdir()
        make(path)
        return path.parent

    return Entry(name, "none", says, write)


def folders() -> list[Entry]:
    text = reference()
    startup = {
        f"{name}.py": CHEAT
        for name in ("conftest", "sitecustomize", "usercustomize", "numpy", "wire", "probe", "json")
    }
    below_it = {
        path.relative_to(COURSE.root).as_posix(): CHEAT
        for path in (COURSE.root / "tinytorch").rglob("*.py")
    }
    return [
        below(
            "folder with startup files and a pytest.ini",
            "all",
            "",
            {
                PLACE: text,
                **startup,
                "pytest.ini": "[pytest]\naddopts = -x\n",
                "pyproject.toml": "[",
            },
        ),
        below(
            "folder with tests that always pass",
            "none",
            "not written",
            {
                PLACE: stub(),
                "tests/grading/test_attention.py": "def test_all(): pass\n",
                "tests/conftest.py": CHEAT,
            },
        ),
        below("folder with a package of its own", "all", "", {PLACE: text, **below_it}),
        below(
            "folder with the answers in the package alone",
            "none",
            "not written",
            {PLACE: stub(), "tinytorch/core/attention.py": text},
        ),
        below(
            "folder without the module",
            "none",
            "no attention_dev.py or attention_dev.ipynb in it",
            {"notes.txt": "later"},
        ),
        below(
            "folder with two modules",
            "all",
            "",
            {PLACE: text, "old/attention_dev.py": stub(), "attention_dev (1).py": CHEAT},
        ),
        odd_file("pipe", "a pipe, not a file", os.mkfifo),
        odd_file(
            "link to the reference",
            "a link, which is not followed",
            lambda path: path.symlink_to(MODULE.script),
        ),
        odd_file(
            "link to passwords",
            "a link, which is not followed",
            lambda path: path.symlink_to("/etc/passwd"),
        ),
        odd_file("device", "a device, not a file", zero_device),
        odd_file("folder in place of a file", "a folder", os.mkdir),
        Entry("link to a folder outside", "none", "a link, which is not followed", outside),
    ]


def zero_device(path: Path) -> None:
    """/dev/zero, where that may be made."""
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        path.with_name("attention_dev.txt").write_text("a device, not a file")


def outside(folder: Path) -> Path:
    path = folder / "link-to-a-folder-outside"
    path.symlink_to(MODULE.folder)
    return path


NAMES = {
    "a newline": "jane\ndoe,100,100,full",
    "escapes of a terminal": "\x1b[2J\x1b]0;owned\x07",
    "a formula": "=cmd|' C calc'!A0",
    "another formula": "+HYPERLINK(1)",
    "an at sign": "@SUM(A1)",
    "a tab and a minus": "-\t1",
    "text from right to left": "\u202egnp.exe",
    "quotes and commas": '"a",b;"c"',
    "HTML": "<script>alert(1)<",
    "length": "x" * 240,
    "two dots": "a..jane",
    "no letters": "\u200b\u3164",
    "no text at all": "\udcff\udcfe",
    "an option": "--jobs=1",
    "a percent sign": "%00%n%s{0}",
}


def names() -> list[Entry]:
    """Names made to hurt whoever prints them; the work itself ends at once, to be graded soon."""
    return [named(what, name) for what, name in NAMES.items()]


def named(what: str, name: str) -> Entry:
    def write(folder: Path) -> Path:
        path = folder / f"{name}.py"
        path.write_text(CELL + "import os\nos._exit(0)\n", encoding="utf-8")
        return path

    return Entry(f"name with {what}", "none", r"it ended Python \(exit code 0\)", write)


def entries() -> list[Entry]:
    return [*sources(), *notebooks(), *archives(), *folders(), *names()]
