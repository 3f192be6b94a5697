"""joblib's own compressed form before 0.10: `ZF`, the size in hexadecimal, then one zlib stream with a pickle in it.

Read by joblib to this day (joblib.numpy_pickle_compat.read_zfile).
"""

from __future__ import annotations

import zlib

from ..walk import Walk
from .opcodes import Broken

MARK, DIGITS = b"ZF", 19
"""`0x10000000000000000` has nineteen characters: the width of the field."""


def sniff(data: memoryview) -> bool:
    """Whether this begins as such a file."""
    return bytes(data[:4]) == MARK + b"0x"


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Unpack, and walk what comes out. Raises Broken for a damaged one."""
    start = len(MARK) + DIGITS
    try:
        size = int(bytes(data[len(MARK) : start]), 16)
    except ValueError as error:
        raise Broken("the size is no number", len(MARK)) from error
    if bytes(data[start : start + 1]) == b" ":  # joblib up to 0.8.4 on Python 2 wrote one more
        start += 1
    if not walk.fits(path or "the file", len(data) - start, size):
        return
    state = zlib.decompressobj()
    try:
        content = state.decompress(data[start:], size + 1)
    except zlib.error as error:
        raise Broken(f"the stream is damaged: {error}", start) from error
    if len(content) != size or state.unused_data:
        raise Broken(f"the stream does not unpack to its {size} bytes alone", start)
    walk.enter(memoryview(content), path)
