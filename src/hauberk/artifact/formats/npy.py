"""NumPy .npy: a header of plain Python literals, then the array; object arrays are pickles."""

from __future__ import annotations

import ast
import math
import re

from ...core.nouns import Place, Severity
from ..walk import Walk
from . import raw_numbers
from .inspector import inspect
from .opcodes import Broken
from .pickle import walk_streams

MAGIC = b"\x93NUMPY"
MAX_HEADER = 1 << 16
"""NumPy itself refuses headers above 10,000 bytes unless told; structured types of trees stay far below."""
_PYTHON_2_LONG = re.compile(r"(?<=[0-9])L(?=[,)\s])")
_KIND = re.compile(r"[<>|=]?([a-zA-Z?])(\d*)(\[.*\])?")


def sniff(data: memoryview) -> bool:
    """Whether this begins as an .npy."""
    return bytes(data[:6]) == MAGIC


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Check header and size; walk the pickle of an object array. Raises Broken."""
    header, start = header_of(data)
    shape, itemsize = header.get("shape"), _itemsize(header.get("descr"))
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise Broken("the header has no shape", start)
    if itemsize is None:
        raise Broken(f"the type {header.get('descr')!r:.80} is not one of NumPy's", start)
    if itemsize == 0 and "O" in str(header.get("descr")):
        walk_streams(inspect(walk, path), data, start=start)
        return
    expected, got = math.prod(shape) * itemsize, len(data) - start
    if got < expected:
        raise Broken(f"the array has {expected} bytes, the file holds {got}", start)
    raw_numbers.look(walk, data[start : start + expected], path, "the array")
    if got > expected:
        remedy = "save the array again; nothing belongs behind it"
        message = f"{got - expected} bytes follow the array"
        walk.flaw("artifact.npy.trailing", Severity.MEDIUM, Place(path, f"byte {start + expected}"), message, remedy)


def header_of(data: memoryview) -> tuple[dict[str, object], int]:
    if len(data) < 10 or data[6] not in (1, 2, 3):
        raise Broken("the header is truncated or of an unknown version", 6)
    width = 2 if data[6] == 1 else 4
    size, start = int.from_bytes(data[8 : 8 + width], "little"), 8 + width
    if size > MAX_HEADER or start + size > len(data):
        raise Broken(f"the header claims {size} bytes", 8)
    try:
        text = bytes(data[start : start + size]).decode("utf-8" if data[6] == 3 else "latin-1").strip()
        if not text.endswith("}") or "#" in text.rpartition("}")[2] or "\n" in text:
            raise Broken("the header holds more than a Python literal", start)
        header = ast.literal_eval(_PYTHON_2_LONG.sub("", text))
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError) as error:
        raise Broken("the header is not a Python literal", start) from error
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise Broken("the header lacks descr, fortran_order or shape", start)
    return header, start + size


def _itemsize(descr: object) -> int | None:
    """Bytes per item; 0 when it holds objects; None when it is no type."""
    if isinstance(descr, str):
        return _scalar_size(descr)
    if not isinstance(descr, list):
        return None
    total = 0
    for field in descr:
        if not isinstance(field, tuple) or len(field) not in (2, 3):
            return None
        size = _itemsize(field[1])
        if not size:
            return size
        total += size * (math.prod(field[2]) if len(field) == 3 and isinstance(field[2], tuple) else 1)
    return total


def _scalar_size(descr: str) -> int | None:
    match = _KIND.fullmatch(descr)
    if match is None or match[1] not in "biufcSaUVmM?O":
        return None
    if match[1] == "O":
        return 0
    size = int(match[2] or "1")
    return 4 * size if match[1] == "U" else size
