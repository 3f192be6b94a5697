"""What stands around the objects of an HDF5 file: drivers, the superblock's extension, and bytes of nobody's.

Layout: HDF5 File Format Specification 3.0, II.B (driver), II.C (extension), IV.A.2.u and .x (file space).
"""

from __future__ import annotations

from ...core.nouns import Place, Severity
from ..walk import Walk, join, printable
from . import hdf5_header, hidden, pickle
from .hdf5_content import is_program
from .hdf5_file import Cursor, File
from .hdf5_header import Message
from .hdf5_heap import own_free_space

MAX_HIDDEN = 1 << 14
"""Bytes that are not zero and belong to nobody: what is left of replaced metadata. h5py leaves 9,700 when it
writes 60 attributes of a model anew."""
PIECE = 1 << 20
BLANK = b"\0\r\n "
"""What may stand behind a file: some were through an editor that ends them with a line."""
EXPECTED = frozenset(
    (hdf5_header.TREE_K, hdf5_header.SPACE_INFO, hdf5_header.DRIVER, hdf5_header.SHARED_TABLE, hdf5_header.CACHE_IMAGE)
)
REMEDY = "do not load this file; write the model again with h5py"


class Edges:
    """Judges what belongs to a file as a whole."""

    def __init__(self, walk: Walk, file: File, path: str) -> None:
        self.walk, self.file, self.path = walk, file, path

    def driver(self, address: int) -> None:
        """The driver's block of an old superblock: such files have their data in others. Raises Broken."""
        head = self.file.peek(address, 16)
        head.take(4)
        body = self.file.block(address, 16 + head.number(4), "the driver's block")
        body.take(8)
        self._driver(body)

    def _driver(self, body: Cursor) -> None:
        name = printable(str(body.take(min(8, body.left)), "latin-1"))
        message = f"the driver {name} finds this file's data in other files"
        self._tell("external", Severity.HIGH, "", message, ("CWE-73",))

    def extension(self, found: list[Message]) -> None:
        """The messages of a superblock's extension. Raises Broken."""
        for kind, _, body in found:
            if kind == hdf5_header.DRIVER:
                body.take(1)
                self._driver(body)
            elif kind == hdf5_header.SHARED_TABLE:
                self.walk.skip(self.path or "the file", "it has a table of shared messages, which is not read")
            elif kind == hdf5_header.SPACE_INFO:
                self._space(body)
            elif kind == hdf5_header.TREE_K:
                self._fanout(body)
            else:
                what = "a cached image of metadata" if kind == hdf5_header.CACHE_IMAGE else f"a message of type {kind}"
                message = f"its superblock has {what}, which a reader may take for the truth"
                self._tell("unknown", Severity.HIGH, "superblock", message, ("CWE-436",))

    def _fanout(self, body: Cursor) -> None:
        body.expect(b"", 0)
        self.file.fanout(*(body.number(2) for _ in range(3)))

    def _space(self, body: Cursor) -> None:
        version, _ = body.number(1), body.number(1)
        persists = body.number(1) if version else 1
        body.size()
        if version:
            body.take(body.length + 2 + body.width)
        while persists and body.left >= body.width:
            own_free_space(self.file, body.address())

    def rest(self) -> None:
        """Everything that no block accounts for. Raises Broken when two blocks overlap."""
        file, hidden = self.file, self.file.stray
        if file.base:
            self._user_block(file.data[: file.base])
        for begin, end in file.gaps():
            inside = min(end, max(begin, file.super.end))
            hidden += self._gap(begin, inside, hidden)
            self._behind(inside, end)
        if hidden > MAX_HIDDEN:
            message = f"more than {MAX_HIDDEN} bytes belong to no object of the file"
            self._tell("hidden", Severity.MEDIUM, "", message, ("CWE-506",))

    def _user_block(self, block: memoryview) -> None:
        if bytes(block).strip(b"\0") and not _of_matlab(block):
            self.walk.enter(block, join(self.path, "user block"))

    def _gap(self, begin: int, end: int, before: int) -> int:
        """How many bytes of a gap are not zero, as far as they matter."""
        found = 0
        for at in range(begin, end, PIECE):
            piece = bytes(self.file.data[at : min(at + PIECE, end)])
            found += len(piece) - piece.count(0)
            if before + found > MAX_HIDDEN:
                break
        if found:
            self._suspicious(self.file.data[begin:end], begin)
        return found

    def _suspicious(self, gap: memoryview, begin: int) -> None:
        lead = len(bytes(gap[:PIECE])) - len(bytes(gap[:PIECE]).lstrip(b"\0"))
        for at in {0, lead}:
            inner = gap[at:]
            if is_program(inner) or bytes(inner[:4]) == b"PK\3\4" or self._is_pickle(inner):
                message = "a program, an archive or a pickle stands where no object of the file is"
                self._tell("hidden", Severity.HIGH, f"byte {begin + at}", message, ("CWE-506",))
                return

        if len(gap) <= PIECE:
            hidden.hidden(self.walk, gap, self.path, f"byte {begin}")

    def _is_pickle(self, inner: memoryview) -> bool:
        return pickle.sniff(inner) and pickle.is_pickle(self.walk, inner)

    def _behind(self, begin: int, end: int) -> None:
        tail = self.file.data[begin:end]
        if any(bytes(tail[at : at + PIECE]).strip(BLANK) for at in range(0, len(tail), PIECE)):
            message = f"{end - begin} bytes stand behind the file's own end"
            self._tell("trailing", Severity.MEDIUM, f"byte {begin}", message, ("CWE-506",))
            self.walk.enter(tail, join(self.path, f"byte {begin}"))

    def _tell(self, rule: str, severity: Severity, part: str, message: str, references: tuple[str, ...]) -> None:
        self.walk.flaw(f"artifact.hdf5.{rule}", severity, Place(self.path, part), message, REMEDY, references)


def _of_matlab(block: memoryview) -> bool:
    """MATLAB 7.3 puts a sentence, a version and zeros there (MAT-File Format, 1-5 and 7.3 headers alike)."""
    head, rest = bytes(block[:128]), bytes(block[128:]).strip(b"\0")
    return head.startswith(b"MATLAB 7.3 MAT-file") and head[:116].isascii() and head[124:] == b"\0\2IM" and not rest
