"""R's .rds and .RData: one object, or named ones, in R's serialization. Plain data is clean; what can run is told.

Loading calls no function of the file, with one exception that is older than R 4.4.0 (CVE-2024-27322); but what it
loads is used a moment later, and a function, a promise or a call in a formula runs then. See rdata_items.
"""

from __future__ import annotations

import re

from ...core.errors import InputError, UnsupportedError
from ...core.limits import Limits
from ...core.nouns import Place, Severity
from ..walk import Walk, join
from .opcodes import Broken
from .rdata_items import Items, Stopped
from .rdata_stream import Binary, Stream, Text

_SAVED = re.compile(rb"RD[XAB][123]\n")
_TEXT = re.compile(rb"A\n\s*[23]\s+(?:NA|-?\d{1,10})\s+(?:NA|-?\d{1,10})\s")
_USUAL = re.compile(rb"A\n[23]\n\d{6}\n\d{5,6}\n")
"""How R writes the form of text, and all that it reads: a list of numbers below a letter looks alike."""
_HEADS = (b"X\n\0\0\0\2", b"X\n\0\0\0\3", b"B\n\2\0\0\0", b"B\n\3\0\0\0")
MAX_ENCODING = 64


def sniff(data: memoryview) -> bool:
    """Whether this begins as R's serialization, or as a file of several objects."""
    head = bytes(data[:64])
    if _SAVED.match(head) or head.startswith(_HEADS) or _USUAL.match(head):
        return True
    return _TEXT.match(head) is not None and _reads(data)


def _reads(data: memoryview) -> bool:
    """Whether R would get to the end of the first object."""
    trial = Walk(Limits(), _nowhere)
    try:
        walk(trial, data, "")
    except InputError:
        return False
    return True


def _nowhere(walk: Walk, data: memoryview, path: str) -> None:
    return None


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk every item. Raises Broken, UnsupportedError."""
    at = 5 if _SAVED.match(bytes(data[:5])) else 0
    if bytes(data[3:4]) == b"1" and at:
        raise UnsupportedError("files of R before 1.4 are not read")
    stream = _stream(data, at)
    version = stream.integer()
    if version not in (2, 3):
        raise Broken(f"version {version} of the serialization is not known", at)
    stream.integer()
    stream.integer()
    if version == 3:
        size = stream.integer()
        if not 0 < size <= MAX_ENCODING:
            raise Broken("the encoding is not told", stream.pos)
        stream.string(size)
    try:
        Items(walk, stream, path).read()
    except Stopped:
        return
    _trailing(walk, data, stream.end(), path)


def _stream(data: memoryview, at: int) -> Stream:
    mark = bytes(data[at : at + 2])
    if mark == b"X\n":
        return Binary(data, at + 2, "big")
    if mark == b"B\n":
        return Binary(data, at + 2, "little")
    if mark == b"A\n":
        return Text(data, at + 2)
    raise Broken("the form of the serialization is not told", at)


def _trailing(walk: Walk, data: memoryview, end: int, path: str) -> None:
    if end >= len(data):
        return
    message, remedy = f"{len(data) - end} bytes follow the object", "save the object again; nothing belongs behind it"
    walk.flaw("artifact.r.trailing", Severity.MEDIUM, Place(path, f"byte {end}"), message, remedy, ("CWE-506",))
    walk.enter(data[end:], join(path, f"byte {end}"))
