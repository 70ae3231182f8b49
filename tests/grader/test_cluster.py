"""A batch on a cluster has the bytes of one run, whatever becomes of a worker."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.grader.grading import add_checks, hand_in, safe_level, submission
from tests.grader.test_grade import grade, outputs
from tito.course import Course
from tito.errors import TitoError
from tito.grader import cluster
from tito.grader.batch import Plan, Run
from tito.grader.intake.find import find_submissions

pytestmark = pytest.mark.slow  # each starts a cluster
distributed = pytest.importorskip("distributed")
DASK = [sys.executable, "-m", "dask"]
FEW_NAMESPACES = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
WEAK = ["unshare", "--user", "--map-root-user", "sh", "-c", FEW_NAMESPACES, "sh"]


@pytest.fixture
def toy(course):
    safe_level(add_checks(course))
    return course


@pytest.fixture
def handed_in(toy, tmp_path) -> Path:
    works = {
        "good": submission(toy),
        "squared": submission(toy, double="return x * x"),
        "doejane_31_42_alpha_dev": submission(toy, next_one="raise ValueError('no <b>')"),
        "loop": submission(toy, double="while True: pass"),
        "ends": "import os; os._exit(0)",
        "own": submission(toy) + "\n# %%\nundefined\n",
    }
    folder = hand_in(tmp_path / "in", **works)
    (folder / "essay.pdf").write_bytes(b"no module")
    return folder


@pytest.fixture
def one_run(toy, handed_in, tmp_path) -> dict[str, bytes]:
    grade(toy, *said(handed_in), "--to", tmp_path / "one")
    return outputs(tmp_path / "one")


def said(folder: Path) -> tuple[object, ...]:
    late = "--due", "2020-01-01", "--late-percent", 10, "--late-cap", 30
    return folder, "--module", 1, "--seed", 5, "--limit", 0.5, *late


class Dask:
    """A scheduler, and workers in processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start("scheduler", "--host", "127.0.0.1", "--port", "0")
        wait_until(self.file.exists)
        self.client = distributed.Client(scheduler_file=str(self.file), set_as_default=False)
        self.address = self.client.scheduler.address

    def start(self, what: str, *words: str, inside: tuple[str, ...] = ()) -> None:
        command = [*inside, *DASK, what, "--scheduler-file", str(self.file), "--no-dashboard"]
        with (self.folder / f"{what}.log").open("ab") as log:
            process = subprocess.Popen([*command, *words], cwd=self.folder, stdout=log, stderr=log)
        self.processes.append(process)

    def worker(self, name: str, inside: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        """One that has joined."""
        words = "--nthreads", "1", "--no-nanny", "--name", name, "--host", "127.0.0.1"
        self.start("worker", *words, inside=inside)
        wait_until(lambda: name in self.addresses())
        return self.processes[-1]

    def addresses(self) -> dict[str, str]:
        workers = self.client.scheduler_info(n_workers=-1)["workers"]
        return {str(one["name"]): address for address, one in workers.items()}

    def busy(self, name: str) -> bool:
        return bool(self.client.processing().get(self.addresses().get(name)))

    def close(self) -> None:
        self.client.close()
        for process in self.processes:
            process.kill()
            process.wait()


def wait_until(holds: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


@pytest.fixture
def dask(tmp_path):
    folder = tmp_path / "dask"
    folder.mkdir()
    with closing(Dask(folder)) as started:
        yield started


def run(toy, book: Path, address: str = cluster.LOCAL) -> cluster.ClusterRun:
    made = Course(toy.root)
    return cluster.ClusterRun(
        Plan(made, made.modules[0], safe_level(made), 5, 2, 0.5), book, address
    )


def test_a_cluster_of_its_own_gives_the_bytes_of_one_run(toy, handed_in, one_run, tmp_path) -> None:
    grade(toy, *said(handed_in), "--to", tmp_path / "out", "--cluster", "local", "--jobs", 2)
    assert outputs(tmp_path / "out") == one_run


def test_a_worker_that_is_killed_costs_nothing(toy, handed_in, one_run, dask, tmp_path) -> None:
    dask.worker("stays")
    killed = dask.worker("goes")
    command = [sys.executable, "-m", "tito", "grade", *map(str, said(handed_in))]
    command += ["--to", str(tmp_path / "out"), "--cluster", dask.address]
    head = subprocess.Popen(command, cwd=toy.root, stdout=subprocess.PIPE, text=True)
    wait_until(lambda: dask.busy("goes") or head.poll() is not None)
    killed.kill()
    told, _ = head.communicate(timeout=120)
    assert head.returncode == 0 and "7 graded" in told
    assert outputs(tmp_path / "out") == one_run


def test_a_weaker_sandbox_is_refused_and_others_do_its_share(
    toy, handed_in, one_run, dask, tmp_path
) -> None:
    if subprocess.run([*WEAK, "true"], stderr=subprocess.DEVNULL).returncode:
        pytest.skip("no namespaces to forbid")
    dask.worker("weak", tuple(WEAK))
    common = (*said(handed_in), "--cluster", dask.address)
    alone = toy.tito("grade", *map(str, (*common, "--to", tmp_path / "none")))
    assert alone.returncode == 2 and "no worker is left" in alone.stdout + alone.stderr
    dask.worker("strong")
    told = grade(toy, *common, "--to", tmp_path / "out")
    assert "is left out: it has no sandbox of level" in told
    assert outputs(tmp_path / "out") == one_run


def test_a_worker_with_another_numpy_or_tito_is_refused(toy, monkeypatch, tmp_path) -> None:
    with closing(run(toy, tmp_path / "book.sqlite")) as batch:
        batch.before = {}
        share = batch._share([])
    made = Course(toy.root)
    assert not cluster._unlike(share, made)
    mine = cluster.here()
    monkeypatch.setattr(cluster, "here", lambda: (mine[0], "NumPy 1.0.0", mine[2]))
    assert cluster._unlike(share, made) == f"NumPy 1.0.0, not {mine[1]}"


def test_what_was_graded_stays_when_the_run_is_stopped(toy, handed_in, one_run, tmp_path) -> None:
    book = tmp_path / "out" / "gradebook.sqlite"
    found = find_submissions(handed_in)
    with closing(run(toy, book)) as batch:
        done = batch.grade(found)
        first = [next(done), next(done)]  # the one that cannot be read, and one of a share
        done.close()
        kept = batch.gradebook.rows()
    assert set(first) <= kept.keys() and len(kept) < len(found)
    grade(toy, *said(handed_in), "--to", tmp_path / "out", "--cluster", "local")
    assert outputs(tmp_path / "out") == one_run


def test_what_stands_already_needs_no_cluster(toy, handed_in, one_run, tmp_path) -> None:
    common = (*said(handed_in), "--to", tmp_path / "one", "--cluster", "tcp://127.0.0.1:9")
    assert "7 graded" in grade(toy, *common)
    assert outputs(tmp_path / "one") == one_run
    (handed_in / "new.py").write_text(submission(toy), "utf-8")
    done = toy.tito("grade", *map(str, common))
    assert done.returncode == 2
    assert "no cluster answers at tcp://127.0.0.1:9" in done.stdout + done.stderr


def test_one_check_is_graded_anew_on_a_cluster_too(toy, handed_in, one_run, tmp_path) -> None:
    hidden = toy.root / "tests/grading/hidden/test_alpha.py"
    hidden.write_text(hidden.read_text("utf-8").replace("(2, 3)", "(3, 2)"), "utf-8")
    shutil.copytree(tmp_path / "one", tmp_path / "out")
    anew = (*said(handed_in), "--check", "TestDouble::test_any_number")
    grade(toy, *anew, "--to", tmp_path / "one")
    grade(toy, *anew, "--to", tmp_path / "out", "--cluster", "local")
    assert outputs(tmp_path / "out") == outputs(tmp_path / "one") != one_run


def test_a_scheduler_without_workers_is_told(toy, dask, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(cluster, "JOIN", 0.1)
    with (
        closing(run(toy, tmp_path / "book.sqlite", dask.address)) as batch,
        pytest.raises(TitoError, match="has no workers"),
        batch._client(),
    ):
        pass


def test_without_dask_the_way_to_it_is_told(toy, handed_in, monkeypatch, tmp_path) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        closing(run(toy, tmp_path / "book.sqlite")) as batch,
        pytest.raises(TitoError, match="needs Dask") as told,
    ):
        list(batch.grade(find_submissions(handed_in)))
    assert "[cluster]" in told.value.fix


def test_an_ordinary_run_imports_no_dask() -> None:
    code = "import sys, tito.grader.commands.grade; print('distributed' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n" and issubclass(cluster.ClusterRun, Run)
