"""skops files: a schema that names what is built, and members beside it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

from corpus import Sample, add

EVIL = b"cposix\nsystem\n(S'id'\ntR."


def node(module: str, name: str, loader: str, **more: Any) -> dict[str, Any]:
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 1, **more}


def skops(schema: Any, **members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", schema if isinstance(schema, str) else json.dumps(schema))
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


TREE = node("sklearn.tree._classes", "DecisionTreeClassifier", "ObjectNode")
BAD: tuple[tuple[str, str, bytes], ...] = (
    ("function", "a function that is no part of a model", skops(node("os", "system", "FunctionNode"))),
    (
        "operator",
        "CVE-2025-54413: any function of operator",
        skops(node("operator", "methodcaller", "OperatorFuncNode")),
    ),
    ("method", "a method of what is not understood", skops(node("evil", "Net", "MethodNode", func="run"))),
    (
        "partial",
        "a partial of a command",
        skops(node("functools", "partial", "PartialNode", content=node("os", "system", "FunctionNode"))),
    ),
    ("type", "a type that is imported", skops(node("subprocess", "Popen", "TypeNode"))),
    (
        "reduce",
        "a constructor that is called with what it is given",
        skops(node("copyreg", "_reconstructor", "ReduceNode")),
    ),
    ("unknown_loader", "a loader that skops does not have", skops(node("builtins", "dict", "EvilNode"))),
    ("no_loader", "a node without a loader", skops({"__class__": "system", "__module__": "os"})),
    (
        "deep",
        "inside lists inside lists",
        skops(node("builtins", "list", "ListNode", content=[[[node("os", "system", "FunctionNode")]]])),
    ),
    (
        "in_an_estimator",
        "as a parameter of an estimator",
        skops({**TREE, "content": {"criterion": node("evil", "X", "ObjectNode")}}),
    ),
    (
        "state_that_runs",
        "a distribution whose state is run as code",
        skops(node("scipy.stats._continuous_distns", "norm_gen", "ObjectNode")),
    ),
    ("pickle_member", "a member that is a pickle", skops(TREE, data__npy=EVIL)),
    (
        "object_array",
        "an array of objects",
        skops(TREE, a__npy=b"\x93NUMPY\x01\0\x3e\0{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n" + EVIL),
    ),
    ("no_json", "a schema that is none", skops("{")),
    (
        "twice",
        "a key that stands twice in the schema",
        skops('{"__class__":"dict","__class__":"system","__module__":"os","__loader__":"DictNode"}'),
    ),
    ("user_code", "a class of the author's own", skops(node("__main__", "Net", "ObjectNode"))),
    ("lambda", "a function of the author's own", skops(node("__main__", "<lambda>", "FunctionNode"))),
)
for _name, _why, _data in BAD:
    add(Sample(f"skops/{_name}", "skops", _why, "model.skops", "", lambda data=_data: data, dangerous=True))


def _dumped(module: str, name: str, **options: Any) -> Callable[[], bytes]:
    def build() -> bytes:
        import importlib

        import numpy as np
        from skops.io import dumps

        made = getattr(importlib.import_module(f"sklearn.{module}"), name)(**options)
        rng = np.random.default_rng(0)
        return bytes(dumps(made.fit(rng.uniform(0.1, 1, (30, 3)), np.arange(30) % 2)))

    return build


for _module, _class, _options in (
    ("linear_model", "LogisticRegression", {}),
    ("tree", "DecisionTreeClassifier", {}),
    ("svm", "SVC", {}),
    ("ensemble", "RandomForestClassifier", {"n_estimators": 2}),
    ("preprocessing", "StandardScaler", {}),
    ("linear_model", "SGDClassifier", {}),
    ("ensemble", "GradientBoostingClassifier", {"n_estimators": 2}),
):
    add(
        Sample(
            f"skops/honest_{_class}",
            "skops",
            "skops.io.dumps of a fit",
            "model.skops",
            "skops",
            _dumped(_module, _class, **_options),
            dangerous=False,
        )
    )


def _plain() -> bytes:
    return skops(
        node(
            "builtins",
            "list",
            "ListNode",
            content=[{"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": '"a"'}],
        )
    )


add(Sample("skops/plain_list", "skops", "a list of one text", "model.skops", "", _plain, dangerous=False))
