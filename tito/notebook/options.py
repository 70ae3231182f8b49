"""Read what follows `# %%` on a cell marker: a title, `[markdown]`, and `key=<JSON>` pairs.

jupytext writes no other form; what a hand wrote otherwise is left out of the metadata.
"""

from __future__ import annotations

import json
import re
from typing import Any

_KEY = re.compile(r"(?:^|\s)([\w.@/-]+)\s*=\s*")
_KINDS = {"[markdown]": "markdown", "[md]": "markdown", "[raw]": "raw"}


def parse_options(options: str) -> dict[str, Any]:
    """Return the metadata; a cell type in square brackets becomes the key `cell_type`."""
    first = _KEY.search(options)
    title = options[: first.start() if first else None].partition("{")[0].strip()
    metadata = _pairs(options) if first else {}
    for written, kind in _KINDS.items():
        if written in title:
            title = title.replace(written, "").strip()
            metadata["cell_type"] = kind
            break
    title = title.lstrip("%").strip()  # Spyder's cells of a second level
    return {**metadata, "title": title} if title else metadata


def _pairs(text: str) -> dict[str, Any]:
    """Each value is JSON, so its own spaces and equal signs end with it."""
    pairs, position = dict[str, Any](), 0
    while key := _KEY.search(text, position):
        try:
            pairs[key[1]], position = json.JSONDecoder().raw_decode(text, key.end())
        except json.JSONDecodeError:
            position = key.end()
    return pairs
