"""safetensors: an 8-byte length, a JSON header, then tensors back to back; held to the letter of the format."""

from __future__ import annotations

from typing import Any

from ...core.canon import parse_json
from ...core.errors import InputError
from ...core.nouns import Place, Severity
from ..walk import Walk
from . import hidden, payload, raw_numbers
from .opcodes import Broken

MAX_HEADER = 100_000_000
"""The reference reader's own bound."""
FREE_BLANKS, BLANKS_A_MARK = 64, 6
"""Tabs and line ends that a header may have: so many, and more for each of its marks, for those who print it nicely."""
MAX_COUNT = (1 << 64) - 1
BITS = {
    "BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "C64": 64, "F64": 64, "I64": 64, "U64": 64,
}  # fmt: skip


def sniff(data: memoryview) -> bool:
    """Whether this begins with a length and an opening brace."""
    return len(data) >= 10 and data[8] == 0x7B and data[5] == data[6] == data[7] == 0


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Hold the header against the file, and look at its texts. Raises Broken for whatever does not fit.

    As strict as the reference reader (safetensors 0.8), and stricter where others differ: a key that stands twice,
    an unknown field, text that is no Unicode.
    """
    size = int.from_bytes(data[:8], "little")
    if size > MAX_HEADER or 8 + size > len(data):
        raise Broken(f"header says {size} bytes, file has {len(data)}")
    text = bytes(data[8 : 8 + size])
    _padding(walk, text, path)
    try:
        header = parse_json(text, what="header")
    except InputError as error:
        raise Broken(str(error), 8) from error
    if not isinstance(header, dict):
        raise Broken("the header is no object", 8)
    metadata = _metadata(header.pop("__metadata__", {}))
    tensors = [_tensor(name, value) for name, value in header.items()]
    _layout(tensors, len(data) - 8 - size)
    _texts(walk, metadata, [name for _, _, name in tensors], path)
    for begin, end, name in tensors:
        raw_numbers.look(walk, data[8 + size + begin : 8 + size + end], path, name)


def _padding(walk: Walk, header: bytes, path: str) -> None:
    """Spaces say nothing; tabs and line ends among them may, when there are more than any writer indents with."""
    blank = sum(header.count(mark) for mark in (b"\t", b"\r", b"\n"))
    if blank > FREE_BLANKS + BLANKS_A_MARK * sum(header.count(mark) for mark in (b'"', b",", b"[")):
        message = f"{blank} tabs and line ends stand in the header: they can be read as bits"
        remedy = "write the file again from its tensors"
        walk.flaw("artifact.safetensors.padding", Severity.MEDIUM, Place(path, "header"), message, remedy, ("CWE-912",))


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise Broken("__metadata__ is not text to text", 8)
    for key, text in value.items():
        _unicode(key)
        _unicode(text)
    return value


def _unicode(text: str) -> str:
    """Half of a pair of surrogates is text to Python and none to the reference reader."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise Broken(f"{text!r:.80} is no Unicode", 8)
    return text


def _tensor(name: str, value: Any) -> tuple[int, int, str]:
    match value:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [begin, end], **rest}:
            good = not rest and dtype in BITS and all(type(n) is int and n >= 0 for n in (*shape, begin, end))
        case _:
            good = False
    if not good:
        raise Broken(f"tensor {name!r:.80} is not described by dtype, shape and data_offsets", 8)
    if 8 * (end - begin) != _count(name, shape) * BITS[dtype]:
        raise Broken(f"tensor {name!r:.80}: {end - begin} bytes do not hold {dtype} {shape!r:.80}", 8)
    return begin, end, _unicode(name)


def _count(name: str, shape: list[int]) -> int:
    """How many items; no product on the way may pass what the reference reader counts in."""
    count = 1
    for n in shape:
        count *= n
        if count > MAX_COUNT:
            raise Broken(f"tensor {name!r:.80} has more items than can be counted", 8)
    return count


def _layout(tensors: list[tuple[int, int, str]], size: int) -> None:
    at = 0
    for begin, end, name in sorted(tensors):
        if begin != at:
            raise Broken(f"tensor {name!r:.80} begins at {begin}, expected {at}: tensors overlap or leave a hole", 8)
        at = end
    if at != size:
        raise Broken(f"the tensors end at {at}, the file holds {size} bytes", 8)


def _texts(walk: Walk, metadata: dict[str, str], names: list[str], path: str) -> None:
    """Programs, pickles and secrets in what is free text: the metadata, and the names of tensors."""
    for key, text in metadata.items():
        payload.look(walk, memoryview(text.encode()), path, f"__metadata__ {key}")
        hidden.look_at_text(walk, key.encode(), path, "__metadata__")
    hidden.look_at_text(walk, "\n".join(names).encode(), path, "the names of its tensors")
