"""The bank graded as an instructor grades, once: each entry gets what it earned and a line why."""

from __future__ import annotations

import csv
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.grader.hostile.bank import COURSE, MODULE, Entry, attacks
from tests.grader.hostile.files import entries
from tito.grader.batch import Plan, Run
from tito.grader.gradebook import Batch, Gradebook
from tito.grader.intake.find import find_submissions
from tito.grader.sandbox import NAMES, SAFE, Sandbox, SandboxError, best_level, inside_folder
from tito.grader.verdict import Check, Graded

BANK = [*attacks(), *entries()]
LIMIT, SEED, JOBS = 1.0, 7, 2
TOO_LONG = 1200.0  # only so that a grader that hangs does not hang the tests
SECRET = "TITO_HOSTILE_SECRET"  # in the environment of the run; no submission may see it
DEVICES = "devices given other rights"
CANARY = "this stays as it is\n"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="these walls are Linux's"),
]


@dataclass
class Scene:
    """The bank on disk, what stands around it, and what grading made of it."""

    root: Path
    level: int
    names: dict[str, str] = field(default_factory=dict)  # of an entry, its name in the gradebook
    before: dict[str, str] = field(default_factory=dict)
    canaries: list[Path] = field(default_factory=list)
    graded: dict[str, Graded] = field(default_factory=dict)

    @property
    def submissions(self) -> Path:
        return self.root / "submissions"

    @property
    def scratch(self) -> Path:
        return self.root / "scratch"

    @property
    def out(self) -> Path:
        return self.root / "grades"

    def of(self, entry: Entry) -> Graded:
        return self.graded[self.names[entry.name]]

    @property
    def batch(self) -> Batch:
        return Gradebook(self.out / "gradebook.sqlite", None).batch

    def set_up(self) -> None:
        for folder in (self.submissions, self.scratch):
            folder.mkdir(parents=True)
        paths = {entry.write(self.submissions): entry.name for entry in BANK}
        self.names = {paths[one.path]: one.name for one in find_submissions(self.submissions)}
        homes = (self.root, Path.home(), Path("/tmp"))
        self.canaries = [Path(tempfile.mkdtemp("-canary", dir=home)) for home in homes]
        for folder in self.canaries:
            (folder / "attention_dev.py").write_text(CANARY, encoding="utf-8")
        self.before = self.state()

    def state(self) -> dict[str, str]:
        """What grading must leave as it is."""
        course = [COURSE.root / name for name in ("modules", "tinytorch", "tests/grading")]
        return {
            str(path): _seen(path)
            for top in (self.submissions, *self.canaries, *course)
            for path in (top, *top.rglob("*"))
            if "__pycache__" not in path.parts
        }

    def grade(self) -> None:
        environment = {"TMPDIR": str(self.scratch), SECRET: str(self.root)}
        if self.level == best_here():
            self._by_command(environment)
        else:
            with pytest.MonkeyPatch.context() as patch:
                for name, value in environment.items():
                    patch.setenv(name, value)
                self._by_run()
        book = Gradebook(self.out / "gradebook.sqlite", None)
        self.graded = {graded.name: graded for graded in book.all()}

    def _by_command(self, environment: dict[str, str]) -> None:
        words = ["grade", self.submissions, "--module", MODULE.number, "--to", self.out]
        words += ["--limit", LIMIT, "--jobs", JOBS, "--seed", SEED]
        done = subprocess.run(
            [sys.executable, "-m", "tito", *map(str, words)],
            cwd=COURSE.root,
            env={**os.environ, **environment},
            capture_output=True,
            timeout=TOO_LONG,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.decode("utf-8").replace("\n", "").isprintable()

    def _by_run(self) -> None:
        plan = Plan(COURSE, MODULE, self.level, SEED, JOBS, LIMIT)
        run = Run(plan, self.out / "gradebook.sqlite")
        assert len(list(run.grade(find_submissions(self.submissions)))) == len(BANK)


def _seen(path: Path) -> str:
    """Kind and content."""
    status = path.lstat()
    content = b""
    if path.is_symlink():
        content = os.fsencode(os.readlink(path))
    elif path.is_file() and status.st_size < 10_000_000:
        content = path.read_bytes()
    return f"{status.st_mode} {status.st_size} {hashlib.sha256(content).hexdigest()}"


def best_here() -> int:
    with inside_folder(COURSE, MODULE) as folder:
        return best_level(folder)


def works(level: int) -> bool:
    with inside_folder(COURSE, MODULE) as folder:
        try:
            Sandbox(folder, level).close()
        except (SandboxError, OSError):
            return False
    return True


@pytest.fixture(scope="module", params=["best", "other"])
def scene(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """The best walls of this machine by the command line; the other safe ones in Python."""
    best = best_here()
    if best < SAFE:
        pytest.skip("no safe sandbox on this machine: the bank may not be graded here")
    level = best if request.param == "best" else {2: 3, 3: 2}[best]
    if not works(level):
        pytest.skip(f"no {NAMES[level]} on this machine")
    made = Scene(tmp_path_factory.mktemp("hostile"), level)
    made.set_up()
    try:
        made.grade()
        yield made
    finally:
        for folder in made.canaries:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("entry", BANK, ids=[entry.name for entry in BANK])
def test_it_gets_what_it_earned_and_a_line_why(scene: Scene, entry: Entry) -> None:
    if entry.name == DEVICES and scene.level == 3 and os.geteuid() == 0:
        pytest.skip("root owns the devices that bubblewrap shows; so root's best are namespaces")
    graded, checks = scene.of(entry), scene.batch.checks
    told = [graded.note, *(f"{one.category}: {one.reason}" for one in graded.verdicts)]
    earned = {one.check: one.points for one in graded.verdicts}
    wrong = {
        check.name: earned.get(check.name, 0)
        for check in checks
        if deserves(entry, check) not in (None, earned.get(check.name, 0))
    }
    assert not wrong, told
    assert any(re.search(entry.says, line) for line in told), told
    assert not any("REACHED" in line for line in told), told
    assert all(line.isprintable() and len(line) <= 2000 for line in told)
    lost = [one for one in graded.verdicts if one.category != "passed"]
    assert all(one.category and one.reason for one in lost), lost
    assert graded.note or graded.verdicts


def deserves(entry: Entry, check: Check) -> float | None:
    """The points that it must get for a check; None if either would be fair."""
    if entry.gets in ("all", "none", "unread"):
        return check.points if entry.gets == "all" else 0
    kind, exercise = re.findall(r"all but|none of|\d+\.\d+", entry.gets)
    if check.exercise == exercise:
        return 0
    return check.points if kind == "all but" else None


def test_every_submission_is_in_the_gradebook(scene: Scene) -> None:
    assert len(scene.names) == len(BANK) == len(scene.graded)
    assert not [one.note for one in scene.graded.values() if "ended the judge" in one.note]


def test_no_process_is_left(scene: Scene) -> None:
    left = [number for number in os.listdir("/proc") if number.isdigit() and _is_of(scene, number)]
    assert not left


def _is_of(scene: Scene, number: str) -> bool:
    """Started for this run: its path stands in the command, the environment or the mounts."""
    for part in ("cmdline", "environ", "mountinfo"):
        try:
            if os.fsencode(scene.root) in Path(f"/proc/{number}/{part}").read_bytes():
                return True
        except OSError:
            continue
    return False


def test_nothing_outside_is_changed(scene: Scene) -> None:
    after = scene.state()
    assert after.keys() == scene.before.keys()
    assert [path for path in after if after[path] != scene.before[path]] == []
    for home in ("/tmp", "/dev/shm", "/var/tmp", "/run", "/"):
        odd = {"secret", "tito-was-here", "locked", "tito-out"} & set(os.listdir(home))
        assert not odd, f"{home}: {odd}"


def test_scratch_space_is_given_back(scene: Scene) -> None:
    assert os.listdir(scene.scratch) == []


def test_no_spreadsheet_runs_a_name_and_no_page_a_script(scene: Scene) -> None:
    if scene.level != best_here():
        pytest.skip("only the command writes reports")
    with open(scene.out / "grades.csv", encoding="utf-8-sig", newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    pages = [path for path in scene.out.rglob("*") if path.suffix in (".html", ".md", ".json")]
    assert len(pages) >= len(BANK)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text), page
        shown = "" if page.suffix == ".json" else re.sub("`[^`\n]*`", "", text)
        assert "<script>alert" not in shown, page
