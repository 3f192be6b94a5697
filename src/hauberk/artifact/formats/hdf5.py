"""HDF5 (Keras' .h5 and .weights.h5, PyTables, netCDF 4): what opening a file reaches for, and every byte accounted for.

Links, files and plug-ins outside the file are findings; attributes that are configurations or pickles are walked;
weights are accounted for by arithmetic. Limits: shared-message tables, filtered heaps and filters that are no part
of the standard library are not read where text lies behind them (skips).
"""

from __future__ import annotations

from ...core.errors import InputError
from ...core.nouns import Place, Severity
from ..walk import FREE_EXPANSION, Walk, join, printable
from . import hdf5_data, hdf5_header
from .hdf5_content import Content
from .hdf5_data import COMPACT, CONTIGUOUS, VIRTUAL, Layout
from .hdf5_edges import Edges
from .hdf5_file import MAGIC, PLACES, Cursor, File
from .hdf5_group import EXTERNAL, HARD, SOFT, Link, links
from .hdf5_header import Header, Message
from .hdf5_heap import GlobalHeaps
from .hdf5_items import Items, dense, read_attribute
from .hdf5_type import Type, count, read_shape, read_type
from .opcodes import Broken

OUTSIDE = ("CVE-2026-1669", "GHSA-3m4q-jmj6-r34q", "CWE-73")
REMEDY = "do not load this file; ask its author for one that holds all of its own data"
BUILT_IN = frozenset((1, 2, 3, 4, 5, 6, 32000))
"""The library's own filters, and lzf, which h5py brings."""
PLUGINS = {
    305: "LZO", 307: "bzip2", 32001: "Blosc", 32004: "LZ4", 32008: "bitshuffle", 32013: "ZFP", 32015: "Zstandard",
    32026: "Blosc 2",
}  # fmt: skip
"""Filters of The HDF Group's registry that PyTables and hdf5plugin bring."""

FREE_CHUNKS, ROOM = 64 << 20, 4096
"""Bytes of numbers that are unpacked to see that nothing stands behind them, and what a filter may add to a chunk."""
LEAST_FILL = 16
"""Bytes of the shortest item that a fill value may stand for: texts of any length are told by a place and a size."""
MAX_TOLD = 100
"""Findings of one rule: a hostile file has a million links."""


