"""FlexBuffers, as far as a Flex operator needs: its options are a list of an operator's name and a NodeDef.

The format is https://flatbuffers.dev/flexbuffers/: read from its end, where the width and kind of the root stand.
"""

from __future__ import annotations

from .opcodes import Broken
from .protobuf import Layout

VECTOR, STRING, BLOB, KEY = 10, 5, 25, 4


def flex_node(data: memoryview) -> tuple[str, str] | None:
    """(the name, the operator of the NodeDef) of a Flex operator's options; None when they are something else."""
    items = _root(data)
    if items is None or len(items) < 2:
        return None
    try:
        inner = Layout("tensorflow").read(items[1], "NodeDef")
    except Broken:
        return None
    return str(items[0], "utf-8", "replace"), inner.text("op")


def _root(data: memoryview) -> list[memoryview] | None:
    """The texts and blobs of a root that is a vector of such; None when it is anything else."""
    if len(data) < 4:
        return None
    width, kind = data[-1], data[-2]
    if width not in (1, 2, 4, 8) or kind >> 2 != VECTOR or len(data) < 2 + width:
        return None
    at = len(data) - 2 - width
    begin = at - int.from_bytes(data[at : at + width], "little")
    step = 1 << (kind & 3)
    if begin - step < 0:
        return None
    count = int.from_bytes(data[begin - step : begin], "little")
    kinds = begin + count * step
    if count > 16 or kinds + count > len(data):
        return None
    items = []
    for n in range(count):
        kind, at = data[kinds + n], begin + n * step
        if kind >> 2 not in (STRING, BLOB, KEY):
            return None
        place, inner = at - int.from_bytes(data[at : at + step], "little"), 1 << (kind & 3)
        if place - inner < 0:
            return None
        size = int.from_bytes(data[place - inner : place], "little")
        items.append(data[place : place + size])
    return items
