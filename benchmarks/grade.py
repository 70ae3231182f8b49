"""How long `tito grade` takes for correct submissions to module 12, beside nbgrader's autograde.

Each submission is the course's own file with a line of its own. nbgrader is asked for a few of
them, where it is installed (`pip install -e ".[nbgrader]"`), and the ratio is per submission.

Run:  python benchmarks/grade.py [100 1000]          (promise: 100 in 20 s on 2 cores)
"""

import csv
import shutil
import subprocess
import sys
import tempfile
import time
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


def grade(folder: Path, count: int) -> float:
    submissions = folder / f"submissions-{count}"
    submissions.mkdir()
    for number in range(count):
        text = SOURCE.read_text("utf-8") + f"# {number}\n"
        (submissions / f"student{number:04}.py").write_text(text, "utf-8")
    to = folder / f"grades-{count}"
    seconds = timed(*TITO, "grade", str(submissions), "--module", "12", "--to", str(to))
    with (to / "grades.csv").open(encoding="utf-8-sig", newline="") as file:
        full = sum(row["points"] == row["out_of"] for row in csv.DictReader(file))
    print(f"tito: {count} submissions, {full} with all points: {seconds:.1f} s")
    return seconds / count


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
        own = [grade(Path(name), count) for count in counts][-1]
        peer = autograde(Path(name))
        if peer:
            print(f"nbgrader / tito, per submission: {peer / own:.1f}")


if __name__ == "__main__":
    main()
