"""Core ML: classes of the app, models and weights in other places, and weights that are not what they say."""

from __future__ import annotations

import pickle
import struct

from corpus import Content, bad, honest
from corpus.onnx import Exploit
from corpus.wire import field, fields

FILE = "model.mlmodel"
PACKAGE = "Data/com.apple.CoreML"
PIPELINE, NEURAL, PROGRAM, CUSTOM, LINKED, SERIALIZED = 202, 500, 502, 555, 556, 3000
CUSTOM_LAYER, ACTIVATION = 500, 130


def model(number: int, content: bytes, version: int = 4) -> bytes:
    metadata = field(100, fields((1, "a model"), (3, "a team")))
    return field(1, version) + field(2, metadata) + field(number, content)


def layer(number: int, content: bytes) -> bytes:
    return field(1, fields((1, "a"), (2, "x"), (3, "y")) + field(number, content))


def operation(kind: str, more: bytes = b"") -> bytes:
    return field(1, kind) + more


def program(*operations: bytes) -> bytes:
    block = field(3, field(1, "CoreML5") + field(2, b"".join(field(3, o) for o in operations)))
    function = field(2, field(1, "main") + field(2, field(2, "CoreML5") + block))
    return model(PROGRAM, field(1, 1) + function, 6)


def blob(name: str, offset: int = 64) -> bytes:
    value = field(5, fields((1, name), (2, offset)))
    return operation("const", field(5, field(1, "val") + field(2, value)))


def weights(*blobs: bytes, count: int | None = None) -> bytes:
    out = struct.pack("<II", len(blobs) if count is None else count, 2) + bytes(56)
    for content in blobs:
        begin = len(out) + 64
        out += struct.pack("<IIQQ", 0xDEADBEEF, 2, len(content), begin) + bytes(40) + content
        out += bytes(-len(out) % 64)
    return out


@honest("coreml", "a neural network of one layer", file=FILE)
def network() -> bytes:
    return model(NEURAL, layer(ACTIVATION, field(10, b"")))


@honest("coreml", "a program with its weights beside it")
def package() -> Content:
    return {
        f"{PACKAGE}/model.mlmodel": program(blob("@model_path/weights/weight.bin"), operation("relu")),
        f"{PACKAGE}/weights/weight.bin": weights(struct.pack("<4f", 1, 2, 3, 4)),
    }


@honest("coreml", "weights of two blobs", file="weight.bin")
def two_blobs() -> bytes:
    return weights(bytes(100), bytes(64))


@bad("coreml", "a layer that runs a class of the app", file=FILE)
def custom_layer() -> bytes:
    return model(NEURAL, layer(CUSTOM_LAYER, field(10, "RunShell")))


@bad("coreml", "a model that is a class of the app", file=FILE)
def custom_model() -> bytes:
    return model(CUSTOM, field(10, "Payload") + field(30, field(1, "k") + field(2, field(60, pickle.dumps(Exploit())))))


@bad("coreml", "a custom layer in a model in a pipeline", file=FILE)
def custom_in_pipeline() -> bytes:
    return model(PIPELINE, field(1, custom_layer()))


@bad("coreml", "a model that loads one outside its folder", file=FILE)
def linked() -> bytes:
    names = fields((1, field(1, "x.mlmodelc")), (2, field(1, "../../other")))
    return model(LINKED, field(1, names))


@bad("coreml", "a model that loads another one", file=FILE)
def linked_inside() -> bytes:
    return model(LINKED, field(1, fields((1, field(1, "x.mlmodelc")))))


@bad("coreml", "a model for another framework, as bytes", file=FILE)
def serialized() -> bytes:
    return model(SERIALIZED, fields((1, "com.acme"), (2, bytes(64))))


@bad("coreml", "a program with an operator that nobody knows", file=FILE)
def unknown_operator() -> bytes:
    return program(operation("acme.run"))


@bad("coreml", "weights outside the package", file=FILE)
def weights_outside() -> bytes:
    return program(blob("@model_path/../../../../etc/passwd"))


@bad("coreml", "weights from an absolute path", file=FILE)
def weights_absolute() -> bytes:
    return program(blob("/etc/passwd"))


@bad("coreml", "weights beside the package, wherever the app runs", file=FILE)
def weights_elsewhere() -> bytes:
    return program(blob("weights.bin"))


@bad("coreml", "two kinds of model: the last one counts", file=FILE)
def two_kinds() -> bytes:
    return field(1, 4) + field(2, b"") + field(PIPELINE, network()) + field(PIPELINE, field(1, network()))


@bad("coreml", "a layer of two kinds", file=FILE)
def two_layers() -> bytes:
    return model(NEURAL, layer(ACTIVATION, field(10, b"") + field(20, b"")))


@bad("coreml", "a layer that nobody knows", file=FILE)
def unknown_layer() -> bytes:
    return model(NEURAL, layer(9999, b"\x0a\x01x"))


@bad("coreml", "a program in the metadata", file=FILE)
def program_in_metadata() -> bytes:
    note = field(100, field(100, field(1, "note") + field(2, "__import__('os').system('id')")))
    return field(1, 4) + field(2, note) + field(NEURAL, layer(ACTIVATION, field(10, b"")))


@bad("coreml", "the model breaks off", file=FILE)
def truncated() -> bytes:
    return model(NEURAL, layer(ACTIVATION, field(10, b"") + bytes(2)))[:-3]


@bad("coreml", "a blob beyond the end of the weights", file="weight.bin")
def blob_beyond() -> bytes:
    return weights(bytes(100))[:-64]


@bad("coreml", "fewer blobs than the header says", file="weight.bin")
def blob_count() -> bytes:
    return weights(bytes(64), count=7)


@bad("coreml", "bytes behind the last blob", file="weight.bin")
def blob_behind() -> bytes:
    return weights(bytes(64)) + pickle.dumps(Exploit())


@bad("coreml", "bytes between a blob and the next", file="weight.bin")
def blob_between() -> bytes:
    data = bytearray(weights(bytes(10), bytes(64)))
    data[140:150] = b"not a blob"
    return bytes(data)
