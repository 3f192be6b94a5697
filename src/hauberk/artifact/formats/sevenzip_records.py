"""7z's header: where the packed streams are, how each folder of them is unpacked, and the names of the files.

Source: `DOC/7zFormat.txt` of the LZMA SDK. Every count is held against the bytes that are left before it is obeyed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ...core.errors import UnsupportedError
from .opcodes import Broken

END, HEADER, ADDITIONAL, MAIN, FILES, PACK, FOLDERS, SUBSTREAMS, SIZE, CRC, FOLDER, CODERS_SIZE = (
    0x00, 0x01, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C,
)  # fmt: skip
PER_FOLDER, EMPTY_STREAM, EMPTY_FILE, ANTI, NAMES, ATTRIBUTES, ENCODED, DUMMY = (
    0x0D,
    0x0E,
    0x0F,
    0x10,
    0x11,
    0x15,
    0x17,
    0x19,
)
TIMES = (0x12, 0x13, 0x14, 0x18)
MAX_CODERS = 8


class Coder(NamedTuple):
    """A step of unpacking."""

    method: bytes
    properties: bytes


Chain = list[tuple[int, Coder]]


@dataclass(frozen=True)
class Folder:
    """One chain of coders over one packed stream, the last of `coders` reads the packed bytes. sizes: after each."""

    coders: tuple[Coder, ...]
    sizes: tuple[int, ...]
    at: int
    packed: int
    crc: int | None

    @property
    def size(self) -> int:
        """Bytes when all is unpacked."""
        return self.sizes[0]


class Part(NamedTuple):
    """A file's bytes in an unpacked folder. crc: None where none is told."""

    size: int
    crc: int | None


@dataclass
class Streams:
    """Packed streams, folders, and what each folder holds."""

    begin: int = 0
    packed: list[int] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    parts: list[list[Part]] = field(default_factory=list)


class Entry(NamedTuple):
    """A file. attributes: of Windows, with the mode of Unix in the upper half."""

    name: str
    has_stream: bool
    folder: bool
    attributes: int


