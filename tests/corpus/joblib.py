"""joblib files: arrays that stand raw between the opcodes, objects inside them, old forms, compression."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import struct
import zlib
from collections.abc import Callable
from typing import Any

from corpus import Sample, add, bad

EVIL = b"cposix\nsystem\n(S'id'\ntR."
NAME = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n"


def text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def dtype(code: str, flags: int = 0) -> bytes:
    state = b"(K\x03" + text("|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK" + bytes([flags]) + b"tb"
    return b"cnumpy\ndtype\n" + text(code) + b"\x89\x88\x87R" + state


def wrapper(kind: bytes, shape: bytes, *, name: bytes = NAME, more: bytes = b"") -> bytes:
    """joblib's array block, up to the raw bytes."""
    state = text("subclass") + b"cnumpy\nndarray\n" + text("shape") + shape + text("order") + text("C")
    return b"\x80\x02" + name + b")\x81}(" + state + text("dtype") + kind + text("allow_mmap") + b"\x89" + more + b"ub"


def count(n: int) -> bytes:
    return b"J" + struct.pack("<i", n) + b"\x85"


BAD: tuple[tuple[str, str, bytes], ...] = (
    (
        "opcodes_in_an_array",
        "joblib passes over the array, pickle.load runs it",
        wrapper(dtype("u1"), count(len(EVIL) + 1)) + b"0" + EVIL + b".",
    ),
    (
        "late_opcodes_in_an_array",
        "however late they come to the point",
        wrapper(dtype("u1"), count(12_000 + len(EVIL))) + b"N0" * 6000 + EVIL + b".",
    ),
    ("object_array", "an array of objects is a pickle of its own", wrapper(dtype("O8", 63), count(1)) + EVIL + b"."),
    (
        "numbers_flagged_as_objects",
        "joblib reads a pickle where the type says numbers",
        wrapper(dtype("u1", 1), count(len(EVIL))) + EVIL + b".",
    ),
    ("objects_flagged_as_numbers", "bytes pass for pointers", wrapper(dtype("O8"), count(1)) + b"A" * 8 + b"."),
    (
        "behind_an_array",
        "the program goes on behind the array",
        wrapper(dtype("u1"), count(4)) + b"\xff" * 4 + b"0" + EVIL,
    ),
    ("second_object", "another stream behind it", wrapper(dtype("u1"), count(4)) + b"\xff" * 4 + b"." + EVIL),
    ("array_longer_than_the_file", "the array is not there", wrapper(dtype("u1"), count(1 << 30)) + b"\xff."),
    ("negative_shape", "a size below nothing", wrapper(dtype("u1"), count(-1)) + b"\xff."),
    (
        "shape_that_overflows",
        "joblib multiplies in 64 bits and gets 0: the bytes behind are opcodes then",
        wrapper(dtype("u1"), b"\x8a\x05\0\0\0\0\x01\x8a\x05\0\0\0\0\x01\x86") + b"0" + EVIL,
    ),
    (
        "shape_from_a_call",
        "a size that is known when it is too late",
        wrapper(dtype("u1"), b"cbuiltins\ntuple\n]\x85R") + b"\xff.",
    ),
    (
        "in_a_frame",
        "an array inside a frame stands at two places",
        b"\x80\x04\x95" + struct.pack("<Q", 400) + wrapper(dtype("u1"), count(4))[2:] + b"\xff" * 400 + b".",
    ),
    (
        "built_twice",
        "the second BUILD reads another array",
        wrapper(dtype("u1"), count(4)) + b"\xff" * 4 + wrapper(dtype("u1"), count(2))[2:] + b"\xff\xff" + b"}b.",
    ),
    (
        "subclass_of_nobody",
        "the array becomes an instance of a class in the file",
        wrapper(dtype("u1"), count(1)).replace(b"cnumpy\nndarray\n", b"cevil\nArray\n") + b"\xff.",
    ),
    (
        "old_wrapper",
        "joblib before 0.10 opens the file that the state names",
        b"\x80\x02cjoblib.numpy_pickle\nNDArrayWrapper\n)\x81}" + text("filename") + text("/etc/passwd") + b"sb.",
    ),
    (
        "old_compressed_wrapper",
        "the same, unpacked",
        b"\x80\x02cjoblib.numpy_pickle\nZNDArrayWrapper\n)\x81}" + text("filename") + text("../x") + b"sb.",
    ),
    ("zfile", "joblib's compressed form before 0.10", b"ZF" + hex(len(EVIL)).ljust(19).encode() + zlib.compress(EVIL)),
    ("zfile_of_python_2", "the same, one byte later", b"ZF" + hex(len(EVIL)).ljust(20).encode() + zlib.compress(EVIL)),
    ("zfile_that_lies", "it says another size", b"ZF" + hex(7).ljust(19).encode() + zlib.compress(EVIL)),
    ("memmapped_loader", "joblib's own loaders", b"cjoblib.numpy_pickle\nload\n(S'x'\ntR."),
    ("parallel", "joblib's workers call what they are given", b"cjoblib.parallel\nBatchedCalls\n)R."),
    ("memory", "joblib's memory imports functions by name", b"cjoblib.memory\nMemorizedFunc\n)R."),
)
for _name, _why, _data in BAD:
    add(Sample(f"joblib/{_name}", "joblib", _why, "model.joblib", "", lambda data=_data: data, dangerous=True))
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda raw: lzma.compress(raw, lzma.FORMAT_ALONE),
    "zlib_twice": lambda raw: zlib.compress(zlib.compress(raw)),
}
for _name, _pack in PACKERS.items():
    _content = _pack(BAD[2][2])
    add(Sample(f"joblib/{_name}", "joblib", "compressed", "m.joblib", "", lambda c=_content: c, dangerous=True))


