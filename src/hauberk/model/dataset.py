"""Examples in memory, read-only, named by the digest of their content.

>>> import numpy as np
>>> data = Dataset("toy", np.zeros((2, 3), np.float32), np.array([0, 1]), ("no", "yes"))
>>> data.take([1]).y.tolist()
[1]
>>> data.digest == Dataset("renamed", data.x, data.y, data.classes).digest
True
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.canon import canonical
from hauberk.core.codec import encode
from hauberk.core.errors import InputError
from hauberk.core.features import Features

if TYPE_CHECKING:
    from hauberk.core.ports import Floats, Ints

SCHEMA = "hauberk/dataset/1"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labelled examples. x: (n, *shape) float32 or float64, finite; y: (n,) int64 labels 0..k-1.

    classes: names of the labels. features: one for each column of a table (then x is (n, columns)); empty
    for images and arrays. Writable arrays are copied, then both are read-only.
    Raises InputError when these do not fit together.
    """

    name: str
    x: Floats
    y: Ints
    classes: tuple[str, ...]
    features: Features = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", read_only(self.x, _float_kind(self.x)))
        object.__setattr__(self, "y", read_only(self.y, np.dtype(np.int64)))
        object.__setattr__(self, "classes", tuple(str(name) for name in self.classes))
        object.__setattr__(self, "features", tuple(self.features))
        self._check()

    def __len__(self) -> int:
        return len(self.x)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one example."""
        return tuple(self.x.shape[1:])

    @cached_property
    def digest(self) -> str:
        """sha256 over one line of canonical JSON and the values, little-endian, in C order.

        The line (RFC 8785, then a newline) holds the schema, dtype and shape of x and y, the classes and
        the features; then come the bytes of x, then those of y. The name is no part of it.
        """
        header = {
            "schema": SCHEMA,
            "x": {"dtype": _little(self.x).str, "shape": list(self.x.shape)},
            "y": {"dtype": _little(self.y).str, "shape": list(self.y.shape)},
            "classes": list(self.classes),
            "features": encode(self.features),
        }
        state = hashlib.sha256(canonical(header) + b"\n")
        for array in (self.x, self.y):
            state.update(array.astype(_little(array), copy=False).data if array.size else b"")
        return "sha256:" + state.hexdigest()

    def take(self, indices: Sequence[int] | Ints) -> Dataset:
        """The examples at these positions, in this order, as a data set of its own."""
        chosen = np.asarray(indices, dtype=np.int64)
        x, y = self.x[chosen], self.y[chosen]
        x.flags.writeable = y.flags.writeable = False
        return replace(self, x=x, y=y)

    def _check(self) -> None:
        if self.y.ndim != 1 or self.x.ndim < 2 or len(self.x) != len(self.y):
            raise InputError(
                f"{self.name}: x has shape {self.x.shape} and y {self.y.shape}",
                hint="x is (examples, …), y is (examples,) with one label for each",
            )
        if not np.isfinite(self.x).all():
            raise InputError(f"{self.name}: x has NaN or infinite values", hint="fill or drop these examples")
        if self.y.size and not 0 <= int(self.y.min()) <= int(self.y.max()) < len(self.classes):
            raise InputError(
                f"{self.name}: labels {self.y.min()} … {self.y.max()}, expected 0 … {len(self.classes) - 1}"
            )
        if self.features and self.x.shape[1:] != (len(self.features),):
            raise InputError(f"{self.name}: {len(self.features)} features for x of shape {self.x.shape}")


def read_only(array: Any, dtype: np.dtype[Any]) -> Any:
    """The array in C order with that dtype, not writable; copied when the caller could still write to it."""
    fixed = np.ascontiguousarray(array, dtype=dtype)
    if fixed.flags.writeable and np.may_share_memory(fixed, array):
        fixed = fixed.copy()
    fixed.flags.writeable = False
    return fixed


def _float_kind(x: Any) -> np.dtype[Any]:
    kind = np.asarray(x).dtype
    if kind.kind not in "fiub":
        raise InputError(f"x has values of type {kind}, expected numbers")
    return np.dtype(np.float64) if kind == np.float64 else np.dtype(np.float32)


def _little(array: Any) -> np.dtype[Any]:
    dtype: np.dtype[Any] = array.dtype.newbyteorder("<")
    return dtype
