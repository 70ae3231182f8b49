"""A batch on many machines: `tito grade --cluster` hands shares of it to the workers of Dask.

This machine reads the submissions and keeps the gradebook. A share goes out as JSON, with the
course's files; a worker grades it with an ordinary run, in its own sandbox, into a gradebook of
its own, and the grades come back as JSON. Dask does a lost worker's share again. A worker that
is not as this machine is (weaker sandbox, other versions) refuses, and others get its shares.
"""

from __future__ import annotations

import hashlib
import io
import logging
import platform
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from tito import __version__, console
from tito.course import Course
from tito.errors import TitoError
from tito.grader.batch import HOME, Plan, Run, read, unreadable
from tito.grader.gradebook import Job, graded_of
from tito.grader.intake.find import Unreadable
from tito.grader.other_answers import FOLDER as KNOWN
from tito.grader.sandbox import NAMES, Sandbox, SandboxError, inside_folder
from tito.grader.verdict import Graded

LOCAL = "local"  # in place of an address: a cluster of this machine's own
ANSWER = 10  # seconds for a scheduler to answer
JOIN = 30  # seconds for its first worker
SHARES, MOST = 2, 64  # shares for each thread of a worker, and submissions in one
SENT = ("modules", "tinytorch", "tests/grading", KNOWN)
SUFFIXES = {".py", ".md", ".json"}
NEEDED = 'pip install -e ".[cluster]"'
_UNPACKING = Lock()
_UNPACKED: dict[str, tempfile.TemporaryDirectory[str]] = {}


@dataclass(frozen=True)
class Share:
    """What a worker is told: plain values alone, but for the course's files in a zip."""

    module: str
    level: int
    seed: int
    limit: float
    like: tuple[str, ...]  # what the worker must have as well: see `here`
    jobs: tuple[Job, ...]  # each with its source
    before: tuple[str, ...]  # how they were graded before, as JSON
    course: bytes


def here() -> tuple[str, ...]:
    """On what a grade depends, besides the course: the same everywhere, or the bytes differ."""
    python = ".".join(platform.python_version_tuple()[:2])
    return f"Python {python}", f"NumPy {np.__version__}", f"tito {__version__} {_own_files()[:9]}"


@cache
def _own_files() -> str:
    files = sorted((HOME / "tito").rglob("*.py"))
    content = [str(one.relative_to(HOME)).encode() + one.read_bytes() for one in files]
    return hashlib.sha256(b"\0".join(content)).hexdigest()


class ClusterRun(Run):
    """A run whose shares are graded elsewhere."""

    def __init__(self, plan: Plan, book: Path, address: str) -> None:
        super().__init__(plan, book)
        self.address = address
        self.refused: dict[str, str] = {}  # workers, and why

    def work(self, jobs: dict[str, Job]) -> Iterator[str]:
        self.close()  # the judge that told which checks there are
        self.before = self.gradebook.rows()
        waiting = list[Job]()
        for job in jobs.values():  # before there are threads: the reader is a fork
            graded = self._known(job)
            if graded is None:
                waiting.append(job)
            else:
                known = {"late_days": job["late_days"], "ids": tuple(job["ids"])}
                yield from self._record([replace(graded, **known)])
        if waiting:
            with self._client() as client:
                yield from self._hand_out(client, waiting)

    def _known(self, job: Job) -> Graded | None:
        """The grade that needs no worker; else None, and the job has its source."""
        try:
            source = read(job, self.plan.module)
        except Unreadable as error:
            return unreadable(job, error)
        text = self.before.get(job["name"])
        graded = graded_of(text) if text else None
        if graded and graded.sha256 == source.sha256 and not job["anew"]:
            return graded
        job["source"] = [source.cells, source.note, source.outside]
        return None

    @contextmanager
    def _client(self) -> Iterator[Any]:
        distributed = _distributed()
        logging.disable()  # Dask's: what matters of it is said here in a sentence
        with ExitStack() as stack:
            client = stack.enter_context(closing(self._connect(distributed, stack)))
            try:
                client.wait_for_workers(1, timeout=JOIN)
            except TimeoutError:
                fix = f"`dask worker {self.address}` on each machine"
                raise TitoError(f"the cluster {self.address} has no workers", fix) from None
            yield client

    def _connect(self, distributed: Any, stack: ExitStack) -> Any:
        quiet = {"silence_logs": logging.CRITICAL, "dashboard_address": None}
        try:
            if self.address != LOCAL:
                return distributed.Client(self.address, timeout=ANSWER)
            size = {"n_workers": self.plan.jobs, "threads_per_worker": 1}
            cluster = distributed.LocalCluster(**size, **quiet, security=True)
            stack.enter_context(closing(cluster))
            return distributed.Client(cluster)
        except (OSError, ValueError, TypeError) as error:
            message = f"no cluster answers at {self.address}"
            fix = "`dask scheduler` starts one and says its address, as tcp://10.0.0.1:8786"
            raise TitoError(message, fix) from error

    def _hand_out(self, client: Any, waiting: list[Job]) -> Iterator[str]:
        """Tell each name when it is graded; a refused share goes to the other workers."""
        distributed = _distributed()
        threads = sum(client.nthreads().values())
        shares = list(map(self._share, _parts(waiting, threads)))
        futures = {client.submit(grade_share, one, pure=False): one for one in shares}
        completed = distributed.as_completed(futures)
        try:
            for future in completed:
                share, answer = futures.pop(future), _result(future)
                if "refused" in answer:
                    again = self._elsewhere(client, share, answer)
                    futures[again] = share
                    completed.add(again)
                else:
                    yield from self._record(map(graded_of, answer["graded"]))
        finally:
            client.cancel(list(futures))

    def _record(self, found: Iterable[Graded]) -> Iterator[str]:
        graded = list(found)
        self.gradebook.record(*graded)
        yield from (one.name for one in graded)

    def _elsewhere(self, client: Any, share: Share, answer: dict[str, Any]) -> Any:
        worker, why = answer["worker"], answer["refused"]
        if worker not in self.refused:
            console.note(f"worker {worker} is left out: it has {why}")
        self.refused[worker] = why
        others = [one for one in client.nthreads() if one not in self.refused]
        if not others:
            fix = "every worker needs this machine's Python, NumPy, tito and sandbox"
            raise TitoError(f"no worker is left: {worker} has {why}", fix)
        return client.submit(grade_share, share, pure=False, workers=others)

    def _share(self, jobs: Sequence[Job]) -> Share:
        plan = self.plan
        before = tuple(self.before[job["name"]] for job in jobs if job["name"] in self.before)
        said = plan.module.folder_name, plan.level, self.seed, plan.limit
        return Share(*said, here(), tuple(jobs), before, packed(plan.course))


