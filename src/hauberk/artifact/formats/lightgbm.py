"""LightGBM's text model: lines of `name=values`, read to the very end, every tree held to its bounds.

LightGBM follows children and features without looking, and finds trees by the sizes that the head tells. Source:
`GBDT::SaveModelToString` and `Tree::ToString` of LightGBM, and models of versions 2 to 4.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from ..walk import Walk, printable
from . import hidden, payload
from .opcodes import Broken

HEAD = frozenset((
    "version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "objective", "feature_names",
    "monotone_constraints", "feature_infos", "tree_sizes", "boost_from_average", "average_output",
))  # fmt: skip
TREE = frozenset((
    "num_leaves", "num_cat", "split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child",
    "leaf_value", "leaf_weight", "leaf_count", "internal_value", "internal_weight", "internal_count", "cat_boundaries",
    "cat_threshold", "shrinkage", "is_linear", "leaf_const", "num_features", "leaf_features", "leaf_coeff",
    "leaf_parent", "leaf_depth", "split_gain_", "has_categorical",
))  # fmt: skip
PER_SPLIT = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
"""What each split has; the next, if it is told at all."""
ALSO_PER_SPLIT = ("split_gain", "internal_value", "internal_weight", "internal_count")
PER_LEAF = ("leaf_weight", "leaf_count", "leaf_const", "num_features", "leaf_parent", "leaf_depth")
_NUMBERS = re.compile(rb"(?:[0-9eE+\-. ]|inf|nan)*")
_WHOLE = re.compile(rb" *(?:-?[0-9]{1,18}(?: +|$))*")
_TEXT = re.compile(rb"[^\x00-\x08\x0a-\x1f\x7f]*")
_PARAMETER = re.compile(rb"\[[A-Za-z0-9_]+: [^\x00-\x1f\x7f]*\]")
CATEGORICAL = 1
LOOKED = 1 << 16
"""Bytes in which the first names of a model stand."""


def sniff(data: memoryview) -> bool:
    """Whether LightGBM takes this for a model: its first line is `tree`, and trees or their number follow."""
    head = bytes(data[:LOOKED]).replace(b"\r", b"")
    return head.startswith(b"tree\n") and any(name in head for name in (b"\nversion=", b"\nnum_class=", b"\nTree="))


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Read every line. Raises Broken for the first one that LightGBM does not write."""
    text = bytes(data)
    Reader(text).read()
    hidden.look_at_text(walk, text, path)
    payload.look_for_code(walk, text, path, "texts of the model")


class _Part(Enum):
    HEAD, TREE, REST, IMPORTANCES, PARAMETERS, END, LAST = range(7)


@dataclass
class Tree:
    """One tree. at: of its first byte."""

    at: int
    fields: dict[str, bytes] = field(default_factory=dict)


