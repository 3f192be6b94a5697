"""safetensors: the header names every tensor, its type, shape and place."""

from __future__ import annotations

from typing import Any

from ...core.canon import parse_json
from ...core.errors import InputError
from ..walk import printable
from .values import ITEM_BYTES, Lost, Storage, Tensor, Whole, row_major


def read_safetensors(data: memoryview) -> Whole:
    """The tensors by name. Raises InputError for a header that does not fit the file."""
    header, start = header_of(data)
    body = data[start:]
    items: list[Any] = []
    for name, about in header.items():
        if name != "__metadata__":
            items += [name, _tensor(name, about, body)]
    return Whole("dict", items)


def header_of(data: memoryview) -> tuple[dict[str, Any], int]:
    """The header, and where the tensors begin. Raises InputError."""
    size = int.from_bytes(data[:8], "little")
    if 8 + size > len(data):
        raise InputError(f"the header says {size} bytes, the file has {len(data)}")
    header = parse_json(bytes(data[8 : 8 + size]), what="header")
    if not isinstance(header, dict):
        raise InputError("the header is no object")
    return header, 8 + size


def _tensor(name: str, about: object, body: memoryview) -> Tensor | Lost:
    match about:
        case {"dtype": str(dtype), "shape": list(sizes), "data_offsets": [int(begin), int(end)]} if all(
            type(n) is int and n >= 0 for n in sizes
        ):
            if dtype not in ITEM_BYTES:
                return Lost(f"items of {printable(dtype)} are no whole bytes", 0)
            shape = tuple(sizes)
            tensor = Tensor(Storage(name, dtype, body[begin:end]), dtype, 0, shape, row_major(shape))
            if not 0 <= begin <= end <= len(body) or tensor.size != end - begin:
                raise InputError(f"tensor {printable(name)!r} does not fit its place")
            return tensor
    raise InputError(f"tensor {printable(name)!r} is not described by dtype, shape and data_offsets")
