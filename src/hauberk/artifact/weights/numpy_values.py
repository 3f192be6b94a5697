"""What NumPy's and joblib's pickles call to make arrays: numpy.dtype, _reconstruct, _frombuffer, raw blocks."""

from __future__ import annotations

import math
import re
from typing import Any

from ..formats.machine import Machine
from ..formats.opcodes import Broken, Global, Made
from .builder import Builder, Maker, NotMade
from .values import ITEM_BYTES, Aside, Lost, Storage, Tensor, Whole, items_of, row_major, sizes_of

CODES = {
    "f2": "F16", "f4": "F32", "f8": "F64", "i1": "I8", "i2": "I16", "i4": "I32", "i8": "I64", "u1": "U8", "u2": "U16",
    "u4": "U32", "u8": "U64", "b1": "BOOL", "c8": "C64",
}  # fmt: skip
_CODE = re.compile(r"([<>|=]?)([a-zA-Z])(\d+)")
NO_NUMBERS = {"U": "text", "S": "bytes", "a": "bytes", "O": "objects", "M": "times", "m": "durations", "V": "records"}
ORDERS = {"C": False, "F": True}


class DType:
    """numpy.dtype: a code such as `f4`, and its order of bytes once its state is set."""

    def __init__(self, code: str) -> None:
        found = _CODE.fullmatch(code)
        self.order, self.code = (found[1], found[2] + found[3]) if found else ("", code)

    def set_state(self, state: Any, at: int) -> None:
        """(version, order, …)."""
        items = items_of(state)
        if len(items) > 1 and isinstance(items[1], str):
            self.order = items[1]


class Array:
    """numpy.ndarray, once its state is set: what is wrong with it, or a tensor, or objects."""

    def __init__(self) -> None:
        self.objects: Any = None
        self._made: Tensor | Lost | Aside = Lost("an array whose state was never set", 0)

    def set_state(self, state: Any, at: int) -> None:
        """(version, shape, dtype, fortran, bytes)."""
        items = items_of(state)[-4:]
        if len(items) != 4:
            self._made = Lost("an array's state is not the one that NumPy writes", at)
        else:
            self.fill(items[0], items[1], items[2], items[3], at)

    def fill(self, shape: Any, dtype: Any, fortran: Any, content: Any, at: int) -> None:
        """Its parts."""
        if isinstance(content, Whole) and content.kind == "list":
            self.objects = content
            return
        if isinstance(dtype, DType) and dtype.code[:1] in NO_NUMBERS:
            self._made = Aside(f"an array of {NO_NUMBERS[dtype.code[:1]]}")
            return
        try:
            self._made = array(shape, dtype, fortran, content)
        except NotMade as error:
            self._made = Lost(str(error), at)

    def tensor(self) -> Tensor | Lost | Aside:
        """The array's numbers."""
        return self._made


def array(shape: Any, dtype: Any, fortran: Any, content: Any) -> Tensor:
    """An array from its parts. Raises NotMade."""
    sides = sizes_of(shape)
    if sides is None or type(fortran) is not bool or not isinstance(dtype, DType):
        raise NotMade("an array's shape, order or type was not run")
    if dtype.code not in CODES:
        raise NotMade(f"safetensors has no type for NumPy's {dtype.code!r:.40}")
    content = memoryview(content.encode("latin-1", "replace")) if isinstance(content, str) else content
    kind = CODES[dtype.code]
    if not isinstance(content, memoryview) or len(content) != math.prod(sides) * ITEM_BYTES[kind]:
        raise NotMade("an array's bytes are not as many as its shape needs")
    strides = row_major(sides[::-1])[::-1] if fortran else row_major(sides)
    return Tensor(Storage("", kind, content, swapped=dtype.order == ">"), kind, 0, sides, strides)


def _dtype(args: list[Any], at: int) -> DType:
    if not args or not isinstance(args[0], str):
        raise NotMade("a NumPy type is not given by its code")
    return DType(args[0])


def _frombuffer(args: list[Any], at: int) -> Array:
    """(buffer, dtype, shape, order), as protocol 5 writes arrays."""
    if len(args) != 4 or args[3] not in ORDERS:
        raise NotMade("an array is made from other parts than NumPy's")
    made = Array()
    made.fill(args[2], args[1], ORDERS[args[3]], args[0], at)
    return made


MAKERS: dict[str, Maker] = {
    "numpy.dtype": _dtype,
    **{f"numpy.{core}.multiarray._reconstruct": lambda args, at: Array() for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _frombuffer for core in ("core", "_core")},
}


def joblib_block(machine: Machine) -> None:
    """Behind the state of a NumpyArrayWrapper stand the array's bytes; pass over them as joblib does. Raises Broken."""
    made = machine.top()
    if not isinstance(made, Made) or not isinstance(made.cls, Global) or made.cls.name != "NumpyArrayWrapper":
        return
    state = fields(made.state)
    shape, dtype, order = sizes_of(state.get("shape")), state.get("dtype"), state.get("order")
    if shape is None or not isinstance(dtype, DType):
        raise Broken("the size of an array cannot be told", machine.steps)
    if dtype.code.startswith("O"):
        machine.stack[-1] = _objects(machine)
        return
    found = machine.stack[-1] = Array()
    if state.get("numpy_array_alignment_bytes") is not None:
        machine.take(machine.number(1))
    content = machine.take(math.prod(shape) * _item_bytes(dtype, machine))
    found.fill(Whole("tuple", list(shape)), dtype, order == "F", content, machine.steps)


def _objects(machine: Machine) -> Any:
    """An array of objects is a program of its own."""
    assert isinstance(machine, Builder)
    inner = Builder(machine.view, machine.pos, max_opcodes=machine.max_opcodes - machine.steps)
    inner.hand = machine.hand
    inner.watcher = machine.hand
    machine.pos = inner.run()
    machine.steps += inner.steps
    return inner.result


def _item_bytes(dtype: DType, machine: Machine) -> int:
    found = _CODE.fullmatch(dtype.code)
    if not found or found[2] not in "biufcSaUmM":
        raise Broken(f"items of type {dtype.code!r:.40} have no size", machine.steps)
    return int(found[3]) * (4 if found[2] == "U" else 1)


def fields(state: Any) -> dict[str, Any]:
    """A state's attributes by name; {} when it is not a dict."""
    items = items_of(state, "dict")
    return {key: value for key, value in zip(items[::2], items[1::2], strict=False) if isinstance(key, str)}