class Reader:
    """Reads one model, line by line."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.head: dict[str, bytes] = {}
        self.trees: list[Tree] = []

    def read(self) -> None:
        """Head, trees, importances, parameters, categories. Raises Broken."""
        lines = self._lines()
        if next(lines)[1] != b"tree":
            raise Broken("the first line is not `tree`", 0)
        part = _Part.HEAD
        for at, line in lines:
            part = self._line(part, at, line)
        if part in (_Part.HEAD, _Part.TREE):
            raise Broken("the model ends before `end of trees`", len(self.data))
        if part == _Part.PARAMETERS:
            raise Broken("the model ends before `end of parameters`", len(self.data))
        self._places()
        features = _one(self.head.get("max_feature_idx", b"-1")) + 1
        classes, each = (_one(self.head.get(name, b"1")) for name in ("num_class", "num_tree_per_iteration"))
        if not 0 < classes == each or len(self.trees) % each:
            raise Broken(f"{len(self.trees)} trees do not make rounds of {each} for {classes} classes", 0)
        for name in ("feature_names", "feature_infos"):
            if name in self.head and len(self.head[name].split()) != features:
                raise Broken(f"{name} is not of {features} features", 0)
        for number, tree in enumerate(self.trees):
            _check(tree.fields, features, number, tree.at)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        at = 0
        while at < len(self.data):
            end = self.data.find(b"\n", at)
            end = len(self.data) if end < 0 else end
            yield at, self.data[at:end].removesuffix(b"\r")
            at = end + 1

    def _line(self, part: _Part, at: int, line: bytes) -> _Part:
        """Read one line; the part that the next one is in."""
        name, mark, value = line.partition(b"=")
        if not line:
            return part
        if line == b"end of trees" and part in (_Part.HEAD, _Part.TREE):
            return _Part.REST
        if name == b"Tree" and part in (_Part.HEAD, _Part.TREE):
            if value != b"%d" % len(self.trees):
                raise Broken(f"tree {len(self.trees)} says that it is another", at)
            self.trees.append(Tree(at))
            return _Part.TREE
        if part == _Part.TREE and mark:
            return self._field(self.trees[-1].fields, TREE, name, value, at)
        if part == _Part.HEAD:
            return self._field(self.head, HEAD, name, value, at)
        return self._rest(part, at, line)

    def _field(self, fields: dict[str, bytes], known: frozenset[str], name: bytes, value: bytes, at: int) -> _Part:
        key = name.decode("ascii", "backslashreplace")
        if key not in known or key in fields or not _TEXT.fullmatch(value):
            raise Broken(f"{printable(key)!r} is not what LightGBM writes here", at)
        if known is TREE and not _NUMBERS.fullmatch(value):
            raise Broken(f"the values of {key} are not all numbers", at)
        fields[key] = value
        return _Part.TREE if known is TREE else _Part.HEAD

    def _rest(self, part: _Part, at: int, line: bytes) -> _Part:
        """What follows the trees."""
        if line in (b"feature_importances:", b"feature importances:") and part == _Part.REST:
            return _Part.IMPORTANCES
        if line == b"parameters:" and part in (_Part.REST, _Part.IMPORTANCES):
            return _Part.PARAMETERS
        if line == b"end of parameters" and part == _Part.PARAMETERS:
            return _Part.END
        if part == _Part.PARAMETERS and _PARAMETER.fullmatch(line):
            return part
        if line.startswith(b"pandas_categorical:") and part in (_Part.REST, _Part.IMPORTANCES, _Part.END):
            _categories(line[19:], at)
            return _Part.LAST
        if part == _Part.IMPORTANCES and _TEXT.fullmatch(line) and _NUMBERS.fullmatch(line.rpartition(b"=")[2]):
            return part
        raise Broken("a line is not of a LightGBM model", at)

    def _places(self) -> None:
        """The sizes that the head tells are where LightGBM looks for the trees."""
        told = self.head.get("tree_sizes")
        if told is None:
            return
        sizes = _wholes(told, 0)
        starts = [tree.at for tree in self.trees]
        if len(sizes) != len(starts) or any(b - a != n for a, b, n in zip(starts, starts[1:], sizes, strict=False)):
            raise Broken("tree_sizes does not say where the trees are", 0)


def _categories(text: bytes, at: int) -> None:
    try:
        value = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Broken("pandas_categorical is no JSON", at) from error
    if value is not None and not isinstance(value, list):
        raise Broken("pandas_categorical is no list", at)


def _check(fields: dict[str, bytes], features: int, number: int, at: int) -> None:
    """Hold one tree to its bounds. Raises Broken."""
    leaves = _one(fields.get("num_leaves", b""))
    if leaves < 1:
        raise Broken(f"tree {number} has no leaves", at)
    splits = leaves - 1
    kinds, thresholds = _wholes(fields.get("decision_type", b""), at), fields.get("threshold", b"").split()
    _lengths(fields, splits, number, at)
    for side in ("left_child", "right_child"):
        for node, child in enumerate(_wholes(fields.get(side, b""), at)[:splits]):
            if not (node < child < splits or 0 <= ~child < leaves):
                raise Broken(f"tree {number} leads out of itself, or in a circle", at)
    linear = _wholes(fields.get("num_features", b""), at)
    if linear and any(len(fields.get(name, b"").split()) != sum(linear) for name in ("leaf_features", "leaf_coeff")):
        raise Broken(f"tree {number}: leaves are not of the features that they say", at)
    used = [*_wholes(fields.get("split_feature", b""), at)[:splits], *_wholes(fields.get("leaf_features", b""), at)]
    if any(not 0 <= index < features for index in used):
        raise Broken(f"tree {number} uses a feature beyond the {features} of the model", at)
    if _one(fields.get("num_cat", b"0")):
        _cat(fields, [t for t, kind in zip(thresholds, kinds, strict=False) if kind & CATEGORICAL], number, at)
    elif any(kind & CATEGORICAL for kind in kinds[:splits]):
        raise Broken(f"tree {number} splits by categories that it does not have", at)


def _lengths(fields: dict[str, bytes], splits: int, number: int, at: int) -> None:
    """Every array of a tree is as long as it has splits, or leaves: LightGBM ends the process when it is not."""
    told = [(name, splits) for name in PER_SPLIT if splits]
    told += [(name, splits) for name in ALSO_PER_SPLIT if fields.get(name)]
    told += [(name, splits + 1) for name in PER_LEAF if fields.get(name)] + [("leaf_value", splits + 1)]
    for name, count in told:
        if len(fields.get(name, b"").split()) != count:
            raise Broken(f"tree {number}: {name} is not of {count} values", at)


def _cat(fields: dict[str, bytes], used: list[bytes], number: int, at: int) -> None:
    count, bounds = _one(fields["num_cat"]), _wholes(fields.get("cat_boundaries", b""), at)
    words = len(fields.get("cat_threshold", b"").split())
    if len(bounds) != count + 1 or bounds != sorted(bounds) or bounds[0] < 0 or bounds[-1] > words:
        raise Broken(f"tree {number} has categories out of bounds", at)
    if any(not text.isdigit() or not 0 <= int(text) < count for text in used):
        raise Broken(f"tree {number} splits by categories that it does not have", at)


def _wholes(text: bytes, at: int) -> list[int]:
    if not _WHOLE.fullmatch(text):
        raise Broken("whole numbers are none", at)
    return [int(word) for word in text.split()]


def _one(text: bytes) -> int:
    found = _wholes(text, 0)
    if len(found) != 1:
        raise Broken("a count is none")
    return found[0]
