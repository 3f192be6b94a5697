"""Protocol buffers, read with a layout: what no reader of the format would look at is told, never passed over.

A layout (`packs/<name>_proto.json`) says which fields a message has. What a lenient parser would do in silence is odd:
an unknown field, a field of another wire type, a field that is there once and comes twice (the last one wins, or both
are merged, so that two readers may see two models), a key that a map holds twice, text that is not text.
The wire format is https://protobuf.dev/programming-guides/encoding/. Everything is a slice; nothing big is copied.

>>> message = Layout("onnx").read(memoryview(b"\\x08\\x09\\x12\\x02me"), "ModelProto")
>>> message.number("ir_version"), message.text("producer_name")
(9, 'me')
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import NamedTuple

from ..verdicts import read_pack
from .opcodes import Broken

WIDTHS = {1: 8, 5: 4}
WIRES = {"v": 0, "d": 1, "f": 5}
"""The wire type of a scalar; everything else carries its length (2)."""
MAX_MESSAGE = (1 << 31) - 1
NARROW = frozenset((
    "dtype", "type", "data_type", "elem_type", "data_location", "dataType", "key_type", "shard_id", "num_shards",
))  # fmt: skip
"""Fields of 32 bits that readers here judge by: a parser drops what is above, in silence."""
NEGATIVE = (1 << 64) - (1 << 31)

Value = memoryview | int


class Spec(NamedTuple):
    """A field. kind: one of `vdfsb`, or the name of a message. many: repeated. keyed: a map. group: its oneof."""

    name: str
    kind: str
    many: bool
    keyed: bool
    group: str


class Message:
    """The fields of one message, in the order in which they came; what is odd about them; its own bytes."""

    __slots__ = ("data", "kind", "odd", "values")

    def __init__(self, kind: str, data: memoryview) -> None:
        self.kind, self.data = kind, data
        self.values: dict[str, list[Value]] = {}
        self.odd: list[str] = []

    def all(self, name: str) -> list[memoryview]:
        """Every occurrence of a field that carries bytes."""
        return [value for value in self.values.get(name, ()) if isinstance(value, memoryview)]

    def bytes(self, name: str) -> memoryview:
        """A field's bytes: of the last occurrence, as a parser takes it; empty when it is absent."""
        return (self.all(name) or [memoryview(b"")])[-1]

    def text(self, name: str) -> str:
        """A field's text; '' when it is absent."""
        return str(self.bytes(name), "utf-8", "replace")

    def texts(self, name: str) -> list[str]:
        """The texts of a repeated field."""
        return [str(value, "utf-8", "replace") for value in self.all(name)]

    def number(self, name: str, default: int = 0) -> int:
        """A varint field; `default` when it is absent."""
        values = [value for value in self.values.get(name, ()) if isinstance(value, int)]
        return values[-1] if values else default

    def numbers(self, name: str) -> Iterator[int]:
        """The signed numbers of a repeated varint field, packed or not."""
        for value in self.values.get(name, ()):
            yield from (signed(n) for n in ((value,) if isinstance(value, int) else varints(value)))

    def __contains__(self, name: str) -> bool:
        return name in self.values


class Layout:
    """The messages of one format, out of its pack."""

    def __init__(self, pack: str) -> None:
        self._texts = _pack(pack)
        self._specs: dict[str, dict[int, Spec]] = {}
        self._named: dict[str, dict[str, tuple[int, Spec]]] = {}

    def fields(self, kind: str) -> dict[int, Spec]:
        """The fields of a message, by number."""
        if kind not in self._specs:
            self._specs[kind] = {int(n): _spec(name, what) for n, name, what in _split(self._texts[kind])}
        return self._specs[kind]

    def named(self, kind: str) -> dict[str, tuple[int, Spec]]:
        """The fields of a message, by name, each with its place among them."""
        if kind not in self._named:
            self._named[kind] = {spec.name: (at, spec) for at, spec in enumerate(self.fields(kind).values())}
        return self._named[kind]

    def read(self, data: memoryview, kind: str) -> Message:
        """One message, not what is inside it. Raises Broken."""
        message, specs = Message(kind, data), self.fields(kind)
        values, pos, end = message.values, 0, len(data)
        while pos < end:
            tag = data[pos]
            pos += 1
            if tag >= 0x80:
                tag, pos = varint(data, pos - 1)
            wire, value = tag & 7, 0
            size = WIDTHS.get(wire, 0)
            if wire == 2 or wire == 0:
                value = data[pos] if pos < end else 0x80
                pos += 1
                if value >= 0x80:
                    value, pos = varint(data, pos - 1)
                size = value if wire == 2 else 0
            elif not size:
                raise Broken(f"wire type {wire} of field {tag >> 3} is not used", pos)
            if pos + size > end or size > MAX_MESSAGE:
                raise Broken("the model is truncated", pos)
            spec = specs.get(tag >> 3)
            if spec is None:
                _unknown(message, tag >> 3, pos)
            elif wire != WIRES.get(spec.kind, 2) and not (wire == 2 and spec.many and spec.kind in WIRES):
                message.odd.append(f"field {spec.name} has wire type {wire}")
            else:
                if wire == 0 and 1 << 32 <= value < NEGATIVE and spec.name in NARROW:
                    message.odd.append(f"field {spec.name} has more than 32 bits")
                    value &= 0xFFFFFFFF
                values.setdefault(spec.name, []).append(value if wire == 0 else data[pos : pos + size])
            pos += size
        if len(values) > 1 or any(len(held) > 1 for held in values.values()):
            _twice(message, self.named(kind))
        return message


