"""Arrow arrays in a pickle: `pyarrow.lib._restore_array` believes the lengths that it is told, so they are checked.

pandas keeps text so since version 3, wherever pyarrow is installed. Allowed are flat arrays (numbers, times, text)
whose buffers hold what their length says: bits of validity, values, and offsets that rise and end inside the text.
Nested and dictionary arrays are not understood.
Source: the Arrow columnar format, and `Array.__reduce__` of pyarrow.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .opcodes import Global, Made, Seq

if TYPE_CHECKING:
    from .inspector import Inspector

WIDTHS = {
    "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "halffloat": 2, "int32": 4, "uint32": 4, "float": 4, "int64": 8,
    "uint64": 8, "double": 8,
}  # fmt: skip
"""Bytes of a value, by the name of its type."""
TIMES = re.compile(r"(date32|time32|date64|time64|timestamp|duration)\[(?:day|s|ms|us|ns)\]")
TEXTS = {"string": 4, "binary": 4, "large_string": 8, "large_binary": 8}
"""Bytes of an offset, by the name of a type of text or bytes."""
MOST = 1 << 40
BLOCK = 1 << 14
"""Offsets that are looked at in one go."""


def buffer(args: Any) -> str:
    """What is wrong with the argument of py_buffer, '' for nothing: it takes bytes, or a bytearray of them."""
    return "" if _bytes(Made(None, args)) is not None else "it takes the memory of what is no plain bytes"


def array(inspector: Inspector, args: Any) -> str:
    """What is wrong with the argument of _restore_array, '' for nothing."""
    parts = _tuple(_tuple(args, 1)[0] if _tuple(args, 1) else None, 7)
    if not parts:
        return "it makes an array of what cannot be seen"
    kind, length, nulls, offset, buffers, children, dictionary = parts
    if any(type(n) is not int or not -1 <= n < MOST for n in (length, nulls, offset)) or min(length, offset) < 0:
        return "its length is none"
    if _list(children) != [] or dictionary is not None or (found := _list(buffers)) is None:
        return "arrays in arrays are not understood"
    views = [None if each is None else _held(each) for each in found]
    if any(view is None and each is not None for view, each in zip(views, found, strict=True)):
        return "its buffers cannot be seen"
    inspector.walk.spend(1 + sum(len(view) for view in views if view is not None) // BLOCK)
    return _fits(_name(kind), length + offset, nulls, views)


def _fits(name: str, count: int, nulls: int, views: list[memoryview | None]) -> str:
    """Whether the buffers hold `count` values of a type."""
    if name == "null":
        return "" if views == [None] else "its buffers do not fit its type"
    valid, *rest = views if views else [None]
    bits = -(-count // 8)
    if (valid is None and nulls > 0) or (valid is not None and len(valid) < bits):
        return "it tells of missing values that its buffers do not hold"
    if name in TEXTS and len(rest) == 2:
        return _text(TEXTS[name], count, rest[0], rest[1], plain="binary" not in name)
    width = WIDTHS.get(name) or _time(name)
    size = bits if name == "bool" else width * count
    if not (width or name == "bool") or len(rest) != 1:
        return "its type is not understood"
    return "" if size <= len(rest[0] or b"") else "it is longer than its buffer"


def _time(name: str) -> int:
    match = TIMES.fullmatch(name)
    return (4 if match[1] in ("date32", "time32") else 8) if match else 0


def _text(width: int, count: int, offsets: memoryview | None, text: memoryview | None, *, plain: bool) -> str:
    """Offsets rise from 0 or more to the end of the text or less, and the text is UTF-8 where the type says so."""
    if not count:
        return ""
    if offsets is None or len(offsets) < (count + 1) * width:
        return "it is longer than its buffer"
    numbers = offsets[: (count + 1) * width].cast("i" if width == 4 else "q")
    last = 0
    for at in range(0, count + 1, BLOCK):
        block = numbers[at : at + BLOCK].tolist()
        if block[0] < last or any(a > b for a, b in pairwise(block)):
            return "its offsets do not rise"
        last = block[-1]
    if last > len(text or b""):
        return "it is longer than its buffer"
    return "" if not plain or _utf8(text) else "its text is none"


def _utf8(text: memoryview | None) -> bool:
    try:
        str(text or b"", "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _name(kind: Any) -> str:
    """The name of a type: as text, or as a timestamp with its unit."""
    if not (isinstance(kind, Made) and isinstance(kind.maker, Global) and isinstance(kind.args, Seq)):
        return ""
    first = kind.args.items[0] if kind.args.items else None
    if not isinstance(first, str) or kind.maker.module != "pyarrow.lib":
        return ""
    return {"type_for_alias": first, "timestamp": f"timestamp[{first}]"}.get(kind.maker.name, "")


def _held(value: Any) -> memoryview | None:
    """The bytes of a py_buffer."""
    made = isinstance(value, Made) and isinstance(value.maker, Global) and value.maker.dotted == "pyarrow.lib.py_buffer"
    return _bytes(value) if made else None


def _bytes(call: Made) -> memoryview | None:
    """The bytes that are the one argument of a call, or of the bytearray that is."""
    items = _tuple(call.args, 1)
    value = items[0] if items else None
    if isinstance(value, Made) and isinstance(value.maker, Global) and value.maker.dotted == "builtins.bytearray":
        if isinstance(value.args, Seq) and not value.args.count:
            return memoryview(b"")
        inner = _tuple(value.args, 1)
        value = inner[0] if inner else None
    return value if isinstance(value, memoryview) else None


def _tuple(value: Any, count: int) -> list[Any]:
    """The items of a tuple of so many that can be seen."""
    fits = isinstance(value, Seq) and value.kind == "tuple" and value.count == count and value.whole
    return list(value.items) if fits else []


def _list(value: Any) -> list[Any] | None:
    """The items of a list that can be seen."""
    return list(value.items) if isinstance(value, Seq) and value.kind == "list" and value.whole else None
