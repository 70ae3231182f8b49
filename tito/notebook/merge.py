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
    kept: list[str] = field(default_factory=list)  # names of cells that would be conflicts


def merge(
    common: list[Cell], script: list[Cell], notebook: list[Cell], script_wins: bool = False
) -> Merged:
    """The result has the order of the side that changed, or that moved cells; both may not.

    With `script_wins`, a cell that both sides changed stays as the script has it.
    """
    if _equal(script, notebook):
        return Merged([Choice(one, one, two) for one, two in zip(script, notebook, strict=True)])
    in_script, in_notebook = align(common, script), align(common, notebook)
    ordered = in_order(in_notebook), in_order(in_script)
    if _equal(notebook, common) or (ordered[0] and not _equal(script, common)):
        return _Merger(common, script, notebook, in_script, in_notebook, True, script_wins).run()
    merged = _Merger(common, notebook, script, in_notebook, in_script, False, script_wins).run()
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
    script_wins: bool

    def run(self) -> Merged:
        self.merged = Merged()
        partner = dict(zip(self.others, self.other, strict=True))
        for cell, place in zip(self.lead, self.led, strict=True):
            if place is None:
                self._add(cell, cell, None)
            else:
                self._choose(self.common[place], cell, partner.get(place))
        gone = [
            cell
            for place, cell in partner.items()
            if place is not None and place not in self.led and not same(cell, self.common[place])
        ]  # from the lead, but changed by the other side
        back = {id(cell) for cell in gone} if self.script_wins and not self.script_leads else set()
        self._insert([one for one in self.merged.choices if self._sides(one)[1] is None], back)
        for cell in gone:
            if self.script_wins:
                self.merged.kept.append(cell.name)
            else:
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

    def _insert(self, added_by_lead: list[Choice], back: set[int]) -> None:
        """Put the other side's new cells, and those to bring back, behind the cell before them."""
        position = 0
        for cell, place in zip(self.other, self.others, strict=True):
            mine = [self._sides(choice)[1] for choice in self.merged.choices]
            if place is not None and id(cell) not in back:
                position = next((i + 1 for i, one in enumerate(mine) if one is cell), position)
                continue
            twin = next((one for one in added_by_lead if _twins(one.winner, cell)), None)
            if twin is None:
                while position < len(mine) and mine[position] is None:
                    position += 1  # the leading side added something in this place: it goes first
                self._add(cell, None, cell, position)
                position += 1
            elif self.script_wins or same(twin.winner, cell):
                if not same(twin.winner, cell):
                    self.merged.kept.append(cell.name)
                twin.script, twin.notebook = twin.script or cell, twin.notebook or cell
                twin.winner = twin.script
                added_by_lead.remove(twin)
                places = enumerate(self.merged.choices, 1)
                position = next(after for after, choice in places if choice is twin)
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
        if self.script_wins:
            self.merged.kept.append(named.name)
            if sides[0]:
                self._add(sides[0], lead, other)
            return
        script, notebook = (cell.text if cell else None for cell in sides)
        self.merged.conflicts.append(Conflict(named.name, script, notebook))


def _twins(one: Cell, other: Cell) -> bool:
    """Both sides added this cell: by name, or else by content."""
    return one.grade_id == other.grade_id and (bool(one.grade_id) or same(one, other))
