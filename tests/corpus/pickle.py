"""Honest pickles: plain values, NumPy, pandas, and the models of several libraries; and near misses of gadgets."""

from __future__ import annotations

import base64
import collections
import datetime
import decimal
import fractions
import pathlib
import pickle
import re
import types
import uuid
import warnings
import zlib
from collections.abc import Callable
from typing import Any

from corpus import Sample, add, honest
from corpus.pickle_gadgets import text

PLAIN: dict[str, Any] = {
    "numbers": [1, -1, 2**70, 1.5, None, True, complex(1, 2), 10**300],
    "texts": {"a": "os.system('id')", "b": "cos\nsystem in a poem", "c": "é\ud800", "d": "x" * 70_000},
    "bytes": [
        b"\x80\x04 not a pickle",
        bytearray(b"x"),
        b"cos\nsystem",
        base64.b64encode(b"c" * 60),
        zlib.compress(b"a" * 99),
    ],
    "containers": (
        {1, 2},
        frozenset([3]),
        collections.OrderedDict(x=1),
        collections.Counter("abc"),
        collections.deque([1]),
    ),
    "factories": (collections.defaultdict(list, a=[1]), collections.defaultdict(int), collections.ChainMap({"a": 1})),
    "times": (datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), datetime.timedelta(1), datetime.date(2020, 1, 1)),
    "exact": (decimal.Decimal("1.5"), fractions.Fraction(1, 3), uuid.UUID(int=7), slice(1, 2), range(3)),
    "bags": (types.SimpleNamespace(a=1), pathlib.PurePosixPath("a/b"), re.compile("a+")),
    "classes": (type(None), Ellipsis, int, dict, collections.OrderedDict),
    "shared": (lambda row: [row, row, {"row": row}])(["x"] * 20),
    "words": ["getattr", "append", "__reduce__", "__class__", "builtins", "eval", "open", "import os"],
}

for _name, _value in PLAIN.items():
    for _protocol in (0, 2, 4):
        add(
            Sample(
                f"pickle/{_name}_{_protocol}",
                "pickle",
                "plain values of the standard library",
                "data.pkl",
                "",
                lambda value=_value, protocol=_protocol: pickle.dumps(value, protocol),
                dangerous=False,
            )
        )


def _model(name: str, needs: str, why: str, build: Callable[[], Any], protocol: int = 4) -> None:
    def content() -> bytes:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pickle.dumps(build(), protocol)

    add(Sample(f"pickle/{name}", "pickle", why, "model.pkl", needs, content, dangerous=False))


def _sklearn(module: str, name: str, **options: Any) -> Callable[[], Any]:
    def build() -> Any:
        import importlib

        import numpy as np

        rng = np.random.default_rng(0)
        made = getattr(importlib.import_module(f"sklearn.{module}"), name)(**options)
        return made.fit(rng.uniform(0.1, 1, (40, 3)), np.arange(40) % 2)

    return build


for _module, _class, _options in (
    ("linear_model", "LogisticRegression", {}),
    ("ensemble", "RandomForestClassifier", {"n_estimators": 3}),
    ("ensemble", "HistGradientBoostingClassifier", {"max_iter": 3}),
    ("svm", "SVC", {}),
    ("neighbors", "KNeighborsClassifier", {"algorithm": "kd_tree"}),
    ("preprocessing", "StandardScaler", {}),
    ("neural_network", "MLPClassifier", {"hidden_layer_sizes": (4,), "max_iter": 5}),
    ("cluster", "KMeans", {"n_clusters": 2}),
):
    _model(f"sklearn_{_class}", "sklearn", "a fit of scikit-learn", _sklearn(_module, _class, **_options))


def _xgboost() -> Any:
    import numpy as np
    import xgboost

    return xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(np.eye(4), [0, 1, 0, 1])


def _lightgbm() -> Any:
    import lightgbm
    import numpy as np

    return lightgbm.LGBMClassifier(n_estimators=2, verbose=-1, n_jobs=1).fit(np.eye(4), [0, 1, 0, 1])


def _frame() -> Any:
    import pandas as pd

    return pd.DataFrame({"a": [1.0, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"])})


def _arrays() -> Any:
    import numpy as np

    return {"x": np.eye(3), "y": np.array(["a", None], object), "z": np.float32(1), "g": np.random.default_rng(0)}


_model("xgboost", "xgboost", "a fit of XGBoost", _xgboost)
_model("lightgbm", "lightgbm", "a fit of LightGBM", _lightgbm)
_model("pandas", "pandas", "a table", _frame)
for _protocol in (0, 2, 5):
    _model(f"numpy_{_protocol}", "numpy", "arrays, scalars and a generator", _arrays, _protocol)


@honest("pickle", "two objects that one Pickler wrote: the second refers to what the first one holds", file="log.pkl")
def one_pickler_twice() -> bytes:
    import io

    buffer, row = io.BytesIO(), ["a", "b"]
    pickler = pickle.Pickler(buffer, 4)
    pickler.dump(row)
    pickler.dump({"again": row})
    return buffer.getvalue()


@honest("pickle", "three objects in a file, each of a Pickler of its own", file="log.pkl")
def three_streams() -> bytes:
    return pickle.dumps(1, 2) + pickle.dumps("two", 4) + pickle.dumps([3], 0)


@honest("pickle", "an integer of ten thousand digits", file="big.pkl")
def long_integer() -> bytes:
    return pickle.dumps(1 << 40_000, 2)


@honest("pickle", "a memo entry by each opcode that stores one", file="memo.pkl")
def memo_opcodes() -> bytes:
    return b"\x80\x04" + text("a") + b"\x94q\x01r\x02\0\0\0p3\n0h\0j\x01\0\0\0g2\n\x87."


@honest("pickle", "an empty frame, and frames that end with their opcodes", file="frames.pkl")
def frames() -> bytes:
    return b"\x80\x04\x95\x02\0\0\0\0\0\0\0]\x94\x95\0\0\0\0\0\0\0\0\x95\x03\0\0\0\0\0\0\0K\x05a."
