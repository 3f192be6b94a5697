"""Frames between the parent and a model's process: a JSON header and raw little-endian arrays, never pickle.

    frame = 4 bytes magic · u32 header size · u64 body size · header (JSON) · body (the arrays, one after another)

The header is `{"head": {…}, "arrays": [[name, dtype, shape], …]}`. Both sides check every size before they
allocate: the other side may be hostile.

>>> import io, numpy as np
>>> frame = pack({"command": "predict"}, {"x": np.zeros((2, 1), np.float32)})
>>> message = unpack(io.BytesIO(frame).read, max_body=1000)
>>> message.head["command"], message.arrays["x"].shape
('predict', (2, 1))
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.canon import Json, parse_json
from hauberk.core.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAGIC = b"HBK1"
PREFIX = struct.Struct(">4sIQ")
MAX_HEADER = 4 << 20  # a description with 100,000 class names fits
MAX_ARRAYS, MAX_AXES = 8, 8
DTYPES = {"<f4", "<f8", "<i8", "|u1"}


@dataclass(frozen=True)
class Message:
    """What one frame carries."""

    head: Mapping[str, Json]
    arrays: Mapping[str, NDArray[Any]]


def pack(head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> bytes:
    """The bytes of a frame. Arrays: float32, float64, int64 or uint8."""
    little = {name: _little(array) for name, array in (arrays or {}).items()}
    listed = [[name, array.dtype.str, list(array.shape)] for name, array in little.items()]
    header = json.dumps({"head": dict(head), "arrays": listed}).encode()
    size = sum(array.nbytes for array in little.values())
    return b"".join((PREFIX.pack(MAGIC, len(header), size), header, *(a.tobytes() for a in little.values())))


def unpack(read: Callable[[int], bytes], *, max_body: int, what: str = "the model's process") -> Message:
    """The next frame from `read(n)`, which gives exactly n bytes (fewer only at the end of the stream).

    Raises InputError for anything malformed or larger than `max_body`, EOFError at a clean end.
    """
    prefix = read(PREFIX.size)
    if not prefix:
        raise EOFError
    if len(prefix) != PREFIX.size or not prefix.startswith(MAGIC):
        raise InputError(f"{what}: sent something that is no frame")
    _, header_size, body_size = PREFIX.unpack(prefix)
    if header_size > MAX_HEADER or body_size > max_body:
        raise InputError(f"{what}: sent a frame of {header_size} + {body_size} bytes, which is too large")
    head, listed = _header(_exactly(read, header_size, what), what)
    arrays = _arrays(listed, _exactly(read, body_size, what), what)
    return Message(head, arrays)


def _header(content: bytes, what: str) -> tuple[Mapping[str, Json], list[Any]]:
    header = parse_json(content, what=what)
    if not isinstance(header, dict) or set(header) != {"head", "arrays"}:
        raise InputError(f"{what}: sent a frame without head and arrays")
    head, listed = header["head"], header["arrays"]
    if not isinstance(head, dict) or not isinstance(listed, list) or len(listed) > MAX_ARRAYS:
        raise InputError(f"{what}: sent a frame with a malformed head")
    return head, listed


def _arrays(listed: list[Any], body: bytes, what: str) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    at = 0
    for item in listed:
        name, dtype, shape = _entry(item, what)
        end = at + math.prod(shape) * np.dtype(dtype).itemsize
        if end > len(body) or name in arrays:
            raise InputError(f"{what}: array {name[:40]!r} does not fit its frame")
        try:
            arrays[name] = np.frombuffer(body[at:end], dtype=dtype).reshape(shape)
        except ValueError as error:  # an empty array whose other sides are beyond any address
            raise InputError(f"{what}: sent an array of shape {str(shape)[:60]}") from error
        at = end
    if at != len(body):
        raise InputError(f"{what}: sent {len(body) - at} bytes that belong to no array")
    return arrays


def _entry(item: Any, what: str) -> tuple[str, str, tuple[int, ...]]:
    if not (isinstance(item, list) and len(item) == 3 and isinstance(item[0], str) and isinstance(item[2], list)):
        raise InputError(f"{what}: sent a malformed array entry")
    name, dtype, shape = item
    whole = all(type(side) is int and side >= 0 for side in shape)
    if dtype not in DTYPES or not whole or len(shape) > MAX_AXES:
        raise InputError(f"{what}: sent an array of type {str(dtype)[:20]!r} and shape {str(shape)[:60]}")
    return name, dtype, tuple(shape)


def _exactly(read: Callable[[int], bytes], size: int, what: str) -> bytes:
    content = read(size) if size else b""
    if len(content) != size:
        raise InputError(f"{what}: ended in the middle of a frame")
    return content


def _little(array: Any) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype=np.asarray(array).dtype.newbyteorder("<")).reshape(np.shape(array))
