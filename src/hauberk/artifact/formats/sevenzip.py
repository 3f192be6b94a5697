"""7z: folders of packed files, unpacked with the standard library's decoders; encrypted ones are skips.

Read: Copy, LZMA, LZMA2, BZip2, Deflate, Zstandard, Delta and the filters for machine code. Not read, and told so:
PPMd, BCJ2, AES. See sevenzip_records for the header.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

from ...core.errors import InputError, UnsupportedError
from ...core.nouns import Severity
from ..walk import Walk, join, printable
from . import unpack, zstd
from .complaints import Complaints
from .member_names import escapes, folded, oddity
from .opcodes import Broken
from .sevenzip_records import (
    ENCODED,
    FILES,
    HEADER,
    MAIN,
    Coder,
    Entry,
    Folder,
    Part,
    Reader,
    Streams,
    entries,
    streams,
)

MAGIC = b"7z\xbc\xaf\x27\x1c"
START = 32
MAX_HEADER, COST = 16 << 20, 25
"""COST: what one member costs, in steps of a program."""
COPY, AES = b"\x00", b"\x06\xf1\x07\x01"
FILTERS = {
    b"\x21": "LZMA2", b"\x03\x01\x01": "LZMA1", b"\x03": "DELTA", b"\x04": "X86", b"\x03\x03\x01\x03": "X86",
    b"\x05": "POWERPC", b"\x03\x03\x02\x05": "POWERPC", b"\x06": "IA64", b"\x03\x03\x04\x01": "IA64", b"\x07": "ARM",
    b"\x03\x03\x05\x01": "ARM", b"\x08": "ARMTHUMB", b"\x03\x03\x07\x01": "ARMTHUMB", b"\x09": "SPARC",
    b"\x03\x03\x08\x05": "SPARC",
}  # fmt: skip
STREAMS: dict[bytes, Callable[[], Any]] = {
    b"\x04\x01\x08": unpack.inflate, b"\x04\x02\x02": unpack.bunzip, b"\x04\xf7\x11\x01": zstd.decoder,
}  # fmt: skip
LINK, FOLDER, UNIX, REPARSE = 0o120000, 0o040000, 0x8000, 0x400


def sniff(data: memoryview) -> bool:
    """Whether this begins as a 7z archive."""
    return bytes(data[:6]) == MAGIC


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Unpack every folder and walk every file. Raises Broken, UnsupportedError."""
    complaints = Complaints(walk, path)
    header, end = _start(data)
    if len(data) > end:
        complaints.byte(end, "hidden", Severity.HIGH, f"{len(data) - end} bytes follow the archive")
        walk.enter(data[end:], join(path, f"byte {end}"))
    if not len(header):
        return
    used = [(end - len(header), end)]
    header = _decoded(walk, data, header, used, path)
    reader = Reader(header, walk.limits.max_members - walk.members)
    reader.expect(HEADER)
    main, files, last = Streams(), list[Entry](), 0
    while kind := reader.byte():
        if kind <= last:
            raise Broken("the parts of the header stand in another order, or twice", reader.pos)
        last = kind
        if kind == MAIN:
            main = streams(reader)
        elif kind == FILES:
            files, odd = entries(reader)
            if odd:
                complaints.byte(
                    end - len(header), "extra", Severity.MEDIUM, "the list of files holds what is not understood"
                )
        else:
            raise UnsupportedError(f"the header holds the part {kind:#04x}")
    if reader.pos != len(header):
        complaints.byte(end, "hidden", Severity.MEDIUM, "bytes follow the end of the header")
    used += [(folder.at, folder.at + folder.packed) for folder in main.folders]
    _gaps(walk, complaints, data, used)
    _files(walk, complaints, data, main, files)


def _start(data: memoryview) -> tuple[memoryview, int]:
    """The header as it is packed, and where the archive ends. Raises Broken."""
    if len(data) < START or zlib.crc32(data[12:START]) != int.from_bytes(data[8:12], "little"):
        raise Broken("the start does not match its checksum", 8)
    at, size = (int.from_bytes(data[n : n + 8], "little") for n in (12, 20))
    if at + size > len(data) - START:
        raise Broken("the archive is cut before its header", len(data))
    header = data[START + at : START + at + size]
    if size and zlib.crc32(header) != int.from_bytes(data[28:32], "little"):
        raise Broken("the header does not match its checksum", START + at)
    return header, START + at + size


def _decoded(walk: Walk, data: memoryview, header: memoryview, used: list[tuple[int, int]], path: str) -> memoryview:
    """The header, unpacked as often as it is packed; most are, once. Raises Broken, UnsupportedError."""
    for _ in range(4):
        if header[0] != ENCODED:
            return header
        reader = Reader(header, walk.limits.max_members)
        reader.pos = 1
        found = streams(reader)
        if len(found.folders) != 1 or reader.pos != len(header):
            raise Broken("the packed header is of several parts")
        folder = found.folders[0]
        used.append((folder.at, folder.at + folder.packed))
        content = _unpacked(walk, data, folder, path or "the file") if folder.size <= MAX_HEADER else None
        if not content:
            raise UnsupportedError("the header cannot be unpacked")
        header = content
    raise Broken("the header is packed in itself")


def _gaps(walk: Walk, complaints: Complaints, data: memoryview, used: list[tuple[int, int]]) -> None:
    at = START
    for begin, end in sorted(used):
        if begin < at:
            raise Broken("two packed streams overlap", begin)
        if begin > at:
            complaints.byte(at, "hidden", Severity.MEDIUM, f"{begin - at} bytes belong to no file")
            walk.enter(data[at:begin], join(complaints.path, f"bytes {at} to {begin}"))
        at = end


