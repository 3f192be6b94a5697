"""safetensors, as the reference library lays it out: types of the widest items first, then by name.

Source: huggingface/safetensors, `serialize`. A file without metadata of ours is the same to the byte.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ...core.errors import InputError, LimitExceeded
from ...crypto.newfile import reserve
from ..walk import FREE_EXPANSION
from . import gather
from .tree import shown
from .values import ITEM_BYTES, Tensor

FORGET = 64 << 20
MAX_HEADER = 100_000_000
"""The reference reader's own bound."""
ORDER = {dtype: -i for i, dtype in enumerate(ITEM_BYTES)}

@dataclass(frozen=True)
class Written:
    """What was written: bytes, and their digest."""

    size: int
    digest: str


def write(
    fd: int, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], *, forget: Callable[[], None] = lambda: None
) -> Written:
    """Write a file of tensors that passed `fitting`. Reads each tensor's bytes once, a few MiB at a time.

    forget: called after every 64 MiB or so, to let go of what was read.
    """
    order = sorted(tensors, key=lambda name: (ORDER[tensors[name].dtype], name.encode()))
    state, forgotten = hashlib.sha256(), 0
    header = _header(order, tensors, metadata)
    reserve(fd, len(header) + sum(tensor.size for tensor in tensors.values()))
    size = _put(fd, memoryview(header), state)
    for name in order:
        for piece in gather.pieces(tensors[name]):
            size += _put(fd, piece, state)
            if size - forgotten >= FORGET:
                forget()
                forgotten = size
    return Written(size, "sha256:" + state.hexdigest())


def fitting(tensors: Mapping[str, Tensor], source_bytes: int, max_ratio: float, max_bytes: int) -> None:
    """Raise InputError for a tensor outside of its storage, LimitExceeded when few bytes would become very many."""
    for name, tensor in tensors.items():
        gather.check(tensor, shown(name))
    total = sum(tensor.size for tensor in tensors.values())
    if total > max(FREE_EXPANSION, source_bytes * max_ratio) or total > max_bytes:
        raise LimitExceeded(f"its tensors have {total} bytes, the file has {source_bytes}")


def _header(order: list[str], tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    plain: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name in order:
        tensor = tensors[name]
        plain[name] = {
            "dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [at, at := at + tensor.size]
        }  # fmt: skip
    content = json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode()
    content += b" " * (-len(content) % 8)
    if len(content) > MAX_HEADER:
        raise InputError(f"the header would have {len(content)} bytes, safetensors allows {MAX_HEADER}")
    return len(content).to_bytes(8, "little") + content


def _put(fd: int, piece: memoryview, state: hashlib._Hash) -> int:
    state.update(piece)
    done = 0
    while done < len(piece):
        done += os.write(fd, piece[done:])
    return len(piece)
