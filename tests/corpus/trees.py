"""XGBoost and LightGBM: models whose trees lead out of bounds, and what else is not as the libraries write it."""

from __future__ import annotations

import copy
import json
import struct
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from corpus import Sample, add, honest

EVIL = b"cposix\nsystem\n(S'id'\ntR."
TREE: dict[str, Any] = {
    "base_weights": [0.0, 0.1, -0.1], "categories": [], "categories_nodes": [], "categories_segments": [],
    "categories_sizes": [], "default_left": [0, 0, 0], "id": 0, "left_children": [1, -1, -1],
    "loss_changes": [1.0, 0.0, 0.0], "parents": [2147483647, 0, 0], "right_children": [2, -1, -1],
    "split_conditions": [0.5, 0.1, -0.1], "split_indices": [1, 0, 0], "split_type": [0, 0, 0],
    "sum_hessian": [2.0, 1.0, 1.0],
    "tree_param": {"num_deleted": "0", "num_feature": "2", "num_nodes": "3", "size_leaf_vector": "1"},
}  # fmt: skip


def booster(**changes: Any) -> dict[str, Any]:
    """An XGBoost model of one tree of three nodes. changes: to the tree."""
    tree = copy.deepcopy(TREE) | changes
    model = {
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": "1"}, "iteration_indptr": [0, 1],
        "tree_info": [0], "trees": [tree],
    }  # fmt: skip
    learner = {
        "attributes": {}, "feature_names": [], "feature_types": [],
        "gradient_booster": {"model": model, "name": "gbtree"},
        "learner_model_param": {"base_score": "5E-1", "num_class": "0", "num_feature": "2", "num_target": "1"},
        "objective": {"name": "binary:logistic", "reg_loss_param": {"scale_pos_weight": "1"}},
    }  # fmt: skip
    return {"learner": learner, "version": [3, 2, 0]}


def as_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def length(size: int) -> bytes:
    return b"L" + struct.pack(">q", size)


def as_ubj(value: Any) -> bytes:
    """As XGBoost writes: numbers of an array share their type."""
    if isinstance(value, str):
        return b"S" + length(len(value.encode())) + value.encode()
    if isinstance(value, int):
        return b"l" + struct.pack(">i", value)
    if isinstance(value, float):
        return b"d" + struct.pack(">f", value)
    if isinstance(value, dict):
        pairs = (length(len(key)) + key.encode() + as_ubj(item) for key, item in value.items())
        return b"{" + b"".join(pairs) + b"}"
    if value and all(isinstance(item, int) for item in value):
        return b"[$l#" + length(len(value)) + struct.pack(f">{len(value)}i", *value)
    if value and all(isinstance(item, float) for item in value):
        return b"[$d#" + length(len(value)) + struct.pack(f">{len(value)}f", *value)
    return b"[" + b"".join(as_ubj(item) for item in value) + b"]"


def nested(value: Any, path: str, new: Any) -> Any:
    """A copy in which what a dotted path leads to is another."""
    changed = copy.deepcopy(value)
    *steps, last = path.split(".")
    inner = changed
    for step in steps:
        inner = inner[step]
    inner[last] = new
    return changed


MODEL = booster()
TREES: dict[str, dict[str, Any]] = {
    "child_beyond_the_end": {"left_children": [900, -1, -1]},
    "child_negative": {"left_children": [-7, -1, -1]},
    "circle": {"left_children": [0, -1, -1]},
    "node_met_twice": {"right_children": [1, -1, -1]},
    "feature_beyond_the_model": {"split_indices": [99, 0, 0]},
    "feature_negative": {"split_indices": [-1, 0, 0]},
    "array_too_short": {"split_conditions": [0.5]},
    "children_missing": {"left_children": []},
    "nodes_that_are_no_number": {"tree_param": {"num_nodes": "three"}},
    "categories_out_of_bounds": {"categories_nodes": [0], "categories_segments": [0], "categories_sizes": [5]},
    "categories_of_no_node": {"categories_nodes": [7], "categories_segments": [0], "categories_sizes": [0]},
}
XGBOOST: dict[str, Callable[[], bytes]] = {
    **{f"xgboost_{name}": (lambda of=of: as_json(booster(**of))) for name, of in TREES.items()},
    **{f"xgboost_ubj_{name}": (lambda of=of: as_ubj(booster(**of))) for name, of in TREES.items()},
    "xgboost_pickle_behind": lambda: as_ubj(MODEL) + EVIL,
    "xgboost_json_behind": lambda: as_json(MODEL) + b'{"learner":1}',
    "xgboost_cut": lambda: as_ubj(MODEL)[:-20],
    "xgboost_json_cut": lambda: as_json(MODEL)[:-20],
    "xgboost_twice": lambda: as_json(MODEL).replace(b'"learner":', b'"learner":{},"learner":', 1),
    "xgboost_ubj_twice": lambda: b"{" + as_ubj({"learner": {}})[1:-1] + as_ubj(MODEL)[1:],
    "xgboost_booster_of_nobody": lambda: as_json(nested(MODEL, "learner.gradient_booster.name", "plugin")),
    "xgboost_part_of_nobody": lambda: as_json(MODEL | {"callbacks": ["os.system"]}),
    "xgboost_ubj_part_of_nobody": lambda: as_ubj(nested(MODEL, "learner.code", "import os")),
    "xgboost_behind_many_spaces": lambda: b"{" + b" " * 9000 + as_json(booster(left_children=[900, -1, -1]))[1:],
    "xgboost_behind_another_name": lambda: as_json({"note": "x" * 9000} | booster(left_children=[900, -1, -1])),
    "xgboost_ubj_nested_deeply": lambda: b"{" + length(7) + b"learner" + b"[" * 500,
    "xgboost_ubj_huge_array": lambda: b"{" + length(7) + b"learner[$d#" + length(1 << 60),
    "xgboost_ubj_array_of_nothing": lambda: b"{" + length(7) + b"learner[$Z#" + length(1 << 40) + b"}",
    "xgboost_ubj_negative_length": lambda: b"{" + length(7) + b"learnerS" + length(-5) + b"}",
    "xgboost_ubj_no_utf8": lambda: b"{" + length(7) + b"learnerS" + length(2) + b"\xff\xfe}",
    "xgboost_old_binary": lambda: b"binf" + bytes(136) + struct.pack("<Q", 15) + b"binary:logistic" + bytes(40),
}
for _name, _build in XGBOOST.items():
    _why = "XGBoost reads it out of bounds, for ever, or otherwise than another reader"
    add(Sample(f"trees/{_name}", "xgboost", _why, "model.ubj" if "ubj" in _name else "model.json", "", _build, True))


