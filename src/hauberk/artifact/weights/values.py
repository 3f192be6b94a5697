"""What a program that builds tensors is made of, once nothing of it was run: containers, tensors, and the unknown.

>>> dense(row_major((2, 3)), (2, 3)), dense((1, 2), (2, 3))
(True, False)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..formats.opcodes import Made, Seq, shown

ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1,
    "I16": 2, "U16": 2, "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "C64": 8, "F64": 8, "I64": 8, "U64": 8,
}  # fmt: skip
"""The types of safetensors whose items are whole bytes, in the order in which it sorts them."""


class Whole:
    """A list, tuple, dict or set with all of its items (keys and values in turn). states: set on it as an object."""

    __slots__ = ("items", "kind", "states")

    def __init__(self, kind: str, items: list[Any] | None = None) -> None:
        self.kind = kind
        self.items: list[Any] = [] if items is None else items
        self.states: tuple[Any, ...] = ()

    def __repr__(self) -> str:
        left, right = {"list": ("[", "]"), "tuple": ("(", ")")}.get(self.kind, ("{", "}"))
        inner = (f"<{item.kind}>" if isinstance(item, Whole) else shown(item) for item in self.items[:4])
        return left + ", ".join(inner) + (", …" if len(self.items) > 4 else "") + right


class Thing(Made):
    """What a call would have given. use: call or new; at: the opcode.

    written: what was put into it; states: what was set on it.
    """

    __slots__ = ("at", "states", "use", "written")

    def __init__(self, maker: Any, args: Any, use: str, at: int, cls: Any = None) -> None:
        super().__init__(maker, args, cls)
        self.use, self.at = use, at
        self.written: list[Any] = []
        self.states: list[Any] = []


@dataclass(frozen=True)
class Lost:
    """A tensor that cannot be had. why: in words; at: the opcode that would have made it."""

    why: str
    at: int


@dataclass(frozen=True)
class Aside:
    """An array of what are no numbers. what: in words."""

    what: str


class Storage:
    """Bytes that tensors look into. data: set once it is known where they lie. dtype: '' where a tensor says it."""

    __slots__ = ("data", "dtype", "key", "swapped")

    def __init__(self, key: str, dtype: str, data: memoryview | None = None, *, swapped: bool = False) -> None:
        self.key, self.dtype, self.data, self.swapped = key, dtype, data, swapped


@dataclass(frozen=True)
class Window:
    """A storage seen through another one: from item `first` on."""

    storage: Storage
    first: int = 0


@dataclass(frozen=True)
class Tensor:
    """Items of a storage: shape and strides in items, from item `offset` on."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def count(self) -> int:
        """Items."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes, once it is dense."""
        return self.count * ITEM_BYTES[self.dtype]


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a dense array.

    >>> row_major((2, 3, 4))
    (12, 4, 1)
    """
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


def dense(strides: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether items lie one behind the other. The stride of a dimension of one does not matter."""
    return all(n == 1 or a == b for n, a, b in zip(shape, strides, row_major(shape), strict=True))


def items_of(value: Any, kind: str = "tuple") -> list[Any]:
    """The items of a container of that kind; Broken is not raised: what is none has none."""
    return value.items if isinstance(value, Whole | Seq) and value.kind == kind else []


def sizes_of(value: Any) -> tuple[int, ...] | None:
    """A tuple or list of whole numbers, none negative; None when it is anything else."""
    items = value.items if isinstance(value, Whole | Seq) and value.kind in ("tuple", "list") else None
    if items is None or not all(type(n) is int and n >= 0 for n in items):
        return None
    return tuple(items)
