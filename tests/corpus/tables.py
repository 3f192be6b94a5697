"""FlatBuffers, written by hand: `build(Table(u4(3), "text", Vector([Table()])), b"TFL3")`; None is an absent slot."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scalar:
    raw: bytes


def u1(value: int) -> Scalar:
    return Scalar(struct.pack("<B", value))


def u4(value: int) -> Scalar:
    return Scalar(struct.pack("<I", value & 0xFFFFFFFF))


def u8(value: int) -> Scalar:
    return Scalar(struct.pack("<Q", value))


class Table:
    def __init__(self, *slots: Slot) -> None:
        self.slots = slots


@dataclass(frozen=True)
class Vector:
    """Tables, texts, or four-byte numbers."""

    items: Sequence[Table | str | int]


@dataclass(frozen=True)
class Wide:
    """Numbers of eight bytes."""

    items: Sequence[int]


Part = Table | Vector | Wide | str | bytes
Slot = Scalar | Part | None


def build(root: Table, mark: bytes = b"") -> bytes:
    """A file: every part stands behind those that refer to it; bytes are aligned to 16."""
    out = bytearray(4) + mark
    todo: list[tuple[int, Part]] = [(0, root)]
    while todo:
        at, item = todo.pop(0)
        place, inner = _write(out, item)
        out[at : at + 4] = struct.pack("<I", place - at)
        todo += inner
    return bytes(out)


def _write(out: bytearray, item: Part) -> tuple[int, list[tuple[int, Part]]]:
    out += bytes(-len(out) % 4)
    if isinstance(item, Table):
        return _table(out, item)
    if isinstance(item, bytes):
        out += bytes(-(len(out) + 4) % 16)
    place = len(out)
    if isinstance(item, Vector):
        out += struct.pack("<I", len(item.items))
        inner = [(len(out) + 4 * n, i) for n, i in enumerate(item.items) if not isinstance(i, int)]
        out += b"".join(struct.pack("<i", i) if isinstance(i, int) else bytes(4) for i in item.items)
        return place, list(inner)
    if isinstance(item, Wide):
        out += struct.pack(f"<I{len(item.items)}q", len(item.items), *item.items)
        return place, []
    raw = item.encode() + b"\0" if isinstance(item, str) else item
    out += struct.pack("<I", len(raw) - isinstance(item, str)) + raw
    return place, []


def _table(out: bytearray, table: Table) -> tuple[int, list[tuple[int, Part]]]:
    offsets, size, body, inner = [], 4, bytearray(), []
    for slot in table.slots:
        if slot is None:
            offsets.append(0)
            continue
        raw = slot.raw if isinstance(slot, Scalar) else bytes(4)
        pad = -size % len(raw)
        body += bytes(pad) + raw
        offsets.append(size + pad)
        if not isinstance(slot, Scalar):
            inner.append((size + pad, slot))
        size += pad + len(raw)
    index = struct.pack(f"<HH{len(offsets)}H", 4 + 2 * len(offsets), size, *offsets)
    out += index + bytes(-len(index) % 4)
    place = len(out)
    out += struct.pack("<i", len(index) + -len(index) % 4) + body
    return place, [(place + at, slot) for at, slot in inner]
