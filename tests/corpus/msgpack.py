"""MessagePack: Flax's weights, and what a reader of extensions or of pickled arrays would do with others."""

from __future__ import annotations

import base64
import marshal
import pickle
import struct
from collections.abc import Callable
from typing import Any

from corpus import Sample, add

EVIL = b"cposix\nsystem\n(S'id'\ntR."


class Ext:
    """An extension. code: its number; content: its bytes."""

    def __init__(self, code: int, content: bytes) -> None:
        self.code, self.content = code, content


class Raw(bytes):
    """Bytes that are written as they are."""


def pack(value: Any) -> bytes:
    """As msgpack writes, with the longer heads throughout."""
    if isinstance(value, Raw):
        return bytes(value)
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return struct.pack("B", value) if 0 <= value < 128 else b"\xd3" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogateescape")
        return struct.pack("B", 0xA0 | len(raw)) + raw if len(raw) < 32 else b"\xda" + struct.pack(">H", len(raw)) + raw
    if isinstance(value, bytes):
        return b"\xc6" + struct.pack(">I", len(value)) + value
    if isinstance(value, Ext):
        return b"\xc9" + struct.pack(">Ib", len(value.content), value.code) + value.content
    if isinstance(value, dict):
        head = struct.pack("B", 0x80 | len(value)) if len(value) < 16 else b"\xde" + struct.pack(">H", len(value))
        return head + b"".join(pack(key) + pack(item) for key, item in value.items())
    return b"\xdc" + struct.pack(">H", len(value)) + b"".join(pack(item) for item in value)


def array(shape: tuple[int, ...], dtype: str, raw: bytes, code: int = 1) -> Ext:
    """Flax's array."""
    return Ext(code, pack([list(shape), dtype, raw]))


KERNEL = array((2, 3), "float32", struct.pack("<6f", *range(6)))
NUMPY = {b"nd": True, b"type": "<f4", b"kind": b"", b"shape": [2], b"data": struct.pack("<2f", 1, 2)}

BAD: dict[str, Callable[[], bytes]] = {
    "pickle_in_bytes": lambda: pack({"params": EVIL}),
    "pickle_in_text": lambda: pack({"params": EVIL.decode()}),
    "pickle_in_base64": lambda: pack({"params": base64.b64encode(pickle.dumps(eval)).decode()}),
    "marshalled_code": lambda: pack({"params": marshal.dumps(compile("import os", "x", "exec"))}),
    "numpy_objects": lambda: pack({"w": NUMPY | {b"kind": b"O", b"type": "O", b"data": EVIL}}),
    "numpy_objects_of_harmless_content": lambda: pack({"w": NUMPY | {b"kind": b"O", b"data": pickle.dumps([1])}}),
    "numpy_objects_of_text_keys": lambda: pack({"w": {"nd": True, "kind": "O", "data": EVIL}}),
    "extension_of_nobody": lambda: pack({"params": Ext(42, EVIL)}),
    "extension_of_objects": lambda: pack({"params": Ext(5, b"os.system")}),
    "timestamp_of_another_size": lambda: pack({"params": Ext(-1, b"abc")}),
    "array_of_fewer_bytes": lambda: pack({"params": array((2, 3), "float32", b"\0" * 8)}),
    "array_of_more_bytes": lambda: pack({"params": array((2,), "float32", b"\0" * 80)}),
    "array_of_negative_shape": lambda: pack({"params": array((-1,), "float32", b"\0" * 4)}),
    "array_of_objects": lambda: pack({"params": array((1,), "object", b"\0" * 8)}),
    "array_of_a_type_of_nobody": lambda: pack({"params": array((1,), "os.system", b"\0" * 8)}),
    "array_without_a_shape": lambda: pack({"params": Ext(1, pack(["float32", b""]))}),
    "array_with_bytes_behind": lambda: pack({"params": Ext(1, KERNEL.content + EVIL)}),
    "complex_of_one": lambda: pack({"params": Ext(2, pack([1.0]))}),
    "key_twice": lambda: b"\x82" + pack("a") + pack(1) + pack("a") + pack(2),
    "key_that_is_a_map": lambda: b"\x82" + pack("a") + pack(1) + pack({"b": 1}) + pack(2),
    "data_behind": lambda: pack({"params": KERNEL}) + EVIL,
    "second_value": lambda: pack({"params": KERNEL}) * 2,
    "cut": lambda: pack({"params": KERNEL})[:-3],
    "huge_array": lambda: b"\x81" + pack("params") + b"\xdd\xff\xff\xff\xff",
    "huge_text": lambda: b"\x81" + pack("params") + b"\xdb\xff\xff\xff\xff",
    "huge_map": lambda: b"\x81" + pack("params") + b"\xdf\xff\xff\xff\xff",
    "nested_deeply": lambda: b"\x81" + pack("params") + b"\x91" * 5000 + b"\xc0",
    "text_that_is_no_utf8": lambda: pack({"params": "\udcff\udcfe"}),
    "byte_of_nobody": lambda: b"\x81" + pack("params") + b"\xc1",
}
GOOD: dict[str, tuple[str, Callable[[], bytes]]] = {
    "flax": (
        "flax.serialization.to_bytes: arrays, a scalar, a complex number, plain values",
        lambda: pack(
            {
                "params": {"Dense_0": {"kernel": KERNEL, "scale": array((), "float32", b"\0" * 4, 3)}},
                "step": 7,
                "done": None,
                "rate": 0.5,
                "pole": Ext(2, pack([1.0, 2.0])),
                "flag": True,
            }
        ),
    ),
    "flax_bfloat16": ("half the bytes", lambda: pack({"w": array((3,), "bfloat16", b"\0" * 6)})),
    "flax_empty": ("an array of no items", lambda: pack({"w": array((0, 4), "float32", b"")})),
    "flax_chunks": (
        "an array beyond a gigabyte is cut in pieces",
        lambda: pack(
            {
                "w": {
                    "__msgpack_chunked_array__": True,
                    "shape": {"0": 6},
                    "chunks": {"0": array((6,), "int8", bytes(6))},
                }
            }
        ),
    ),
    "numpy": ("msgpack-numpy, as spaCy and thinc write", lambda: pack({"params": [NUMPY, NUMPY], "nodes": []})),
    "empty": ("spaCy's table of nothing", lambda: b"\x80"),
    "hashes": (
        "spaCy's table of hashes",
        lambda: b"\x82" + (b"\xcf" + bytes(range(8)) + b"\x01" + b"\xcf" + bytes(range(1, 9)) + b"\x02"),
    ),
    "many_keys": ("near miss: forty keys", lambda: pack({f"layer_{n}": KERNEL for n in range(40)})),
    "pickle_marks_in_an_array": (
        "near miss: numbers that begin as a pickle does",
        lambda: pack({"w": array((6,), "uint8", b"\x80\x04\x95\0\0\0")}),
    ),
}
for _name, _build in BAD.items():
    _why = "a reader runs it, allocates for it, or reads it otherwise than another"
    add(Sample(f"msgpack/{_name}", "msgpack", _why, "model.msgpack", "", _build, True))
for _name, (_why, _build) in GOOD.items():
    add(Sample(f"msgpack/honest_{_name}", "msgpack", _why, "model.msgpack", "", _build, False))
