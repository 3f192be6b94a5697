"""Which walker reads which bytes: by their content, never by a file name's extension.

A row of the table names a format, its module in formats/, and the marks that its files bear. A module is imported
when a mark is met; where there is none, its `sniff` is asked. `sniff(data)` has the last word either way.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache, cached_property
from types import ModuleType

from ..core.errors import InputError
from ..core.nouns import Place, Severity
from .formats import executable
from .formats.opcodes import Broken
from .walk import Walk, printable


@dataclass(frozen=True)
class Row:
    """A format. module: in formats/. marks: (offset, bytes), any of which may stand there; none when it has no mark.

    trailing: marks that may also stand anywhere in the last bytes of a file. kind: names the functions, for a module
    that reads two formats: `sniff_<kind>`, `walk_<kind>`.
    """

    name: str
    module: str
    marks: tuple[tuple[int, bytes], ...] = ()
    trailing: bytes = b""
    kind: str = ""

    def claims(self, data: memoryview, head: bytes) -> bool:
        """Whether these bytes, of which `head` are the first, are of this format."""
        if self.marks and not self._marked(data, head):
            return False
        return bool(getattr(_module(self.module), "sniff" + self.kind)(data))

    def walk(self, walk: Walk, data: memoryview, path: str) -> None:
        """Walk them. Raises Broken, InputError."""
        getattr(_module(self.module), "walk" + self.kind)(walk, data, path)

    def _marked(self, data: memoryview, head: bytes) -> bool:
        if head.startswith(self.starts) or any(data[at : at + len(mark)] == mark for at, mark in self.marks if at):
            return True
        return bool(self.trailing) and self.trailing in bytes(data[-TAIL:])

    @cached_property
    def starts(self) -> tuple[bytes, ...]:
        """The marks that stand at the very beginning."""
        return tuple(mark for at, mark in self.marks if not at)


@cache
def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__package__}.formats.{name}")


TAIL = 65557
"""A zip's end record and its longest comment: the bytes in which a reader looks for it."""

HDF5, HDF5_PLACES = b"\x89HDF\r\n\x1a\n", (0, *(512 << n for n in range(16)))
"""HDF5 lets a block of the user's own stand before its mark, of 512 bytes or any power of two above."""