class Reader:
    """Reads numbers of 7z's own forms from a header. Raises Broken at its end."""

    def __init__(self, data: memoryview, most: int) -> None:
        self.data, self.pos, self.most = data, 0, most

    def take(self, size: int) -> memoryview:
        """The next bytes."""
        if size > len(self.data) - self.pos:
            raise Broken("the header is cut", self.pos)
        self.pos += size
        return self.data[self.pos - size : self.pos]

    def byte(self) -> int:
        """The next byte."""
        return self.take(1)[0]

    def number(self) -> int:
        """The ones that the first byte begins with tell how many bytes follow."""
        first = self.byte()
        ones = next((n for n in range(8) if not first & 0x80 >> n), 8)
        low = int.from_bytes(self.take(ones), "little")
        return low + ((first & (0x7F >> ones)) << 8 * ones) if ones < 7 else low

    def count(self) -> int:
        """A number of things, each of which takes a byte of the header, or a bit."""
        found = self.number()
        if found > min(self.most, 8 * len(self.data)):
            raise Broken(f"the header tells of {found} things", self.pos)
        return found

    def expect(self, kind: int) -> None:
        """The next byte is of this kind."""
        if (found := self.byte()) != kind:
            raise Broken(f"the header holds {found:#04x} where {kind:#04x} belongs", self.pos - 1)

    def bits(self, size: int) -> list[bool]:
        """As many bits, the highest of a byte first."""
        raw = self.take((size + 7) // 8)
        return [bool(raw[n // 8] & 0x80 >> n % 8) for n in range(size)]

    def digests(self, size: int) -> list[int | None]:
        """Checksums, of those that have one."""
        known = [True] * size if self.byte() else self.bits(size)
        return [int.from_bytes(self.take(4), "little") if there else None for there in known]


def streams(reader: Reader) -> Streams:
    """A StreamsInfo. Raises Broken, UnsupportedError."""
    found, kind = Streams(), reader.byte()
    if kind == PACK:
        _pack(reader, found)
        kind = reader.byte()
    if kind == FOLDERS:
        _folders(reader, found)
        kind = reader.byte()
    found.parts = [[Part(folder.size, folder.crc)] for folder in found.folders]
    if kind == SUBSTREAMS:
        _substreams(reader, found)
        kind = reader.byte()
    if kind != END:
        raise Broken(f"the header holds {kind:#04x} behind its streams", reader.pos)
    if len(found.packed) != len(found.folders):
        raise Broken("packed streams and folders are not equally many", reader.pos)
    return found


def _pack(reader: Reader, found: Streams) -> None:
    found.begin, count = 32 + reader.number(), reader.count()
    while (kind := reader.byte()) != END:
        if kind == SIZE and not found.packed:
            found.packed = [reader.number() for _ in range(count)]
        elif kind == CRC:
            reader.digests(count)
        else:
            raise Broken(f"the header holds {kind:#04x} where sizes belong", reader.pos)
    if len(found.packed) != count:
        raise Broken("packed streams have no sizes", reader.pos)


def _folders(reader: Reader, found: Streams) -> None:
    reader.expect(FOLDER)
    count = reader.count()
    if reader.byte():
        raise UnsupportedError("the list of folders stands elsewhere")
    chains = [_chain(reader) for _ in range(count)]
    reader.expect(CODERS_SIZE)
    sizes = [_in_order([reader.number() for _ in chain], chain) for chain in chains]
    digests: list[int | None] = [None] * count
    while (kind := reader.byte()) != END:
        if kind != CRC:
            raise Broken(f"the header holds {kind:#04x} behind its folders", reader.pos)
        digests = reader.digests(count)
    at = found.begin
    for chain, size, digest, packed in zip(chains, sizes, digests, found.packed, strict=False):
        found.folders.append(Folder(tuple(coder for _, coder in chain), size, at, packed, digest))
        at += packed


def _in_order(sizes: list[int], chain: Chain) -> tuple[int, ...]:
    return tuple(sizes[number] for number, _ in chain)


def _chain(reader: Reader) -> Chain:
    """The coders of a folder with their numbers, the one that gives the content first. Raises Broken for no chain."""
    count = reader.number()
    if not 0 < count <= MAX_CODERS:
        raise Broken(f"a folder has {count} coders", reader.pos)
    coders = [_coder(reader) for _ in range(count)]
    links = {reader.number(): reader.number() for _ in range(count - 1)}
    order: Chain = []
    seen: set[int] = set()
    current = next((n for n in range(count) if n not in links.values()), None)
    while current is not None and current not in seen:
        seen.add(current)
        if current >= count:
            break
        order.append((current, coders[current]))
        current = links.get(current)
    if len(order) != count:
        raise Broken("the coders of a folder are no chain", reader.pos)
    return order


def _coder(reader: Reader) -> Coder:
    flags = reader.byte()
    method = bytes(reader.take(flags & 0xF))
    if flags & 0xC0:
        raise Broken("a coder has flags that nobody writes", reader.pos)
    if flags & 0x10 and (reader.number(), reader.number()) != (1, 1):
        raise UnsupportedError(f"the method {method.hex()} joins several streams, and is not read")
    return Coder(method, bytes(reader.take(reader.number())) if flags & 0x20 else b"")


def _substreams(reader: Reader, found: Streams) -> None:
    counts, kind = [1] * len(found.folders), reader.byte()
    if kind == PER_FOLDER:
        counts = [reader.count() for _ in found.folders]
        kind = reader.byte()
    if sum(counts) > reader.most:
        raise Broken("the folders hold more files than may be", reader.pos)
    sizes = []
    for folder, count in zip(found.folders, counts, strict=True):
        told = [reader.number() for _ in range(count - 1)] if kind == SIZE else []
        left = folder.size - sum(told)
        if left < 0 or (count > 1 and kind != SIZE) or (not count and folder.size):
            raise Broken("the sizes of files do not fit their folder", reader.pos)
        sizes.append([*told, left] if count else [])
    kind = reader.byte() if kind == SIZE else kind
    whole = [len(part) == 1 and folder.crc is not None for part, folder in zip(sizes, found.folders, strict=True)]
    digests: list[int | None] = [None] * sum(len(part) for part, known in zip(sizes, whole, strict=True) if not known)
    if kind == CRC:
        digests = reader.digests(len(digests))
        kind = reader.byte()
    if kind != END:
        raise Broken(f"the header holds {kind:#04x} behind the sizes of files", reader.pos)
    rest = iter(digests)
    found.parts = [
        [Part(size, folder.crc if known else next(rest)) for size in part]
        for part, folder, known in zip(sizes, found.folders, whole, strict=True)
    ]


def entries(reader: Reader) -> tuple[list[Entry], bool]:
    """A FilesInfo, and whether something in it was not understood. Raises Broken."""
    count = reader.count()
    empty, files, anti, odd = [False] * count, [], False, False
    names, attributes = [""] * count, [0] * count
    told: set[int] = set()
    while (kind := reader.byte()) != END:
        if kind in told and kind != DUMMY:
            raise Broken(f"the list of files tells {kind:#04x} twice; readers differ in which they take", reader.pos)
        told.add(kind)
        inner = Reader(reader.take(reader.number()), reader.most)
        if kind == EMPTY_STREAM:
            empty = inner.bits(count)
        elif kind == EMPTY_FILE:
            files = inner.bits(sum(empty))
        elif kind == ANTI:
            anti = any(inner.bits(sum(empty)))
        elif kind == NAMES:
            names = _names(inner, count)
        elif kind == ATTRIBUTES:
            attributes = _attributes(inner, count)
        elif kind not in TIMES and not (kind == DUMMY and not any(inner.data)):
            odd = True
        odd = odd or (kind not in (*TIMES, DUMMY) and inner.pos != len(inner.data))
    plain = iter(files)
    return [
        Entry(name, not bare, bare and not next(plain, False), mode)
        for name, bare, mode in zip(names, empty, attributes, strict=True)
    ], odd or anti


def _names(reader: Reader, count: int) -> list[str]:
    if reader.byte():
        raise UnsupportedError("the names stand elsewhere")
    text = bytes(reader.take(len(reader.data) - reader.pos)).decode("utf-16-le", "surrogatepass")
    names = text.split("\0")
    if len(names) != count + 1 or names[-1]:
        raise Broken("names and files are not equally many")
    return names[:-1]


def _attributes(reader: Reader, count: int) -> list[int]:
    known = [True] * count if reader.byte() else reader.bits(count)
    if reader.byte():
        raise UnsupportedError("the attributes stand elsewhere")
    return [int.from_bytes(reader.take(4), "little") if there else 0 for there in known]
