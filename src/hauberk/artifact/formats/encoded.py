"""Programs that lie in a pickle's own bytes and texts: as they are, compressed, or written as base64 and the like.

Nothing runs them while the file is loaded, but a program that is carried inside another is carried for a reader.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

HEAD = 64
MAX_LAYERS = 4
MAX_BYTES = 4 << 20
"""What an encoded constant may expand to and still be looked at."""

PICKLE = re.compile(rb"\x80[\x00-\x05]")
TEXT_GLOBAL = re.compile(rb"[\x80-\x82(]*[ci][A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n")
"""How a pickle of protocol 0 that imports something begins."""
ANY_GLOBAL = re.compile(rb"[ci][A-Za-z_][\w.]{0,80}\n[A-Za-z_][\w.]{0,80}\n")
_CODE_MARKS = (0x63, 0xE3)
"""TYPE_CODE of marshal, without and with FLAG_REF."""


class Program(NamedTuple):
    """kind: pickle or code. how: the layers around it, outermost first. data: the program."""

    kind: str
    how: tuple[str, ...]
    data: memoryview


def programs(value: memoryview | str) -> Iterator[Program]:
    """The program that a constant holds, if its beginning is that of one.

    >>> import pickle, zlib
    >>> [(p.kind, p.how) for p in programs(base64.b64encode(zlib.compress(pickle.dumps({"a": 1}))).decode())]
    [('pickle', ('base64', 'zlib'))]
    """
    data: memoryview | None = _bytes(value)
    how: tuple[str, ...] = ()
    while data is not None and len(how) <= MAX_LAYERS:
        head = bytes(data[:HEAD])
        if kind := _kind(data, head):
            yield Program(kind, how, data)
            return
        layer = _layer(head)
        if layer is None and b"\n" in head and ANY_GLOBAL.search(data[: 1 << 16]):
            yield Program("pickle", how, data)
        data = layer.open(data) if layer else None
        how = (*how, layer.name) if layer else how


def _bytes(value: memoryview | str) -> memoryview | None:
    if isinstance(value, str):
        return memoryview(value.encode("latin-1", "replace")) if value[:HEAD].isascii() or value[0] == "\x80" else None
    return value


def _kind(data: memoryview, head: bytes) -> str:
    if PICKLE.match(head) or TEXT_GLOBAL.match(head):
        return "pickle"
    return "code" if head[:1] and head[0] in _CODE_MARKS and is_code(data) else ""


def is_code(data: memoryview) -> bool:
    """Whether this is a marshalled code object of CPython 3.8 to 3.14: small counts, then the bytecode as bytes."""
    for counts in (5, 6):  # 3.11 dropped the number of locals
        at = 1 + 4 * counts
        if len(data) > at + 5 and data[at] & 0x7F == 0x73:
            numbers = [int.from_bytes(data[i : i + 4], "little") for i in range(1, at, 4)]
            size = int.from_bytes(data[at + 1 : at + 5], "little")
            if all(n < 1 << 12 for n in numbers[:-1]) and 0 < size <= len(data) - at - 5 and size % 2 == 0:
                return True
    return False


class Layer(NamedTuple):
    """An encoding. open: the decoded bytes; None when it is not that, or too much."""

    name: str
    open: Callable[[memoryview], memoryview | None]


def _layer(head: bytes) -> Layer | None:
    for marks, layer in COMPRESSED:
        if head.startswith(marks):
            return layer
    for layer in WRITTEN:
        if (start := _written(layer.name, head)) and _promising(start):
            return layer
    return None


def _promising(start: bytes) -> bool:
    marks = tuple(mark for several, _ in COMPRESSED for mark in several)
    return start.startswith(marks) or start[0] in _CODE_MARKS or bool(PICKLE.match(start) or _GLOBAL_HEAD.match(start))


_GLOBAL_HEAD = re.compile(rb"[(\x80]*[ci(][A-Za-z_][\w.]{2,}\n?")


def _inflated(make: Callable[[], Any]) -> Callable[[memoryview], memoryview | None]:
    def unpack(data: memoryview) -> memoryview | None:
        try:
            start = make().decompress(data[: 1 << 12], HEAD)
            if not start or not (_kind(memoryview(start), start) or _layer(start)):
                return None
            out = make().decompress(data, MAX_BYTES)
        except Exception:  # noqa: BLE001 - what does not unpack is no program; the bytes themselves stay judged as data
            return None
        return memoryview(out)

    return unpack


def _zlib() -> Any:
    import zlib

    return zlib.decompressobj(47)


def _bz2() -> Any:
    import bz2

    return bz2.BZ2Decompressor()


def _lzma() -> Any:
    import lzma

    return lzma.LZMADecompressor(memlimit=1 << 28)


COMPRESSED = (
    ((b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"), Layer("zlib", _inflated(_zlib))),
    ((b"\x1f\x8b\x08",), Layer("gzip", _inflated(_zlib))),
    ((b"BZh",), Layer("bz2", _inflated(_bz2))),
    ((b"\xfd7zXZ\0", b"\x5d\0\0"), Layer("lzma", _inflated(_lzma))),
)
_ALPHABETS = {
    "hex": re.compile(rb"(?:[0-9a-fA-F]{2})+"),
    "base64": re.compile(rb"[A-Za-z0-9+/=\s]+"),
    "base64url": re.compile(rb"[A-Za-z0-9_=\s-]+"),
    "base32": re.compile(rb"[A-Z2-7=]+"),
    "base85": re.compile(rb"[0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]+"),
    "ascii85": re.compile(rb"(?:<~)?[!-uz\s]+(?:~>)?"),
}
_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "hex": lambda raw: bytes.fromhex(raw.decode("ascii")),
    "base64": lambda raw: base64.b64decode(raw + b"=" * (-len(raw) % 4)),
    "base64url": lambda raw: base64.urlsafe_b64decode(raw + b"=" * (-len(raw) % 4)),
    "base32": lambda raw: base64.b32decode(raw + b"=" * (-len(raw) % 8)),
    "base85": base64.b85decode,
    "ascii85": lambda raw: base64.a85decode(raw, adobe=raw.startswith(b"<~")),
}
_WHOLE = 40
"""Characters whose number is a multiple of every encoding's group (2, 4, 5, 8)."""


def _written(name: str, head: bytes) -> bytes:
    """The first bytes that a text decodes to; none when it is no such text."""
    start = head[:_WHOLE].strip()
    if len(start) < 16 or not _ALPHABETS[name].fullmatch(start):
        return b""
    try:
        return _DECODERS[name](start if len(start) < _WHOLE else start[: len(start) // 40 * 40 or len(start)])
    except ValueError:
        return b""


def _read(name: str) -> Callable[[memoryview], memoryview | None]:
    def decode(data: memoryview) -> memoryview | None:
        if len(data) > MAX_BYTES:
            return None
        try:
            return memoryview(_DECODERS[name](bytes(data).strip()))
        except ValueError:
            return None

    return decode


WRITTEN = tuple(Layer(name, _read(name)) for name in _ALPHABETS)
