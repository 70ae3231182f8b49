"""Every text inside a file, however it is packed: zips in zips, notebooks, base64, UTF-16, HTML.

Each text comes with its place, such as `out.zip > attention_dev.ipynb > cells.4.outputs.0.text`.
What cannot be read as text is handed on as bytes: who looks for leaks must not trust it.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

IMAGES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8")
_ENCODINGS = ("utf-8-sig", "utf-32", "utf-16", "utf-16-le", "utf-16-be", "latin-1")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f]")  # \x1b colours an output
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{32,}(?:\s+[A-Za-z0-9+/_-]{32,})*(?:\s+[A-Za-z0-9+/_-]+=)?")
_TAG = re.compile(r"<[^<>]*>")
Found = tuple[str, "str | bytes"]


def unpacked(place: str, data: bytes) -> Iterator[Found]:
    """Each text in a file with its place; bytes where neither text nor zip could be made of it."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        yield from _members(place, data)
        return
    text = decoded(data)
    if text is None:
        yield place, data
    else:
        yield from _inside(place, text)


def decoded(data: bytes) -> str | None:
    """The text of a file in any usual encoding; None for what is no text."""
    for encoding in _ENCODINGS:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        wide = encoding.startswith(("utf-16", "utf-32"))
        guessed = wide and sum(letter < "\x80" for letter in text) < len(text) / 2
        if not guessed and not _CONTROL.search(text):
            return text
    return None


def _members(place: str, data: bytes) -> Iterator[Found]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            try:
                content = archive.read(name)
            except (RuntimeError, NotImplementedError, zipfile.BadZipFile):
                yield f"{place} > {name}", data  # encrypted or damaged
                continue
            yield from unpacked(f"{place} > {name}", content)


def _inside(place: str, text: str) -> Iterator[Found]:
    """A text, or the strings of a JSON document; and what is packed into either."""
    document = _document(text)
    if document is not None:
        for path, part in _strings(document, []):
            yield from _inside(f"{place} > {'.'.join(path)}", part)
        return
    yield place, text
    if "</" in text or "&" in text:
        yield place, html.unescape(_TAG.sub("", text))
    for run in _BASE64.findall(text):
        yield from _from_base64(place, run)


def _document(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def _strings(value: Any, path: list[str]) -> Iterator[tuple[list[str], str]]:
    """Every string with its path; a list of lines, as notebooks store them, as one text."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        yield path, "".join(part if part.endswith("\n") else part + "\n" for part in value)
    elif isinstance(value, list | dict):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in pairs:
            yield [*path, "key"], str(key)
            yield from _strings(part, [*path, str(key)])


def _from_base64(place: str, run: str) -> Iterator[Found]:
    letters = re.sub(r"[\s=]", "", run).replace("-", "+").replace("_", "/")
    data = base64.b64decode(letters[: len(letters) // 4 * 4] + _padding(letters))
    if zipfile.is_zipfile(io.BytesIO(data)) or decoded(data) is not None:
        yield from unpacked(f"{place} > base64", data)


def _padding(letters: str) -> str:
    """The last two or three letters of the run, filled up to four."""
    rest = letters[len(letters) // 4 * 4 :]
    return rest + "=" * (4 - len(rest)) if len(rest) > 1 else ""
