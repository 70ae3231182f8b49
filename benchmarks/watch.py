"""How long `tito watch 12` takes from a save to its verdict: 100 saves, right and wrong in turn.

A learner's folder is made with `tito init`, module 12 is filled with the course's answers, and
the last exercise is spoilt and mended again, so that every inline test runs at every save. The
first half saves the .py, the second half the .ipynb.

Run:  python benchmarks/watch.py          (promise: p95 under 0.5 s)
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SAVES = 100
TITO = [sys.executable, "-m", "tito"]
ROOT = Path(__file__).resolve().parents[1]
RIGHT, WRONG = "self.out_proj(merge_heads(output))", "merge_heads(output)"
PASSES, FAILS = "every exercise passes", "out_proj is missing"


def learners_folder(folder: Path) -> Path:
    subprocess.run([*TITO, "init", str(folder), "--from", "12"], cwd=ROOT, check=True)
    own = folder / "modules/12_attention/attention_dev.py"
    own.write_text((ROOT / own.relative_to(folder)).read_text("utf-8"), "utf-8")
    return own


def wait_for(lines: object, sign: str) -> None:
    for line in lines:  # type: ignore[attr-defined]
        if sign in line:
            return
    sys.exit("watch ended")


def save_and_wait(path: Path, old: str, new: str, lines: object, sign: str) -> float:
    text = path.read_text("utf-8")
    assert old in text
    start = time.perf_counter()
    path.write_text(text.replace(old, new), "utf-8")
    wait_for(lines, sign)
    return time.perf_counter() - start


def measure(own: Path, watch: "subprocess.Popen[str]") -> list[float]:
    seconds = []
    wait_for(watch.stdout, PASSES)
    for count in range(SAVES):
        path = own if count < SAVES // 2 else own.with_suffix(".ipynb")
        change = (WRONG, RIGHT, PASSES) if count % 2 else (RIGHT, WRONG, FAILS)
        time.sleep(0.3 + 0.0137 * (count % 7))  # at any phase of the polling
        seconds.append(save_and_wait(path, change[0], change[1], watch.stdout, change[2]))
    return seconds


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        own = learners_folder(Path(name) / "learner")
        command = [*TITO, "watch", "12"]
        with subprocess.Popen(
            command, cwd=own.parents[2], stdout=subprocess.PIPE, text=True, encoding="utf-8"
        ) as watch:
            seconds = sorted(measure(own, watch))
            watch.terminate()
    middle, high = statistics.median(seconds), seconds[int(0.95 * SAVES) - 1]
    print(f"save to verdict, {SAVES} saves of module 12: p50 {middle:.3f} s, p95 {high:.3f} s")
    print(f"fastest {seconds[0]:.3f} s, slowest {seconds[-1]:.3f} s (promise: p95 under 0.5 s)")
    if hasattr(os, "getloadavg"):
        print(f"{os.cpu_count()} cores; load over the last minute {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
