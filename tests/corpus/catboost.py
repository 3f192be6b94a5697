"""CatBoost's .cbm: trees that lead out of bounds, and what else is not as CatBoost writes it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from corpus import Sample, add

EVIL = b"cposix\nsystem\n(S'id'\ntR."


class Table(dict[int, Any]):
    """A flatbuffer's table: slots to values. A value: (form, number), a text, (form, list), a Table, a list of them."""


def flat(root: Table) -> bytes:
    """A flatbuffer, each part behind the one that refers to it."""
    out = bytearray(4)
    struct.pack_into("<I", out, 0, _table(out, root))
    return bytes(out)


def _align(out: bytearray, size: int) -> int:
    out += bytes(-len(out) % size)
    return len(out)


def _table(out: bytearray, table: Table) -> int:
    _align(out, 8)
    index, slots = len(out), max(table, default=-1) + 1
    out += bytes(4 + 2 * slots)
    at = _align(out, 8)
    struct.pack_into("<HH", out, index, 4 + 2 * slots, 4 + 8 * slots + 4)
    out += struct.pack("<i", at - index) + bytes(8 * slots + 4)
    for slot, value in table.items():
        place = at + 8 + 8 * slot
        struct.pack_into("<H", out, index + 4 + 2 * slot, place - at)
        if isinstance(value, tuple) and not isinstance(value[1], list):
            struct.pack_into("<" + value[0], out, place, value[1])
        else:
            struct.pack_into("<I", out, place, _value(out, value) - place)
    return at


def _value(out: bytearray, value: Any) -> int:
    if isinstance(value, Table):
        return _table(out, value)
    at = _align(out, 8) + 4
    out += bytes(4)
    if isinstance(value, str | bytes):
        raw = value.encode() if isinstance(value, str) else value
        out += struct.pack("<I", len(raw)) + raw + b"\0"
    elif isinstance(value, tuple):
        out += struct.pack(f"<I{len(value[1])}{value[0]}", len(value[1]), *value[1])
    else:
        out += struct.pack("<I", len(value)) + bytes(4 * len(value))
        for number, item in enumerate(value):
            place = at + 4 + 4 * number
            struct.pack_into("<I", out, place, _value(out, item) - place)
    return at


FEATURE = Table({1: ("i", 0), 2: ("i", 0), 3: ("f", [0.5, 1.5, 2.5])})
TREES = Table({
    0: ("i", 1), 1: ("i", [0, 2, 1]), 2: ("i", [2, 1]), 3: ("i", [0, 2]), 5: [FEATURE],
    8: ("d", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), 17: ("I", [0, 0x20000, 0x10000]),
})  # fmt: skip
UNEVEN = Table({
    0: ("i", 1), 1: ("i", [0, 0, 0]), 2: ("i", [3]), 3: ("i", [0]), 5: [FEATURE], 8: ("d", [0.1, 0.2]),
    10: ("I", [0x00020001, 0, 0]), 11: ("I", [0xFFFFFFFF, 0, 1]),
})  # fmt: skip


def model(trees: Table = TREES, parts: list[str] | None = None, behind: bytes = b"", **slots: Any) -> bytes:
    """A .cbm. slots: other values of the trees, as `slot_8=...`; None leaves one out."""
    changed = Table(trees | {int(name[5:]): value for name, value in slots.items()})
    changed = Table({slot: value for slot, value in changed.items() if value is not None})
    core = Table({0: "FlabuffersModel_v1", 1: changed, 2: [Table({0: "params", 1: "{}"})]})
    if parts:
        core[3] = parts
    content = flat(core)
    return b"CBM1" + struct.pack("<I", len(content)) + content + behind


CATEGORIES = flat(Table({0: Table({1: ("b", 0)}), 1: ("B", [1, 2, 3]), 2: ("B", [4]), 3: ("i", 5)}))
ONE_TABLE = struct.pack("<II", 1, len(CATEGORIES)) + CATEGORIES
BAD: dict[str, Callable[[], bytes]] = {
    "split_beyond_the_borders": lambda: model(slot_1=("i", [0, 99, 1])),
    "split_negative": lambda: model(slot_1=("i", [0, -1, 1])),
    "fewer_splits_than_told": lambda: model(slot_1=("i", [0, 1])),
    "trees_that_begin_elsewhere": lambda: model(slot_3=("i", [0, 700])),
    "tree_of_negative_size": lambda: model(slot_2=("i", [4, -1])),
    "fewer_leaves_than_the_trees_have": lambda: model(slot_8=("d", [0.1])),
    "tree_of_a_huge_depth": lambda: model(slot_1=("i", [0] * 64), slot_2=("i", [64]), slot_3=None),
    "feature_beyond_the_row": lambda: model(slot_17=("I", [0, 0xFFFF, 0])),
    "no_dimension": lambda: model(slot_0=("i", 0)),
    "step_out_of_the_tree": lambda: model(UNEVEN, slot_10=("I", [0x01000001, 0, 0])),
    "step_to_no_leaf": lambda: model(UNEVEN, slot_11=("I", [0xFFFFFFFF, 0xFFFFFFFF, 1])),
    "leaf_beyond_the_values": lambda: model(UNEVEN, slot_11=("I", [0xFFFFFFFF, 0, 900])),
    "fewer_steps_than_splits": lambda: model(UNEVEN, slot_10=("I", [0x00020001])),
    "slot_of_nobody": lambda: model(slot_40=("i", [1, 2])),
    "part_of_nobody": lambda: model(parts=["evil_process"], behind=EVIL),
    "texts": lambda: model(parts=["static_provider_v1", "text_process_v2"], behind=ONE_TABLE),
    "categories_cut": lambda: model(parts=["static_provider_v1"], behind=ONE_TABLE[:-5]),
    "categories_missing": lambda: model(parts=["static_provider_v1"]),
    "data_behind": lambda: model(behind=EVIL),
    "size_beyond_the_file": lambda: b"CBM1\xff\xff\xff\x7f" + model()[8:],
    "cut": lambda: model()[:-30],
    "root_out_of_the_file": lambda: b"CBM1" + struct.pack("<II", 12, 0x7FFFFFFF) + bytes(8),
    "nothing": lambda: b"CBM1",
}
GOOD: dict[str, tuple[str, Callable[[], bytes]]] = {
    "trees": ("two symmetric trees", model),
    "uneven": ("a tree grown leaf by leaf", lambda: model(UNEVEN)),
    "categories": (
        "a table of categories behind the trees",
        lambda: model(parts=["static_provider_v1"], behind=ONE_TABLE),
    ),
    "older": ("without the repacked splits of newer versions", lambda: model(slot_17=None, slot_3=None)),
}
for _name, _build in BAD.items():
    _why = "CatBoost reads it out of bounds, or it is not as CatBoost writes"
    add(Sample(f"catboost/{_name}", "catboost", _why, "model.cbm", "", _build, True))
for _name, (_why, _build) in GOOD.items():
    add(Sample(f"catboost/honest_{_name}", "catboost", _why, "model.cbm", "", _build, False))
