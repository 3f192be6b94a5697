"""FlatBuffers, read with a layout: every table, vector and text is held to its bounds, and every byte to an owner.

A layout (`packs/<name>_tables.json`) says which slots a table has. A reader without a verifier follows any offset; here
one that leads out of the file is broken, a slot that nobody knows is odd, one place that is read as two kinds is odd,
and bytes that no table refers to are told. The format is https://flatbuffers.dev/internals/.

>>> root = bytes.fromhex("0c000000") + b"TFL3" + bytes.fromhex("04000400 04000000")
>>> tour = Tour(Tables("tflite"), memoryview(root), 100)
>>> tour.go("Model", {}), tour.gaps()
(None, [])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from ..verdicts import read_pack
from ..walk import Walk
from .opcodes import Broken
from .protobuf_tour import Trail as Trail

MAX_DEPTH = 64
"""Google's verifier stops at this depth as well."""
MAX_ODD = 100
STEPS = 10_000


class Slot(NamedTuple):
    """A field of a table. kind: `u4` and the like, `s`, `x12`, a table, `|union`, `-` for none. many: a vector."""

    name: str
    kind: str
    many: bool

    @property
    def width(self) -> int:
        """Bytes of one in a vector, or in the table: an offset has four."""
        return int(self.kind[1:]) if self.scalar else 4

    @property
    def scalar(self) -> bool:
        """Whether it stands where it is, without an offset."""
        return self.kind[0] in "uifx" and self.kind[1:].isdigit()


class Tables:
    """The tables of one format, out of its pack."""

    def __init__(self, pack: str) -> None:
        self._texts = _pack(pack)
        self._slots: dict[str, list[Slot]] = {}

    def slots(self, kind: str) -> list[Slot]:
        """The slots of a table, in order."""
        if kind not in self._slots:
            pairs = (slot.split(" ") for slot in self._texts[kind].split("; ") if slot)
            self._slots[kind] = [Slot(name, what.strip("[]"), what[0] == "[") for name, what in pairs]
        return self._slots[kind]

    def union(self, kind: str, which: int) -> str:
        """The table that a union holds; '' when it is not known."""
        names = self._texts[kind].split(" ")
        return names[which - 1] if 0 < which <= len(names) else ""


@cache
def _pack(name: str) -> Mapping[str, str]:
    content: Mapping[str, str] = read_pack(f"{name}_tables")
    return content


class Table:
    """One table: where it stands, and where each of its fields does."""

    __slots__ = ("at", "data", "kind", "places", "tour")

    def __init__(self, tour: Tour, kind: str, at: int) -> None:
        self.tour, self.data, self.kind, self.at = tour, tour.data, kind, at
        self.places: dict[str, tuple[Slot, int]] = {}

    def number(self, name: str, default: int = 0) -> int:
        """A scalar field, or its default."""
        if name not in self.places:
            return default
        slot, at = self.places[name]
        return int.from_bytes(self.data[at : at + slot.width], "little", signed=slot.kind[0] == "i")

    def bytes(self, name: str) -> memoryview:
        """A text, or the bytes of a vector of scalars. Raises Broken."""
        if name not in self.places:
            return self.data[:0]
        slot, at = self.places[name]
        begin, count = self.tour.vector(self.tour.follow(at), slot.width if slot.many else 1)
        return self.data[begin : begin + count * (slot.width if slot.many else 1)]

    def text(self, name: str) -> str:
        """A text; '' when it is absent."""
        return str(self.bytes(name), "utf-8", "replace")

    def numbers(self, name: str) -> list[int]:
        """A vector of whole numbers. Raises Broken."""
        if name not in self.places:
            return []
        slot, content = self.places[name][0], self.bytes(name)
        width, signed = slot.width, slot.kind[0] == "i"
        places = range(0, len(content), width)
        self.tour.spend(len(places))
        return [int.from_bytes(content[at : at + width], "little", signed=signed) for at in places]

    def count(self, name: str) -> int:
        """How many items a vector has. Raises Broken."""
        if name not in self.places:
            return 0
        return self.tour.vector(self.tour.follow(self.places[name][1]), 1)[1]

    def tables(self, name: str) -> Iterator[Table]:
        """The tables of a field or of a vector. Raises Broken."""
        if name in self.places:
            slot, at = self.places[name]
            for place in self.tour.items(slot, at):
                yield self.tour.table(slot.kind, self.tour.follow(place))

    def __contains__(self, name: str) -> bool:
        return name in self.places


