"""Which reader finds the tensors of which file: by content, as the scan tells formats apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...core.errors import LimitExceeded, UnsupportedError
from ...core.limits import Limits
from ..formats import safetensors
from ..formats import zip as zips
from ..walk import Walk, printable
from .builder import Builder
from .told import Call
from .values import Whole

TORCH_MAGIC = b"l\xfc\x9cF\xf9 j\xa8P\x19"
NPY = b"\x93NUMPY"
HDF5 = b"\x89HDF\r\n\x1a\n"
KERAS = "model.weights.h5"
PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x5d\0\0", b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")
TWO_READINGS = ("artifact.archive.duplicate", "artifact.archive.mismatch")


@dataclass(frozen=True)
class Source:
    """What a file holds. form: what it is; framework: what safetensors calls its tensors."""

    form: str
    framework: str
    result: Any
    calls: Mapping[str, Call] = field(default_factory=dict)


def read(data: memoryview, limits: Limits) -> Source:
    """The objects of a file, nothing of it run. Raises UnsupportedError for a format that holds no tensors we know."""
    if len(data) > limits.max_file_bytes:
        raise LimitExceeded(f"{len(data)} bytes, the limit is {limits.max_file_bytes}")
    walk = Walk(limits, lambda *_: None)
    head = bytes(data[:64])
    if zips.sniff(data):
        return _zip(walk, data, limits)
    if TORCH_MAGIC in head[:24]:
        from .torch_file import read_legacy

        built = read_legacy(data, limits.max_opcodes)
        return Source("torch legacy", "pt", built.result, built.calls)
    if head.startswith(NPY):
        from .npy_file import read_npy

        return Source("npy", "np", read_npy(data))
    if head.startswith(PACKED):
        return _packed(walk, data, limits)
    if safetensors.sniff(data):
        from .safetensors_file import read_safetensors

        return Source("safetensors", "np", read_safetensors(data))
    if head.startswith(HDF5):
        from .hdf5_file import read_hdf5

        return Source("hdf5", "tf", read_hdf5(walk, data))
    if head[:1] == b"\x08":
        from .onnx_file import read_onnx

        return Source("onnx", "np", read_onnx(data))
    return _pickle(data, limits)


def _zip(walk: Walk, data: memoryview, limits: Limits) -> Source:
    archive = zips.open_zip(walk, data, "")
    if archive is None or not archive.members:
        raise UnsupportedError("the zip is empty or beyond the limits", hint="hauberk scan says why")
    if two := next((f for f in walk.flaws if f.rule in TWO_READINGS), None):
        raise UnsupportedError(f"the zip has two readings: {two.place}: {two.message}", hint="make it again")
    if all(m.name.endswith(".npy") for m in archive.members):
        from .npy_file import read_npy
        from .torch_file import member

        items: list[Any] = []
        for m in archive.members:
            items += [m.name.removesuffix(".npy"), read_npy(member(walk, archive, m.name))]
        return Source("npz", "np", Whole("dict", items))
    if archive.named(KERAS):
        from .hdf5_file import read_hdf5
        from .torch_file import member

        return Source("keras", "tf", read_hdf5(walk, member(walk, archive, KERAS)))
    from .torch_file import read_zip

    built = read_zip(walk, archive)
    return Source("torch", "pt", built.result, built.calls)


def _pickle(data: memoryview, limits: Limits) -> Source:
    """A pickle of arrays; of torch tensors too, whose storages are then torch files of their own."""
    from .numpy_values import MAKERS as NUMPY
    from .numpy_values import joblib_block
    from .torch_file import stored_makers
    from .torch_values import MAKERS as TORCH

    builder = Builder(data, makers=NUMPY | stored_makers(limits.max_opcodes), max_opcodes=limits.max_opcodes)
    builder.hand.blocks = joblib_block
    try:
        result = builder.build()
    except Exception as error:
        if builder.steps == 0:
            raise UnsupportedError(f"begins with {printable(repr(bytes(data[:8])))}: no format that holds tensors "
                                   "and is known here", hint="hauberk scan says what it is") from error  # fmt: skip
        raise
    framework = "pt" if builder.hand.used & TORCH.keys() else "np"
    return Source("pickle", framework, result, builder.hand.calls)


def _packed(walk: Walk, data: memoryview, limits: Limits) -> Source:
    """A joblib file that was compressed: its streams, one behind the other."""
    from ..formats import compressed

    make = next((make for magic, make in compressed.KINDS if bytes(data[:6]).startswith(magic)), None)
    out, used = bytearray(), 0
    while make and used < len(data) and (not used or compressed.sniff(data[used:])):
        count = compressed.unpack(walk, make, data[used:], out, "the file")
        if count is None:
            raise LimitExceeded(f"{walk.skipped[-1][1]}")
        used += count
    if compressed.sniff(memoryview(out)):
        raise UnsupportedError("it is compressed twice")
    return read(memoryview(out), limits)
