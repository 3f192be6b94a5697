"""NumPy files: objects in arrays, headers that lie, and members of an npz."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from typing import Any

from corpus import Sample, add, bad, honest

EVIL = b"cposix\nsystem\n(S'id'\ntR."


def npy(header: str, data: bytes, version: int = 1) -> bytes:
    """A file of this header and these bytes."""
    raw = header.encode("latin-1")
    size = struct.pack("<H" if version == 1 else "<I", len(raw))
    return b"\x93NUMPY" + bytes((version, 0)) + size + raw + data


def header(descr: str, shape: str = "(1,)", fortran: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n"


def npz(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


OBJECTS = npy(header("'|O'"), EVIL)
BAD: tuple[tuple[str, str, bytes], ...] = (
    ("objects", "numpy.load(allow_pickle=True) runs it", OBJECTS),
    ("objects_of_protocol_4", "the same of protocol 4", npy(header("'|O'"), b"\x80\x04" + EVIL)),
    ("objects_in_a_field", "one field of a structure holds objects", npy(header("[('a', '<i4'), ('b', '|O')]"), EVIL)),
    ("objects_in_a_subarray", "a field of a subarray", npy(header("[('a', '|O', (2,))]"), EVIL)),
    ("objects_version_2", "version 2 of the format", npy(header("'|O'"), EVIL, 2)),
    ("objects_version_3", "version 3 of the format", npy(header("'|O'"), EVIL, 3)),
    ("objects_of_python_2", "a header of Python 2", npy(header("'|O'", "(1L,)"), EVIL)),
    ("unknown_version", "a version that does not exist", npy(header("'|O'"), EVIL, 9)),
    ("objects_by_a_dict", "a type that is given as a dict", npy(header("{'names':['a'],'formats':['|O']}"), EVIL)),
    ("code_in_the_header", "a header that is no literal", npy("__import__('os').system('id')\n", b"")),
    ("header_of_other_keys", "a header without its shape", npy("{'descr': '<f4'}\n", b"\0" * 4)),
    ("header_that_nests", "a header that makes the parser recurse", npy("(" * 5000 + ")" * 5000, b"")),
    ("header_too_long", "a header of a size that is not there", b"\x93NUMPY\x02\0" + struct.pack("<I", 1 << 30) + b"{"),
    (
        "shape_too_large",
        "an array of more bytes than there are",
        npy(header("'<f8'", "(4611686018427387904,)"), b"\0" * 8),
    ),
    ("negative_shape", "a size below nothing", npy(header("'<f8'", "(-1,)"), b"\0" * 8)),
    ("trailing_pickle", "a pickle behind the array", npy(header("'<f4'"), b"\0" * 4 + EVIL)),
    ("no_type", "a type that is none", npy(header("'<Q8'"), b"\0" * 8)),
    ("npz_member", "one member of many", npz({"a.npy": npy(header("'<f4'"), b"\0" * 4), "b.npy": OBJECTS})),
    ("npz_deflated", "the same, compressed", npz({"a.npy": OBJECTS}, zipfile.ZIP_DEFLATED)),
    ("npz_other_name", "a member that is not called .npy", npz({"weights": OBJECTS})),
    ("npz_pickle", "a member that is a pickle", npz({"a.npy": npy(header("'<f4'"), b"\0" * 4), "x.txt": EVIL})),
    (
        "dns",
        "picklescan: data sent by DNS out of an object array",
        npy(header("'|O'"), b"cssl\nget_server_certificate\n((S'x.example'\nI443\nttR."),
    ),
)
for _name, _why, _data in BAD:
    add(
        Sample(
            f"npy/{_name}", "npy", _why, "a.npz" if "npz" in _name else "a.npy", "", lambda d=_data: d, dangerous=True
        )
    )


@honest("npy", "four numbers", file="a.npy")
def numbers() -> bytes:
    return npy(header("'<f4'", "(2, 2)"), struct.pack("<4f", 1, 2, 3, 4))


@honest("npy", "a header of Python 2", file="a.npy")
def python_2() -> bytes:
    return npy(header("'<i8'", "(2L, 1L)"), struct.pack("<2q", 1, 2))


@honest("npy", "an array of plain objects", file="a.npy")
def plain_objects() -> bytes:
    return npy(header("'|O'", "(2,)"), pickle.dumps(["a", None], 4))


def _saved(name: str) -> bytes:
    import numpy as np

    values: dict[str, Any] = {
        "float": np.eye(3),
        "bool": np.array([True]),
        "half": np.zeros(3, "f2"),
        "complex": np.zeros(2, complex),
        "text": np.array(["ab", "c"]),
        "bytes": np.array([b"ab"]),
        "date": np.array(["2020"], "M8[Y]"),
        "record": np.zeros(2, [("a", "f4"), ("b", "i8", (2, 2))]),
        "void": np.zeros(2, "V5"),
        "empty": np.zeros((0, 4)),
        "scalar": np.array(3.0),
        "fortran": np.asfortranarray(np.eye(3)),
        "objects": np.array([{"a": 1}, "b"], object),
        "aligned": np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        "titled": np.zeros(1, np.dtype([(("title", "name"), "i4")])),
        "unicode_field": np.zeros(1, [("é", "f4")]),
    }
    buffer = io.BytesIO()
    np.save(buffer, values[name], allow_pickle=True)
    return buffer.getvalue()


for _name in (
    "float",
    "bool",
    "half",
    "complex",
    "text",
    "bytes",
    "date",
    "record",
    "void",
    "empty",
    "scalar",
    "fortran",
    "objects",
    "aligned",
    "titled",
    "unicode_field",
):
    add(Sample(f"npy/saved_{_name}", "npy", "numpy.save", "a.npy", "numpy", lambda n=_name: _saved(n), dangerous=False))


@bad("npy", "a pickle inside an object inside an npz inside a zip", file="a.zip")
def deep() -> bytes:
    return npz({"inner.npz": npz({"a.npy": npy(header("'|O'"), pickle.dumps({"x": EVIL}, 4))})})
