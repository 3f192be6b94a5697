"""Decompressors, bounded: what comes out is never more than was asked for, and every byte that goes in must be used.

A stream that ends before its bytes do hides the rest from one reader and shows it to another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .opcodes import Broken

MAX_DICTIONARY = 1 << 28
"""Memory that LZMA and Zstandard may ask for: 256 MiB, more than any preset of their tools but the longest."""


def inflate() -> Any:
    """A decoder of raw deflate."""
    import zlib

    return zlib.decompressobj(-15)


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

    chain = [lzma._decode_filter_properties(kind, properties) for kind, properties in filters]  # type: ignore[attr-defined]
    if any(step.get("dict_size", 0) > MAX_DICTIONARY for step in chain):
        raise ValueError(f"its dictionary is larger than {MAX_DICTIONARY >> 20} MiB")
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=chain)


def whole(make: Callable[[], Any], raw: memoryview, size: int, what: str, *, marked: bool = True) -> bytes:
    """Unpack `raw` to just `size` bytes. marked: whether the stream says where it ends (bare LZMA need not).

    Raises Broken if it is damaged, does not come to `size`, or leaves bytes unused.
    """
    import lzma
    import zlib

    try:
        state = make()
        content = state.decompress(raw, size + 1)
        if len(content) == size and not state.eof:
            content += state.decompress(getattr(state, "unconsumed_tail", b""), 1)
    except (zlib.error, OSError, lzma.LZMAError, ValueError, EOFError) as error:
        raise Broken(f"{what} is damaged: {error}") from error
    if len(content) != size:
        raise Broken(f"{what} does not unpack to its {size} bytes")
    if marked and not state.eof:
        raise Broken(f"{what} is cut: its stream does not end")
    if state.eof and len(state.unused_data):
        raise Broken(f"{what} hides {len(state.unused_data)} bytes behind the end of its stream")
    return bytes(content)