def sniff(data: memoryview) -> bool:
    """Whether HDF5's mark stands where the library looks for it."""
    return any(data[at : at + 8] == MAGIC for at in PLACES if at < len(data))


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk every object. Raises Broken for what the library would refuse, or would read in two ways."""
    Reader(walk, File(data), path).run()


class Reader:
    """Follows every link of one file, each object once."""

    def __init__(self, walk: Walk, file: File, path: str) -> None:
        self.walk, self.file, self.path = walk, file, path
        self.heaps = GlobalHeaps(file)
        self.items = Items(file, self.heaps)
        self.content = Content(walk, path, len(file.data))
        self.headers: dict[int, list[Message]] = {}
        self.shared: dict[tuple[int, int], Cursor] = {}
        self.seen: set[int] = set()
        self.told: dict[str, int] = {}
        self.room = FREE_CHUNKS

    def run(self) -> None:
        """Walk the file's extension, its objects, and what belongs to none of them. Raises Broken."""
        file = self.file
        edges = Edges(self.walk, file, self.path)
        if file.super.driver is not None:
            edges.driver(file.super.driver)
        if file.super.extension is not None:
            edges.extension(self._header(file.super.extension))
        todo = [(file.super.root, "/")]
        while todo:
            address, name = todo.pop()
            if address not in self.seen:
                self.seen.add(address)
                todo += self._object(self._header(address), name)
            if len(self.seen) > self.walk.limits.max_members:
                self.walk.skip(self.path or "the file", f"more than {self.walk.limits.max_members} objects")
                return
        edges.rest()

    def _header(self, address: int) -> list[Message]:
        if address not in self.headers:
            self.headers[address] = list(Header(self.file, address).messages())
        return self.headers[address]

    def _resolve(self, body: Cursor, kind: int) -> Cursor:
        """The real body of a shared message: that of the committed type that it names."""
        version, home = body.number(1), body.number(1)
        if version == 1:
            body.take(6)
        if version == 3 and home == 1:
            raise InputError("a message lies in a table of shared ones, which is not read")
        address = body.address()
        if address is None or version not in (1, 2, 3):
            raise Broken("a shared message lies nowhere", body.at)
        if (address, kind) not in self.shared:
            found = [m.body for m in self._header(address) if m.kind == kind and not m.flags & hdf5_header.SHARED]
            if not found:
                raise Broken("a shared message is not where it should be", body.at)
            self.shared[address, kind] = found[0]
        real = self.shared[address, kind]
        return self.file.cursor(real.data, real.at)

    def _body(self, message: Message) -> Cursor:
        return self._resolve(message.body, message.kind) if message.flags & hdf5_header.SHARED else message.body

    def _object(self, found: list[Message], name: str) -> list[tuple[int, str]]:
        """Judge one object; return the objects that its links name."""
        self._strange(found, name)
        self._attributes(found, name)
        kinds = {message.kind: message for message in found}
        if hdf5_header.LAYOUT in kinds:
            self._data_set(kinds, name)
            return []
        return self._links(list(links(self.file, found)), name)

    def _strange(self, found: list[Message], name: str) -> None:
        for message in found:
            if message.kind == hdf5_header.COMMENT:
                self._comment(bytes(message.body.data), name)
        for kind in {message.kind for message in found} - hdf5_header.KNOWN:
            self._tell("unknown", Severity.HIGH, name, f"a message of type {kind} is not understood", ("CWE-436",))

    def _comment(self, raw: bytes, name: str) -> None:
        text, _, rest = raw.partition(b"\0")
        self.content.text(memoryview(text), f"{name}, its comment")
        if rest.strip(b"\0") or not text.decode("utf-8", "replace").isprintable():
            self._tell("hidden", Severity.MEDIUM, name, "its comment is no text", ("CWE-506",))

    def _links(self, found: list[Link], name: str) -> list[tuple[int, str]]:
        below = []
        names: set[str] = set()
        for link in found:
            where = f"{name.rstrip('/')}/{link.name}"
            if link.name in names:
                self._tell("duplicate", Severity.HIGH, where, "its group has this name twice", ("CWE-436",))
            names.add(link.name)
            if link.kind == EXTERNAL:
                message = f"reading it opens the file {printable(link.value[0])!r}, at {printable(link.value[1])!r}"
                self._tell("external", Severity.HIGH, where, message, OUTSIDE)
            elif link.kind == HARD and link.target is not None:
                below.append((link.target, where))
            elif link.kind != SOFT:
                message = f"it is a link of kind {link.kind}, which a program of somebody's must follow"
                self._tell("unknown", Severity.HIGH, where, message, ("CWE-829",))
        return below

    def _attributes(self, found: list[Message], name: str) -> None:
        bodies = [(m.body, m.flags) for m in found if m.kind == hdf5_header.ATTRIBUTE]
        for message in found:
            if message.kind == hdf5_header.ATTRIBUTE_INFO:
                bodies += dense(self.file, message.body)
        names: set[str] = set()
        for body, flags in bodies:
            if flags & hdf5_header.SHARED:
                raise InputError("an attribute lies in a table of shared ones, which is not read")
            attribute = read_attribute(body, self._resolve)
            rest = bytes(body.take(body.left))
            self.file.stray += len(rest) - rest.count(0)
            where = f"{name}@{attribute.name}"
            if attribute.name in names:
                self._tell("duplicate", Severity.HIGH, where, "its object has this attribute twice", ("CWE-436",))
            names.add(attribute.name)
            self._foreign(attribute.type, where)
            for text in self.items.texts(attribute.type, attribute.content, attribute.held):
                self.content.text(text, where)

    def _data_set(self, kinds: dict[int, Message], name: str) -> None:
        if hdf5_header.TYPE not in kinds or hdf5_header.SPACE not in kinds:
            raise Broken("a data set has no type or no shape")
        item = read_type(self._body(kinds[hdf5_header.TYPE]))
        shape = read_shape(self._body(kinds[hdf5_header.SPACE]))
        layout = hdf5_data.read_layout(kinds[hdf5_header.LAYOUT].body)
        if hdf5_header.FILTERS in kinds:
            layout.filters = hdf5_data.read_filters(self._body(kinds[hdf5_header.FILTERS]))
        self._foreign(item, name)
        self._outside(kinds, layout, name)
        self._filters(layout.filters, name)
        self._expands(count(shape) * item.size, name)
        for kind in (hdf5_header.FILL, hdf5_header.FILL_OLD):
            if kind in kinds and not kinds[kind].flags & hdf5_header.SHARED:
                size = hdf5_data.fill_size(kind, kinds[kind].body)
                if size > max(item.size, LEAST_FILL):
                    raise Broken(f"the fill value of {printable(name)} has {size} bytes")
        if hdf5_header.EXTERNAL not in kinds and layout.kind != VIRTUAL:
            self._stored(layout, item, shape or (), count(shape), name)

    def _outside(self, kinds: dict[int, Message], layout: Layout, name: str) -> None:
        if hdf5_header.EXTERNAL in kinds:
            for other in hdf5_data.external_files(self.file, kinds[hdf5_header.EXTERNAL].body):
                message = f"its bytes are those of the file {printable(other)!r}"
                self._tell("external", Severity.HIGH, name, message, OUTSIDE)
        if layout.kind == VIRTUAL:
            source = hdf5_data.virtual_source(self.file, self.heaps, layout)
            message = f"it is put together from other data sets, the first in {printable(source)!r}"
            self._tell("external", Severity.HIGH, name, message, OUTSIDE)

    def _filters(self, filters: tuple[int, ...], name: str) -> None:
        for ident in filters:
            if ident in PLUGINS:
                message = f"reading it needs the plug-in for {PLUGINS[ident]}"
                self._tell("plugin", Severity.INFO, name, message, ("CWE-829",))
            elif ident not in BUILT_IN:
                message = f"reading it loads a native library for filter {ident} from HDF5's plug-in folder"
                self._tell("filter", Severity.HIGH, name, message, ("CWE-829",))

    def _expands(self, claimed: int, name: str) -> None:
        if claimed > FREE_EXPANSION and claimed > len(self.file.data) * self.walk.limits.max_ratio:
            message = f"it claims {claimed} bytes, the whole file has {len(self.file.data)}: reading it takes so many"
            self._tell("bomb", Severity.HIGH, name, message, ("CVE-2026-0897", "CWE-770"))

    def _stored(self, layout: Layout, item: Type, shape: tuple[int, ...], held: int, name: str) -> None:
        """Account for a data set's bytes, and read those that are text."""
        size = held * item.size
        if layout.kind == COMPACT:
            pieces = [layout.inline or memoryview(b"")]
        elif layout.kind == CONTIGUOUS:
            pieces = self._contiguous(layout, size)
        else:
            self._chunks(layout, item, shape, name)
            return
        if pieces and len(pieces[0]) < size:
            raise Broken(f"{printable(name)} claims {size} bytes and has {len(pieces[0])}")
        for piece in pieces:
            self._content(item, piece, held, name)

    def _contiguous(self, layout: Layout, size: int) -> list[memoryview]:
        if layout.address is None:
            return []
        if layout.size not in (size, -1):
            raise Broken(f"a data set claims {size} bytes and has {layout.size}", self.file.base + layout.address)
        self.file.own(layout.address, size, "data")
        at = self.file.base + layout.address
        return [self.file.data[at : at + size]]

    def _chunks(self, layout: Layout, item: Type, shape: tuple[int, ...], name: str) -> None:
        if layout.item != item.size or len(layout.dims) != len(shape):
            raise Broken(f"the chunks of {printable(name)} do not fit its type and shape")
        whole, first = layout.chunk_size, True
        for chunk in hdf5_data.chunks(self.file, layout, shape):
            at, size = self.file.base + chunk.address, chunk.size or 0
            if size > whole + whole // 64 + ROOM or (size != whole and not layout.filters):
                raise Broken(f"a chunk of {printable(name)} has {size} bytes, and needs {whole}", at)
            packed = hdf5_data.DEFLATE in layout.filters and self.room > 0
            if item.plain and not first and not packed:
                continue
            self.room -= whole
            if whole > FREE_EXPANSION and not self.walk.fits(printable(name), size, whole):
                return
            content = hdf5_data.unfiltered(layout, chunk, self.file.data[at : at + size], whole)
            if content is not None:
                if not item.plain or first:
                    self._content(item, memoryview(content), len(content) // item.size, name)
                first = False
            elif not item.plain:
                self.walk.skip(join(self.path, printable(name)), "its filters are not read, and it holds text")
                return

    def _content(self, item: Type, piece: memoryview, held: int, name: str) -> None:
        if item.plain:
            self.content.numbers(piece, name)
            return
        for text in self.items.texts(item, piece, held):
            self.content.text(text, name)

    def _foreign(self, item: Type, name: str) -> None:
        if item.foreign:
            self._tell("reference", Severity.HIGH, name, "its references may name other files", OUTSIDE)

    def _tell(self, rule: str, severity: Severity, name: str, message: str, references: tuple[str, ...]) -> None:
        self.told[rule] = self.told.get(rule, 0) + 1
        if self.told[rule] > MAX_TOLD:
            return
        place = Place(self.path, printable(name))
        self.walk.flaw(f"artifact.hdf5.{rule}", severity, place, message, REMEDY, references)