@bad("joblib", "an object of the author's own class in an array", file="model.joblib", needs="joblib")
def dumped_object_array() -> bytes:
    import numpy as np

    return dumped(np.array([Gadget()], dtype=object))


class Gadget:
    """Pickles as a call."""

    def __reduce__(self) -> object:
        import os

        return os.system, ("id",)


def dumped(value: Any, **options: Any) -> bytes:
    import joblib

    buffer = io.BytesIO()
    joblib.dump(value, buffer, **options)
    return buffer.getvalue()


def _values() -> dict[str, Any]:
    import numpy as np

    table = np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])
    return {
        "array": np.arange(1000.0),
        "fortran": np.asfortranarray(np.eye(5)),
        "objects": np.array(["a", None, 1], object),
        "texts": np.array(["abc", "d"]),
        "dates": np.array(["2020-01-01"], "M8[D]"),
        "table": table,
        "none": np.zeros((0, 3)),
        "nested": {"w": [np.eye(2), np.eye(2)], "name": "x"},
        "scalar": np.float64(3),
        "shared": [np.eye(3)] * 2,
        "matrix": np.matrix([[1, 2]]),
        "masked": np.ma.masked_array([1, 2], [0, 1]),
        "plain": {"a": [1, 2]},
    }


def _honest(name: str, compress: Any) -> bytes:
    return dumped(_values()[name], compress=compress)


for _kind in (
    "array",
    "fortran",
    "objects",
    "texts",
    "dates",
    "table",
    "none",
    "nested",
    "scalar",
    "shared",
    "matrix",
    "masked",
    "plain",
):
    add(
        Sample(
            f"joblib/honest_{_kind}",
            "joblib",
            "as joblib.dump writes it",
            "m.joblib",
            "joblib",
            lambda kind=_kind: _honest(kind, 0),
            dangerous=False,
        )
    )
for _method in ("zlib", "gzip", "bz2", "xz", "lzma"):
    add(
        Sample(
            f"joblib/honest_{_method}",
            "joblib",
            "compressed by joblib.dump",
            "m.joblib",
            "joblib",
            lambda method=_method: _honest("nested", (method, 3)),
            dangerous=False,
        )
    )


@bad("joblib", "a pickle under joblib's extension", file="model.joblib")
def plain_pickle() -> bytes:
    return pickle.dumps({"a": 1}, 4) + EVIL
