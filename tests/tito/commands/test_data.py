"""`tito data`: what it lists, and that a file comes in place right and whole, or not at all.

The command runs on data sets of a few bytes; the sources are a server on 127.0.0.1, archives made
here, and clients of ours in place of the registries'. Real ones are fetched with `-m slow`.
"""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from tinytorch import data_sets as reading
from tito import cli
from tito.data_sets import fetch
from tito.data_sets.place import is_right
from tito.data_sets.read import read
from tito.data_sets.table import DATA_SETS, DataSet, Piece

ONE, TWO = b"To be, or not to be\n", b"that is the question:"
BOTH = ONE + b"\n\n\n" + TWO
POSIX = pytest.mark.skipif(os.name != "posix", reason="scripts of the shell")


def piece(name: str, content: bytes, *parts: str) -> Piece:
    return Piece(name, len(content), hashlib.sha256(content).hexdigest(), parts)


def toy(*pieces: Piece, ways=()) -> DataSet:
    return DataSet(
        "toy", "a toy", "none", "here", "little", "anything", pieces, ways, "open the box"
    )


JOINED = toy(piece("toy.txt", BOTH, "texts/one.txt", "texts/two.txt"))
PAIR = toy(piece("one.gz", ONE), piece("two.gz", TWO))
PACKED = {"pair-1/one.gz": gzip.compress(ONE, 1), "pair-1/two.gz": gzip.compress(TWO, 9)}
TEXTS = {"toy-1/texts/two.txt": TWO, "toy-1/README": b"?", "toy-1/texts/one.txt": ONE}


def tar(files: dict[str, bytes], kind: str = "gz") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=f"w:{kind}") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def deb(files: dict[str, bytes]) -> bytes:
    made = b"!<arch>\n"
    for name, content in {"debian-binary": b"2.0", "data.tar.xz": tar(files, "xz")}.items():
        head = f"{name:16}{0:<12}{0:<6}{0:<6}{644:<8}{len(content):<10}`\n".encode()
        made += head + content + b"\n" * (len(content) % 2)
    return made