Handler = Callable[[Table, Trail], None]


def steps(walk: Walk, data: memoryview) -> int:
    """How many parts a file may be read as: one may stand for many, but honest ones take more bytes than steps."""
    return min(walk.limits.max_opcodes, STEPS + len(data) // 2)


class Tour:
    """A way through every table of a file, outermost first. odd: what is odd, and where.

    text, blob: given every text, and every vector of bytes.
    """

    def __init__(
        self,
        tables: Tables,
        data: memoryview,
        steps: int,
        *,
        text: Callable[[str, Trail], None] = lambda text, trail: None,
        blob: Callable[[memoryview, Trail], None] = lambda data, trail: None,
    ) -> None:
        self.tables, self.data, self.steps, self.text, self.blob = tables, data, steps, text, blob
        self.odd: dict[str, Trail] = {}
        self.spans: set[tuple[int, int]] = {(0, 4)}
        self.seen: dict[int, str] = {}
        self.visited: set[tuple[int, str]] = set()

    def go(self, kind: str, handlers: Mapping[str, Handler], mark: bool = True) -> None:
        """Walk the file. mark: whether four bytes of a mark stand behind the first offset. Raises Broken."""
        if mark:
            self.spans.add((4, 8))
        todo = [(kind, self.follow(0), Trail(None, "", 0), 0)]
        while todo:
            kind, at, trail, depth = todo.pop()
            if not self._enter(kind, at, trail, depth):
                continue
            table = self.table(kind, at, trail)
            if handler := handlers.get(kind):
                handler(table, trail)
            todo.extend(reversed([(kind, at, where, depth + 1) for kind, at, where in self._inside(table, trail)]))

    def _enter(self, kind: str, at: int, trail: Trail, depth: int) -> bool:
        """Whether a place is seen for the first time: tables may be shared, and are walked once."""
        self.spend(1)
        if depth > MAX_DEPTH:
            raise Broken(f"tables are nested more than {MAX_DEPTH} deep", at)
        if self.seen.setdefault(at, kind) != kind:
            self.tell(f"one place is read as {self.seen[at]} and as {kind}", trail)
        new = (at, kind) not in self.visited
        self.visited.add((at, kind))
        return new

    def spend(self, steps: int) -> None:
        """Count work. Raises Broken past the limit."""
        self.steps -= steps
        if self.steps < 0:
            raise Broken("it has more parts than the limit", 0)

    def tell(self, what: str, trail: Trail) -> None:
        """Remember what is odd, each kind once."""
        if len(self.odd) < MAX_ODD:
            self.odd.setdefault(what, trail)

    def table(self, kind: str, at: int, trail: Trail | None = None) -> Table:
        """The table at a place. Raises Broken."""
        data, end = self.data, len(self.data)
        self.spend(1)
        if at + 4 > end:
            raise Broken("a table lies outside the file", at)
        index = at - int.from_bytes(data[at : at + 4], "little", signed=True)
        size = int.from_bytes(data[index : index + 2], "little") if 0 <= index <= end - 4 else 0
        length = int.from_bytes(data[index + 2 : index + 4], "little") if size >= 4 else 0
        if size < 4 or size % 2 or index + size > end or length < 4 or at + length > end:
            raise Broken("a table has no index, or reaches out of the file", at)
        self.spans.update(((index, index + size), (at, at + 4)))
        table, slots = Table(self, kind, at), self.tables.slots(kind)
        for number in range((size - 4) // 2):
            offset = int.from_bytes(data[index + 4 + 2 * number : index + 6 + 2 * number], "little")
            if not offset:
                continue
            if number >= len(slots) or slots[number].kind == "-":
                self.tell(f"slot {number} of {kind} is not known", trail or Trail(None, kind, 0))
                continue
            slot = slots[number]
            if offset + (4 if slot.many else slot.width) > length or offset < 4:
                raise Broken(f"field {slot.name} lies outside its table", at)
            table.places[slot.name] = (slot, at + offset)
            self.spans.add((at + offset, at + offset + (4 if slot.many else slot.width)))
        return table

    def follow(self, at: int) -> int:
        """Where the offset at a place leads. Raises Broken."""
        target = at + int.from_bytes(self.data[at : at + 4], "little")
        if target == at or target + 4 > len(self.data):
            raise Broken("an offset leads out of the file", at)
        return target

    def vector(self, at: int, width: int) -> tuple[int, int]:
        """(where its items begin, how many) of the vector at a place. Raises Broken."""
        count = int.from_bytes(self.data[at : at + 4], "little")
        if at + 4 + count * width > len(self.data):
            raise Broken("a vector reaches out of the file", at)
        return at + 4, count

    def items(self, slot: Slot, at: int) -> Iterator[int]:
        """Where the offsets of a field stand: itself, or each of its vector."""
        if not slot.many:
            yield at
            return
        begin, count = self.vector(self.follow(at), 4)
        self.spend(count)
        yield from range(begin, begin + 4 * count, 4)

    def _inside(self, table: Table, trail: Trail) -> Iterator[tuple[str, int, Trail]]:
        for slot, at in table.places.values():
            if slot.scalar and not slot.many:
                continue
            if slot.many:
                width = slot.width
                begin, count = self.vector(self.follow(at), width)
                self.spans.add((begin - 4, begin + count * width))
                if slot.scalar:
                    if slot.kind == "u1" and self._first(begin):
                        self.blob(self.data[begin : begin + count], Trail(trail, slot.name, 0))
                    continue
            for index, place in enumerate(self.items(slot, at)):
                where = Trail(trail, slot.name, index)
                if slot.kind == "s":
                    self._text(self.follow(place), where)
                elif kind := self._kind(table, slot, where):
                    yield kind, self.follow(place), where

    def _kind(self, table: Table, slot: Slot, trail: Trail) -> str:
        if slot.kind[0] != "|":
            return slot.kind
        which = table.number(f"{slot.name}_type")
        kind = self.tables.union(slot.kind, which)
        if not kind:
            self.tell(f"{slot.name} holds kind {which}, which is not known", trail)
        return kind

    def _first(self, at: int) -> bool:
        """Whether a text or vector is met for the first time: many may share one."""
        new = (at, "") not in self.visited
        self.visited.add((at, ""))
        return new

    def _text(self, at: int, trail: Trail) -> None:
        if not self._first(at):
            return
        begin, count = self.vector(at, 1)
        end = begin + count
        if bytes(self.data[end : end + 1]) != b"\0":
            raise Broken("a text has no end", end)
        self.spans.add((at, end + 1))
        self.text(str(self.data[begin:end], "utf-8", "replace"), trail)

    def gaps(self) -> list[tuple[int, int]]:
        """Bytes from the first to the last that is read which nothing refers to, but for zeros that align."""
        found, at = [], 0
        for begin, end in sorted(self.spans):
            if begin > at and bytes(self.data[at:begin]).strip(b"\0"):
                found.append((at, begin))
            at = max(at, end)
        return found

    def overlaps(self) -> list[tuple[int, int]]:
        """Bytes that belong to two parts which are not one."""
        ordered = sorted(self.spans)
        return [(b[0], a[1]) for a, b in pairwise(ordered) if b[0] < a[1]]

    @property
    def end(self) -> int:
        """Where the last part ends."""
        return max(end for _, end in self.spans)
