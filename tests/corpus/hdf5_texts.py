"""HDF5: what its texts and numbers hide: configurations of legacy Keras models, pickles, programs."""

from __future__ import annotations

import json
import pickle
import struct

from corpus import bad, honest
from corpus.hdf5_writer import (
    ATTRIBUTE,
    BYTE,
    SCALAR,
    Maker,
    attribute,
    compact,
    hard,
    message,
    opaque,
    shape,
    string,
    text,
)

DENSE = {"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {"units": 3}}]}}
LAMBDA = {"class_name": "Lambda", "config": {"function": ["4wEAAAABAAAAAAAAAA==", None, None]}}
STRINGS_UTF8 = bytes((0x19, 1, 1, 0)) + struct.pack("<I", 16) + bytes((0x13, 16, 0, 0)) + struct.pack("<I", 1)
STRINGS = bytes((0x19, 1, 0, 0)) + struct.pack("<I", 16) + string(1)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, ("id",)


@honest("hdf5", "a legacy Keras model", file="model.h5")
def legacy_model() -> bytes:
    maker = Maker()
    config = text("model_config", json.dumps(DENSE).encode())
    return maker.done(maker.group(hard("model_weights", maker.group()), config, text("backend", b"jax")))


@honest("hdf5", "an external link's near miss: its words in a text", file="model.h5")
def words_only() -> bytes:
    maker = Maker()
    return maker.done(maker.group(text("note", b"an ExternalLink to /etc/passwd would be bad"), text("odd", b"{x}")))


@honest("hdf5", "an object that PyTables keeps as a pickle, with nothing in it to call", file="table.h5")
def pickled_numbers() -> bytes:
    maker = Maker()
    return maker.done(maker.group(text("info", pickle.dumps({"columns": ["a", "b"], "lr": 0.1}, 0))))


@honest("hdf5", "texts in a heap, as h5py writes them by default", file="model.h5")
def texts_in_a_heap() -> bytes:
    maker = Maker()
    heap = maker.global_heap(b"one", b"two words")
    content = struct.pack("<IQI", 3, heap, 1) + struct.pack("<IQI", 9, heap, 2)
    return maker.done(maker.group(attribute("names", STRINGS, shape(2), content)))


@bad("hdf5", "CVE-2025-9905: a Lambda in a legacy model, which no safe mode stops", file="model.h5")
def legacy_lambda() -> bytes:
    maker = Maker()
    config = {"class_name": "Sequential", "config": {"layers": [LAMBDA]}}
    return maker.done(maker.group(text("model_config", json.dumps(config).encode())))


@bad("hdf5", "the same, its text in a heap", file="model.h5")
def legacy_lambda_in_heap() -> bytes:
    maker = Maker()
    config = json.dumps({"class_name": "Sequential", "config": {"layers": [LAMBDA]}}).encode()
    heap = maker.global_heap(config)
    content = struct.pack("<IQI", len(config), heap, 1)
    return maker.done(maker.group(attribute("model_config", STRINGS, SCALAR, content)))


def lambda_text() -> bytes:
    return json.dumps({"class_name": "Sequential", "config": {"layers": [LAMBDA]}}).encode()


@bad("hdf5", "a Lambda in a text that ends at a zero byte, with more behind it", file="model.h5")
def text_behind_zero() -> bytes:
    maker = Maker()
    return maker.done(maker.group(text("model_config", lambda_text() + b"\0}}}")))


@bad("hdf5", "a Lambda behind more white space than anybody looks through", file="model.h5")
def text_behind_space() -> bytes:
    maker = Maker()
    return maker.done(maker.group(text("model_config", b" " * 5000 + lambda_text())))


@bad("hdf5", "a Lambda beside bytes that are no UTF-8, which h5py lets pass", file="model.h5")
def text_of_odd_bytes() -> bytes:
    maker = Maker()
    config = lambda_text()[:-1] + b', "note": "\xff\xfe"}'
    content = struct.pack("<IQI", len(config), maker.global_heap(config), 1)
    return maker.done(maker.group(attribute("model_config", STRINGS_UTF8, SCALAR, content)))


@bad("hdf5", "a Lambda in JSON that is nested as deep as some readers go", file="model.h5")
def text_nested() -> bytes:
    maker = Maker()
    config = lambda_text()[:-1] + b', "note": ' + b"[" * 1500 + b"]" * 1500 + b"}"
    return maker.done(maker.group(text("model_config", config)))


@bad("hdf5", "two attributes of one name: an honest configuration, and another", file="model.h5")
def attribute_twice() -> bytes:
    maker = Maker()
    config = text("model_config", json.dumps(DENSE).encode())
    return maker.done(maker.group(config, text("model_config", json.dumps(DENSE).encode() + b" ")))


@bad("hdf5", "a pickle in an attribute, which PyTables loads", file="table.h5")
def pickled_attribute() -> bytes:
    maker = Maker()
    return maker.done(maker.group(text("FILTERS", pickle.dumps(Evil(), 0))))


@bad("hdf5", "a pickle in a data set of bytes", file="table.h5")
def pickled_data() -> bytes:
    maker, content = Maker(), pickle.dumps(Evil())
    return maker.done(maker.group(hard("w", maker.data(content, BYTE, len(content)))))


@bad("hdf5", "a pickle in an opaque value", file="table.h5")
def pickled_opaque() -> bytes:
    maker, content = Maker(), pickle.dumps(Evil())
    return maker.done(maker.group(hard("w", maker.data_set(compact(content), opaque(len(content))))))


@bad("hdf5", "a program in a data set", file="model.h5")
def program_in_data() -> bytes:
    maker, content = Maker(), b"\x7fELF\2\1\1" + bytes(57)
    return maker.done(maker.group(hard("w", maker.data(content, BYTE, len(content)))))


@bad("hdf5", "a Lambda in a table of shared messages, which is not read", file="model.h5")
def shared_attribute() -> bytes:
    maker = Maker()
    return maker.done(maker.group(message(ATTRIBUTE, b"\3\1" + bytes(8), 2)))
