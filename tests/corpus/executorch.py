"""ExecuTorch and ONNX Runtime's own format: operators, delegates, segments and tensors that lead outside."""

from __future__ import annotations

import pickle
import struct

from corpus import bad, honest
from corpus.onnx import Exploit
from corpus.tables import Slot, Table, Vector, Wide, build, u1, u4, u8

FILE, ORT = "model.pte", "model.ort"


def operator(name: str) -> Table:
    return Table(name, "out")


def program(*operators: Table, delegates: tuple[Table, ...] = (), segments: tuple[Table, ...] = ()) -> Table:
    devices = Vector(list(delegates)) if delegates else None
    plan = Table("forward", None, None, None, None, None, Vector(list(operators)), devices)
    parts = Vector(list(segments)) if segments else None
    return Table(u4(0), Vector([plan]), Vector([Table(bytes(16))]), None, parts)


def model(
    *operators: Table,
    delegates: tuple[Table, ...] = (),
    segment: tuple[int, int] | None = None,
    data: bytes = b"",
) -> bytes:
    """A program, with a header that says where segments begin when there are any."""
    parts = (Table(u8(segment[0]), u8(segment[1])),) if segment else ()
    used = operators or (operator("aten::add"),)
    tables = build(program(*used, delegates=delegates, segments=parts), b"ET12" + bytes(24))
    tables += bytes(-len(tables) % 16)
    header = b"eh00" + struct.pack("<IQQ", 24, len(tables), len(tables) if segment else 0)
    return tables[:8] + header + tables[32:] + data


def weights(offset: int, size: int, data: bytes) -> bytes:
    root = Table(u4(1), Vector([Table(u8(offset), u8(size))]), Vector([Table("w", u4(0))]))
    tables = build(root, b"FT01" + bytes(40))
    tables += bytes(-len(tables) % 16)
    header = b"FH01" + struct.pack("<IQQQQ", 40, 48, len(tables), len(tables), len(data))
    return tables[:8] + header[:40] + tables[48:] + data


def ort(*nodes: Table, tensors: tuple[Table, ...] = ()) -> bytes:
    held = Vector(list(tensors)) if tensors else None
    graph = Table(held, None, Vector(list(nodes)))
    opset = Vector([Table("", u8(18))])
    return build(Table("1.32.0", Table(u8(9), opset, None, None, None, None, None, graph)), b"ORTM")


def node(op: str, domain: str = "") -> Table:
    return Table("n", None, domain, u4(18), u4(0), op)


def tensor(dims: int, raw: bytes, more: tuple[Slot, ...] = ()) -> Table:
    return Table("w", None, Wide([dims]), u4(1), raw, *more)


@honest("executorch", "a program of one operator", file=FILE)
def small() -> bytes:
    return model(operator("aten::add"), operator("executorch_prim::mul"))


@honest("executorch", "weights in a segment behind the tables", file=FILE)
def segment() -> bytes:
    return model(segment=(0, 64), data=bytes(range(64)))


@honest("executorch", "a file of weights", file="model.ptd")
def flat() -> bytes:
    return weights(0, 64, bytes(range(64)))


@bad("executorch", "an operator that nobody knows", file=FILE)
def custom() -> bytes:
    return model(operator("acme::run"))


@bad("executorch", "PyTorch's operator that reads a file", file=FILE)
def from_file() -> bytes:
    return model(operator("aten::from_file"))


@bad("executorch", "a delegate: a program for a device", file=FILE)
def delegate() -> bytes:
    return model(delegates=(Table("XnnpackBackend", Table(u1(0), u4(0))),))


@bad("executorch", "a delegate that is a native library", file=FILE)
def native() -> bytes:
    return model(delegates=(Table("AotiBackend", Table(u1(0), u4(0))),))


@bad("executorch", "a segment beyond the end of the file", file=FILE)
def segment_beyond() -> bytes:
    return model(segment=(0, 1 << 40), data=bytes(64))


@bad("executorch", "bytes behind the last segment", file=FILE)
def behind() -> bytes:
    return model(segment=(0, 64), data=bytes(64) + pickle.dumps(Exploit()))


@bad("executorch", "bytes between tables and segment", file=FILE)
def between() -> bytes:
    return model(segment=(64, 64), data=b"hidden, and in no table at all" + bytes(98))


@bad("executorch", "a header that says more than there is", file=FILE)
def header() -> bytes:
    data = bytearray(segment())
    data[16:24] = struct.pack("<Q", 1 << 40)
    return bytes(data)


@bad("executorch", "the first offset leads out of the file", file=FILE)
def offset() -> bytes:
    return struct.pack("<I", 1 << 30) + small()[4:]


@bad("executorch", "weights beyond the end of the file", file="model.ptd")
def flat_beyond() -> bytes:
    return weights(0, 1 << 40, bytes(64))


@honest("ort", "a model of one operator and one weight", file=ORT)
def ort_small() -> bytes:
    return ort(node("Relu"), tensors=(tensor(2, bytes(8)),))


@bad("ort", "a custom operator", file=ORT)
def ort_custom() -> bytes:
    return ort(node("Steal", "com.acme"))


@bad("ort", "a compiled program", file=ORT)
def ort_compiled() -> bytes:
    return ort(node("EPContext", "com.microsoft"))


@bad("ort", "a tensor of more values than its bytes", file=ORT)
def ort_size() -> bytes:
    return ort(node("Relu"), tensors=(tensor(1 << 40, bytes(8)),))


@bad("ort", "weights in another file", file=ORT)
def ort_external() -> bytes:
    return ort(node("Relu"), tensors=(tensor(2, bytes(8), (None, u8(0))),))


@bad("ort", "a pickle behind the model", file=ORT)
def ort_behind() -> bytes:
    return ort(node("Relu")) + pickle.dumps(Exploit())


@bad("compiled", "a TensorRT engine: machine code for a GPU", file="model.engine")
def tensorrt() -> bytes:
    return b"ptrt" + bytes(range(256))


@bad("compiled", "a PyTorch mobile program", file="model.ptl")
def mobile() -> bytes:
    return build(Table(u4(1)), b"PTMF")


@bad("compiled", "an RKNN model", file="model.rknn")
def rknn() -> bytes:
    return b"RKNN" + bytes(range(256))