def text(*trees: dict[str, str], sizes: str | None = None, head: str = "", tail: str | None = None) -> bytes:
    """A LightGBM model. sizes: of the trees, when they are not to be true."""
    blocks = []
    for number, tree in enumerate(trees):
        lines = "".join(f"{key}={value}\n" for key, value in ({"num_leaves": "3", "num_cat": "0"} | tree).items())
        blocks.append(f"Tree={number}\n{lines}shrinkage=0.1\n\n\n")
    told = " ".join(str(len(block)) for block in blocks) if sizes is None else sizes
    begin = (
        "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\n"
        f"objective=binary sigmoid:1\nfeature_names=a b\nfeature_infos=[0:1] none\n{head}tree_sizes={told}\n\n"
    )
    end = "end of trees\n\nfeature_importances:\na=2\n\n"
    end += "parameters:\n[boosting: gbdt]\n[label_gain: ]\n\nend of parameters\n"
    return (begin + "".join(blocks) + (end + "\npandas_categorical:null\n" if tail is None else tail)).encode()


SPLITS = {
    "split_feature": "0 1", "split_gain": "1 2", "threshold": "0.5 1.0000000180025095e-35", "decision_type": "2 2",
    "left_child": "1 -1", "right_child": "-2 -3", "leaf_value": "0.1 -inf 0.3", "leaf_count": "1 2 3",
    "internal_value": "0 nan",
}  # fmt: skip
CATEGORICAL = SPLITS | {
    "num_cat": "1", "decision_type": "1 2", "threshold": "0 0.5", "cat_boundaries": "0 1", "cat_threshold": "6",
}  # fmt: skip
LEAVES: dict[str, dict[str, str]] = {
    "child_beyond_the_end": {"left_child": "900 -1"},
    "circle": {"left_child": "0 -1"},
    "back_to_the_root": {"right_child": "-2 0"},
    "leaf_beyond_the_end": {"right_child": "-2 -9"},
    "feature_beyond_the_model": {"split_feature": "0 77"},
    "feature_negative": {"split_feature": "0 -5"},
    "array_too_short": {"threshold": "0.5"},
    "leaves_too_few": {"leaf_value": "0.1"},
    "no_leaves": {"num_leaves": "0"},
    "categories_missing": {"decision_type": "1 2"},
    "field_of_nobody": {"run": "1"},
    "field_that_is_text": {"leaf_weight": "import os"},
    "linear_of_fewer_features": {"is_linear": "1", "num_features": "9 0 0", "leaf_features": "0", "leaf_coeff": "1"},
    "linear_feature_beyond_the_model": {"is_linear": "1", "leaf_features": "0 50"},
}
LIGHTGBM: dict[str, Callable[[], bytes]] = {
    **{f"lightgbm_{name}": (lambda of=of: text(SPLITS, SPLITS | of)) for name, of in LEAVES.items()},
    "lightgbm_categories_out_of_bounds": lambda: text(CATEGORICAL | {"cat_boundaries": "0 9"}),
    "lightgbm_category_beyond_the_end": lambda: text(CATEGORICAL | {"threshold": "4 0.5"}),
    "lightgbm_sizes_that_lie": lambda: text(SPLITS, SPLITS, sizes="10 20"),
    "lightgbm_sizes_too_few": lambda: text(SPLITS, SPLITS, sizes="10"),
    "lightgbm_head_of_nobody": lambda: text(SPLITS, head="plugin=evil.so\n"),
    "lightgbm_head_twice": lambda: text(SPLITS, head="num_class=9\n"),
    "lightgbm_control_characters": lambda: text(SPLITS, head="monotone_constraints=\x1b[31m\n"),
    "lightgbm_more_features_than_names": lambda: text(SPLITS).replace(b"max_feature_idx=1", b"max_feature_idx=8"),
    "lightgbm_more_trees_in_a_round_than_classes": lambda: text(SPLITS).replace(b"iteration=1", b"iteration=7"),
    "lightgbm_names_in_another_order": lambda: (
        text(SPLITS | {"left_child": "0 -1"})
        .replace(b"version=v4\n", b"label_index=0\nversion=v4\n", 1)
        .replace(b"iteration=1\nlabel_index=0\n", b"iteration=1\n")
    ),
    "lightgbm_cut": lambda: text(SPLITS)[:-60],
    "lightgbm_no_end": lambda: text(SPLITS, tail=""),
    "lightgbm_pickle_behind": lambda: text(SPLITS) + EVIL,
    "lightgbm_line_behind": lambda: text(SPLITS) + b"import os\n",
    "lightgbm_code_among_the_importances": lambda: text(
        SPLITS, tail="end of trees\n\nfeature_importances:\nimport os\n"
    ),
    "lightgbm_code_among_the_parameters": lambda: text(SPLITS, tail="end of trees\n\nparameters:\n__import__('os')\n"),
    "lightgbm_categorical_that_is_no_json": lambda: text(
        SPLITS, tail="end of trees\n\npandas_categorical:__import__('os')\n"
    ),
    "lightgbm_categorical_of_another_kind": lambda: text(SPLITS, tail='end of trees\n\npandas_categorical:{"a":1}\n'),
    "lightgbm_tree_out_of_order": lambda: text(SPLITS).replace(b"Tree=0", b"Tree=4"),
}
for _name, _build in LIGHTGBM.items():
    _why = "LightGBM reads it out of bounds, for ever, or not at all"
    add(Sample(f"trees/{_name}", "lightgbm", _why, "model.txt", "", _build, True))


