"""A tensor's bytes in row-major order, little-endian, a few MiB at a time.

Slices where they lie like that already, gathered otherwise.

>>> from .values import Storage, Tensor
>>> t = Tensor(Storage("", "U8", memoryview(bytes(range(6)))), "U8", 0, (3, 2), (1, 3))
>>> b"".join(pieces(t)).hex()
'000301040205'
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from ...core.errors import InputError
from .values import ITEM_BYTES, Tensor, dense, row_major

PIECE = 4 << 20
FORMATS: dict[int, Literal["B", "H", "I", "Q"]] = {1: "B", 2: "H", 4: "I", 8: "Q"}


def check(tensor: Tensor, name: str) -> None:
    """Raise InputError when it reads outside of its storage."""
    data = tensor.storage.data
    if data is None:
        raise InputError(f"{name}: its storage is not in the file")
    if tensor.count:
        last = tensor.offset + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.strides, strict=True))
        if (last + 1) * ITEM_BYTES[tensor.dtype] > len(data):
            raise InputError(f"{name}: reads item {last} of a storage of {len(data)} bytes")


def pieces(tensor: Tensor) -> Iterator[memoryview]:
    """Its bytes in order. The tensor must have passed `check`. Memory: a few MiB, whatever its size."""
    if not tensor.count:
        return
    found = _swapped if tensor.storage.swapped and ITEM_BYTES[tensor.dtype] > 1 else _plain
    yield from found(tensor)


def _plain(tensor: Tensor) -> Iterator[memoryview]:
    item, data = ITEM_BYTES[tensor.dtype], tensor.storage.data
    assert data is not None
    if dense(tensor.strides, tensor.shape):
        start = tensor.offset * item
        for at in range(start, start + tensor.size, PIECE):
            yield data[at : min(at + PIECE, start + tensor.size)]
        return
    yield from map(_gathered, _blocks(tensor))


def _swapped(tensor: Tensor) -> Iterator[memoryview]:
    """Big-endian numbers, turned; of a complex one each half by itself."""
    item = 4 if tensor.dtype == "C64" else ITEM_BYTES[tensor.dtype]
    for piece in _plain(tensor):
        turned = bytearray(len(piece))
        for i in range(item):
            turned[i::item] = piece[item - 1 - i :: item]
        yield memoryview(turned)


def _blocks(tensor: Tensor) -> Iterator[Tensor]:
    """The same items as tensors of at most PIECE bytes, cut along the first dimensions."""
    if tensor.size <= PIECE or not tensor.shape:
        yield tensor
        return
    inner = math.prod(tensor.shape[1:]) * ITEM_BYTES[tensor.dtype]
    step = max(1, PIECE // inner)
    for first in range(0, tensor.shape[0], step):
        n = min(step, tensor.shape[0] - first)
        block = replace(tensor, offset=tensor.offset + first * tensor.strides[0], shape=(n, *tensor.shape[1:]))
        if n > 1 or inner <= PIECE:
            yield block
        else:
            yield from _blocks(replace(block, shape=block.shape[1:], strides=block.strides[1:]))


def _gathered(tensor: Tensor) -> memoryview:
    """A small tensor, copied along its longest dimension: one strided copy for each place in the others."""
    item = ITEM_BYTES[tensor.dtype]
    data = tensor.storage.data
    assert data is not None
    source = data[: len(data) // item * item].cast("B").cast(FORMATS[item])
    out = memoryview(bytearray(tensor.size)).cast(FORMATS[item])
    sides = list(zip(tensor.shape, tensor.strides, row_major(tensor.shape), strict=True))
    length, step, gap = sides.pop(max(range(len(sides)), key=lambda i: sides[i][0]))
    for place in itertools.product(*(range(n) for n, _, _ in sides)):
        a = tensor.offset + sum(i * s for i, (_, s, _) in zip(place, sides, strict=True))
        b = sum(i * s for i, (_, _, s) in zip(place, sides, strict=True))
        if step:
            line = source[a : a + (length - 1) * step + 1 : step]
        else:
            line = memoryview(bytes(source[a : a + 1].cast("B")) * length).cast(FORMATS[item])
        out[b : b + (length - 1) * gap + 1 : gap] = line
    return out.cast("B")
