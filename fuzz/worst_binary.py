"""Binary formats: counts that are not there, graphs in graphs, many tiny records."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable

MB = 1 << 20


def field(number: int, data: bytes) -> bytes:
    """A protocol buffer's field with its length."""
    size, out = len(data), bytes((number << 3 & 0x7F | 2 | (0x80 if number > 15 else 0),))
    out += bytes((number >> 4,)) if number > 15 else b""
    while size > 0x7F:
        out, size = out + bytes((size & 0x7F | 0x80,)), size >> 7
    return out + bytes((size,)) + data


def onnx(graph: bytes, more: bytes = b"") -> bytes:
    """A model of that graph."""
    return b"\x08\x08" + more + field(7, graph)


def graphs(depth: int) -> bytes:
    """A graph in a node of a graph in a node …"""
    graph = b""
    for _ in range(depth):
        graph = field(1, field(5, field(6, graph)))
    return graph


def many(make: Callable[[int], bytes]) -> bytes:
    """Records with a number in each, a megabyte of them."""
    size = len(make(10_000))
    return b"".join(make(i) for i in range(MB // size))


def safetensors(text: bytes, data: bytes = b"") -> bytes:
    """A header of that text."""
    return struct.pack("<Q", len(text)) + text + data


def tensors() -> bytes:
    """Seventeen thousand empty tensors."""
    about = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    return safetensors(json.dumps({str(i): about for i in range(MB // 60)}).encode())


def npy(header: str) -> bytes:
    """An array of that header."""
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(header)) + header.encode()


def gguf(tensors: int, entries: int, rest: bytes) -> bytes:
    """A file of that table."""
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, entries) + rest


def key(name: bytes, kind: int) -> bytes:
    """A metadata key."""
    return struct.pack("<Q", len(name)) + name + struct.pack("<I", kind)


SHAPE = b'{"a":{"dtype":"F32","shape":[%s1],"data_offsets":[0,4]}}'
TYPE = "{'descr':%s,'fortran_order':False,'shape':%s}"
TEXT, ROW = struct.pack("<Q", 2) + b"ab", struct.pack("<QIQ", 8, 0, 0)
UBJ = b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner"
R = b"X\n" + struct.pack(">III", 2, 0x40000, 0x20300)
CASES: dict[str, Callable[[], bytes]] = {
    "onnx nodes": lambda: onnx(field(1, field(1, field(4, b"Add"))[2:]) * (MB // 7)),
    "onnx graphs in graphs": lambda: onnx(graphs(20_000)), "onnx graphs 60 deep": lambda: onnx(graphs(60) * 4000),
    "onnx operators": lambda: onnx(many(lambda i: field(1, field(4, b"A%d" % i) + field(7, b"x")))),
    "onnx files": lambda: onnx(many(lambda i: field(5, field(13, field(1, b"location") + field(2, b"../a%d" % i))))),
    "onnx names": lambda: onnx(many(lambda i: field(5, field(8, b"a%d" % i)))),
    "onnx functions": lambda: onnx(b"", many(lambda i: field(25, field(1, b"f%d" % i)))),
    "onnx dimensions": lambda: onnx(field(5, field(1, b"\x01" * 900_000))),
    "protobuf zeros": lambda: bytes(MB), "protobuf fields": lambda: b"\x08\x01" * (MB // 2),
    "safetensors of many": tensors, "safetensors deep": lambda: safetensors(b'{"a":' + b"[" * 500_000 + b"]" * 500_000),
    "safetensors dimensions": lambda: safetensors(SHAPE % (b"1," * 480_000), bytes(4)),
    "safetensors large dimensions": lambda: safetensors(SHAPE % ((b"9" * 4000 + b",") * 240), bytes(4)),
    "npy deep": lambda: npy("(" * 300_000 + ")" * 300_000),
    "npy minus": lambda: npy("{'descr':" + "-" * 900_000 + "1}"),
    "npy digits": lambda: npy(TYPE % ("'<f4'", "(" + "9" * 900_000 + ",)")),
    "npy dimensions": lambda: npy(TYPE % ("'<f4'", "(" + "9999," * 180_000 + ")")),
    "npy fields": lambda: npy(TYPE % ("[" + "('a','<f4')," * 80_000 + "]", "(1,)")),
    "gguf entries": lambda: gguf(0, 40_000, b"".join(key(b"k%05d" % i, 0) + b"\1" for i in range(40_000))),
    "gguf texts": lambda: gguf(0, 1, key(b"a", 9) + struct.pack("<IQ", 8, MB // 10) + TEXT * (MB // 10)),
    "gguf arrays": lambda: gguf(0, 1, key(b"a", 9) + struct.pack("<IQ", 9, 1) * 80_000),
    "gguf tensors": lambda: gguf(20_000, 0, b"".join(key(b"k%05d" % i, 1) + ROW for i in range(20_000))),
    "ubjson arrays": lambda: UBJ + b"[" * MB, "ubjson counts": lambda: UBJ + b"[$U#L" + b"\xff" * 8 + b"\1" * MB,
    "ubjson nulls": lambda: UBJ + b"[#L\0\0\0\0\x7f\xff\xff\xff" + b"Z" * MB,
    "ubjson nothing, often": lambda: UBJ + b"[$Z#L\0\0\0\0\x7f\xff\xff\xff}",
    "hdf5 zeros": lambda: b"\x89HDF\r\n\x1a\n" + bytes(MB), "hdf5 marks": lambda: b"\x89HDF\r\n\x1a\n" * (MB // 8),
    "tflite tables": lambda: b"\x1c\0\0\0TFL3" + b"\1\0\0\0" * (MB // 4), "msgpack arrays": lambda: b"\x91" * MB,
    "msgpack maps": lambda: b"\xdf\xff\xff\xff\xff" + b"\xc0" * MB,
    "r vector": lambda: R + b"\0\0\x02\x13\x7f\xff\xff\xff" + b"\0\0\0\xfe" * (MB // 4),
    "r pairs": lambda: R + b"\0\0\x04\x02\0\0\0\1\0\x04\0\x09\0\0\0\1a\0\0\0\xfe" * 40_000,
    "r vectors in vectors": lambda: R + b"\0\0\0\x13\0\0\0\1" * (MB // 8),
}  # fmt: skip
