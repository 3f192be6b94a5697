"""Bytes in HDF5 that no reader looks at, weights in archives, and texts that lead elsewhere or say too much."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib

from corpus import Content, bad, hdf5_writer, honest, onnx, tensorflow
from corpus.unread import ELF, FLOATS, NOISE, PAIR, openvino_constant, second

# HDF5


def hdf5(*messages: bytes, gap: bytes = b"", data: tuple[bytes, ...] = ()) -> bytes:
    """A file of one number: with these messages in its root group and in its data set, and bytes of nobody's."""
    maker = hdf5_writer.Maker()
    place = maker.data(struct.pack("<f", 1), more=data)
    maker.put(gap)
    return maker.done(maker.group(hdf5_writer.hard("w", place), *messages))


@honest("hdf5", "a comment, a fill value, and what is left of older metadata", file="model.h5")
def hdf5_leftovers() -> bytes:
    fill = hdf5_writer.message(5, b"\3\x29" + struct.pack("<If", 4, 0.5))
    return hdf5(hdf5_writer.message(13, b"weights of 2024\0"), gap=NOISE[:1000], data=(fill,))


@bad("hdf5", "60,000 bytes that belong to no object", file="model.h5")
def hdf5_gap() -> bytes:
    return hdf5(gap=NOISE[:60_000])


@bad("hdf5", "the same in a message that says nothing", file="model.h5")
def hdf5_nothing() -> bytes:
    return hdf5(hdf5_writer.message(0, NOISE[:60_000]))


@bad("hdf5", "the same in a comment", file="model.h5")
def hdf5_comment() -> bytes:
    return hdf5(hdf5_writer.message(13, NOISE[:30_000]))


@bad("hdf5", "the same in the value of numbers that were never written", file="model.h5")
def hdf5_fill() -> bytes:
    return hdf5(data=(hdf5_writer.message(5, b"\3\x29" + struct.pack("<I", 60_000) + NOISE[:60_000]),))


@bad("hdf5", "the same behind the value of an attribute", file="model.h5")
def hdf5_attribute() -> bytes:
    kind, space = hdf5_writer.string(4), hdf5_writer.SCALAR
    return hdf5(hdf5_writer.attribute("note", kind, space, b"abcd" + NOISE[:40_000]))


@bad("hdf5", "the same behind packed numbers, in a chunk that is not the first", file="model.h5", needs="h5py")
def hdf5_chunk() -> bytes:
    return packed(NOISE[:60_000])


@bad("hdf5", "a few bytes there", file="model.h5", needs="h5py")
def hdf5_chunk_little() -> bytes:
    return packed(NOISE[:500])


def packed(behind: bytes) -> bytes:
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        data = file.create_dataset("w", (4, 1000), chunks=(1, 1000), dtype="<f4", compression="gzip")
        for row in range(4):
            raw = zlib.compress(struct.pack("<f", row) * 1000)
            data.id.write_direct_chunk((row, 0), raw + (behind if row == 2 else b""))
    return buffer.getvalue()


# inside of archives


def zipped(content: Content) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in content.items() if not isinstance(content, bytes) else ():
            assert isinstance(part, bytes)
            archive.writestr(f"model/{name}", part)
    return buffer.getvalue()


@honest("zip", "an ONNX model and its weights, in one archive", file="model.zip")
def zip_onnx() -> bytes:
    tensors = onnx.outside("z.data", offset="0", length="8"), second("z.data", (2,), offset="4096", length="8")
    return zipped({"model.onnx": onnx.model(tensors=tensors), "z.data": PAIR + bytes(4088) + PAIR})


@honest("zip", "the weights come first", file="model.zip")
def zip_onnx_reversed() -> bytes:
    weights = onnx.outside("a.data", offset="0", length="8")
    return zipped({"a.data": PAIR, "model.onnx": onnx.model(tensors=(weights,))})


@honest("zip", "a model of OpenVINO and its weights", file="model.zip")
def zip_openvino() -> bytes:
    return zipped(openvino_constant())


@honest("zip", "a checkpoint of TensorFlow", file="model.zip")
def zip_checkpoint() -> bytes:
    return zipped(tensorflow.two_tensors())


@bad("zip", "an ONNX model whose weights are not all of its file", file="model.zip")
def zip_onnx_unread() -> bytes:
    return zipped({"model.onnx": onnx.model(tensors=(onnx.outside("w.bin"),)), "w.bin": PAIR + NOISE})


@bad("zip", "an ONNX model whose weights are not in the archive", file="model.zip")
def zip_onnx_missing() -> bytes:
    return zipped({"model.onnx": onnx.model(tensors=(onnx.outside("w.bin"),)), "v.txt": b"weights are elsewhere"})


@bad("zip", "an ONNX model that reads outside of its folder", file="model.zip")
def zip_onnx_outside() -> bytes:
    return zipped({"model.onnx": onnx.model(tensors=(onnx.outside("../w.bin"),))})


@bad("tensorflow", "a program as a tensor of a checkpoint")
def tensorflow_checkpoint_program() -> Content:
    return tensorflow.checkpoint(ELF, tensorflow.entry(b"w", (FLOATS,), 0, len(ELF)))


# texts that point elsewhere, or say more than they seem to


def manifest(path: str, root: str = "A") -> Content:
    item = {"author": "com.apple.CoreML", "description": "weights", "name": "weights", "path": path}
    value = {"fileFormatVersion": "1.0.0", "itemInfoEntries": {"A": item}, "rootModelIdentifier": root}
    return {"Manifest.json": json.dumps(value).encode()}


@honest("coreml", "the list of a package")
def coreml_manifest() -> Content:
    return manifest("com.apple.CoreML/model.mlmodel")


@bad("coreml", "a package whose list leads outside")
def coreml_manifest_outside() -> Content:
    return manifest("../../../etc/passwd")


@bad("coreml", "a package without the model that it names")
def coreml_manifest_root() -> Content:
    return manifest("com.apple.CoreML/model.mlmodel", "B")


@bad("keras", "the path of a vocabulary as bytes", file="config.json")
def keras_vocabulary() -> bytes:
    path = {"class_name": "__bytes__", "config": "secret.txt"}
    layer = {"class_name": "TextVectorization", "module": "keras.layers", "config": {"vocabulary": path}}
    config = {"name": "s", "layers": [{**layer, "registered_name": None}]}
    return json.dumps({"class_name": "Sequential", "module": "keras", "config": config}).encode()


def blank(padding: bytes) -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, indent=2).encode() + padding
    return struct.pack("<Q", len(header)) + header + PAIR


@honest("safetensors", "a header printed nicely, and padded with spaces", file="w.safetensors")
def safetensors_indented() -> bytes:
    return blank(b" " * 4000)


@bad("safetensors", "a message in spaces and tabs behind the header", file="w.safetensors")
def safetensors_blank() -> bytes:
    return blank(bytes(0x20 if byte & 1 else 0x09 for byte in NOISE[:50_000]))
