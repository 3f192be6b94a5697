"""What BUILD writes: the names of attributes in a state, and those that loading itself would call or obey later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .opcodes import Global, Made, Opaque, Seq, shown

HOOKS = frozenset(
    ("__setstate__", "append", "extend", "add", "__class__", "__reduce__", "__reduce_ex__", "__dict__", "__new__")
)
"""Attributes of an instance that later opcodes would call, or that change what the instance is."""

HIDING = frozenset(
    ("builtins.dict", "builtins.tuple", "builtins.list", "collections.OrderedDict", "collections.defaultdict",
     "collections.Counter")
)  # fmt: skip
"""Constructors whose result could be a state that the machine does not see into."""


def complaints(state: Any) -> Iterator[str]:
    """What is wrong with the attributes that a state sets."""
    if isinstance(state, Made) and isinstance(state.cls, Global) and state.cls.dotted in HIDING:
        yield f"sets attributes from the result of {state.cls.dotted}, where they cannot be seen"
    for part in (state, *(state.items if isinstance(state, Seq) and state.kind == "tuple" else ())):
        if isinstance(part, Seq) and part.kind == "dict" and not part.whole:
            yield "sets more attributes than can be seen"
    for keys, by_setattr in _names(state):
        for key in keys:
            if type(key) is str:
                if key in HOOKS or (by_setattr and key.startswith("__")):
                    yield f"sets the attribute {key!r}, which loading calls or obeys later"
            elif isinstance(key, Made | Opaque | Global):
                yield f"sets an attribute whose name is computed: {shown(key)}"


def _names(state: Any) -> list[tuple[list[Any], bool]]:
    """The attribute names that a state sets; True where they are set with setattr (slots)."""
    if isinstance(state, Seq) and state.kind == "dict":
        return [(state.items[::2], False)]
    if isinstance(state, Seq) and state.kind == "tuple" and state.count == 2:
        pairs = zip(state.items, (False, True), strict=False)
        return [(part.items[::2], slots) for part, slots in pairs if isinstance(part, Seq) and part.kind == "dict"]
    return []
