"""UBJSON, as XGBoost writes it: read strictly, typed arrays as arrays.

Source: UBJSON draft 12, and the part of it that XGBoost's `src/common/json.cc` writes: plain objects, arrays with a
type and a count. What that writer never writes is refused.

>>> parse(memoryview(b"{U\\x01aU\\x07}"))
{'a': 7}
"""

from __future__ import annotations

import struct
from array import array
from typing import Any

from .opcodes import Broken

FORMS = {
    b"i": ">b", b"U": ">B", b"I": ">h", b"u": ">H", b"l": ">i", b"m": ">I", b"L": ">q", b"M": ">Q", b"d": ">f",
    b"D": ">d",
}  # fmt: skip
LENGTHS = frozenset((b"i", b"U", b"I", b"u", b"l", b"m", b"L", b"M"))
CONSTANTS = {b"Z": None, b"T": True, b"F": False}
MAX_NESTING = 32
"""Values of an XGBoost model nest eight deep."""


def parse(data: memoryview) -> Any:
    """One value that takes all of the bytes. Raises Broken."""
    reader = _Reader(data)
    value = reader.value(0)
    if reader.pos != len(data):
        raise Broken(f"{len(data) - reader.pos} bytes follow the model", reader.pos)
    return value


class _Reader:
    def __init__(self, data: memoryview) -> None:
        self.data, self.pos = data, 0

    def value(self, depth: int) -> Any:
        """The value at the present place."""
        if depth > MAX_NESTING:
            raise Broken("values are nested too deeply", self.pos)
        kind = bytes(self.take(1))
        if kind in CONSTANTS:
            return CONSTANTS[kind]
        if kind in FORMS:
            return self.number(kind)
        if kind in (b"S", b"C"):
            return self.text() if kind == b"S" else self._decoded(self.take(1))
        if kind == b"[":
            return self._array(depth)
        if kind == b"{":
            return self._object(depth)
        raise Broken(f"{kind!r} is no UBJSON type that XGBoost writes", self.pos - 1)

    def take(self, size: int) -> memoryview:
        """The next bytes."""
        if size < 0 or size > len(self.data) - self.pos:
            raise Broken("the model is truncated", self.pos)
        self.pos += size
        return self.data[self.pos - size : self.pos]

    def number(self, kind: bytes) -> Any:
        """A number of that form."""
        form = FORMS[kind]
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def length(self) -> int:
        """A length: a whole number of any form."""
        kind = bytes(self.take(1))
        if kind not in LENGTHS:
            raise Broken("a length is missing", self.pos - 1)
        return int(self.number(kind))

    def text(self) -> str:
        """A length, then UTF-8."""
        return self._decoded(self.take(self.length()))

    def _decoded(self, raw: memoryview) -> str:
        try:
            return str(raw, "utf-8")
        except UnicodeDecodeError:
            raise Broken("a text is not UTF-8", self.pos) from None

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while bytes(self.data[self.pos : self.pos + 1]) != b"}":
            key = self.text()
            if key in found:
                raise Broken("a name stands twice in one object", self.pos)
            found[key] = self.value(depth + 1)
        self.pos += 1
        return found

    def _array(self, depth: int) -> Any:
        mark = bytes(self.data[self.pos : self.pos + 1])
        if mark == b"$":
            return self._typed()
        if mark == b"#":
            self.pos += 1
            count = self.length()
            if not 0 <= count <= len(self.data) - self.pos:
                raise Broken("an array has more values than the model bytes", self.pos)
            return [self.value(depth + 1) for _ in range(count)]
        found = []
        while bytes(self.data[self.pos : self.pos + 1]) != b"]":
            found.append(self.value(depth + 1))
        self.pos += 1
        return found

    def _typed(self) -> Any:
        kind, count_mark = bytes(self.data[self.pos + 1 : self.pos + 2]), bytes(self.data[self.pos + 2 : self.pos + 3])
        if kind not in FORMS or count_mark != b"#":
            raise Broken("an array of a type that XGBoost does not write", self.pos)
        self.pos += 3
        form = FORMS[kind]
        raw = self.take(self.length() * struct.calcsize(form))
        found = array(form[1])
        found.frombytes(raw)
        found.byteswap()
        return found
