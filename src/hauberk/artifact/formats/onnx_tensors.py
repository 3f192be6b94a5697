"""ONNX tensors: as many values as their dimensions say, in one place, of the type that they say."""

from __future__ import annotations

from ...core.nouns import Severity
from . import raw_numbers
from .graphs import Teller, volume
from .onnx_external import External
from .opcodes import Broken
from .payload import begins
from .protobuf import Layout, Message, count_varints
from .protobuf_tour import Trail

BITS = {
    1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
    17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2,
}  # fmt: skip
"""TensorProto.DataType: bits of one value."""
STRING = 8
FIELDS = {
    "float_data": (1, 14), "int32_data": (2, 3, 4, 5, 6, 9, 10, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26),
    "string_data": (8,), "int64_data": (7,), "double_data": (11, 15), "uint64_data": (12, 13),
}  # fmt: skip
"""Which types a field of values may hold."""
BYTE_TYPES = (2, 3, 9)
EXTERNAL = 1
MIN_FILE = 64


class Tensors:
    """Checks every TensorProto of a model."""

    def __init__(self, teller: Teller, external: External) -> None:
        self.teller, self.external, self.layout = teller, external, Layout("onnx")

    def check(self, tensor: Message, trail: Trail) -> None:
        """One tensor. Raises Broken for a negative dimension."""
        dims = list(tensor.numbers("dims"))
        if any(n < 0 for n in dims):
            raise Broken("a tensor has a negative dimension", 0)
        kind, count = tensor.number("data_type"), volume(dims)
        if "external_data" in tensor or tensor.number("data_location") == EXTERNAL:
            self._outside(tensor, trail, kind, count)
            return
        held = [name for name in FIELDS if name in tensor]
        if "raw_data" in tensor:
            self._raw(tensor, trail, kind, count)
            held.append("raw_data")
        elif held and kind in FIELDS[held[0]]:
            if (n := self._values(tensor, held[0], kind)) != self._expected(held[0], kind, count):
                self._lie(trail, f"its shape has {count} values and there are {n}")
        elif held:
            self._lie(trail, f"{held[0]} does not hold values of type {kind}")
        elif count and kind:
            self._lie(trail, f"its shape has {count} values and there are none")
        if len(held) > 1:
            self.teller.odd("a tensor holds values in two fields", trail)
        if "segment" in tensor:
            self.teller.odd("a tensor is a segment of another", trail)

    def sparse(self, message: Message, trail: Trail) -> None:
        """A SparseTensorProto: no more values than it has room for."""
        dims = list(message.numbers("dims"))
        if any(n < 0 for n in dims):
            raise Broken("a sparse tensor has a negative dimension", 0)
        values = self.layout.read(message.bytes("values"), "TensorProto")
        if dims and volume(values.numbers("dims")) > volume(dims):
            self._lie(trail, "it holds more values than its shape has room for")

    def _raw(self, tensor: Message, trail: Trail, kind: int, count: int) -> None:
        raw = tensor.bytes("raw_data")
        bits = BITS.get(kind)
        if bits is None:
            self._lie(trail, f"raw data of type {kind}")
        elif (count * bits + 7) // 8 != len(raw):
            self._lie(trail, f"its shape needs {(count * bits + 7) // 8} bytes and there are {len(raw)}")
        if kind in BYTE_TYPES and len(raw) >= MIN_FILE and begins(self.teller.walk, raw):
            self.teller.blob(raw, trail)
        else:
            raw_numbers.look(self.teller.walk, raw, self.teller.path, trail)

    def _values(self, tensor: Message, name: str, kind: int) -> int:
        """How many values a field holds, packed or not."""
        width = {"float_data": 4, "double_data": 8}.get(name)
        total = 0
        for value in tensor.values[name]:
            if isinstance(value, int) or name == "string_data":
                total += 1
            else:
                total += len(value) // width if width else count_varints(value)
        return total

    def _expected(self, name: str, kind: int, count: int) -> int:
        if kind in (14, 15):
            return 2 * count
        if name == "int32_data" and BITS[kind] < 8:
            return (count * BITS[kind] + 7) // 8
        return count

    def _outside(self, tensor: Message, trail: Trail, kind: int, count: int) -> None:
        pairs = [self.layout.read(entry, "StringStringEntryProto") for entry in tensor.all("external_data")]
        keys = [pair.text("key") for pair in pairs]
        if len(set(keys)) != len(keys):
            self.teller.odd("external data has a key twice", trail)
        if any(name in tensor for name in (*FIELDS, "raw_data")):
            self.teller.odd("a tensor holds values and names a file of values", trail)
        bits = BITS.get(kind)
        need = (count * bits + 7) // 8 if bits else None
        if kind == STRING:
            self._lie(trail, "texts cannot lie in another file")
        self.external.claim({pair.text("key"): pair.text("value") for pair in pairs}, need, trail)

    def _lie(self, trail: Trail, what: str) -> None:
        remedy = "do not load this model; a runtime that trusts the shape reads or writes past the values"
        self.teller.flaw("size", Severity.HIGH, str(trail), f"a tensor lies about itself: {what}", remedy, ("CWE-130",))
