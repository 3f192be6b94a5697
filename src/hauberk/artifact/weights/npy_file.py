"""A .npy file as one array. The header is a Python literal; an array of objects is a pickle and holds no numbers."""

from __future__ import annotations

from typing import Any

from ..formats.npy import header_of
from .numpy_values import Array, DType
from .values import Whole


def read_npy(data: memoryview) -> Any:
    """The array. Raises Broken for a header that NumPy would not read."""
    header, start = header_of(data)
    descr, shape, fortran = header["descr"], header["shape"], header["fortran_order"]
    sides = Whole("tuple", list(shape)) if isinstance(shape, tuple) else None
    found = Array()
    code = descr.replace("|O", "O").replace("?", "b1") if isinstance(descr, str) else "V"
    found.fill(sides, DType(code), fortran, data[start:], 0)
    return found


