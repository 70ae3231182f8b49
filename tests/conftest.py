"""In a learner's folder, leaves out the tests of modules that are not exported yet.

Nothing is left out in the course's own clone. `tito test --all` says which modules these are.
"""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEARNER = (ROOT / ".tito" / "learner.json").exists()
TARGET = re.compile(r"^#\|\s*default_exp\s+([\w.]+)", re.MULTILINE)
IMPORT = re.compile(r"^(?:from|import) (tinytorch\.core\.\w+)", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    grading = collection_path.parent.name == "grading"  # it runs the module's file itself
    if not LEARNER or grading or not collection_path.match("test_*.py"):
        return None
    needed = IMPORT.findall(collection_path.read_text(encoding="utf-8"))
    needed += [f"tinytorch.{target}" for target in tested(collection_path.stem)]
    return True if any(importlib.util.find_spec(name) is None for name in needed) else None


def tested(stem: str) -> list[str]:
    """What the module exports to that `test_name` or `test_name_more` is about."""
    scripts = (ROOT / "modules").glob("[0-9][0-9]_*/*_dev.py")
    own = [path for path in scripts if f"{stem}_".startswith(f"test_{path.stem[:-4]}_")]
    return [target for path in own for target in TARGET.findall(path.read_text(encoding="utf-8"))]
