"""What BUILD writes: the names of attributes in a state, and those that loading itself would call or obey later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .opcodes import Global, Made, Opaque, Seq, shown

HOOKS = frozenset(
    ("__setstate__", "append", "extend", "add", "__class__", "__reduce__", "__reduce_ex__", "__dict__", "__new__")
)
"""Attributes of an instance that later opcodes would call, or that change what the instance is."""

CALLED = frozenset(
    ("_build_f", "_attach_methods", "_attach_argparser_methods", "_patch_step_function", "get", "pop", "setdefault",
     "update", "detach", "requires_grad_", "startswith", "read", "read_array", "read_mmap")
)  # fmt: skip
"""Methods that a `__setstate__` of scikit-learn, SciPy, torch or joblib calls on an instance, or on what its state
holds: an attribute of such a name stands before them, and may be any callable."""

HIDING = frozenset(
    ("builtins.dict", "builtins.tuple", "builtins.list", "collections.OrderedDict", "collections.defaultdict",
     "collections.Counter", "argparse.Namespace", "types.SimpleNamespace", "sklearn.utils._bunch.Bunch",
     "sklearn.utils.Bunch")
)  # fmt: skip
"""Constructors whose result could be a state that the machine does not see into."""


def complaints(state: Any) -> Iterator[str]:
    """What is wrong with the attributes that a state sets. A container is read once, unless it has grown since."""
    if isinstance(state, Made) and isinstance(state.cls, Global) and state.cls.dotted in HIDING:
        yield f"sets attributes from the result of {state.cls.dotted}, where they cannot be seen"
    if not isinstance(state, Seq):
        return
    if state.kind == "dict":
        yield from _once(state, "attributes")
    elif state.kind == "tuple":
        for place, part in enumerate(state.items):
            if isinstance(part, Seq) and part.kind == "dict":
                yield from _once(part, "slots" if state.count == 2 and place == 1 else "attributes")


def _once(state: Seq, how: str) -> list[str]:
    found: list[str] = state.note(how, lambda: list(_dict(state, how)))
    return found


def _dict(state: Seq, how: str) -> Iterator[str]:
    """how: attributes go into `__dict__`, slots are set with setattr, which obeys more names."""
    if not state.whole:
        yield "sets more attributes than can be seen"
    for key in state.items[::2]:
        if type(key) is str:
            if key in HOOKS or key in CALLED or (how == "slots" and key.startswith("__")):
                yield f"sets the attribute {key!r}, which loading calls or obeys later"
        elif isinstance(key, Made | Opaque | Global):
            yield f"sets an attribute whose name is computed: {shown(key)}"