XML = tuple((0, mark) for mark in (b"<", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0<", b" ", b"\n", b"\r"))
"""How XML may begin, with a mark of its encoding or with space; its reader looks further."""

ZIP = Row("zip", "archive", ((0, b"PK\x03\x04"), (0, b"PK\x05\x06")), trailing=b"PK\x05\x06")
TAR = Row("tar", "tar")
COMPILED = (
    (0, b"ptrt"), (0, b"ftrt"), (0, b"RKNN"), (0, b"\x01HEF"), (0, b"LDMK"), (4, b"PTMF"), (0, b"7767517\n"),
    (0, b"\xdd\x85\x76\0"), (0, b"ML\xefR"), (0, b"BMOD"), (0, b"LITERTLM"),
)  # fmt: skip
FORMATS: tuple[Row, ...] = (
    Row("tflite", "tflite", ((4, b"TFL3"),)),
    Row("compiled", "compiled", COMPILED),
    Row("onnx runtime", "onnx_ort", ((4, b"ORTM"),)),
    Row("executorch", "executorch", ((4, b"ET1"), (4, b"ET0"))),
    Row("executorch weights", "executorch", ((4, b"FT0"), (4, b"FT1")), kind="_weights"),
    ZIP,
    Row("joblib", "joblib_zfile", ((0, b"ZF0x"),)),
    Row("npy", "npy", ((0, b"\x93NUMPY"),)),
    Row("HDF5", "hdf5", ((0, HDF5),)),
    Row("gguf", "gguf", ((0, b"GGUF"),)),
    Row("png", "png", ((0, b"\x89PNG"),)),
    Row("jpeg", "jpeg", ((0, b"\xff\xd8\xff"),)),
    Row("gif", "gif", ((0, b"GIF8"),)),
    Row("riff", "chunked", ((0, b"RIFF"),), kind="_riff"),
    Row("ogg", "chunked", ((0, b"OggS"),), kind="_ogg"),
    Row("mp4", "chunked", ((4, b"ftyp"),), kind="_mp4"),
    Row("font", "chunked", ((0, b"\0\1\0\0"), (0, b"OTTO"), (0, b"true")), kind="_font"),
    Row("woff", "chunked", ((0, b"wOFF"), (0, b"wOF2")), kind="_woff"),
    Row("bmp", "chunked", ((0, b"BM"),), kind="_bmp"),
    Row("icon", "chunked", ((0, b"\0\0\1\0"), (0, b"\0\0\2\0")), kind="_icon"),
    Row("pdf", "portable_document", ((0, b"%PDF-"),)),
    Row(
        "compressed",
        "compressed",
        (
            *((0, mark) for mark in (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x5d\0\0", b"x", b"\x28\xb5\x2f\xfd")),
            *((0, mark) for mark in (b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18")),
            (1, b"\x2a\x4d\x18"),
        ),
    ),
    Row("7z", "sevenzip", ((0, b"7z\xbc\xaf\x27\x1c"),)),
    Row("r", "rdata", tuple((0, mark) for mark in (b"X\n\0\0\0", b"A\n", b"B\n", b"RDX", b"RDA", b"RDB"))),
    Row("xml", "xml", XML),
    Row("catboost", "catboost", ((0, b"CBM1"),)),
    Row("xgboost", "xgboost"),
    Row("lightgbm", "lightgbm", ((0, b"tree\n"),)),
    Row("torch legacy", "torch", kind="_legacy"),
    Row("pickle", "pickle", tuple((0, bytes((0x80, n))) for n in range(6))),
    Row("msgpack", "msgpack", tuple((0, bytes((head,))) for head in (*range(0x80, 0xA0), *range(0xDC, 0xE0)))),
    Row("safetensors", "safetensors"),
    TAR,
    Row("HDF5", "hdf5", tuple((at, HDF5) for at in HDF5_PLACES)),
    Row("tensorflow checkpoint", "tensorflow_bundle", ((0, b"\0\0"),), trailing=b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"),
    Row("coreml weights", "coreml_weights", ((64, b"\xef\xbe\xad\xde"),)),
    Row("paddle parameters", "paddle", ((0, bytes(4)),), kind="_parameters"),
    Row("sentencepiece", "sentencepiece", ((0, b"\n"),)),
    Row("paddle", "paddle", ((0, b"\n"),)),
    Row("coreml", "coreml", ((0, b"\x08"), (0, b"\x12"))),
    Row("tensorflow", "tensorflow", ((0, b"\x08"), (0, b"\n"), (0, b"\x12"))),
    Row("onnx", "onnx", ((0, b"\x08"), (0, b"\x12"), (0, b":"), (0, b"B"))),
)

READER_FAILED = "its reader failed, which is a bug in Hauberk"

UNREAD = {
    b"Rar!": "RAR",
    b"binf": "XGBoost's old binary form",
    b"bs64": "XGBoost's old binary form",
    b"LZIP": "lzip",
    b"\x1f\x9d": "compress",
    b"MSCF": "a Windows cabinet",
    b"!<arch>\n": "ar",
    b"PAR1": "Parquet",
}
"""Formats that are recognised and not read yet: an honest `inconclusive`."""


def walk_content(walk: Walk, data: memoryview, path: str) -> None:
    """Walk bytes of any format. What no walker knows is a skip, never a pass."""
    head = bytes(data[:64])
    if program := executable.program(data):
        walk.formats[path] = program
        executable.tell(walk, path, program)
        if ZIP.claims(data, head):
            _guarded(walk, ZIP, data, path)
    elif row := next((row for row in _rows(data[0] if len(data) else -1) if row.claims(data, head)), None):
        walk.formats[path] = row.name
        _guarded(walk, row, data, path)
        _as_pickle_too(walk, row, data, path)
        _two_faced(walk, row, data, path)
    elif unread := next((what for magic, what in UNREAD.items() if head.startswith(magic)), ""):
        walk.formats[path] = unread
        walk.skip(path or "the file", f"{unread} is recognised, but not read yet")
    else:
        from .formats import unclaimed

        unclaimed.walk(walk, data, path)


@cache
def _rows(first: int) -> tuple[Row, ...]:
    """The formats that a file may be of, by its first byte."""
    return tuple(
        row
        for row in FORMATS
        if not row.marks or row.trailing or any(at or mark[0] == first for at, mark in row.marks)
    )


def _as_pickle_too(walk: Walk, row: Row, data: memoryview, path: str) -> None:
    """Bytes of one format that an unpickler would run as well."""
    from .formats import pickle

    if row.module in ("pickle", "torch") or not pickle.is_pickle(walk, data):
        return
    remedy = "do not load this file; no honest writer makes such bytes"
    message = f"this {row.name} file is a pickle as well: what it does depends on who reads it"
    walk.flaw("artifact.polyglot", Severity.HIGH, Place(path), message, remedy, ("CWE-436",))
    pickle.walk(walk, data, path)


def _two_faced(walk: Walk, row: Row, data: memoryview, path: str) -> None:
    """Formats whose mark may stand behind a beginning of another one: torch opens such a tar, Keras such an HDF5."""
    remedy = "do not load this file; no honest writer makes such bytes"
    other = "HDF5" if row.name != "HDF5" and any(data[at : at + 8] == HDF5 for at in HDF5_PLACES) else ""
    if row is not TAR and TAR.claims(data, b""):
        other = "tar"
    if other:
        message = f"this {row.name} file is {other} as well: what it does depends on who reads it"
        walk.flaw("artifact.polyglot", Severity.HIGH, Place(path), message, remedy, ("CWE-436",))


def _guarded(walk: Walk, row: Row, data: memoryview, path: str) -> None:
    try:
        row.walk(walk, data, path)
    except Broken as error:
        remedy = "do not load this file; download it again and compare the digest"
        rule = f"artifact.{row.name.partition(' ')[0].lower()}.broken"
        walk.flaw(rule, Severity.HIGH, Place(path, f"byte {error.at}"), f"{row.name}: {error}", remedy)
    except InputError as error:
        walk.skip(path or "the file", f"{row.name}: {error}")
    except Exception as error:  # noqa: BLE001 - hostile bytes that a reader did not expect: not read is no pass
        walk.skip(path or "the file", f"{row.name}: {READER_FAILED} ({type(error).__name__}: {printable(str(error))})")
