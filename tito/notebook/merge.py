"""Merge two edited versions of a list of cells, given the version both began with.

Edits of different cells merge; a cell changed on both sides, or deleted on one and changed on the
other, is a conflict.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tito.notebook.align import align, in_order, same
from tito.notebook.cell import Cell


@dataclass
class Choice:
    """A cell of the result: whose text wins, and where it stands in either file."""

    winner: Cell
    script: Cell | None
    notebook: Cell | None


@dataclass
class Conflict:
    name: str
    script: str | None  # None: deleted there
    notebook: str | None


@dataclass
class Merged:
    choices: list[Choice] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)


def merge(common: list[Cell], script: list[Cell], notebook: list[Cell]) -> Merged:
    """The result has the order of the side that changed, or that moved cells; both may not."""
    if _equal(script, notebook):
        return Merged([Choice(one, one, two) for one, two in zip(script, notebook, strict=True)])
    in_script, in_notebook = align(common, script), align(common, notebook)
    ordered = in_order(in_notebook), in_order(in_script)
    if _equal(notebook, common) or (ordered[0] and not _equal(script, common)):
        return _Merger(common, script, notebook, in_script, in_notebook, True).run()
    merged = _Merger(common, notebook, script, in_notebook, in_script, False).run()
    if not any(ordered):
        merged.conflicts.append(Conflict("the order of the cells", "moved", "moved"))
    return merged


def _equal(one: list[Cell], other: list[Cell]) -> bool:
    return _content(one) == _content(other)


def _content(cells: list[Cell]) -> list[tuple[str, str, str]]:
    return [(cell.grade_id, cell.kind, cell.text) for cell in cells]


@dataclass
class _Merger:
    """One merge: the leading side gives the order, the other side's changes are put into it."""

    common: list[Cell]
    lead: list[Cell]
    other: list[Cell]
    led: list[int | None]
    others: list[int | None]
    script_leads: bool

    def run(self) -> Merged:
        self.merged = Merged()
        partner = dict(zip(self.others, self.other, strict=True))
        for cell, place in zip(self.lead, self.led, strict=True):
            if place is None:
                self._add(cell, cell, None)
            else:
                self._choose(self.common[place], cell, partner.get(place))
        self._insert([one for one in self.merged.choices if self._sides(one)[1] is None])
        for place, cell in partner.items():
            if place is not None and place not in self.led and not same(cell, self.common[place]):
                self._conflict(cell, None, cell)
        return self.merged

    def _choose(self, old: Cell, lead: Cell, other: Cell | None) -> None:
        if other is None:
            if not same(lead, old):
                self._conflict(lead, lead, None)
        elif same(lead, old) or same(other, old) or same(lead, other):
            self._add(other if same(lead, old) and not same(other, old) else lead, lead, other)
        else:
            self._conflict(lead, lead, other)

    def _insert(self, added_by_lead: list[Choice]) -> None:
        """Put the other side's new cells behind the cell they stood behind."""
        position = 0
        for cell, place in zip(self.other, self.others, strict=True):
            mine = [self._sides(choice)[1] for choice in self.merged.choices]
            if place is not None:
                position = next((i + 1 for i, one in enumerate(mine) if one is cell), position)
                continue
            twin = next((one for one in added_by_lead if _twins(one.winner, cell)), None)
            if twin is None:
                while position < len(mine) and mine[position] is None:
                    position += 1  # the leading side added something in this place: it goes first
                self._add(cell, None, cell, position)
                position += 1
            elif same(twin.winner, cell):
                twin.script, twin.notebook = twin.script or cell, twin.notebook or cell
                added_by_lead.remove(twin)
            else:
                self._conflict(cell, twin.winner, cell)

    def _add(
        self, winner: Cell, lead: Cell | None, other: Cell | None, position: int | None = None
    ) -> None:
        script, notebook = (lead, other) if self.script_leads else (other, lead)
        if script and same(script, winner):
            winner = script  # its bytes need not change
        choices = self.merged.choices
        where = len(choices) if position is None else position
        choices.insert(where, Choice(winner, script, notebook))

    def _sides(self, choice: Choice) -> tuple[Cell | None, Cell | None]:
        sides = choice.script, choice.notebook
        return sides if self.script_leads else sides[::-1]

    def _conflict(self, named: Cell, lead: Cell | None, other: Cell | None) -> None:
        sides = (lead, other) if self.script_leads else (other, lead)
        script, notebook = (cell.text if cell else None for cell in sides)
        self.merged.conflicts.append(Conflict(named.name, script, notebook))


def _twins(one: Cell, other: Cell) -> bool:
    """Both sides added this cell: by name, or else by content."""
    return one.grade_id == other.grade_id and (bool(one.grade_id) or same(one, other))
