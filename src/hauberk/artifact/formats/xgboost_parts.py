"""The parts of an XGBoost model by their names, and what its texts hold.

XGBoost passes over a name that it does not know, so that anything may be carried under one. The names are those of
`doc/model.schema`, of `save_config`, and of models of versions 1.0 to 3.2.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

from ..walk import Walk, printable
from . import hidden, payload

MODEL = frozenset((
    "gbtree_model_param", "iteration_indptr", "tree_info", "trees", "cats", "weights", "boosted_rounds", "param",
))  # fmt: skip
BOOSTER = frozenset(("name", "model", "gbtree", "weight_drop", "specified_updater", "updater"))
TREE = frozenset((
    "base_weights", "categories", "categories_nodes", "categories_segments", "categories_sizes", "default_left", "id",
    "leaf_weights", "left_children", "loss_changes", "parents", "right_children", "split_conditions", "split_indices",
    "split_type", "sum_hessian", "tree_param", "leaf_child_counts", "stats",
))  # fmt: skip
CATS = frozenset(("enc", "feature_segments", "sorted_idx"))
PARAMETERS = "_param"
"""Objects of settings end like this; they hold texts alone."""
MAX_SETTING = 4096


def complaints(learner: dict[str, Any]) -> Iterator[str]:
    """Names that XGBoost does not write, and values where it writes texts."""
    booster = learner.get("gradient_booster")
    yield from _settings(learner, "learner", ("objective", "attributes"))
    for each in (booster, booster.get("gbtree") if isinstance(booster, dict) else None):
        if isinstance(each, dict):
            yield from _odd(each, BOOSTER, "gradient_booster")
            yield from _settings(each, "gradient_booster", ())
            model = each.get("model")
            if isinstance(model, dict):
                yield from _model(model)


def _model(model: dict[str, Any]) -> Iterator[str]:
    yield from _odd(model, MODEL, "model")
    yield from _settings(model, "model", ())
    if isinstance(cats := model.get("cats"), dict):
        yield from _odd(cats, CATS, "cats")
    trees = model.get("trees")
    for tree in trees if isinstance(trees, list) else ():
        if isinstance(tree, dict) and not tree.keys() <= TREE:
            yield from _odd(tree, TREE, "tree")


def _odd(value: dict[str, Any], known: frozenset[str], where: str) -> Iterator[str]:
    for name in sorted(value.keys() - known):
        if not name.endswith(PARAMETERS):
            yield f"the part {printable(name, 40)!r} of {where} is not one that XGBoost writes"


def _settings(value: dict[str, Any], where: str, also: tuple[str, ...]) -> Iterator[str]:
    """Settings are texts, of no great length; those of an objective are objects of such."""
    for name, held in value.items():
        if name not in also and not name.endswith(PARAMETERS):
            continue
        for inner in _leaves(held):
            if not isinstance(inner, str | bool | int | float | None) or (
                name != "attributes" and isinstance(inner, str) and len(inner) > MAX_SETTING
            ):
                yield f"the settings {printable(name, 40)!r} of {where} hold more than texts"
                break


def _leaves(value: Any) -> Iterator[Any]:
    """The values in objects within objects; a list is a value of its own."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo.extend(item.values())
        else:
            yield item


def look(walk: Walk, value: Any, path: str) -> None:
    """Look through every text of a model, and through arrays of bytes, for programs and secrets."""
    texts: list[bytes] = []
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            todo.extend(item.values())
            texts.extend(key.encode("utf-8", "surrogatepass") for key in item)
        elif isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, str):
            raw = item.encode("utf-8", "surrogatepass")
            if len(raw) < payload.MIN_PAYLOAD or not payload.look_whole(walk, memoryview(raw), path, "a text"):
                texts.append(raw)
        elif isinstance(item, array) and item.itemsize == 1:
            payload.look(walk, memoryview(item).cast("B"), path, "an array of bytes")
    joined = b"\n".join(texts)
    hidden.look_at_text(walk, joined, path, "texts of the model")
    payload.look_for_code(walk, joined, path, "texts of the model")
