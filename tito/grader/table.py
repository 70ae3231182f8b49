"""A CSV file written by hand or with a spreadsheet: each cell checked, each error with its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tito.errors import TitoError, of_system
from tito.lines import newline_of, split_with_ends

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


@dataclass
class Sheet:
    """A whole table, to change lines of: all others keep their bytes."""

    header: str
    columns: list[str]  # of the header, "" for one that is not read
    rows: list[tuple[str, Line | None]]  # as it stands in the file; None: an empty one
    delimiter: str = ","
    newline: str = "\r\n"

    @property
    def lines(self) -> list[Line]:
        return [line for _, line in self.rows if line]

    def put(self, line: Line | None, cells: Mapping[str, str]) -> None:
        """Write the cells in place of a line, or at the end; where all are empty, it goes."""
        for column in [name for name in cells if cells[name] and name not in self.columns]:
            self.columns.append(column)
            head = self.header.rstrip("\r\n")
            self.header = f"{head}{self.delimiter}{column}{self.newline}"
        text = self._written([plain(cells.get(name, "")) for name in self.columns])
        new = [(text, line)] if any(cells.values()) else []
        at = next((n for n, row in enumerate(self.rows) if line and row[1] is line), None)
        self.rows[slice(at, at + 1) if at is not None else slice(len(self.rows), None)] = new

    def _written(self, cells: list[str]) -> str:
        file = io.StringIO(newline="")
        csv.writer(file, delimiter=self.delimiter, lineterminator=self.newline).writerow(cells)
        return file.getvalue()

    @property
    def text(self) -> str:
        *all_but_last, last = [self.header, *(text for text, _ in self.rows)]
        ended = [one if one.endswith(("\n", "\r")) else one + self.newline for one in all_but_last]
        return "".join([*ended, last])


def read_table(path: Path, column_of: Callable[[str], str], needed: str) -> list[Line]:
    """The rows that are not empty; `column_of` a header's name, "" for one that is not read."""
    return read_sheet(path, column_of, needed).lines


def read_sheet(path: Path, column_of: Callable[[str], str], needed: str) -> Sheet:
    text = _text(path)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)  # a spreadsheet writes that of its country
    (head, _, names), *rows = _rows(path, text, delimiter)
    header = [column_of(" ".join(re.split(r"[\s_]+", name.strip().lower()))) for name in names]
    if needed not in header:
        shown = ", ".join(name.strip() for name in names if name.strip()) or "nothing"
        raise TitoError(
            f"{path}, line 1: no column {needed!r}: found {shown}", f"name a column {needed!r}"
        )
    twice = next((name for name in header if name and header.count(name) > 1), "")
    if twice:
        raise TitoError(f"{path}, line 1: two columns {twice!r}", "leave one of them out")
    lines = [
        (raw, _line(path, number, header, row) if any(map(str.strip, row)) else None)
        for raw, number, row in rows
    ]
    return Sheet(head, header, lines, delimiter, newline_of(text))


def _rows(path: Path, text: str, delimiter: str) -> Iterator[tuple[str, int, list[str]]]:
    """Each row as it stands, the number of its last line, and its cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    if not text.strip():
        raise TitoError(f"{path} is empty", "its first line names the columns")
    physical, begin = split_with_ends(text), 0
    try:
        for row in reader:
            yield "".join(physical[begin : reader.line_num]), reader.line_num, row
            begin = reader.line_num
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
