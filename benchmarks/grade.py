"""How long `tito grade` takes for correct submissions to module 12, beside nbgrader's autograde.

Each submission is the course's own file with a line of its own. The same batch goes to tito's own
judges, to a Dask cluster of its own, and to two Dask workers with one thread each, where Dask is
installed (`pip install -e ".[cluster]"`); the slope is seconds for each further submission.
nbgrader is asked for a few of them, where it is installed (`pip install -e ".[nbgrader]"`), and the
ratio is per submission.

Run:  python benchmarks/grade.py [100 1000]          (promise: 100 in 20 s on 2 cores)
"""

import csv
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TITO = [sys.executable, "-m", "tito"]
SOURCE = ROOT / "modules/12_attention/attention_dev.py"
PEERS = 4


def timed(*command: str, cwd: Path = ROOT) -> float:
    start = time.perf_counter()
    subprocess.run(
        command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return time.perf_counter() - start


def hand_in(folder: Path, count: int) -> Path:
    submissions = folder / f"submissions-{count}"
    submissions.mkdir()
    for number in range(count):
        text = SOURCE.read_text("utf-8") + f"# {number}\n"
        (submissions / f"student{number:04}.py").write_text(text, "utf-8")
    return submissions


def grade(submissions: Path, way: str, *options: str) -> float:
    to = submissions.with_name(f"{way} {submissions.name}")
    command = [*TITO, "grade", str(submissions), "--module", "12", "--seed", "1", "--to", str(to)]
    seconds = timed(*command, *options)
    with (to / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        full = [row["points"] == row["out_of"] for row in csv.DictReader(file)]
    print(f"{way}: {len(full)} submissions, {sum(full)} with all points: {seconds:.1f} s")
    return seconds


@contextmanager
def ways(folder: Path) -> Iterator[dict[str, list[str]]]:
    """How the batch can be graded here, with the options for it."""
    found = {"own judges": list[str]()}
    if not find_spec("distributed"):
        print("Dask is not installed")
        yield found
        return
    dask, file = [sys.executable, "-m", "dask"], folder / "scheduler.json"
    one = ["--scheduler-file", str(file), "--no-dashboard", "--host", "127.0.0.1"]
    commands = [[*dask, "scheduler", *one, "--port", "0"]]
    commands += [[*dask, "worker", *one, "--nthreads", "1"]] * 2
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started = [subprocess.Popen(command, cwd=folder, **quiet) for command in commands]
    try:
        while not file.exists():
            time.sleep(0.1)
        time.sleep(5)  # for the workers to join
        address = json.loads(file.read_text())["address"]
        clusters = {"Dask, local": ["--cluster", "local"]}
        yield {**found, **clusters, "Dask, two workers": ["--cluster", address]}
    finally:
        for process in started:
            process.terminate()
            process.wait()


def compare(folder: Path, counts: list[int]) -> float:
    """The time of each way for each count; seconds a submission of the own judges at the last."""
    batches = [hand_in(folder, count) for count in counts]
    with ways(folder) as found:
        taken = {way: [grade(one, way, *found[way]) for one in batches] for way in found}
    for way, seconds in taken.items():
        if len(counts) > 1:
            slope = (seconds[-1] - seconds[0]) / (counts[-1] - counts[0])
            print(f"{way}: {slope:.3f} s for each further submission")
        if way != "own judges":
            print(f"{way} / own judges: {seconds[-1] / taken['own judges'][-1]:.2f}")
    return taken["own judges"][-1] / counts[-1]


def autograde(folder: Path) -> float | None:
    if not shutil.which("nbgrader"):
        print("nbgrader is not installed")
        return None
    course = folder / "nbgrader"
    timed(*TITO, "release", "12", "--nbgrader", str(course))
    timed("nbgrader", "generate_assignment", "12_attention", cwd=course)
    for number in range(PEERS):
        target = course / "submitted" / f"student{number}"
        shutil.copytree(course / "source/12_attention", target / "12_attention")
    seconds = timed("nbgrader", "autograde", "12_attention", cwd=course)
    print(f"nbgrader: {PEERS} submissions: {seconds:.1f} s")
    return seconds / PEERS


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        counts = [int(count) for count in sys.argv[1:]] or [100]
        own = compare(Path(name), counts)
        peer = autograde(Path(name))
        if peer:
            print(f"nbgrader / tito, per submission: {peer / own:.1f}")


if __name__ == "__main__":
    main()