def packed_in_zip(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


@pytest.fixture
def toys(monkeypatch, course):
    """The command knows one data set more; it is called in a course."""
    monkeypatch.chdir(course.root)

    def know(data_set: DataSet) -> Path:
        monkeypatch.setitem(DATA_SETS, "toy", data_set)
        return course.root / "data" / "toy"

    return know


@pytest.fixture
def server():
    """A server of given answers; its address."""
    answers: dict[str, bytes] = {}

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = answers.get(self.path.lstrip("/"))
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write((content or b"")[: 7 if "cut" in self.path else None])

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/", answers
        running.shutdown()


def run(capfd, *args: object) -> tuple[int, str]:
    code = cli.run(["data", *map(str, args)])
    return code, capfd.readouterr().out


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", ""])
@pytest.mark.parametrize(("data_set", "files"), [(JOINED, TEXTS), (PAIR, PACKED)])
def test_pieces_are_found_in_an_archive_whatever_packed_it(tmp_path, data_set, files, kind) -> None:
    path = tmp_path / "toy-1"
    path.write_bytes(tar(files, kind))
    from_tar = read(data_set, path)
    assert from_tar in ({"toy.txt": BOTH}, {name[7:]: content for name, content in PACKED.items()})
    for make in (deb, packed_in_zip):
        path.write_bytes(make(files))
        assert read(data_set, path) == from_tar


def test_a_plain_file_of_any_name_and_a_folder_are_taken(tmp_path) -> None:
    (tmp_path / "anything.bin").write_bytes(BOTH)
    assert read(JOINED, tmp_path / "anything.bin") == {"toy.txt": BOTH}
    for name, content in {**PACKED, **TEXTS}.items():
        path = tmp_path / "folder" / name.partition("/")[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert read(JOINED, tmp_path / "folder") == {"toy.txt": BOTH}
    whole = read(PAIR, tmp_path / "folder")
    assert [gzip.decompress(content) for content in whole.values()] == [ONE, TWO]
    assert read(PAIR, tmp_path / "folder" / "two.gz") == whole, "the other lies beside it"


def test_get_puts_a_file_in_place_and_says_where(toys, tmp_path, capfd) -> None:
    place, given = toys(JOINED), tmp_path / "given.tar.gz"
    given.write_bytes(tar(TEXTS))
    code, said = run(capfd, "get", "toy", "--from", given)
    assert (code, said) == (0, f"✓ toy: {place / 'toy.txt'}\n")
    assert (place / "toy.txt").read_bytes() == BOTH
    assert [path.name for path in place.iterdir()] == ["toy.txt"]
    assert (place.parent / ".gitignore").read_text() == "*\n"
    before = (place / "toy.txt").stat()
    assert run(capfd, "get", "toy") == (0, f"✓ toy is already here: {place}\n")
    assert (place / "toy.txt").stat() == before


def test_get_to_a_folder_needs_no_course(toys, tmp_path, monkeypatch, capfd) -> None:
    toys(JOINED)
    (tmp_path / "given").write_bytes(BOTH)
    monkeypatch.chdir(tmp_path)
    assert run(capfd, "get", "toy", "--from", "given", "--to", "my data")[0] == 0
    assert (tmp_path / "my data" / "toy" / "toy.txt").read_bytes() == BOTH
    assert run(capfd)[0] == run(capfd, "sheet", "toy")[0] == 0
    code, said = run(capfd, "get", "toy")
    assert code == 2 and "no course in" in said


WRONG = {
    "cut short": (BOTH[:-1], "it holds 43 bytes, not 44"),
    "another": (BOTH.replace(b"not", b"NOT"), "its sha256 begins with "),
    "empty": (b"", "it holds 0 bytes, not 44"),
    "a part": (ONE, "it holds 20 bytes, not 44"),
    "a cut archive": (tar(TEXTS)[:-30], "is damaged or cut short: "),
    "a foreign archive": (tar(PACKED), "holds no texts/one.txt"),
    "half an archive": (tar({"texts/one.txt": ONE}), "holds no texts/two.txt"),
    "a wrong part": (tar({**TEXTS, "toy-1/texts/one.txt": TWO}), "is not the right one: it holds"),
    "not a deb": (b"!<arch>\n" + b"x" * 200, "is damaged or cut short: no data.tar in it"),
    "not a zip": (b"PK\x03\x04" + b"x" * 200, "is damaged or cut short: File is not a zip"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_file_changes_nothing_and_says_what_it_is(toys, tmp_path, capfd, wrong) -> None:
    place, given, old = toys(JOINED), tmp_path / "given", b"an older text of mine"
    content, reason = WRONG[wrong]
    given.write_bytes(content)
    code, said = run(capfd, "get", "toy", "--from", given)
    first, second = said.splitlines()
    assert code == 2 and str(given) in first and reason in first
    assert "open the box; then `tito data get toy --from FILE`" in second
    assert not place.exists() and not place.parent.exists()
    place.mkdir(parents=True)
    (place / "toy.txt").write_bytes(old)
    assert run(capfd, "get", "toy", "--from", given)[0] == 2
    assert [path.read_bytes() for path in place.iterdir()] == [old]


@pytest.mark.parametrize("damage", [lambda right: right[:9], lambda right: b"x" + right[1:]])
def test_a_damaged_gz_is_told_apart_from_a_right_one(tmp_path, toys, capfd, damage) -> None:
    place = toys(PAIR)
    for name, content in PACKED.items():
        (tmp_path / name[7:]).write_bytes(content)
    assert run(capfd, "get", "toy", "--from", tmp_path / "one.gz")[0] == 0
    assert is_right(PAIR, place)
    (place / "two.gz").write_bytes(damage((place / "two.gz").read_bytes()))
    assert not is_right(PAIR, place)
    code, said = run(capfd, "get", "toy", "--from", place / "one.gz")
    assert code == 2 and "two.gz" in said and "cannot be unpacked" in said
    assert run(capfd, "get", "toy", "--from", tmp_path)[0] == 0
    assert is_right(PAIR, place)


def test_another_file_of_that_name_is_kept_aside(toys, tmp_path, capfd) -> None:
    place, given = toys(JOINED), tmp_path / "given"
    given.write_bytes(BOTH)
    for count, mine in enumerate((b"mine", b"mine too"), 1):
        place.mkdir(parents=True, exist_ok=True)
        (place / "toy.txt").write_bytes(mine)
        code, said = run(capfd, "get", "toy", "--from", given)
        old = place / f"toy.txt.old-{count}"
        assert code == 0 and f"another file had that name: it is {old} now" in said
        assert old.read_bytes() == mine and (place / "toy.txt").read_bytes() == BOTH


def test_the_web_brings_every_part(toys, server, capfd) -> None:
    address, answers = server
    answers.update({"texts/one.txt": ONE, "texts/two.txt": TWO})
    place = toys(toy(*JOINED.pieces, ways=(("web", address),)))
    code, said = run(capfd, "get", "toy")
    assert code == 0 and said.startswith("• fetching toy (0.0 MB)\n✓ toy: ")
    assert (place / "toy.txt").read_bytes() == BOTH


@pytest.mark.parametrize(
    ("below", "content", "reason"),
    [
        ("", None, "texts/one.txt: Not Found"),
        ("", b"<html>log in first</html>", "it holds 49 bytes, not 44"),
        ("cut/", ONE, "it holds 17 bytes, not 44"),
    ],
)
def test_a_bad_answer_of_the_web_changes_nothing(
    toys, server, capfd, below, content, reason
) -> None:
    address, answers = server
    answers[f"{below}texts/two.txt"] = TWO
    if content is not None:
        answers[f"{below}texts/one.txt"] = content
    place = toys(toy(*JOINED.pieces, ways=(("web", address + below),)))
    code, said = run(capfd, "get", "toy")
    _, first, second = said.splitlines()
    assert code == 2 and first.startswith("✗ toy could not be fetched: ") and reason in first
    assert address in first and "tito-data" not in first
    assert second.startswith("  nothing was changed; elsewhere: open the box; then `tito data get")
    assert not place.parent.exists()


def test_without_a_network_every_way_is_named_and_what_to_do(toys, capfd, tmp_path) -> None:
    nowhere = "http://127.0.0.1:9/"  # nobody listens there
    ways = (("folder", str(tmp_path)), ("web", nowhere), ("web", "http://no-such-host.invalid/"))
    toys(toy(*JOINED.pieces, ways=ways))
    code, said = run(capfd, "get", "toy")
    assert code == 2 and "Connection refused" in said and "no-such-host.invalid" in said
    assert "nothing was changed; elsewhere: open the box; then" in said


def test_the_next_way_is_tried(toys, server, capfd, tmp_path) -> None:
    address, answers = server
    answers.update({"texts/one.txt": ONE, "texts/two.txt": TWO})
    place = toys(toy(*JOINED.pieces, ways=(("web", f"{address}not/"), ("web", address))))
    assert run(capfd, "get", "toy")[0] == 0 and (place / "toy.txt").read_bytes() == BOTH


def client(folder: Path, name: str, script: str) -> None:
    """A program of ours that bears a client's name."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", "ascii")
    (folder / name).chmod(0o755)


@POSIX
@pytest.mark.parametrize(
    ("way", "name", "archive", "make"),
    [("npm", "npm", "toy-1.tgz", tar), ("debian", "apt-get", "toy_1_all.deb", deb)],
)
def test_a_registrys_own_client_brings_an_archive(
    tmp_path, monkeypatch, way, name, archive, make
) -> None:
    data_set = toy(*JOINED.pieces, ways=((way, "toy@1"),))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(fetch.TitoError, match=f"{name} is not installed"):
        fetch.fetched(data_set)
    (tmp_path / "made").write_bytes(make(TEXTS))
    client(tmp_path, name, f'/bin/cp {tmp_path}/made {archive}; echo "$@" >{tmp_path}/asked')
    assert fetch.fetched(data_set) == {"toy.txt": BOTH}
    assert "toy@1" in (tmp_path / "asked").read_text()
    assert ("--ignore-scripts" in (tmp_path / "asked").read_text()) == (way == "npm")
    client(tmp_path, name, "echo to begin with; echo 'ERROR no network'; exit 1")
    with pytest.raises(fetch.TitoError, match=f"{name}: ERROR no network"):
        fetch.fetched(data_set)
    client(tmp_path, name, "exit 1")
    with pytest.raises(fetch.TitoError, match=f"{name}: it said nothing"):
        fetch.fetched(data_set)


SETUP = "from pathlib import Path\nPath({!r}).touch()\nraise SystemExit(3)\n"


def sdist(folder: Path, ran: Path) -> str:
    """An archive whose setup.py leaves a trace; the requirement that names it."""
    about = b"Metadata-Version: 1.0\nName: toy\nVersion: 1.0\n"
    setup = SETUP.format(str(ran)).encode()
    files = {f"toy-1.0/{name.partition('/')[2]}": content for name, content in TEXTS.items()}
    content = tar({**files, "toy-1.0/PKG-INFO": about, "toy-1.0/setup.py": setup})
    (folder / "toy-1.0.tar.gz").write_bytes(content)
    return f"toy==1.0 --hash=sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.parametrize("isolation", ["0", "1"])  # pip's versions read the variable both ways
def test_pip_brings_an_archive_and_runs_nothing_of_it(tmp_path, monkeypatch, isolation) -> None:
    ran = tmp_path / "ran"
    wanted = sdist(tmp_path, ran)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", isolation)
    assert fetch.fetched(toy(*JOINED.pieces, ways=(("pip", wanted),))) == {"toy.txt": BOTH}
    assert not ran.exists()


def test_pip_alone_would_run_it(tmp_path) -> None:
    pytest.importorskip("setuptools", reason="without it, pip would fetch it first")
    ran = tmp_path / "ran"
    sdist(tmp_path, ran)
    where = ["--no-index", "--find-links", str(tmp_path), "--dest", str(tmp_path / "there")]
    options = ["--no-deps", "--no-build-isolation", *where]
    command = [sys.executable, "-m", "pip", "download", *options, "toy==1.0"]
    subprocess.run(command, capture_output=True, cwd=tmp_path)
    assert ran.exists()


def test_pip_takes_no_archive_with_another_hash(tmp_path, monkeypatch) -> None:
    wanted = sdist(tmp_path, tmp_path / "ran")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for other, reason in ((wanted[:-8] + "0" * 8, "DO NOT MATCH"), ("toy==2.0", "pip: ERROR: ")):
        hashed = other if "--hash" in other else wanted.replace("toy==1.0", other)
        with pytest.raises(fetch.TitoError, match=reason):
            fetch.fetched(toy(*JOINED.pieces, ways=(("pip", hashed),)))


def test_ctrl_c_leaves_nothing_behind(toys, tmp_path, capfd, monkeypatch) -> None:
    def stop(*arguments: object) -> None:
        raise KeyboardInterrupt

    place, given = toys(JOINED), tmp_path / "given"
    given.write_bytes(BOTH)
    monkeypatch.setattr(os, "fsync", stop)
    code, said = run(capfd, "get", "toy", "--from", given)
    again = "  `tito data get toy` begins again\n"
    assert (code, said) == (130, f"✗ stopped: no file is half written\n{again}")
    assert not place.parent.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_leaves_nothing_behind(toys, tmp_path, capfd, monkeypatch) -> None:
    real = Path.open

    def full(path: Path, mode: str = "r", *rest: object):
        return real(Path("/dev/full") if "w" in mode else path, mode, *rest)

    place, given = toys(JOINED), tmp_path / "given"
    given.write_bytes(BOTH)
    monkeypatch.setattr(Path, "open", full)
    code, said = run(capfd, "get", "toy", "--from", given)
    monkeypatch.undo()
    assert code == 2 and "No space left on device" in said and "make room" in said
    assert not place.parent.exists()


@pytest.mark.parametrize("there", [False, True])
def test_where_nothing_can_be_written_one_line_says_so(toys, tmp_path, capfd, there) -> None:
    """A file where the folder should be refuses everyone, root as well."""
    place, given = toys(JOINED), tmp_path / "given"
    given.write_bytes(BOTH)
    blocked = place if there else place.parent
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_bytes(b"in the way")
    code, said = run(capfd, "get", "toy", "--from", given)
    assert code == 2 and str(blocked) in said and "move it away" in said
    assert blocked.read_bytes() == b"in the way"


@pytest.mark.parametrize("given", ["", "not/there.txt"])
def test_a_source_that_is_none_is_named(toys, capfd, given, tmp_path) -> None:
    toys(JOINED)
    code, said = run(capfd, "get", "toy", "--from", tmp_path / given)
    assert code == 2 and str(tmp_path / given) in said and len(said.splitlines()) == 2


def test_the_list_says_what_is_here(toys, tmp_path, capfd) -> None:
    place, given = toys(JOINED), tmp_path / "given"
    given.write_bytes(BOTH)
    _, said = run(capfd)
    for one in DATA_SETS.values():
        assert f"  {one.name} " in said and one.what in said and one.licence in said
    assert "✓" not in said and "; here: " not in said
    run(capfd, "get", "toy", "--from", given)
    code, said = run(capfd, "list")
    assert code == 0 and said.count("✓") == 1 and f"none; here: {place}\n" in said


def test_the_sheet_says_what_there_is_to_know(toys, capfd) -> None:
    place = toys(JOINED)
    code, said = run(capfd, "sheet", "toy")
    for part in ("here", "little", "none", "anything", "44 bytes", JOINED.pieces[0].sha256):
        assert part in said
    assert code == 0 and "no: `tito data get toy`" in said
    place.mkdir(parents=True)
    (place / "toy.txt").write_bytes(BOTH)
    assert str(place) in run(capfd, "sheet", "toy")[1]


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("data get shakespear", "data get shakespeare"),
        ("data get Tiny_Shakespeare", "data get tinyshakespeare"),
        ("data get fashion_mnist --form x", "data get fashion-mnist --from x"),
        ("data sheet cmudict.txt", "data sheet cmudict"),
        ("data get", "data get NAME"),
        ("data gte cmudict", "data get cmudict"),
        ("data download cmudict", "data get cmudict"),
        ("data cmudict", "data sheet cmudict"),
        ("get cmudict", "data get cmudict"),
        ("fetch cmudic", "data get cmudict"),
        ("dat", "data"),
        ("datasets", "data"),
    ],
)
def test_what_is_typed_wrongly_is_answered_by_what_was_meant(
    course, monkeypatch, capfd, typed, right
) -> None:
    monkeypatch.chdir(course.root)
    assert cli.run(typed.split()) == 2
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[1] == f"  `tito {right}`"


def test_a_name_like_none_is_answered_by_the_list(capfd) -> None:
    said = "✗ no data set 'xyzzy'\n  `tito data` lists them\n"
    assert run(capfd, "get", "xyzzy") == (2, said)
    assert run(capfd, "sheet", "xyzzy") == (2, said)


def test_every_way_in_the_table_is_known_and_its_names_are_the_readers() -> None:
    for name, one in DATA_SETS.items():
        assert name == one.name and {kind for kind, _ in one.ways} <= fetch.WAYS.keys()
        assert all(len(piece.sha256) == 64 for piece in one.pieces)
    texts = {name: f"{name}.txt" for name in (*reading.TEXTS, "cmudict")}
    for name, file in texts.items():
        assert [piece.name for piece in DATA_SETS[name].pieces] == [file]
    kinds = ("images-idx3-ubyte.gz", "labels-idx1-ubyte.gz")
    names = {f"{part}-{kind}" for part in reading.PICTURES.values() for kind in kinds}
    assert {piece.name for piece in DATA_SETS["fashion-mnist"].pieces} == names


def test_tinyshakespeare_has_its_well_known_bytes(tmp_path) -> None:
    path = Path(os.environ.get("TINYTORCH_SHAKESPEARE", ""))
    if not path.is_file():
        pytest.skip("TINYTORCH_SHAKESPEARE names no file")
    shutil.copy(path, tmp_path / "input.txt")
    for source in (path, tmp_path, tmp_path / "input.txt"):
        assert list(read(DATA_SETS["tinyshakespeare"], source)) == ["tinyshakespeare.txt"]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*DATA_SETS} - {"tinyshakespeare"}))
def test_the_real_source_brings_the_real_thing(name, tmp_path, capfd) -> None:
    code, said = run(capfd, "get", name, "--to", tmp_path)
    if "is not installed" in said:
        pytest.skip(said)
    assert code == 0, said
    assert is_right(DATA_SETS[name], tmp_path / name)
