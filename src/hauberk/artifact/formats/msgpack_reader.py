"""MessagePack, token by token: what stands where, and every count held against the bytes that are left.

Source: the MessagePack specification (`spec.md` of msgpack.org). Values are not built; containers have a count.

>>> [token.kind for token in tokens(memoryview(b"\\x81\\xa1a\\x93\\x01\\xc0\\xc3"), 0)]
['map', 'str', 'array', 'number', 'nil', 'bool']
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .opcodes import Broken


class Token(NamedTuple):
    """One value, or the head of a container of `count` values (a map has twice as many). code: of an extension.

    begin, end: of its bytes, without the head. at: of the head.
    """

    kind: str
    count: int  # type: ignore[assignment]  # the items, and not tuple's method
    begin: int
    end: int
    code: int
    at: int


SIZED = {
    0xC4: ("bin", 1), 0xC5: ("bin", 2), 0xC6: ("bin", 4), 0xC7: ("ext", 1), 0xC8: ("ext", 2), 0xC9: ("ext", 4),
    0xD9: ("str", 1), 0xDA: ("str", 2), 0xDB: ("str", 4), 0xDC: ("array", 2), 0xDD: ("array", 4), 0xDE: ("map", 2),
    0xDF: ("map", 4),
}  # fmt: skip
NUMBERS = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
FIXED = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
"""Extensions of these sizes have no length."""


def token(data: memoryview, pos: int) -> Token:
    """The value at `pos`. Raises Broken."""
    if pos >= len(data):
        raise Broken("the data is cut", pos)
    head, at = data[pos], pos + 1
    if head < 0x80 or head >= 0xE0:
        return Token("number", 0, pos, at, 0, pos)
    if head < 0x90:
        return _container("map", head & 0xF, data, at, pos)
    if head < 0xA0:
        return _container("array", head & 0xF, data, at, pos)
    if head < 0xC0:
        return _sized("str", head & 0x1F, data, at, 0, pos)
    if head in SIZED:
        return _with_size(data, at, pos, *SIZED[head])
    if head in NUMBERS:
        return _sized("number", NUMBERS[head], data, at, 0, pos)
    if head in FIXED:
        return _extension(FIXED[head], data, at, pos)
    if head == 0xC1:
        raise Broken("a byte that MessagePack never uses", pos)
    return Token("nil" if head == 0xC0 else "bool", 0, at, at, 0, pos)


def tokens(data: memoryview, pos: int) -> Iterator[Token]:
    """Every token from `pos` on to the end of the value there. Raises Broken."""
    left = 1
    while left:
        found = token(data, pos)
        yield found
        left += found.count - 1
        pos = found.end


def _with_size(data: memoryview, at: int, pos: int, kind: str, width: int) -> Token:
    if at + width > len(data):
        raise Broken("the data is cut", at)
    size, at = int.from_bytes(data[at : at + width], "big"), at + width
    if kind == "ext":
        return _extension(size, data, at, pos)
    return _container(kind, size, data, at, pos) if kind in ("array", "map") else _sized(kind, size, data, at, 0, pos)


def _extension(size: int, data: memoryview, at: int, pos: int) -> Token:
    if at >= len(data):
        raise Broken("the data is cut", at)
    code = data[at]
    return _sized("ext", size, data, at + 1, code - 256 if code > 127 else code, pos)


def _sized(kind: str, size: int, data: memoryview, at: int, code: int, pos: int) -> Token:
    if size > len(data) - at:
        raise Broken(f"a value of {size} bytes is cut", at)
    return Token(kind, 0, at, at + size, code, pos)


def _container(kind: str, count: int, data: memoryview, at: int, pos: int) -> Token:
    count = 2 * count if kind == "map" else count
    if count > len(data) - at:
        raise Broken(f"a container of {count} values has {len(data) - at} bytes", at)
    return Token(kind, count, at, at, 0, pos)
