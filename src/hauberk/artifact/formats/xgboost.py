"""XGBoost models: JSON, and the same in UBJSON. Data only; read whole, and every tree held to its bounds.

XGBoost itself checks how long the arrays of a tree are, not where they lead: children beyond the end are read out of
bounds, a child that is its own parent is walked for ever. Source: `doc/model.schema` of XGBoost, and its `RegTree`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Any

from ...core.errors import InputError
from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from . import json_file, ubjson, xgboost_parts
from .opcodes import Broken

LEARNER = frozenset(
    (
        "attributes", "feature_names", "feature_types", "gradient_booster", "learner_model_param", "objective",
        "metrics", "generic_param", "learner_train_param",
    )
)  # fmt: skip
BOOSTERS = ("gbtree", "dart", "gblinear")
PER_NODE = (
    "left_children", "right_children", "parents", "split_indices", "split_conditions", "default_left", "split_type",
    "loss_changes", "sum_hessian",
)  # fmt: skip
"""Arrays of a tree that have one value for each node; older versions lack some."""
REMEDY = "do not load this file; save the model again"


def sniff(data: memoryview) -> bool:
    """Whether this is an object, in JSON or UBJSON, whose first names are XGBoost's."""
    head = bytes(data[:128])
    if head[1:2] in ubjson.LENGTHS and head[:1] == b"{":
        return b"learner" in head or b"Config" in head or b"version" in head or b"Model" in head
    return head[:1] == b"{" and (b'"learner"' in head or b'"Config"' in head or b'"version":[' in head)


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Parse all of it. Raises Broken for what is no JSON or UBJSON, and for anything behind it."""
    if bytes(data[1:2]) in ubjson.LENGTHS:
        value = ubjson.parse(data)
        walk_value(walk, value, path)
        xgboost_parts.look(walk, value, path)
        return
    try:
        parsed = json_file.parse(data)
    except InputError as error:
        raise Broken(str(error)) from error
    json_file.walk_parsed(walk, parsed, data, path)  # which comes back here for every model, whatever its first names


def is_model(value: Any) -> bool:
    """Whether XGBoost takes this for a model: it looks for a booster, and passes over names that it does not know.

    >>> is_model({"note": 1, "learner": {"gradient_booster": {}}}), is_model({"learner": {"rate": 0.1}})
    (True, False)
    """
    model = value.get("Model", value) if isinstance(value, dict) else None
    learner = model.get("learner") if isinstance(model, dict) else None
    return isinstance(learner, dict) and "gradient_booster" in learner


def walk_value(walk: Walk, value: Any, path: str) -> None:
    """Hold a parsed model to what XGBoost writes, and its trees to their bounds."""
    walk.formats[path] = "xgboost"
    try:
        for what in dict.fromkeys(_complaints(value)):
            walk.flaw("artifact.xgboost.unknown", Severity.HIGH, Place(path), what, REMEDY, ("CWE-20",))
    except Broken as error:
        walk.flaw("artifact.xgboost.broken", Severity.HIGH, Place(path), f"xgboost: {error}", REMEDY, ("CWE-125",))


def _complaints(value: Any) -> Iterator[str]:
    """What is not as XGBoost writes it. Raises Broken where it would read out of bounds."""
    if not isinstance(value, dict):
        raise Broken("the model is no object")
    model = value.get("Model", value)
    if not isinstance(model, dict) or not isinstance(model.get("learner"), dict):
        raise Broken("the model has no learner")
    odd = sorted((set(value) - {"learner", "version", "Config", "Model"}) | (set(model) - {"learner", "version"}))
    odd = [name for name in odd if name not in ("Config", "Model")]
    learner = model["learner"]
    for name in odd + sorted(set(learner) - LEARNER):
        yield f"the part {printable(name)!r} is not one that XGBoost writes"
    yield from xgboost_parts.complaints(learner)
    if isinstance(config := value.get("Config"), dict) and isinstance(config.get("learner"), dict):
        yield from xgboost_parts.complaints(config["learner"])
    params = learner.get("learner_model_param")
    yield from _booster(learner.get("gradient_booster"), _whole(_get(params, "num_feature", "0")))


def _booster(booster: Any, features: int) -> Iterator[str]:
    name = _get(booster, "name", "")
    if name not in BOOSTERS:
        yield f"the booster {printable(str(name))!r} is not one of XGBoost's"
    if name == "dart" and isinstance(booster.get("gbtree"), dict):
        booster = booster["gbtree"]
    trees = _get(_get(booster, "model", {}), "trees", [])
    if name != "gblinear" and not isinstance(trees, list):
        raise Broken("the model has no trees")
    for number, tree in enumerate(trees if name != "gblinear" else []):
        _tree(tree, features, number)


def _tree(tree: Any, features: int, number: int) -> None:
    """Hold one tree to its bounds. Raises Broken."""
    count = _whole(_get(_get(tree, "tree_param", {}), "num_nodes", ""))
    for name in PER_NODE:
        if name in tree and (not isinstance(tree[name], Sequence | array) or len(tree[name]) != count):
            raise Broken(f"tree {number}: {name} is not of {count} values, one for each node")
    left, right = _get(tree, "left_children", []), _get(tree, "right_children", [])
    if not isinstance(left, Sequence | array) or not isinstance(right, Sequence | array):
        raise Broken(f"tree {number} has no children")
    if len(left) != count or len(right) != count:
        raise Broken(f"tree {number} has no children")
    _descend(left, right, count, number)
    if features and any(not 0 <= index < features for index in tree.get("split_indices", ())):
        raise Broken(f"tree {number} splits by a feature beyond the {features} of the model")
    _categories(tree, count, number)


def _descend(left: Any, right: Any, count: int, number: int) -> None:
    """Go down from the root: each node is met once. Raises Broken."""
    seen, todo = bytearray(count), [0] if count else []
    while todo:
        node = todo.pop()
        if type(node) is not int or not 0 <= node < count or seen[node]:
            raise Broken(f"tree {number} leads out of itself, or in a circle")
        seen[node] = 1
        if left[node] != -1:
            todo += (left[node], right[node])


def _categories(tree: dict[str, Any], count: int, number: int) -> None:
    nodes, begins, sizes = (tree.get(f"categories{name}", ()) for name in ("_nodes", "_segments", "_sizes"))
    total = len(tree.get("categories", ()))
    if not len(nodes) == len(begins) == len(sizes):
        raise Broken(f"tree {number} has categories of no node")
    for node, begin, size in zip(nodes, begins, sizes, strict=True):
        if not 0 <= node < count or begin < 0 or size < 0 or begin + size > total:
            raise Broken(f"tree {number} has categories out of bounds")


def _get(value: Any, name: str, default: Any) -> Any:
    """A value of an object. Raises Broken when it is no object."""
    if not isinstance(value, dict):
        raise Broken(f"what should hold {name} is no object")
    return value.get(name, default)


def _whole(text: Any) -> int:
    """A number that is written as text. Raises Broken."""
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 12:
        return int(text)
    if type(text) is int and text >= 0:
        return text
    raise Broken(f"{printable(str(text))!r} is no count")
