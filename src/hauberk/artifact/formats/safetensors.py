"""safetensors: an 8-byte length, a JSON header, then tensors back to back; held to the letter of the format."""

from __future__ import annotations

import math
from typing import Any

from ...core.canon import parse_json
from ...core.errors import InputError
from ..walk import Walk
from .opcodes import Broken

MAX_HEADER = 100_000_000
"""The reference reader's own bound."""
BITS = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip


def sniff(data: memoryview) -> bool:
    """Whether this begins with a length and an opening brace."""
    return len(data) >= 10 and data[8] == 0x7B and data[5] == data[6] == data[7] == 0


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Hold the header against the file. Raises Broken for whatever does not fit."""
    size = int.from_bytes(data[:8], "little")
    if size > MAX_HEADER or 8 + size > len(data):
        raise Broken(f"header says {size} bytes, file has {len(data)}")
    try:
        header = parse_json(bytes(data[8 : 8 + size]), what="header")
    except InputError as error:
        raise Broken(str(error), 8) from error
    if not isinstance(header, dict):
        raise Broken("the header is no object", 8)
    _metadata(header.pop("__metadata__", {}))
    _layout([_tensor(name, value) for name, value in header.items()], len(data) - 8 - size)


def _metadata(value: Any) -> None:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise Broken("__metadata__ is not text to text", 8)


def _tensor(name: str, value: Any) -> tuple[int, int, str]:
    match value:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)], **rest}:
            good = not rest and dtype in BITS and all(type(n) is int and n >= 0 for n in shape)
        case _:
            good = False
    if not good:
        raise Broken(f"tensor {name!r:.80} is not described by dtype, shape and data_offsets", 8)
    if begin < 0 or 8 * (end - begin) != math.prod(shape) * BITS[dtype]:
        raise Broken(f"tensor {name!r:.80}: {end - begin} bytes do not hold {dtype} {shape!r:.80}", 8)
    return begin, end, name


def _layout(tensors: list[tuple[int, int, str]], size: int) -> None:
    at = 0
    for begin, end, name in sorted(tensors):
        if begin != at:
            raise Broken(f"tensor {name!r:.80} begins at {begin}, expected {at}: tensors overlap or leave a hole", 8)
        at = end
    if at != size:
        raise Broken(f"the tensors end at {at}, the file holds {size} bytes", 8)
