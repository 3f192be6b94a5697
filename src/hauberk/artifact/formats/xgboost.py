"""XGBoost models: JSON, and the same in UBJSON; data only, walked to their very end."""

from __future__ import annotations

import struct

from ...core.canon import parse_json
from ...core.errors import InputError
from ..walk import Walk
from . import keras
from .opcodes import Broken

SIZES = {b"i": 1, b"U": 1, b"I": 2, b"u": 2, b"l": 4, b"m": 4, b"L": 8, b"M": 8, b"d": 4, b"D": 8, b"C": 1}
LENGTHS = {b"i": ">b", b"U": ">B", b"I": ">h", b"u": ">H", b"l": ">i", b"m": ">I", b"L": ">q", b"M": ">Q"}
NOTHING = b"ZNTF"
MAX_NESTING = 200


def sniff(data: memoryview) -> bool:
    """Whether this is an object, in JSON or UBJSON, whose first names are XGBoost's."""
    head = bytes(data[:128])
    return head[:1] == b"{" and (b"learner" in head or b'"Config"' in head or b'"version":[' in head)


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Parse all of it. Raises Broken for what is no JSON or UBJSON, and for anything behind it."""
    if bytes(data[1:2]) in SIZES:
        end = Ubj(data).value(0, 0)
        if end != len(data):
            raise Broken(f"{len(data) - end} bytes follow the model", end)
        return
    try:
        parse_json(bytes(data), what="model")
    except InputError as error:
        raise Broken(str(error)) from error
    keras.walk_json(walk, data, path)  # whose names it has is no proof of who reads it
    walk.formats[path] = "xgboost"


class Ubj:
    """A reader of UBJSON that only finds where values end."""

    def __init__(self, data: memoryview) -> None:
        self.data = data

    def value(self, pos: int, depth: int) -> int:
        """The position behind the value at pos."""
        return self._typed(bytes(self.data[pos : pos + 1]), pos + 1, depth)

    def _typed(self, kind: bytes, pos: int, depth: int) -> int:
        if depth > MAX_NESTING:
            raise Broken("values are nested too deeply", pos)
        if kind and kind in NOTHING:
            return pos
        if kind in SIZES:
            return self._skip(pos, SIZES[kind])
        if kind in (b"S", b"H"):
            size, pos = self._length(pos)
            return self._skip(pos, size)
        if kind in (b"[", b"{"):
            return self._container(kind == b"{", pos, depth)
        raise Broken(f"{kind!r} is no UBJSON type", pos)

    def _container(self, named: bool, pos: int, depth: int) -> int:
        kind, count = b"", None
        if bytes(self.data[pos : pos + 1]) == b"$":
            kind, pos = bytes(self.data[pos + 1 : pos + 2]), pos + 2
        if bytes(self.data[pos : pos + 1]) == b"#":
            count, pos = self._length(pos + 1)
        if kind and count is None:
            raise Broken("a typed container has no count", pos)
        if kind in SIZES and count is not None and not named:
            return self._skip(pos, SIZES[kind] * count)
        end = b"}" if named else b"]"
        while count is None or count > 0:
            if count is None and bytes(self.data[pos : pos + 1]) == end:
                return pos + 1
            if named:
                size, pos = self._length(pos)
                pos = self._skip(pos, size)
            pos = self._typed(kind, pos, depth + 1) if kind else self.value(pos, depth + 1)
            count = None if count is None else count - 1
            if pos > len(self.data) or (kind and kind in NOTHING and not named):
                break
        return pos

    def _length(self, pos: int) -> tuple[int, int]:
        kind = bytes(self.data[pos : pos + 1])
        form = LENGTHS.get(kind)
        end = self._skip(pos + 1, SIZES.get(kind, 0))
        if form is None:
            raise Broken("a length is missing", pos)
        size = int(struct.unpack(form, self.data[pos + 1 : end])[0])
        if size < 0:
            raise Broken("a length is negative", pos)
        return size, end

    def _skip(self, pos: int, size: int) -> int:
        if pos + size > len(self.data):
            raise Broken("the model is truncated", pos)
        return pos + size
