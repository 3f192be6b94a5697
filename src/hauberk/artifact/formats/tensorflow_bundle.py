"""TensorFlow checkpoints: the index of a tensor bundle, and the files of raw tensors that it describes.

The index is a table of LevelDB's form (tensorflow/core/lib/io/table_format.txt): blocks of keys that share prefixes,
found through an index block and a footer. Its values are BundleHeaderProto (key '') and BundleEntryProto. Every entry
must fit its shape and its file, and every byte of a file must belong to an entry.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...core.nouns import Severity
from ..walk import Walk, printable
from . import beside as files
from .graphs import Teller, volume
from .opcodes import Broken
from .protobuf import Layout, Message, signed, varint
from .protobuf_tour import Tour, Trail
from .tensorflow_tensors import SIZES

MAGIC = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
FOOTER, TRAILER = 48, 5
"""Bytes of the footer, and those behind every block: how it is compressed, and a checksum."""
MAX_KEY = 1024
SUFFIX = ".index"


def sniff(data: memoryview) -> bool:
    """Whether this ends as such a table."""
    return len(data) >= FOOTER and bytes(data[-8:]) == MAGIC


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk an index. Raises Broken when it is damaged."""
    teller = Teller(walk, path, "tensorflow")
    Bundle(teller).walk(data)
    teller.finish()


class Bundle:
    """One walk through an index."""

    def __init__(self, teller: Teller) -> None:
        self.teller, self.layout = teller, Layout("tensorflow")
        self.spans: dict[int, list[tuple[int, int]]] = {}
        self.shards = 0

    def walk(self, data: memoryview) -> None:
        """Every key. Raises Broken."""
        tour = Tour(self.teller.walk, self.layout, {}, self.teller.odd, self.teller.text, self.teller.blob)
        last = b""
        for key, value in entries(data):
            if (key <= last and last) or not len(value):
                raise Broken("keys of the index are not in order, or without a value", 0)
            last = key
            where = Trail(None, printable(key.decode("utf-8", "replace")) or "header", 0)
            tour.go(value, "BundleEntryProto" if key else "BundleHeaderProto", where)
            if key:
                self._entry(self.layout.read(value, "BundleEntryProto"), where)
            else:
                self.shards = self.layout.read(value, "BundleHeaderProto").number("num_shards")
            self.teller.text(where.name)
        self.teller.walk.when_met(self._files)

    def _entry(self, entry: Message, where: Trail) -> None:
        shape = self.layout.read(entry.bytes("shape"), "TensorShapeProto")
        dims = [signed(self.layout.read(dim, "TensorShapeProto.Dim").number("size")) for dim in shape.all("dim")]
        size, width = entry.number("size"), SIZES.get(entry.number("dtype"))
        if any(n < 0 for n in dims):
            self._lie(where, "its shape is not known")
        elif width and volume(dims) * width != size and "slices" not in entry:
            self._lie(where, f"its shape needs {volume(dims) * width} bytes and it has {size}")
        if "slices" not in entry:
            begin = entry.number("offset")
            self.spans.setdefault(entry.number("shard_id"), []).append((begin, begin + size))

    def _files(self) -> None:
        walk, path = self.teller.walk, self.teller.path
        if any(not 0 <= shard < self.shards for shard in self.spans):
            self._lie(Trail(None, "header", 0), f"a tensor lies in another file than the {self.shards} that there are")
        for shard, spans in self.spans.items():
            beside = f"{path.removesuffix(SUFFIX)}.data-{shard:05}-of-{self.shards:05}"
            size = files.size(walk, beside)
            if size is None or not path.endswith(SUFFIX):
                what = f"its tensors lie in {printable(beside)!r}, which this digest does not cover"
                remedy = "audit the folder that holds both"
                self.teller.flaw("external", Severity.MEDIUM, beside, what, remedy, ("CWE-353",))
            else:
                walk.claimed.add(beside)
                self._covered(beside, sorted(spans), size)
                files.look(walk, files.contents(walk, beside), spans, beside)

    def _covered(self, file: str, spans: list[tuple[int, int]], size: int) -> None:
        at = 0
        for begin, end in spans:
            if begin != at and end > begin:
                what = "belong to two tensors" if begin < at else "belong to no tensor"
                self._bytes(file, min(at, begin), max(at, begin), what)
            at = max(at, end)
        if at > size:
            self._bytes(file, size, at, "are not there, and tensors lie in them")
        elif at < size:
            self._bytes(file, at, size, "belong to no tensor")

    def _bytes(self, file: str, begin: int, end: int, what: str) -> None:
        message = f"bytes {begin} to {end} of {printable(file)!r} {what}"
        remedy = "do not load this checkpoint; save it again, and compare"
        self.teller.flaw("unread", Severity.MEDIUM, file, message, remedy, ("CWE-506",))

    def _lie(self, where: Trail, what: str) -> None:
        message = f"a tensor lies about itself: {what}"
        self.teller.flaw("size", Severity.HIGH, str(where), message, "do not load this checkpoint", ("CWE-130",))


def entries(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Every key with its value. Raises Broken."""
    footer = data[-FOOTER:]
    pos = 0
    handles = []
    for _ in range(4):
        number, pos = varint(footer, pos)
        handles.append(number)
    ends = sorted([(handles[0], handles[0] + handles[1]), (handles[2], handles[2] + handles[3])])
    for _, handle in _block(data, handles[2], handles[3]):
        begin, pos = varint(handle, 0)
        size, _ = varint(handle, pos)
        ends.append((begin, begin + size))
        yield from _block(data, begin, size)
    at = 0
    for begin, end in sorted(ends):
        if begin != at:
            raise Broken("blocks of the table overlap, or leave bytes between them", begin)
        at = end + TRAILER
    if at != len(data) - FOOTER:
        raise Broken("bytes of the table belong to no block", at)


def _block(data: memoryview, begin: int, size: int) -> Iterator[tuple[bytes, memoryview]]:
    """Keys that share the beginning of the one before, and at the end a list of places where one starts anew."""
    block = data[begin : begin + size]
    if len(block) != size or size < 4 or begin + size + TRAILER > len(data):
        raise Broken("a block of the table is not in the file", begin)
    if data[begin + size] != 0:
        raise Broken("a block of the table is compressed, as TensorFlow's never are", begin)
    restarts = int.from_bytes(block[-4:], "little")
    end, pos, key = size - 4 - 4 * restarts, 0, b""
    if end < 0:
        raise Broken("a block of the table has more restarts than bytes", begin)
    anew = {0}
    while pos < end:
        start = pos
        shared, pos = varint(block, pos)
        if not shared:
            anew.add(start)
        fresh, pos = varint(block, pos)
        length, pos = varint(block, pos)
        if shared > len(key) or pos + fresh + length > end or shared + fresh > MAX_KEY:
            raise Broken("an entry of the table does not fit", begin + pos)
        key = key[:shared] + bytes(block[pos : pos + fresh])
        pos += fresh
        yield key, block[pos : pos + length]
        pos += length
    if any(int.from_bytes(block[at : at + 4], "little") not in anew for at in range(end, size - 4, 4)):
        raise Broken("a block of the table has other entries for whoever searches it", begin)
