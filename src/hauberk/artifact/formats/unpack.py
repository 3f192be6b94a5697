"""Decompressors, bounded: what comes out is never more than was asked for, and every byte that goes in must be used.

A stream that ends before its bytes do hides the rest from one reader and shows it to another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .opcodes import Broken

CHUNK, PIECE = 1 << 20, 1 << 16
"""Bytes that come out, and go in, at a time: bzip2 makes a gigabyte of 64 KiB."""
MAX_DICTIONARY = 1 << 28
"""Memory that LZMA and Zstandard may ask for: 256 MiB, more than any preset of their tools but the longest."""


def inflate() -> Any:
    """A decoder of raw deflate."""
    import zlib

    return zlib.decompressobj(-15)


def gunzip() -> Any:
    """A decoder of one gzip member."""
    import zlib

    return zlib.decompressobj(31)


def unzlib() -> Any:
    """A decoder of zlib's own form."""
    import zlib

    return zlib.decompressobj()


def bunzip() -> Any:
    """A decoder of bzip2."""
    import bz2

    return bz2.BZ2Decompressor()


def unxz() -> Any:
    """A decoder of xz, and of LZMA's older files."""
    import lzma

    return lzma.LZMADecompressor(memlimit=MAX_DICTIONARY + (1 << 24))


def raw_lzma(filters: list[tuple[int, bytes]]) -> Any:
    """A decoder of a bare LZMA stream: filters as (id, properties), as 7z and zip write them. Raises ValueError."""
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[_filter(kind, raw) for kind, raw in filters])


def _filter(kind: int, raw: bytes) -> dict[str, Any]:
    """Properties as 7z writes them. The standard library's own reading of them crashes on empty ones."""
    import lzma

    step: dict[str, Any] = {"id": kind}
    if kind == lzma.FILTER_LZMA1 and len(raw) == 5 and raw[0] < 225:
        step |= {"dict_size": int.from_bytes(raw[1:5], "little"), "lc": raw[0] % 9, "lp": raw[0] // 9 % 5}
        step["pb"] = raw[0] // 45
    elif kind == lzma.FILTER_LZMA2 and len(raw) == 1 and raw[0] < 40:
        step["dict_size"] = (2 | raw[0] & 1) << raw[0] // 2 + 11
    elif kind == lzma.FILTER_DELTA and len(raw) == 1:
        step["dist"] = raw[0] + 1
    elif kind in (lzma.FILTER_LZMA1, lzma.FILTER_LZMA2, lzma.FILTER_DELTA) or raw:
        raise ValueError("its properties are not known")
    if step.get("dict_size", 0) > MAX_DICTIONARY:
        raise ValueError(f"its dictionary is larger than {MAX_DICTIONARY >> 20} MiB")
    return step


def whole(make: Callable[[], Any], raw: memoryview, size: int, what: str) -> bytes:
    """Unpack `raw`, whose stream says where it ends, to just `size` bytes.

    Raises Broken if it is damaged, does not come to `size`, or leaves bytes unused; and what `make` raises.
    """
    with _damage(what):
        state = make()
        content = state.decompress(raw, size + 1)
        if len(content) == size and not state.eof:
            content += state.decompress(getattr(state, "unconsumed_tail", b""), 1)
    if len(content) != size:
        raise Broken(f"{what} does not unpack to its {size} bytes")
    if not state.eof:
        raise Broken(f"{what} is cut: its stream does not end")
    if len(state.unused_data):
        raise Broken(f"{what} hides {len(state.unused_data)} bytes behind the end of its stream")
    return bytes(content)


def unmarked(make: Callable[[], Any], raw: memoryview, size: int, what: str) -> bytes:
    """Unpack `raw`, whose LZMA stream does not say where it ends, to just `size` bytes.

    The decoder is given the last bytes apart: if it was done without them, they (and maybe more) are not of the stream.
    Raises Broken as `whole` does.
    """
    with _damage(what):
        state = make()
        content = state.decompress(raw[:-LOOKAHEAD], size) if len(raw) > LOOKAHEAD and size else b""
        if size and len(content) == size and not state.eof:
            raise Broken(f"{what} hides bytes behind the end of its stream")
        if not state.eof:
            content += state.decompress(raw[-LOOKAHEAD:], size - len(content)) if size else b""
    if len(content) != size:
        raise Broken(f"{what} does not unpack to its {size} bytes")
    if state.eof and len(state.unused_data):
        raise Broken(f"{what} hides {len(state.unused_data)} bytes behind the end of its stream")
    return bytes(content)


LOOKAHEAD = 8
"""Bytes that an LZMA decoder may have read, or still have to read, where the last symbol ends."""


@contextmanager
def _damage(what: str) -> Iterator[None]:
    import lzma
    import zlib

    try:
        yield
    except (zlib.error, OSError, lzma.LZMAError, ValueError, EOFError) as error:
        raise Broken(f"{what} is damaged: {error}") from error


def pieces(make: Callable[[], Any], data: memoryview) -> Iterator[tuple[int, bytes]]:
    """(bytes taken so far, content) as the stream that `data` begins with unpacks, CHUNK bytes at most at a time.

    The last count is where the stream ends. Raises Broken if it is damaged or cut, and what `make` raises.
    """
    state, pos = make(), 0
    with _damage("the compressed stream"):
        while not state.eof:
            piece = data[pos : pos + PIECE]
            pos += len(piece)
            content = state.decompress(piece, CHUNK)
            yield pos, content
            while not state.eof and len(content) == CHUNK:
                content = state.decompress(getattr(state, "unconsumed_tail", b""), CHUNK)
                yield pos, content
            if not piece and not state.eof:
                raise Broken("the compressed stream is truncated", pos)
    yield pos - len(state.unused_data), b""
