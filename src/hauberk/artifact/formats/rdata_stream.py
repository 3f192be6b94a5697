"""R's serialization, its lowest floor: integers, numbers and strings in XDR, in native binary, or as text.

Source: R Internals, "Serialization Formats", and R's `src/main/serialize.c`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from binascii import unhexlify

from .opcodes import Broken

_WORD = re.compile(rb"\s*(\S+)")
_INTEGER = re.compile(rb"-?[0-9]{1,10}")
_NUMBER = re.compile(rb"-?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?|NA|NaN|-?Inf")
_HEXES = re.compile(rb"[0-9a-fA-F]*")
_HEX = re.compile(rb"[0-9a-fA-F]{2}")
MAX_STRING = 1 << 26
"""Bytes of one string that are looked at; names of classes and functions are short."""


class Stream(ABC):
    """Where the items come from. pos: of the next byte."""

    def __init__(self, data: memoryview, pos: int) -> None:
        self.data, self.pos = data, pos

    @abstractmethod
    def integer(self) -> int:
        """The next integer; R's NA is -2**31."""

    @abstractmethod
    def string(self, size: int) -> bytes:
        """The next string, of `size` bytes."""

    @abstractmethod
    def skip(self, count: int, width: int) -> None:
        """Pass over numbers of `width` bytes: 4 an integer, 8 a real, 16 a complex, 1 a raw byte."""

    def raw(self, start: int) -> memoryview:
        """The bytes from `start` to here, as they stand in memory; none where they are told as words."""
        return self.data[:0]

    def end(self) -> int:
        """Where the stream ends, when its last item was read."""
        return self.pos

    def room(self) -> int:
        """How many items may follow at most: each takes a byte."""
        return len(self.data) - self.pos


class Binary(Stream):
    """XDR, or the writer's own order of bytes."""

    def __init__(self, data: memoryview, pos: int, order: str) -> None:
        super().__init__(data, pos)
        self.big = order == "big"

    def integer(self) -> int:
        """Four bytes."""
        raw = self._take(4)
        return int.from_bytes(raw, "big" if self.big else "little", signed=True)

    def string(self, size: int) -> bytes:
        """As they stand."""
        return bytes(self._take(size))

    def skip(self, count: int, width: int) -> None:
        """By arithmetic."""
        self._take(count * width)

    def raw(self, start: int) -> memoryview:
        """As they stand."""
        return self.data[start : self.pos]

    def _take(self, size: int) -> memoryview:
        if size < 0 or size > len(self.data) - self.pos:
            raise Broken("the data is cut", self.pos)
        self.pos += size
        return self.data[self.pos - size : self.pos]


class Text(Stream):
    """Words, one a line; strings with C's escapes."""

    def integer(self) -> int:
        """A word of digits, or NA."""
        word = self._word()
        if word == b"NA":
            return -(2**31)
        if not _INTEGER.fullmatch(word):
            raise Broken("a number is none", self.pos)
        return int(word)

    def string(self, size: int) -> bytes:
        """`size` bytes, each of which may be an escape."""
        if size > MAX_STRING:
            raise Broken("a string is too long", self.pos)
        while self.pos < len(self.data) and self.data[self.pos] in b" \n\t\r":
            self.pos += 1
        window = bytes(self.data[self.pos : self.pos + 4 * size])
        out, at = bytearray(), 0
        while len(out) < size:
            if at >= len(window):
                raise Broken("the data is cut", self.pos + at)
            byte, at = _escaped(window, at)
            out.append(byte)
        self.pos += at
        return bytes(out)

    def raw(self, start: int) -> memoryview:
        """Bytes of two digits each; numbers are none."""
        words = bytes(self.data[start : self.pos]).translate(None, b" \n\r\t")
        return memoryview(unhexlify(words)) if len(words) % 2 == 0 and _HEXES.fullmatch(words) else self.data[:0]

    def skip(self, count: int, width: int) -> None:
        """Words, of which a complex number takes two."""
        for _ in range(count * (2 if width == 16 else 1)):
            word = self._word()
            if width == 1 and not _HEX.fullmatch(word):
                raise Broken("a raw byte is none", self.pos)
            if width != 1 and not _NUMBER.fullmatch(word):
                raise Broken("a number is none", self.pos)

    def end(self) -> int:
        """Behind the line's end."""
        return self.pos + 1 if bytes(self.data[self.pos : self.pos + 1]) == b"\n" else self.pos

    def _word(self) -> bytes:
        match = _WORD.match(self.data, self.pos)
        if match is None or len(match[1]) > 64:
            raise Broken("the data is cut, or a number too long", self.pos)
        self.pos = match.end()
        return match[1]


_ESCAPES = {ord(c): value for c, value in zip("ntvbrfa\\?'\"", (10, 9, 11, 8, 13, 12, 7, 92, 63, 39, 34), strict=True)}


def _escaped(window: bytes, at: int) -> tuple[int, int]:
    """A byte, and where the next one begins."""
    byte, at = window[at], at + 1
    if byte != ord("\\") or at >= len(window):
        return byte, at
    code = window[at]
    if not ord("0") <= code <= ord("7"):
        return _ESCAPES.get(code, code), at + 1
    value, end = 0, min(at + 3, len(window))
    while at < end and ord("0") <= window[at] <= ord("7"):
        value, at = value * 8 + window[at] - ord("0"), at + 1
    return value & 0xFF, at
