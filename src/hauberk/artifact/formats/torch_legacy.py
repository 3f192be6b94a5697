"""The storages of torch's old form (before 1.6): behind the five pickles, each as its count and its numbers.

Their order is that of the fifth pickle, their sizes are in the persistent ids of the fourth: together they are all the
bytes that are left. Source: torch/serialization.py, `_legacy_save` and `_legacy_load`.
"""

from __future__ import annotations

from typing import Any

from ...core.nouns import Place, Severity
from ..walk import Walk, join
from . import persistent, raw_numbers
from .opcodes import Global
from .pickle import PADDING, PADDING_MAX, is_pickle

ITEM_BYTES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8, "IntStorage": 4,
    "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1, "ComplexDoubleStorage": 16,
    "ComplexFloatStorage": 8, "QUInt8Storage": 1, "QInt8Storage": 1, "QInt32Storage": 4, "QUInt4x2Storage": 1,
    "QUInt2x4Storage": 1, "UntypedStorage": 1,
}  # fmt: skip
REMEDY = "load it where you trust it, and save it again; nothing belongs there"


class Storages:
    """The sizes of the storages that a program asks for by persistent id."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}

    def hear(self, pid: Any) -> None:
        """An object is asked for by id."""
        if persistent.storage(pid) and pid.count >= 5:
            _, kind, key, _, count = pid.items[:5]
            size = ITEM_BYTES.get(kind.name, 0) if isinstance(kind, Global) else 0
            if type(count) is int and count >= 0 and size:
                self._sizes[str(key)] = 8 + count * size

    def walk(self, walk: Walk, data: memoryview, pos: int, path: str) -> None:
        """Look at the first storage, and at what stands behind the last one."""
        end = pos + sum(self._sizes.values())
        raw_numbers.look(walk, data[pos + 8 : end], path, f"byte {pos + 8}")
        rest = data[min(end, len(data)) :]
        if is_pickle(walk, data[pos:]):
            rest, end = data[pos:], pos
        if len(rest) > PADDING_MAX or bytes(rest).strip(PADDING):
            message = f"{len(rest)} bytes stand behind the last storage"
            place = Place(path, f"byte {end}")
            walk.flaw("artifact.torch.trailing", Severity.MEDIUM, place, message, REMEDY, ("CWE-506",))
            walk.enter(rest, join(path, f"byte {end}"))
