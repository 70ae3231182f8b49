"""Work out what a sync would write into a module's two files, without writing anything.

The result is known to read back as it should before any file is touched.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tito.course import Module
from tito.errors import CodeError
from tito.lines import plain
from tito.notebook import ipynb, percent
from tito.notebook.align import align, same
from tito.notebook.cell import Cell, name_cells
from tito.notebook.cells import read_notebook, read_percent, read_text
from tito.notebook.merge import Choice, Conflict, Merged, merge


@dataclass
class Plan:
    """What a sync would write; None leaves a file as it is."""

    script: str | None = None
    notebook: str | None = None
    common: str = ""
    conflicts: list[Conflict] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)  # one sentence for each file that shrinks
    merged: bool = True  # what is replaced lives on in what is written

    @property
    def changes(self) -> bool:
        return bool(self.script is not None or self.notebook is not None or self.conflicts)


@dataclass
class Pair:
    """Both files of a module, and the text they last agreed on."""

    module: Module
    text: str | None = None  # of the .py, newlines as they stand
    script: list[Cell] = field(default_factory=list)
    json: dict[str, Any] | None = None
    notebook: list[Cell] = field(default_factory=list)
    common: list[Cell] | None = None

    @classmethod
    def read(cls, module: Module, without: Path | None = None) -> Pair:
        """One of the two files may be left out, as if it were not there."""
        pair = cls(module)
        if module.script.exists() and module.script != without:
            pair.text = read_text(module.script)
            pair.script = name_cells(percent.parse(pair.text)[1])
        if module.notebook.exists() and module.notebook != without:
            pair.json, pair.notebook = read_notebook(module.notebook)
        if module.common.exists():
            pair.common = _cells_or_none(module.common)
        return pair

    def merged(self) -> Merged:
        if self.json is None:
            return Merged([Choice(cell, cell, None) for cell in self.script])
        if self.text is None:
            return Merged([Choice(cell, None, cell) for cell in self.notebook])
        if self.common is None:
            return self._script_wins()
        return merge(self.common, self.script, self.notebook)

    def _script_wins(self) -> Merged:
        """Nothing says which file is older: the `.py` is the source."""
        places = align(self.script, self.notebook)
        return Merged(
            [
                Choice(cell, cell, self.notebook[places.index(i)] if i in places else None)
                for i, cell in enumerate(self.script)
            ]
        )


def _cells_or_none(common: Path) -> list[Cell]:
    """A common text that cannot be read is an empty one: what differs is a conflict, not lost."""
    try:
        return read_percent(common)
    except (CodeError, OSError):
        return []


def plan(module: Module, without: Path | None = None) -> Plan:
    pair = Pair.read(module, without)
    merged = pair.merged()
    if merged.conflicts:
        return Plan(conflicts=merged.conflicts)
    cells = name_cells([_result(choice, pair) for choice in merged.choices])
    text = ipynb.to_script(merged.choices, pair.script, pair.text or "")
    made = Plan(common=plain(text), merged=pair.common is not None and without is None)
    _check_reading(module, cells, text)
    made.script = text if text != pair.text else None
    if pair.json is None or _differs(pair, merged.choices, cells):
        made.notebook = ipynb.to_json(merged.choices, cells, pair.json)
    kept = [choice.script for choice in merged.choices]
    made.dropped += _dropped(module.script.name, pair.script, kept)
    kept = [choice.notebook for choice in merged.choices]
    made.dropped += _dropped(module.notebook.name, pair.notebook, kept)
    return made


def _result(choice: Choice, pair: Pair) -> Cell:
    """The winner's text, the script's metadata, and keys that only the notebook has."""
    cell = replace(choice.winner)
    if choice.notebook and choice.script:
        old = {cell.id: cell.metadata for cell in pair.common or []}.get(choice.script.id, {})
        extra = {k: v for k, v in choice.notebook.metadata.items() if k not in old}
        cell.metadata = {**extra, **choice.script.metadata}
    return cell


def _differs(pair: Pair, choices: list[Choice], cells: list[Cell]) -> bool:
    if [choice.notebook for choice in choices] != pair.notebook:
        return True
    return any(
        not same(cell, old) or cell.metadata != old.metadata
        for cell, old in zip(cells, pair.notebook, strict=True)
    )


def _check_reading(module: Module, cells: list[Cell], text: str) -> None:
    """Some lines, such as a text line that begins with `%%`, do not survive in a `.py`."""
    again = percent.parse(text)[1]
    for index, cell in enumerate(cells):
        if index >= len(again) or not same(again[index], cell):
            raise CodeError(
                f"cell {cell.ordinal} ({cell.name}) of {module.show(module.notebook)} would read"
                " differently from a .py",
                "reword a line that begins with `%%`, `!` or `# %%`, or ends in `?`",
            )
    if len(again) > len(cells):
        raise CodeError(f"{module.show(module.notebook)}: its last cell would become two")


def _dropped(name: str, old: list[Cell], kept: list[Cell | None]) -> list[str]:
    old = [cell for cell in old if cell.text]
    gone = [cell for cell in old if not any(cell is one for one in kept)]
    return [f"{name} would lose {len(gone)} of its {len(old)} cells"] * (2 * len(gone) > len(old))
