"""Archives and streams that are slow to open: many members, many frames, small bytes that become large ones."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable

MB = 1 << 20


def zipped(n: int, data: bytes = b"", name: str = "{}", method: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of n members of the same bytes."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", method) as archive:
        warnings.simplefilter("ignore")
        for i in range(n):
            archive.writestr(name.format(i), data)
    return out.getvalue()


def layers(depth: int, wide: int, inside: bytes) -> bytes:
    """Zips in zips."""
    for _ in range(depth):
        inside = zipped(wide, inside, method=zipfile.ZIP_DEFLATED)
    return inside


def onion(pack: Callable[[bytes], bytes], depth: int) -> bytes:
    """A stream in a stream in a stream …"""
    data = b"N."
    for _ in range(depth):
        data = pack(data)
    return data


def full(piece: bytes) -> bytes:
    """One piece, as often as a megabyte holds it."""
    return piece * (MB // len(piece))


def tar(n: int, **headers: str) -> bytes:
    """A tar of empty members."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for i in range(n):
            info = tarfile.TarInfo(("a" * 300 if headers else "a") + str(i))
            info.pax_headers = headers
            archive.addfile(info)
    return out.getvalue()[:MB]


OPCODES = b"\x80\x04" + b"]0" * 2_000_000 + b"N."
SCALAR = b"\x93NUMPY\x01\x00\x3a\x00{'descr':'<f4','fortran_order':False,'shape':()}".ljust(68) + bytes(4)
ZSTD_RLE = b"\x28\xb5\x2f\xfd\x00\x58" + (struct.pack("<I", 0x1FFFF << 3 | 2)[:3] + b"A") * (MB // 4) + b"\x01\x00\x00"
CASES: dict[str, Callable[[], bytes]] = {
    "zip of many": lambda: zipped(9500), "zip of many pickles": lambda: zipped(6000, pickle.dumps(1)),
    "zip of one name": lambda: zipped(9500, name="a"), "zip ends": lambda: b"PK\x03\x04" + full(b"PK\x05\x06"),
    "zip heads": lambda: full(b"PK\x03\x04"), "zip ends behind zeros": lambda: bytes(MB) + b"PK\x05\x06" * 16_000,
    "zip torch of many": lambda: zipped(6500, pickle.dumps({}), "a/data/{}"),
    "zip npz of many": lambda: zipped(5000, SCALAR, "{}.npy"),
    "zip in zip": lambda: layers(70, 1, b"N."), "zip of zips of zips": lambda: layers(5, 9, pickle.dumps(1)),
    "zip bomb of zeros": lambda: zipped(400, bytes(1_000_000), method=zipfile.ZIP_DEFLATED),
    "zip bomb of opcodes": lambda: zipped(30, OPCODES, method=zipfile.ZIP_DEFLATED),
    "gzip bomb of opcodes": lambda: gzip.compress(OPCODES * 10), "gzip of many": lambda: full(gzip.compress(b"")),
    "gzip in gzip": lambda: onion(gzip.compress, 80), "bzip2 of many": lambda: full(bz2.compress(b"")),
    "xz of many": lambda: full(lzma.compress(b"")),
    "lzma bomb": lambda: lzma.compress(bytes(60_000_000), format=lzma.FORMAT_ALONE),
    "zstd of many": lambda: full(b"\x28\xb5\x2f\xfd\x00\x00\x01\x00\x00"), "zstd bomb": lambda: ZSTD_RLE,
    "lz4 of many": lambda: b"\x04\x22\x4d\x18\x60\x70\x73" + full(struct.pack("<I", 4) + b"\x40abc"),
    "lz4 of nothing": lambda: full(b"\x50\x2a\x4d\x18\0\0\0\0"), "tar of many": lambda: tar(1000),
    "tar of headers": lambda: tar(200, **{f"k{i}": "v" for i in range(50)}),
}  # fmt: skip
