"""Take answers out of a text and put them into another version of it.

An answer is what stands between a pair of markers; a stub is none.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tito.exercises import Region, find_regions
from tito.lines import split
from tito.stubs import STUB

Key = tuple[str, str, int]  # number, function, and which of its pairs of markers


@dataclass
class Written:
    lines: list[str]
    indent: str

    def at(self, indent: str) -> list[str]:
        """The same lines at another depth, should the function have moved into a class."""
        if indent == self.indent:
            return self.lines
        moved = [line.removeprefix(self.indent) for line in self.lines]
        return [indent + line if line else line for line in moved]


def take(text: str) -> dict[Key, Written]:
    """Every answer of the text; an unpaired marker is an error that names its line."""
    lines, taken = split(text), dict[Key, Written]()
    for key, region in _places(lines):
        body = lines[region.begin + 1 : region.end]
        if not (len(body) == 1 and STUB.fullmatch(body[0].strip().removesuffix(")"))):
            taken[key] = Written(body, region.indent)
    return taken


def put(text: str, answers: dict[Key, Written]) -> tuple[str, set[Key]]:
    """Fill the answers into a text; return also those for which it has no place.

    An exercise is known by number and function: one that was only renumbered is found by its
    function, and no answer lands in another function.
    """
    lines = split(text)
    places = _places(lines)
    homes = {key: key for key, _ in places if key in answers}
    for key in set(answers) - set(homes):
        same = [other for other, _ in places if other[1:] == key[1:] and other not in homes]
        twins = [other for other in answers if other[1:] == key[1:] and other not in homes]
        if len(same) == len(twins) == 1:
            homes[same[0]] = key
    for key, region in reversed(places):
        if key in homes:
            lines[region.begin + 1 : region.end] = answers[homes[key]].at(region.indent)
    return "\n".join(lines) + "\n" * text.endswith("\n"), set(answers) - set(homes.values())


def _places(lines: list[str]) -> list[tuple[Key, Region]]:
    counts = Counter[tuple[str, str]]()
    places = []
    for region in find_regions(lines):
        name = region.number, region.name
        places.append(((*name, counts[name]), region))
        counts[name] += 1
    return places
