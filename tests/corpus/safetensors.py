"""safetensors: headers that lie."""

from __future__ import annotations

import json
import struct
from typing import Any

from corpus import bad, honest


def made(header: Any, data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@honest("safetensors", "two tensors and metadata, as the safetensors library writes them", file="model.safetensors")
def two_tensors() -> bytes:
    header = {"__metadata__": {"format": "pt"}, "a": tensor(0, 8, [2]), "b": tensor(8, 16, [2, 1])}
    return made(header, struct.pack("<4f", 0.5, -1.5, 2.5, 3.5))


@bad("safetensors", "two tensors that share bytes", file="model.safetensors")
def overlap() -> bytes:
    return made({"a": tensor(0, 8, [2]), "b": tensor(4, 12, [2])}, bytes(range(12)))
