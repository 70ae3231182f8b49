"""`tito data`: which data sets there are, what is in one, and fetching it into `data/`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from tito import console
from tito.course import find_course
from tito.data_sets.fetch import fetched
from tito.data_sets.place import is_right, keep_from_git, put, seems_right
from tito.data_sets.read import Contents, read
from tito.data_sets.table import DATA_SETS, DataSet, find
from tito.errors import TitoError

TO = click.Path(path_type=Path, file_okay=False)
FROM = click.Path(path_type=Path)


@click.command("list", help="Which data sets there are, and which are here.")
def list_all() -> int:
    top = _top()
    for one in DATA_SETS.values():
        here = top is not None and seems_right(one, top / one.name)
        mark = console.coloured_mark("ok") if here else " "
        console.plain(f"{mark} {one.name:16} {_megabytes(one):>7}  {one.what}")
        console.plain(f"    {one.licence}" + (f"; here: {top / one.name}" if here and top else ""))
    console.plain("  `tito data sheet NAME` says more, `tito data get NAME` fetches")
    return 0


@click.command(help="Where a data set is from, what it holds, and what it is not for.")
@click.argument("name", metavar="NAME")
def sheet(name: str) -> int:
    one, top = find(name), _top()
    here = top is not None and is_right(one, top / one.name)
    prose = [("from", one.origin), ("holds", one.holds)]
    prose += [("licence", one.licence), ("not for", one.not_for)]
    facts = [("size", f"{one.size:,} bytes")]
    for piece in one.pieces:
        unpacked = " (unpacked)" * piece.name.endswith(".gz")
        facts.append(("file", f"{piece.name}, {piece.size:,} bytes{unpacked}"))
        facts.append(("sha256", piece.sha256))
    facts.append(("here", str(top / one.name) if here and top else f"no: `tito data get {name}`"))
    console.plain(f"{one.name}: {one.what}")
    for label, text in prose:
        console.plain(click.wrap_text(text, 96, f"  {label:8} ", " " * 11))
    for label, text in facts:  # in one piece, so that a path can be copied
        console.plain(f"  {label:8} {text}")
    return 0


@click.command(help="Fetch a data set, check it, and put it into data/NAME/.")
@click.argument("name", metavar="NAME")
@click.option("--from", "source", metavar="FILE", type=FROM, help="A file or archive you have.")
@click.option("--to", "folder", metavar="FOLDER", type=TO, help="In place of the folder data/.")
def get(name: str, source: Path | None, folder: Path | None) -> int:
    one = find(name)
    top = folder or find_course().root / "data"
    place = top / one.name
    if is_right(one, place):
        console.ok(f"{one.name} is already here: {place}")
        return 0
    try:
        moved = put(one, _contents(one, source), place)
    except KeyboardInterrupt:
        console.bad("stopped: no file is half written", f"`tito data get {one.name}` begins again")
        return 130
    if folder is None:
        keep_from_git(top)
    for path in moved:
        console.note(f"another file had that name: it is {path} now")
    console.ok(f"{one.name}: {_shown(one, place)}")
    return 0


def _contents(one: DataSet, source: Path | None) -> Contents:
    """The pieces, right to the last bit; an error comes with what to do instead."""
    if source is None:
        console.note(f"fetching {one.name} ({_megabytes(one)})")
    try:
        return read(one, source) if source else fetched(one)
    except TitoError as error:
        then = f"elsewhere: {one.elsewhere}; then `tito data get {one.name} --from FILE`"
        raise TitoError(error.message, f"nothing was changed; {then}") from None


def _shown(one: DataSet, place: Path) -> Path:
    return place / one.pieces[0].name if len(one.pieces) == 1 else place


def _top() -> Path | None:
    """The folder of data, for whoever stands in a course."""
    with suppress(TitoError):
        return find_course().root / "data"
    return None


def _megabytes(one: DataSet) -> str:
    return f"{one.size / 1e6:.1f} MB"
