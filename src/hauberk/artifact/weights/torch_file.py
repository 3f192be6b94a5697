"""torch's checkpoints: the zip of today, the five pickles of before 1.6; their storages stay where they lie.

Sources: torch/serialization.py (`_load`, `_legacy_load`), caffe2/serialize/inline_container.cc.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ...core.errors import InputError, UnsupportedError
from ..formats import zip as zips
from ..formats.opcodes import Broken
from ..formats.zip import Archive
from ..walk import Walk, printable
from .builder import Builder, Maker, NotMade
from .numpy_values import MAKERS as NUMPY
from .told import Call
from .torch_values import MAKERS as TORCH
from .torch_values import storage_type
from .values import ITEM_BYTES, Lost, Storage, Window, items_of

STREAMS = 5
UNNAMED_BYTES = {
    "ComplexDoubleStorage": 16, "QUInt8Storage": 1, "QInt8Storage": 1, "QInt32Storage": 4, "QUInt4x2Storage": 1,
    "QUInt2x4Storage": 1,
}  # fmt: skip
"""Bytes an item of storages that safetensors has no type for: they are stepped over."""


@dataclass
class Built:
    """What a file holds. calls: what was not run."""

    result: Any
    calls: dict[str, Call] = field(default_factory=dict)


def build(data: memoryview, max_opcodes: int, persistent: Any) -> Builder:
    """A program of torch, followed."""
    return Builder(data, makers=NUMPY | TORCH, persistent=persistent, max_opcodes=max_opcodes)


def read_zip(walk: Walk, archive: Archive) -> Built:
    """A zip checkpoint or a TorchScript archive. Raises Broken, InputError."""
    root = archive.members[0].name.partition("/")[0] + "/"
    program = archive.named(root + "data.pkl")
    if program is None:
        raise UnsupportedError("a torch archive without data.pkl", hint="export its state_dict() with torch.save")
    order = archive.named(root + "byteorder")
    swapped = order is not None and bytes(member(walk, archive, order.name)) == b"big"
    storages: dict[str, Window] = {}

    def persistent(pid: Any, at: int) -> Any:
        try:
            key, dtype = _storage_id(pid)
            if key not in storages:
                content = member(walk, archive, f"{root}data/{key}")
                storages[key] = Window(Storage(key, dtype, content, swapped=swapped))
            return _as_type(storages[key], dtype)
        except (NotMade, InputError) as error:
            return Lost(str(error), at)

    builder = build(member(walk, archive, program.name), walk.limits.max_opcodes, persistent)
    return Built(builder.build(), builder.hand.calls)


def read_legacy(data: memoryview, max_opcodes: int) -> Built:
    """The form of torch before 1.6: magic, protocol, system, the object, the storages' keys; then the storages.

    Raises Broken.
    """
    legacy, at, results = _Legacy(), 0, []
    calls: dict[str, Call] = {}
    for _ in range(STREAMS):
        builder = build(data, max_opcodes, legacy.persistent)
        builder.pos = at
        results.append(builder.build())
        at, calls = builder.pos, calls | builder.hand.calls
    legacy.place(data, at, results[4])
    return Built(results[3], calls)


class _Legacy:
    """Storages that are named first and found later."""

    def __init__(self) -> None:
        self.storages: dict[str, Storage] = {}
        self.item_bytes: dict[str, int] = {}

    def persistent(self, pid: Any, at: int) -> Any:
        items = items_of(pid)
        if len(items) == 4 and items[0] == "module":
            return items[1]
        try:
            key, dtype = _storage_id(pid, self._skipped)
            storage = self.storages.setdefault(key, Storage(key, dtype))
            self.item_bytes.setdefault(key, ITEM_BYTES.get(dtype, 1))
            return _as_type(Window(storage, _view(items)), dtype)
        except NotMade as error:
            return Lost(str(error), at)

    def _skipped(self, key: str, name: str) -> None:
        if name in UNNAMED_BYTES:
            self.storages.setdefault(key, Storage(key, ""))
            self.item_bytes[key] = UNNAMED_BYTES[name]

    def place(self, data: memoryview, at: int, keys: Any) -> None:
        """Find the storages: each is a count and its items, in the order of `keys`. Raises Broken."""
        for key in items_of(keys, "list"):
            if not isinstance(key, str) or key not in self.storages or at + 8 > len(data):
                raise Broken(f"storage {printable(str(key), 40)!r} is not there", at)
            size = int.from_bytes(data[at : at + 8], "little", signed=True) * self.item_bytes[key]
            if size < 0 or at + 8 + size > len(data):
                raise Broken(f"storage {printable(key, 40)!r} claims {size} bytes", at)
            self.storages[key].data = data[at + 8 : at + 8 + size]
            at += 8 + size


def _storage_id(pid: Any, skipped: Any = None) -> tuple[str, str]:
    """(key, item type) of ('storage', class, key, location, count, …). Raises NotMade."""
    items = items_of(pid)
    if len(items) < 3 or items[0] != "storage" or not isinstance(items[2], str | int):
        raise NotMade("a persistent id is not that of a storage")
    key = str(items[2])
    if skipped is not None:
        skipped(key, getattr(items[1], "name", ""))
    return key, storage_type(items[1])


def _view(items: list[Any]) -> int:
    """The first item of a storage that is a view of another one: (key, offset, count)."""
    view = items[5] if len(items) > 5 else None
    if view is None:
        return 0
    parts = items_of(view)
    if len(parts) != 3 or type(parts[1]) is not int or parts[1] < 0:
        raise NotMade("a view of a storage does not say where it begins")
    return parts[1]


def _as_type(window: Window, dtype: str) -> Window:
    """One storage is of one type: torch writes no other, and would take the first one it meets."""
    if window.storage.dtype != dtype:
        raise NotMade("a storage is asked for as two types")
    return window


def member(walk: Walk, archive: Archive, name: str) -> memoryview:
    """A member's bytes, where they lie when they are stored. Raises InputError when there is none or a limit is hit."""
    found = archive.named(name)
    if found is None:
        raise InputError(f"{printable(name)} is not in the archive")
    skipped = len(walk.skipped)
    content = zips.read(walk, archive, found, "")
    if content is None:
        why = walk.skipped[skipped][1] if len(walk.skipped) > skipped else "a limit was reached"
        raise InputError(f"{printable(name)} cannot be read: {why}")
    return content


def stored_makers(max_opcodes: int) -> dict[str, Maker]:
    """torch's makers in a pickle that torch.save did not write: each storage is a legacy file of its own."""

    def load_from_bytes(args: list[Any], at: int) -> Any:
        if len(args) != 1 or not isinstance(args[0], memoryview):
            raise NotMade("the bytes of a storage were not run")
        result = read_legacy(args[0], max_opcodes).result
        if not isinstance(result, Window):
            raise NotMade("the bytes of a storage hold another object")
        return result

    return TORCH | {"torch.storage._load_from_bytes": load_from_bytes}
