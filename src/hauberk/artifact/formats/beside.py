"""Files of raw weights beside a model: every byte belongs to a tensor, or is a zero that aligns the next one.

A model claims such a file by naming it; without an account of its bytes, any file would become weights that way.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator

from ..walk import Walk
from . import raw_numbers

MAX_GAP = 1 << 16
"""Writers align weights to pages of 4 or 64 KiB."""
MAX_HEADS = 100_000
"""Tensors of one file whose beginnings are looked at; the largest models have some thousands."""

Span = tuple[int, int]


def size(walk: Walk, path: str) -> int | None:
    """Bytes of a file of this scan, or of a member of the archive that is walked; None when there is none."""
    if path in walk.stats:
        return walk.stats[path].st_size
    return len(walk.inside[path]) if path in walk.inside else None


def contents(walk: Walk, path: str) -> memoryview:
    """The bytes of a file of this scan, mapped, or of a member; none when it is not one, or is empty."""
    if path in walk.inside:
        return walk.inside[path]
    place = walk.locations.get(path)
    if place is None or not place.is_file() or not place.stat().st_size:
        return memoryview(b"")
    with place.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def unread(data: memoryview, spans: Iterable[Span]) -> Iterator[Span]:
    """Bytes that belong to no tensor and do not align one: too many of them, or not zeros.

    >>> list(unread(memoryview(b"ab\\0\\0cdxx"), [(0, 2), (4, 6)]))
    [(6, 8)]
    """
    at = 0
    for begin, end in (*sorted(spans), (len(data), len(data))):
        if begin - at > MAX_GAP or any(bytes(data[at:begin]).strip(b"\0")):
            yield at, begin
        at = max(at, end)


def overlap(spans: Iterable[Span]) -> bool:
    """Whether two tensors share some bytes, and not all."""
    at = 0
    for begin, end in sorted(set(spans)):
        if begin < at:
            return True
        at = max(at, end)
    return False


def look(walk: Walk, data: memoryview, spans: Iterable[Span], path: str) -> None:
    """Look at how each tensor of the file begins."""
    for begin, end in sorted(spans)[:MAX_HEADS]:
        raw_numbers.look(walk, data[begin:end], path, f"byte {begin}")
