"""What a learner's folder remembers of where it came from (`.tito/learner.json`).

Without it nobody can tell a learner's folder from the course's own clone, so one that cannot be
read stops a command, with the way to mend it.
"""

from __future__ import annotations

import json
from pathlib import Path

from tito.errors import TitoError, of_system

KINDS = {"made_by": str, "from": str, "course": str, "borrowed": list, "released": list}
MEND = """put {"from": "12"} into it, with the module you began with; `tito update` adds the rest"""


def read_facts(root: Path) -> dict[str, object] | None:
    """What `tito init` or a release wrote; None in the course's own clone."""
    kept = root / ".tito"
    file = kept / "learner.json"
    if not file.exists() and not (kept / "pristine").exists() and not kept.is_file():
        return None
    try:
        found = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise TitoError(f"{file} is missing", MEND) from None
    except OSError as error:
        raise of_system(error, file) from None
    except (ValueError, RecursionError):
        raise TitoError(f"{file}: not JSON", MEND) from None
    if not isinstance(found, dict) or "from" not in found or not _of_right_kinds(found):
        raise TitoError(f"{file}: not what `tito init` writes", MEND)
    return found


def _of_right_kinds(found: dict[str, object]) -> bool:
    return all(isinstance(found.get(name, kind()), kind) for name, kind in KINDS.items())
