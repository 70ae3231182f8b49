"""A CSV file written by hand or with a spreadsheet: each cell checked, each error with its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tito.errors import TitoError, of_system

# A spreadsheet takes a cell that begins so for a formula, and in some countries cells end at ";".
_FORMULA = re.compile(r'(^|;)([\s"]*)(?=[=+\-@＝＋－＠])')
_QUOTED = re.compile(r"(^|;)([\s\"]*)'(?=[=+\-@＝＋－＠])")


def plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return _FORMULA.sub(r"\1\2'", text)


@dataclass(frozen=True)
class Line:
    """One row: its cells by column, and where it stands."""

    path: Path
    number: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    def error(self, problem: str, fix: str) -> TitoError:
        return TitoError(f"{self.path}, line {self.number}: {problem}", fix)


def read_table(path: Path, column_of: Callable[[str], str], needed: str) -> list[Line]:
    """The rows that are not empty; `column_of` a header's name, "" for one that is not read."""
    rows = list(_rows(path))
    header = [column_of(" ".join(re.split(r"[\s_]+", name.strip().lower()))) for name in rows[0][1]]
    if needed not in header:
        shown = ", ".join(name.strip() for name in rows[0][1] if name.strip()) or "nothing"
        raise TitoError(
            f"{path}, line 1: no column {needed!r}: found {shown}", f"name a column {needed!r}"
        )
    twice = next((name for name in header if name and header.count(name) > 1), "")
    if twice:
        raise TitoError(f"{path}, line 1: two columns {twice!r}", "leave one of them out")
    return [
        _line(path, number, header, row) for number, row in rows[1:] if any(map(str.strip, row))
    ]


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    text = _text(path)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)  # a spreadsheet writes that of its country
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    if not text.strip():
        raise TitoError(f"{path} is empty", "its first line names the columns")
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise TitoError(
            f"{path}, line {reader.line_num}: {error}", 'close each " that opens a cell'
        ) from None


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise TitoError(
            f"{path}, line {line}: not UTF-8", "save it as CSV UTF-8; nothing was changed"
        ) from None
    except OSError as error:
        raise of_system(error, path) from None


def _line(path: Path, number: int, header: list[str], row: list[str]) -> Line:
    more = [cell for cell in row[len(header) :] if cell.strip()]
    line = Line(
        path,
        number,
        {
            name: _QUOTED.sub(r"\1\2", cell.strip())
            for name, cell in zip(header, row, strict=False)
            if name
        },
    )
    if more:
        raise line.error(
            f"{len(row)} cells below {len(header)} columns, the last {more[-1]!r}",
            'put a cell that holds a comma in ""',
        )
    return line