def _parts(jobs: list[Job], threads: int) -> Iterator[list[Job]]:
    size = min(MOST, -(-len(jobs) // (SHARES * max(1, threads))))
    return (jobs[first : first + size] for first in range(0, len(jobs), size))


def _result(future: Any) -> dict[str, Any]:
    try:
        return dict(future.result())
    except TitoError:
        raise
    except Exception as error:  # a share that ended several workers, a scheduler that is gone, ...
        message = f"the cluster lost a share: {type(error).__name__}: {error}"
        fix = "what was graded is kept: look at the workers, then run again"
        raise TitoError(message, fix) from error


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise TitoError("--cluster needs Dask", f"`{NEEDED}`") from None
    return distributed


@cache
def packed(course: Course) -> bytes:
    """The files of the course that grading reads."""
    files = [course.root / "pyproject.toml"]
    for folder in SENT:
        found = (course.root / folder).rglob("*")
        files += sorted(one for one in found if one.suffix in SUFFIXES and one.is_file())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.relative_to(course.root))
    return buffer.getvalue()


def grade_share(share: Share) -> dict[str, Any]:
    """On a worker: the grades of a share as JSON, or why it is refused."""
    course = Course(_unpacked(share.course))
    if why := _unlike(share, course):
        from distributed import get_worker

        return {"refused": why, "worker": get_worker().address}
    module = course.module(share.module)
    plan = Plan(course, module, share.level, share.seed, limit=share.limit)
    with tempfile.TemporaryDirectory(prefix="tito-") as folder:
        with closing(Run(plan, Path(folder) / "gradebook.sqlite")) as run:
            run.gradebook.record(*map(graded_of, share.before))
            list(run.work({job["name"]: job for job in share.jobs}))
        return {"graded": list(run.gradebook.rows().values())}


def _unlike(share: Share, course: Course) -> str:
    """What this worker has in place of what was asked; empty where all is alike."""
    other = [mine for mine, asked in zip(here(), share.like, strict=True) if mine != asked]
    if other:
        return f"{', '.join(other)}, not {', '.join(set(share.like) - set(here()))}"
    with inside_folder(course, course.module(share.module)) as folder:
        try:
            Sandbox(folder, share.level).close()
        except (SandboxError, OSError):
            return f"no sandbox of level {NAMES[share.level]}"
    return ""


def _unpacked(content: bytes) -> Path:
    """Once in a worker's life; the folder goes with it."""
    digest = hashlib.sha256(content).hexdigest()
    with _UNPACKING:
        if digest not in _UNPACKED:
            folder = tempfile.TemporaryDirectory(prefix="tito-")
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                archive.extractall(folder.name)
            _UNPACKED[digest] = folder
    return Path(_UNPACKED[digest].name)
