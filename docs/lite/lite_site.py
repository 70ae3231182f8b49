"""The whole course in JupyterLite: `python docs/lite/lite_site.py BOOK` fills BOOK/lite.

Its kernel runs on the Pyodide of the exercise pages, in BOOK/_static/pyodide, and asks for nothing
from elsewhere. A notebook there finds `tinytorch` and its checks as it does in a learner's folder.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tito.course import Course
from tito.exercises import cells_of, strip_answers
from tito.learner.folder import contents
from tito.notebook.ipynb import to_json
from tito.notebook.merge import Choice

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "exercise"))
pyodide = importlib.import_module("fetch_pyodide")

KERNEL = {"display_name": "Python (Pyodide)", "name": "python"}
EXTENSION = Path(sys.prefix, "share/jupyter/labextensions/@jupyterlite/pyodide-kernel-extension")
FROM_LOCK = ("micropip", "packaging")  # what the kernel loads before it can install anything
STAND_INS = ("ssl", "sqlite3")  # the kernel asks for both; npm's Pyodide has neither
SETTINGS = {
    "pyodideUrl": "./pyodide.js",  # the kernel cannot load pyodide.mjs
    "disablePyPIFallback": True,
    "loadPyodideOptions": {
        "indexURL": "../_static/pyodide/",
        "lockFileURL": "pyodide-lock.json",
        "packages": ["numpy"],
    },
}
PLUGIN = "@jupyterlite/pyodide-kernel-extension:kernel"
CONFIG = {
    "jupyter-lite-schema-version": 0,
    "jupyter-config-data": {
        "appName": "TinyTorch",
        "exposeAppInBrowser": True,  # tests drive it
        "litePluginSettings": {PLUGIN: SETTINGS},
    },
}


def build(course: Course, book: Path) -> None:
    """Make the site; what was there before is replaced."""
    site = book.resolve() / "lite"
    shutil.rmtree(site, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        source = Path(name)
        write_contents(course, source / "contents")
        write_wheels(source / "pypi")
        (source / "jupyter-lite.json").write_text(json.dumps(CONFIG), "utf-8")
        jupyter_lite(source, site)
    shutil.copy2(pyodide.NPM / "pyodide.js", site)
    (site / "pyodide-lock.json").write_text(lock(site / "pypi"), "utf-8")


def write_contents(course: Course, folder: Path) -> None:
    """A learner's modules, as notebooks with stubs, and the package they build on."""
    for name, content in contents(course, course.modules[-1].number).items():
        if name.startswith(("modules/", "tinytorch/")) and not name.endswith("_dev.py"):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for module in course.modules:
        text = strip_answers(module.script.read_text("utf-8"))
        (folder / module.show(module.notebook)).write_text(notebook(text), "utf-8")


def notebook(script: str) -> str:
    cells = cells_of(script)
    kernel = {"metadata": {"kernelspec": KERNEL}, "cells": []}
    return to_json([Choice(cell, cell, None) for cell in cells], cells, kernel)


def write_wheels(folder: Path) -> None:
    """What the kernel installs when it starts, all of it plain Python."""
    pins = ["--requirement", str(HERE / "wheels.txt")]
    only = ["--no-deps", "--only-binary=:all:", "--python-version=3.12", "--platform=any"]
    download = ["download", "--quiet", *only, "--dest", str(folder), *pins]
    subprocess.run([sys.executable, "-m", "pip", *download], check=True)
    for name in STAND_INS:
        stand_in(name, folder)


def stand_in(name: str, folder: Path) -> None:
    """An empty package. Python's own of that name is compiled, and only in Pyodide's release."""
    about = f"{name}-1.0.0.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1.0.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n"
        )
        kind = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{about}/WHEEL", kind)
        wheel.writestr(f"{about}/RECORD", "")


def lock(wheels: Path) -> str:
    """What Pyodide reads to find packages; those from PyPI have other bytes than its release."""
    known = json.loads((pyodide.NPM / pyodide.LOCK).read_text("utf-8"))["packages"]
    made = json.loads(pyodide.lock())
    for name in FROM_LOCK:
        (wheel,) = wheels.glob(f"{name}-*.whl")
        where = {"file_name": f"../../lite/pypi/{wheel.name}"}  # seen from indexURL
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        made["packages"][name] = known[name] | where | {"sha256": digest}
    return json.dumps(made)


def jupyter_lite(source: Path, site: Path) -> None:
    """JupyterLab's other extensions want a server: only the kernel's is taken along."""
    command = [sys.executable, "-m", "jupyterlite_core", "build", "--lite-dir", str(source)]
    command += ["--output-dir", str(site), "--contents", str(source / "contents")]
    command += ["--apps", "lab", "--apps", "notebooks", "--no-sourcemaps"]
    command += ["--ignore-sys-prefix", "federated_extensions"]
    command += [f"--LiteBuildConfig.federated_extensions={EXTENSION}"]
    done = subprocess.run(command, cwd=source, capture_output=True, encoding="utf-8")
    if done.returncode:
        sys.exit(f"jupyter lite build failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("book", type=Path, help="the book as Sphinx made it")
    build(Course(HERE.parents[1]), parser.parse_args().book)
