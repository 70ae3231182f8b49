"""Where the course is and which modules it has.

Nothing is listed by hand: modules are the folders `modules/NN_name` that hold a `name_dev` file;
title, export target and prerequisites are read from that file.
"""

from __future__ import annotations

import difflib
import re
import shlex
import unicodedata
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from tito.errors import CodeError, MistypedError, TitoError
from tito.notebook.cell import Cell
from tito.notebook.cells import read_notebook, read_percent
from tito.state import read_facts

HIDDEN = "hidden"  # the folder in tests/grading of checks that learners do not get
EXERCISE = re.compile(r"\d{1,2}\.\d+")
_FOLDER = re.compile(r"^(\d{2})_([a-z][a-z0-9_]*)$")
_TARGET = re.compile(r"^#\|\s*default_exp\s+([\w.]+)\s*$", re.MULTILINE)
_HEADING = re.compile(r"^#\s+(.+?)\s*$", re.MULTILINE)
_IMPORT = re.compile(r"^\s*(?:from|import)\s+tinytorch\.(\w+(?:\.\w+)*)", re.MULTILINE)


@dataclass(frozen=True)
class Module:
    root: Path
    number: str  # "12"
    name: str  # "attention"
    known: list[Cell] | None = field(default=None, compare=False, repr=False)

    def having(self, cells: list[Cell]) -> Module:
        """The same module, with cells that somebody has read."""
        return replace(self, known=cells)

    @property
    def folder_name(self) -> str:
        return f"{self.number}_{self.name}"

    @property
    def folder(self) -> Path:
        return self.root / "modules" / self.folder_name

    @property
    def script(self) -> Path:
        return self.folder / f"{self.name}_dev.py"

    @property
    def notebook(self) -> Path:
        return self.folder / f"{self.name}_dev.ipynb"

    @property
    def own_checks(self) -> Path:
        """What the notebook's test cells call."""
        return self.folder / f"{self.name}_checks.py"

    @property
    def common(self) -> Path:
        """The text on which both files last agreed."""
        return self.root / ".tito" / "sync" / f"{self.folder_name}.py"

    @property
    def opened(self) -> Path:
        """Is there once a command has worked on the module: it was begun, if nothing is written."""
        return self.root / ".tito" / "opened" / self.folder_name

    @cached_property
    def cells(self) -> list[Cell]:
        if self.known is not None:
            return self.known
        if self.script.exists():
            return read_percent(self.script)
        return read_notebook(self.notebook)[1]

    @cached_property
    def title(self) -> str:
        for cell in self.cells:
            heading = _HEADING.search(cell.source) if cell.kind == "markdown" else None
            if heading:
                return heading[1]
        return self.name

    @cached_property
    def target(self) -> str:
        """What `#| default_exp` names, such as `core.attention`."""
        for cell in self.cells:
            match = _TARGET.search(cell.source) if cell.kind == "code" else None
            if match:
                return match[1]
        raise CodeError(
            f"{self.show(self.script)} says nowhere what it exports to",
            f"write `#| default_exp core.{self.name}` in a code cell",
        )

    @property
    def package(self) -> str:
        return f"tinytorch.{self.target}"

    @property
    def export(self) -> Path:
        return self.root.joinpath("tinytorch", *self.target.split(".")).with_suffix(".py")

    @property
    def tests(self) -> Path:
        """The folder of tests of what the module exports."""
        return self.root / "tests" / "core" / self.name

    @property
    def checks(self) -> Path:
        """The graded checks of the module that learners get."""
        return self.root / "tests" / "grading" / f"test_{self.name}.py"

    @property
    def hidden_checks(self) -> Path:
        """Graded checks that are hidden from them, in the same form."""
        return self.checks.parent / HIDDEN / self.checks.name

    @property
    def check_files(self) -> list[Path]:
        """The files of graded checks that are there, the public one first."""
        return [path for path in (self.checks, self.hidden_checks) if path.is_file()]

    @cached_property
    def imports(self) -> set[str]:
        """Targets of the modules this one is built on."""
        return {name for cell in self.cells for name in _IMPORT.findall(cell.source)}

    def show(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


@dataclass(frozen=True)
class Course:
    root: Path

    @cached_property
    def modules(self) -> list[Module]:
        folders = sorted((self.root / "modules").iterdir())
        named = [(folder, _FOLDER.match(folder.name)) for folder in folders]
        found = [Module(self.root, match[1], match[2]) for folder, match in named if match]
        return [module for module in found if module.script.exists() or module.notebook.exists()]

    @cached_property
    def learner(self) -> dict[str, object] | None:
        return read_facts(self.root)

    def borrowed(self, module: Module) -> bool:
        names = (self.learner or {}).get("borrowed", [])
        return isinstance(names, list) and module.folder_name in names

    def module(self, name: str) -> Module:
        """Find a module by `12`, `attention` or `12_attention`."""
        wanted = plain(name).rstrip("/")
        if EXERCISE.fullmatch(wanted):
            what = f"a module is asked for, not an exercise: {name}"
            raise MistypedError(what, "`tito status` lists the modules", wanted.split(".")[0])
        for module in self.modules:
            number = wanted.isdecimal() and module.number.lstrip("0") == wanted.lstrip("0")
            if number or wanted in (module.name, module.folder_name):
                return module
        meant = self._nearest(wanted)
        suggestion = f"; did you mean {meant}?" if meant else ""
        raise MistypedError(f"no module {name!r}{suggestion}", "`tito status` lists them", meant)

    def _nearest(self, wanted: str) -> str:
        """The name that is most alike; of a path, the module whose file or folder it is."""
        names = [name for module in self.modules for name in (module.name, module.folder_name)]
        stems = [part.split(".")[0].removesuffix("_dev") for part in re.split(r"[/\\]", wanted)]
        inside = [stem for stem in reversed(stems) if stem in names]
        close = difflib.get_close_matches(stems[-1], names, n=1, cutoff=0.5)
        return next(iter([*inside, *close]), "")

    def select(self, names: tuple[str, ...], everything: bool) -> list[Module]:
        if everything:
            return self.modules
        if not names:
            raise TitoError("which module?", "name it (12, attention, 12_attention) or say --all")
        return [self.module(name) for name in names]

    def prerequisites(self, module: Module) -> list[Module]:
        return [other for other in self.modules if other.target in module.imports]


def pristine(course: Course) -> Path:
    """Where a learner's folder keeps what the course gave it."""
    return course.root / ".tito" / "pristine"


def stub_file(course: Course, module: Module) -> Path:
    return pristine(course) / module.show(module.script)


def plain(name: str) -> str:
    """A name as it is looked up: full-width digits are digits, capitals do not matter."""
    return unicodedata.normalize("NFKC", name).strip().lower()


def find_course(start: Path | None = None) -> Course:
    """The nearest folder upwards that holds a course."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "modules").is_dir() and (folder / "tinytorch").is_dir():
            return Course(folder)
    raise TitoError(
        f"no course in {here} or above it (a folder with modules/ and tinytorch/)", _elsewhere()
    )


def _elsewhere() -> str:
    """Where there is a course, as far as this user's folders are known."""
    from tito.known import known  # only for this message

    first, *others = [f"`cd {shlex.quote(str(folder))}`" for folder in known()[:3]] or [""]
    if not first:
        return "cd into your clone, or into a folder made by `tito init`"
    return f"{first}{' or '.join(['', *others])}, or `tito init DIR` makes a new folder"
