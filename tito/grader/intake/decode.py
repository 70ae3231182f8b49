"""Bytes of a hostile text file into text, with a note where it was not plain UTF-8."""

from __future__ import annotations

import codecs
import re

from tito.grader.intake.files import Unreadable
from tito.lines import plain

_COOKIE = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
_BLANK = re.compile(rb"[ \t\f]*(#.*)?$")
# Some codecs run code over the text (rot13, hex, raw_unicode_escape) or hide it (utf-7).
_HARMLESS = re.compile(r"utf-?8(-sig)?|(us-)?ascii|latin-?1|(cp|windows-)1252|iso-?8859-?\d{1,2}")
_LINE_ENDS = {"<<<<<<< ": "^<{7} ", "=======": "^={7}$", ">>>>>>> ": "^>{7} "}


def decode(data: bytes, name: str, python: bool = True) -> tuple[str, str]:
    """The text with plain newlines, and a note: which encoding, where it was not UTF-8."""
    text, note = _decode(data, name, python)
    text = plain(text)
    if "\0" in text:
        raise Unreadable(f"{name}, line {line_of(text, text.index(chr(0)))}: a NUL byte")
    return text, note


def _decode(data: bytes, name: str, python: bool) -> tuple[str, str]:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace"), "read as UTF-16"
    has_mark = data.startswith(codecs.BOM_UTF8)
    encoding = "utf-8-sig" if has_mark or not python else _declared(data, name)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("latin-1"), "read as Latin-1"
    return text, "" if encoding.startswith("utf") else f"read as {encoding}"


def _declared(data: bytes, name: str) -> str:
    """The encoding that one of the first two lines names, by PEP 263."""
    for line in re.split(rb"\r\n|\r|\n", data[:2000], maxsplit=2)[:2]:
        if match := _COOKIE.match(line):
            said = match[1].decode("ascii", "replace").lower().replace("_", "-")
            if not _HARMLESS.fullmatch(said):
                raise Unreadable(f"{name}: its first lines say it is {said}; save it as UTF-8")
            return _known(said)
        if not _BLANK.match(line):
            break
    return "utf-8"


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return "utf-8"


def line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def refuse_conflict(text: str, where: str) -> None:
    """git's three markers, each at the start of a line."""
    if not all(mark in text for mark in _LINE_ENDS):
        return
    found = [re.search(pattern, text, re.MULTILINE) for pattern in _LINE_ENDS.values()]
    if all(found) and found[0]:
        line = line_of(text, found[0].start())
        raise Unreadable(f"{where}, line {line}: git's conflict markers; resolve them")