@cache
def _pack(name: str) -> Mapping[str, str]:
    content: Mapping[str, str] = read_pack(f"{name}_proto")
    return content


def _split(text: str) -> Iterator[list[str]]:
    return (field.split(" ") for field in text.split("; ") if field)


def _spec(name: str, what: str) -> Spec:
    what, _, group = what.partition("@")
    return Spec(name, what.rstrip("*%"), what[-1] in "*%", what[-1] == "%", group)


def _unknown(message: Message, number: int, pos: int) -> None:
    if not number:
        raise Broken("a field has number 0", pos)
    message.odd.append(f"field {number} is not known")


def _twice(message: Message, specs: Mapping[str, tuple[int, Spec]]) -> None:
    """Fields that a parser would merge, or of which it would forget all but the last."""
    groups: set[str] = set()
    for name, held in message.values.items():
        spec = specs[name][1]
        if len(held) > 1 and not spec.many:
            message.odd.append(f"field {name} comes {len(held)} times")
        if spec.group:
            if spec.group in groups:
                message.odd.append(f"more than one field of {spec.group} is set")
            groups.add(spec.group)


def varint(data: memoryview, pos: int) -> tuple[int, int]:
    """(number, where it ends). Raises Broken when it is truncated or longer than ten bytes."""
    value = 0
    for shift in range(0, 70, 7):
        if pos >= len(data):
            raise Broken("the model is truncated", pos)
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, pos
    raise Broken("a number is too long", pos)


def varints(data: memoryview) -> Iterator[int]:
    """The numbers of a packed field. Raises Broken."""
    pos = 0
    while pos < len(data):
        value, pos = varint(data, pos)
        yield value


def count_varints(data: memoryview) -> int:
    """How many numbers a packed field holds: each ends in a byte without its top bit."""
    return len(bytes(data).translate(None, bytes(range(0x80, 0x100))))


def signed(value: int) -> int:
    """An int32 or int64 of its two's complement.

    >>> signed(2**64 - 1)
    -1
    """
    return value - (1 << 64) if value >= 1 << 63 else value


def shape_of(data: memoryview, limit: int = 512) -> dict[int, int] | None:
    """The wire types of a message's first fields, by number: to tell formats apart. None when it is no message.

    A truncated message still has a shape, with `0: 0` in it.
    """
    found: dict[int, int] = {}
    pos, end = 0, len(data)
    try:
        for _ in range(limit):
            if pos >= end:
                break
            tag, pos = varint(data, pos)
            if tag & 7 == 0:
                _, pos = varint(data, pos)
            elif tag & 7 == 2:
                size, pos = varint(data, pos)
                pos += size
            elif tag & 7 in WIDTHS:
                pos += WIDTHS[tag & 7]
            else:
                return None
            if tag < 8:
                return None
            found[tag >> 3] = tag & 7
    except Broken:
        pos = end + 1
    return {**found, 0: 0} if pos > end else found


def first(data: memoryview, number: int) -> memoryview:
    """The first field of bytes with that number; empty when there is none, or before it something is broken."""
    pos, end = 0, len(data)
    try:
        while pos < end:
            tag, pos = varint(data, pos)
            size = WIDTHS.get(tag & 7, 0)
            if tag & 7 in (0, 2):
                value, pos = varint(data, pos)
                size = value if tag & 7 == 2 else 0
            if tag == number << 3 | 2:
                return data[pos : pos + size]
            pos += size
    except Broken:
        pass
    return data[:0]
