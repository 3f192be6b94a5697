"""TensorFlow's TensorProto: not more values than its shape has, and not a shape that no memory holds."""

from __future__ import annotations

from ...core.nouns import Severity
from . import raw_numbers
from .graphs import Teller, volume
from .payload import begins
from .protobuf import Layout, Message, count_varints, signed
from .protobuf_tour import Trail

SIZES = {
    1: 4, 2: 8, 3: 4, 4: 1, 5: 2, 6: 1, 8: 8, 9: 8, 10: 1, 11: 1, 12: 1, 13: 4, 14: 2, 15: 2, 16: 2, 17: 2, 18: 16,
    19: 2, 22: 4, 23: 8, 24: 1, 25: 1, 26: 1, 27: 1, 28: 1,
}  # fmt: skip
"""DataType: bytes of one value, where they are of one size."""
STRING, BYTE_TYPES = 7, (4, 6)
WIDTHS = {"float_val": 4, "double_val": 8, "scomplex_val": 4, "dcomplex_val": 8}
VARINTS = ("half_val", "int_val", "int64_val", "bool_val", "uint32_val", "uint64_val")
MIN_FILE = 64


def check(teller: Teller, tensor: Message, trail: Trail) -> None:
    """Tell of a tensor that lies about its size."""
    layout = Layout("tensorflow")
    shape = layout.read(tensor.bytes("tensor_shape"), "TensorShapeProto")
    dims = [signed(layout.read(dim, "TensorShapeProto.Dim").number("size")) for dim in shape.all("dim")]
    kind, content = tensor.number("dtype"), tensor.bytes("tensor_content")
    if shape.number("unknown_rank") or any(n < 0 for n in dims):
        _lie(teller, trail, "its shape is not known")
        return
    count, size = volume(dims), SIZES.get(kind)
    if len(content) and size and count * size != len(content):
        _lie(teller, trail, f"its shape needs {count * size} bytes and there are {len(content)}")
    elif (given := _values(tensor)) > count * (2 if kind in (8, 18) else 1):
        _lie(teller, trail, f"its shape has {count} values and there are {given}")
    elif count * (size or 1) > teller.walk.limits.max_file_bytes:
        _lie(teller, trail, f"its shape has {count} values, more than memory holds")
    if len(content) and _values(tensor):
        teller.odd("a tensor holds values in two fields", trail)
    a_file = kind in BYTE_TYPES and len(content) >= MIN_FILE and begins(teller.walk, content)
    if kind == STRING or a_file:
        teller.blob(content, trail)
    else:
        raw_numbers.look(teller.walk, content, teller.path, trail)


def _values(tensor: Message) -> int:
    total = len(tensor.values.get("string_val", ()))
    for name, width in WIDTHS.items():
        total += sum(1 if isinstance(v, int) else len(v) // width for v in tensor.values.get(name, ()))
    for name in VARINTS:
        total += sum(1 if isinstance(v, int) else count_varints(v) for v in tensor.values.get(name, ()))
    return total


def _lie(teller: Teller, trail: Trail, what: str) -> None:
    remedy = "do not load this model; a runtime that trusts the shape reads past the values, or runs out of memory"
    teller.flaw("size", Severity.HIGH, str(trail), f"a tensor lies about itself: {what}", remedy, ("CWE-130",))