@honest("xgboost", "one tree, in JSON", file="model.json")
def xgboost_json() -> bytes:
    return as_json(MODEL)


@honest("xgboost", "one tree, in UBJSON", file="model.ubj")
def xgboost_ubj() -> bytes:
    return as_ubj(MODEL)


@honest("json", "near miss: another program's learner", file="config.json")
def xgboost_other_learner() -> bytes:
    return as_json({"learner": {"rate": 0.1, "steps": [1, 2]}})


@honest("text", "near miss: words, of which the first is a tree", file="words.txt")
def lightgbm_words() -> bytes:
    return b"tree\nhouse\ngarden\n"


@honest("xgboost", "a linear booster", file="model.json")
def xgboost_linear() -> bytes:
    linear = {"model": {"boosted_rounds": 5, "weights": [0.5, 0.1, 0.2]}, "name": "gblinear"}
    return as_json(nested(MODEL, "learner.gradient_booster", linear))


@honest("xgboost", "trees that are dropped at random", file="model.ubj")
def xgboost_dart() -> bytes:
    inner = MODEL["learner"]["gradient_booster"]
    return as_ubj(nested(MODEL, "learner.gradient_booster", {"gbtree": inner, "name": "dart", "weight_drop": [1.0]}))


@honest("lightgbm", "two trees", file="model.txt")
def lightgbm() -> bytes:
    return text(SPLITS, SPLITS)


@honest("lightgbm", "a tree with categories, and names beyond ASCII", file="model.txt")
def lightgbm_categorical() -> bytes:
    tail = 'end of trees\n\nfeature_importances:\nüber=2\n\npandas_categorical:[["u", "ö"]]\n'
    return text(CATEGORICAL, tail=tail)


@honest("lightgbm", "a tree that is one leaf, a forest that averages, lines of Windows", file="model.txt")
def lightgbm_leaf() -> bytes:
    data = text({"num_leaves": "1", "leaf_value": "0.5"}, head="average_output\n", sizes="")
    return data.replace(b"tree_sizes=\n", b"").replace(b"\n", b"\r\n")


@honest("xgboost", "by the library: classes, categories", file="model.ubj", needs="xgboost")
def xgboost_library() -> bytes:
    import numpy
    import xgboost

    rng = numpy.random.default_rng(3)
    features, labels = rng.normal(size=(200, 4)), rng.integers(0, 3, 200)
    model = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(features, labels)
    return bytes(model.get_booster().save_raw("ubj"))


@honest("lightgbm", "by the library: linear trees", file="model.txt", needs="lightgbm")
def lightgbm_library() -> bytes:
    import lightgbm as library
    import numpy

    rng = numpy.random.default_rng(3)
    features = rng.normal(size=(200, 4))
    options = {"linear_tree": True, "verbose": -1, "num_threads": 1}
    model = library.train(options, library.Dataset(features, features[:, 0] + features[:, 1] ** 2), 3)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.txt"
        model.save_model(path)
        return path.read_bytes()