def _files(walk: Walk, complaints: Complaints, data: memoryview, main: Streams, files: list[Entry]) -> None:
    """Hold the list of files against the streams, then walk each file. Raises Broken."""
    parts = [(number, part) for number, folder in enumerate(main.parts) for part in folder]
    filled = [entry for entry in files if entry.has_stream]
    if len(parts) != len(filled):
        raise Broken("streams and files are not equally many")
    walk.members += len(files)
    walk.spend(COST * len(files))
    if not walk.opcodes_left:
        walk.skip(complaints.path or "the file", "its members are too many for its size")
        return
    seen: set[str] = set()
    for entry in files:
        _tell(complaints, entry, seen)
        if not entry.has_stream and not entry.folder:
            walk.formats[join(complaints.path, printable(entry.name))] = "empty"
    names = iter(filled)
    for folder, contained in zip(main.folders, main.parts, strict=True):
        _folder(walk, complaints, data, folder, [(next(names), part) for part in contained])


def _folder(
    walk: Walk, complaints: Complaints, data: memoryview, folder: Folder, contained: list[tuple[Entry, Part]]
) -> None:
    places = [join(complaints.path, printable(entry.name)) for entry, _ in contained]
    try:
        content = _unpacked(walk, data, folder, places[0] if places else complaints.path)
    except Broken:
        raise
    except InputError as error:
        for place in places:
            walk.skip(place, str(error))
        return
    at = 0
    for place, (entry, part) in zip(places, contained, strict=True):
        if content is None:
            walk.skip(place, "the folder that it is packed in was not unpacked")
            continue
        piece = content[at : at + part.size]
        at += part.size
        if part.crc is not None and zlib.crc32(piece) != part.crc:
            what = "the file does not match its checksum; some readers refuse it, others read on"
            complaints.member(entry.name, "mismatch", Severity.HIGH, what)
        if len(piece):
            walk.enter(piece, place)
        else:
            walk.formats[place] = "empty"


def _tell(complaints: Complaints, entry: Entry, seen: set[str]) -> None:
    key, mode = folded(entry.name), entry.attributes >> 16 if entry.attributes & UNIX else 0
    if key in seen:
        what = "two files have this name, or one that some reader takes for it"
        complaints.member(entry.name, "duplicate", Severity.HIGH, what)
    seen.add(key)
    if escapes(entry.name):
        complaints.member(entry.name, "escape", Severity.HIGH, "unpacking writes outside its folder", "CWE-22")
    elif odd := oddity(entry.name):
        complaints.member(entry.name, "name", Severity.HIGH, odd)
    if mode & 0o170000 not in (0, 0o100000, FOLDER) or entry.attributes & REPARSE:
        complaints.member(entry.name, "link", Severity.HIGH, "the member is a link, a device or a pipe", "CWE-59")


def _unpacked(walk: Walk, data: memoryview, folder: Folder, what: str) -> memoryview | None:
    """A folder's content, or None with a skip written down. Raises Broken, UnsupportedError."""
    raw = data[folder.at : folder.at + folder.packed]
    if folder.at + folder.packed > len(data):
        raise Broken("a packed stream does not fit in the file", folder.at)
    if any(not walk.fits(what, folder.packed, size) for size in folder.sizes):
        return None
    coders, sizes = list(folder.coders), list(folder.sizes)
    while coders:
        run = _filters(coders)
        size = sizes[len(coders) - len(run)]
        raw = _run(raw, run, size)
        del coders[-len(run) :]
    if folder.crc is not None and zlib.crc32(raw) != folder.crc:
        raise Broken("a folder does not match its checksum", folder.at)
    return raw


def _filters(coders: list[Coder]) -> list[Coder]:
    """The last coders that one decoder takes together: an LZMA of either kind and the filters before it."""
    if not FILTERS.get(coders[-1].method, "").startswith("LZMA"):
        return coders[-1:]
    first = len(coders) - 1
    while first and coders[first - 1].method in FILTERS and not FILTERS[coders[first - 1].method].startswith("LZMA"):
        first -= 1
    return coders[first:]


def _run(raw: memoryview, run: list[Coder], size: int) -> memoryview:
    method = run[-1].method
    if method == COPY:
        if len(raw) != size:
            raise Broken("a stored folder is not of its size")
        return raw
    if method in FILTERS and FILTERS[method].startswith("LZMA"):
        return memoryview(_lzma(raw, run, size))
    if method in STREAMS:
        return memoryview(b"".join(_several(STREAMS[method], raw, size)))
    raise UnsupportedError("it is encrypted" if method == AES else f"the method {method.hex()} is not read")


def _lzma(raw: memoryview, run: list[Coder], size: int) -> bytes:
    import lzma

    names = [FILTERS[coder.method] for coder in run]
    if names[-1] == "LZMA1" and len(names) > 1 and names != ["DELTA", "LZMA1"]:
        raise UnsupportedError("a filter for machine code before LZMA is not read")  # its last bytes never come out
    filters = [(getattr(lzma, f"FILTER_{name}"), coder.properties) for name, coder in zip(names, run, strict=True)]
    unpacked = unpack.whole if names[-1] == "LZMA2" else unpack.unmarked
    return unpacked(lambda: unpack.raw_lzma(filters), raw, size, "a folder")


def _several(make: Callable[[], Any], raw: memoryview, size: int) -> Iterator[bytes]:
    """Streams that follow one another, as 7z's threads write bzip2. Raises Broken unless they come to `size`."""
    used = made = 0
    while used < len(raw):
        begin = used
        for taken, content in unpack.pieces(make, raw[begin:]):
            used, made = begin + taken, made + len(content)
            if made > size:
                raise Broken("a folder unpacks to more than it says")
            yield content
    if made != size:
        raise Broken("a folder unpacks to less than it says")
