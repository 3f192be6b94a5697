"""numpy.dtype as a pickle makes it: its size, and whether it holds objects, held against the state that it is given.

A state may say anything: flags without objects for a type of objects make pointers of the file's bytes, and flags
with objects for a type of numbers make `joblib.load` read a pickle where everyone else sees an array.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from .opcodes import Global, Made, Seq

DTYPE = ("numpy", "dtype")
RECORDS = (("numpy", "record"), ("numpy", "void"))
OBJECT_FLAGS, REFCOUNT_AND_LIST = 63, 3
"""Flags of `object`; and the two (NPY_ITEM_REFCOUNT, NPY_LIST_PICKLE) that say that items are pointers."""
_CODE = re.compile(r"[<>|=]?([a-zA-Z?])(\d*)")


class Facts(NamedTuple):
    """Bytes per item, and whether items hold objects."""

    size: int
    objects: bool


def facts(value: Any) -> Facts | None:
    """What a symbolic dtype is, once its state is set; None when that cannot be told."""
    if not isinstance(value, Made) or not isinstance(value.cls, Global) or not isinstance(value.args, Seq):
        return None
    if (value.cls.module, value.cls.name) != DTYPE:
        return None
    if isinstance(value.known, Facts):
        return value.known
    kind, size = _code(value)
    if kind == "O":
        return Facts(8, objects=True)
    return Facts(size, objects=False) if kind in "biufcmM" and size else None


def complaint(value: Made, state: Any) -> str:
    """What is wrong with the state of a dtype, '' for nothing; its facts are kept on `value`."""
    items = state.items if isinstance(state, Seq) and state.kind == "tuple" and state.whole else []
    if value.known is not None or len(items) not in (8, 9) or items[0] not in (3, 4):
        return "it is not the state that NumPy writes"
    _, _, inner, _, fields, size, _, flags = items[:8]
    kind, given = _code(value)
    found = _told(kind, given, inner, fields, size)
    if found is None or type(flags) is not int or flags & REFCOUNT_AND_LIST != (3 if found.objects else 0):
        value.known = ""
        return "its size or flags are not those of its type, so that bytes could pass for objects"
    value.known = found
    return ""


def _told(kind: str, given: int, inner: Any, fields: Any, size: Any) -> Facts | None:
    if kind in "biufcmMO" and kind:
        plain = inner is None and fields is None and size == -1
        return Facts(8 if kind == "O" else given, kind == "O") if plain and given else None
    if type(size) is not int or size < 0 or (given not in (0, size) and kind != "U"):
        return None
    if kind in "SaU":
        return Facts(size, objects=False) if inner is None and fields is None else None
    if kind != "V" or (inner is not None and fields is not None):
        return None
    if inner is not None:
        return _subarray(inner, size)
    if fields is not None and not isinstance(fields, Seq):
        return None
    return _structure(fields, size) if fields is not None else Facts(size, objects=False)


def _subarray(inner: Any, size: int) -> Facts | None:
    items = _whole(inner, "tuple")
    base = facts(items[0]) if len(items) == 2 else None
    shape = _whole(items[1], "tuple") if base else []
    if base is None or not all(type(n) is int and n >= 0 for n in shape) or math.prod(shape) * base.size != size:
        return None
    return Facts(size, base.objects)


def _structure(fields: Seq, size: int) -> Facts | None:
    """A structure whose every field lies inside of it."""
    found: Facts | None = fields.note("dtype", lambda: _fields(fields, size))
    return found if found is None or found.size == size else None


def _fields(fields: Seq, size: int) -> Facts | None:
    items, objects = _whole(fields, "dict"), False
    for field in items[1::2]:
        parts = _whole(field, "tuple")
        inner = facts(parts[0]) if len(parts) in (2, 3) else None
        if inner is None or type(parts[1]) is not int or not 0 <= parts[1] <= size - inner.size:
            return None
        objects = objects or inner.objects
    return Facts(size, objects) if items else None


def _whole(value: Any, kind: str) -> list[Any]:
    return value.items if isinstance(value, Seq) and value.kind == kind and value.whole else []


def _code(value: Made) -> tuple[str, int]:
    """(letter, bytes or characters) of the type that a dtype is made from; ('', 0) when it is no plain code."""
    first = value.args.items[0] if isinstance(value.args, Seq) and value.args.items else None
    if isinstance(first, Global) and (first.module, first.name) in RECORDS:
        return "V", 0
    match = _CODE.fullmatch(first) if isinstance(first, str) else None
    if match is None:
        return "", 0
    return match[1], 1 if match[1] == "?" else int(match[2] or "0") or (8 if match[1] == "O" else 0)
