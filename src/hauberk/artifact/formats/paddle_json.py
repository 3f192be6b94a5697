"""PaddlePaddle's programs since 3.0, as JSON: operators in blocks in regions, each named by a dialect and a name.

The writer is paddle/fluid/pir/serialize_deserialize; "1.conv2d" is an operator of dialect 1, and "p" a parameter.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from ..walk import Walk, printable
from .graphs import Teller
from .paddle import judge, pack

BUILTIN, OPERATORS, CONTROL = "0", "1", "2"
STRUCTURE = frozenset((
    "parameter", "set_parameter", "shadow_output", "combine", "slice", "split", "constant", "module", "group",
    "insert_slice", "yield", "tuple_push", "tuple_pop", "stack_create", "has_elements", "if", "while", "p",
))  # fmt: skip
"""Operators of which programs are built, whatever they compute."""
MAX_ITEMS = 5_000_000


def owns(value: Any) -> bool:
    """Whether JSON is such a program."""
    return isinstance(value, dict) and "program" in value and isinstance(value.get("base_code"), dict)


def walk_value(walk: Walk, value: dict[str, Any], path: str) -> None:
    """Judge the operators of a program; what is no operator is other readers' business."""
    walk.formats[path] = "paddle program"
    teller = Teller(walk, path, "paddle")
    times: Counter[str] = Counter()
    todo: list[Any] = [value["program"]]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo.extend(each for each in item.values() if isinstance(each, dict | list))
            if isinstance(ops := item.get("ops"), list):
                times.update(str(op.get("#")) for op in ops if isinstance(op, dict))
        elif isinstance(item, list):
            todo.extend(each for each in item if isinstance(each, dict | list))
    for name, count in sorted(times.items()):
        _judge(teller, name, count)


def _judge(teller: Teller, name: str, count: int) -> None:
    dialect, _, op = name.rpartition(".")
    part = f"operator {printable(name)}"
    if dialect in ("", BUILTIN, CONTROL) and op in STRUCTURE:
        return
    if dialect == OPERATORS:
        judge(teller, op.rstrip("_"), part, count, pack().pir | STRUCTURE)
    else:
        teller.operator(name, part, times=count)
